"""Write PIL images to files and streams, completely or not at all (see `adain.atomic`).

A result keeps the metadata of its content (`adain.images.metadata`), as far as the format can hold it.
"""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin, TiffImagePlugin, TiffTags

from adain.atomic import write_bytes
from adain.errors import InputError, OutputError
from adain.files import check_folder
from adain.images import deep
from adain.images.arrays import to_uint8
from adain.images.encoded import stream_name
from adain.images.exif import added_to_tiff
from adain.images.formats import FORMATS, WRITABLE, Format, listed, named
from adain.images.iptc import jpeg_segment
from adain.images.metadata import TIFF_TAGS, Metadata
from adain.images.modes import from_pil, upright
from adain.images.picture import RGB16

__all__ = ["Sink", "check_place", "check_quality", "check_target", "has_quality", "write"]

logger = logging.getLogger(__name__)

_JPEG_SEGMENT = 65_504  # bytes of EXIF, XMP or IPTC that fit besides their head
_GIF_COLORS = 256


class Sink(Protocol):
    """An object with a `write` that takes bytes."""

    def write(self, data: bytes, /) -> object:
        """Write bytes. Return the number written, or None for all."""


def write(
    image: Image.Image,
    target: str | os.PathLike[str] | Sink,
    format: str | None = None,
    *,
    quality: int | None = None,
    strip: bool = False,
) -> None:
    """Write a picture to a file or a binary stream.

    JPEG is written with quality 95 and full colour resolution, WebP with quality 95, AVIF with quality 90, TIFF with
    LZW, GIF with 256 colours. For JPEG and BMP, a picture with an alpha channel is laid on white. Missing folders are
    made. An existing file is replaced. If the path is a symbolic link, the file that it points to is replaced. The
    file's mode follows the umask. A stream gets its bytes after the picture is encoded, so a failing encoder writes
    nothing; it stays open.

    EXIF, XMP, IPTC and resolution in the image's `info` are written where the format has a place for them: date,
    camera, copyright and place, but no thumbnail and no orientation, see `adain.images.metadata`. The array `rgb16` in
    the `info`, of a picture of 16 bits, is written to PNG and TIFF (extra: tiff), unless the image has been changed.

    Args:
        image: a picture of mode L, RGB or RGBA; other modes are converted as `read` does.
        target: a path, or an object with a `write` that takes bytes.
        format: "png", ".png" or "PNG", and so on for the suffixes in `adain.images.formats`. None: the suffix of the
            path; a stream needs a format.
        quality: from 1 to 100, for the formats that have one (`has_quality`). None: the quality above.
        strip: leave EXIF, XMP, IPTC and resolution out.

    Raises:
        InputError: an argument has another type, the format is missing, unknown or cannot be written, or the quality
            is not allowed or not for this format.
        OutputError: the target cannot be written, or the format cannot hold a picture of this size.
    """
    if not isinstance(image, Image.Image):
        raise InputError(f"the image must be a PIL image, got {type(image).__name__}; a Picture has to_pil()")
    if isinstance(target, (str, os.PathLike)):
        if format is None:
            check_target(target)
        else:
            check_place(target)
        kind = WRITABLE[_suffix(target)] if format is None else named(format)
        name, send = os.fsdecode(target), partial(write_bytes, target)
    elif callable(getattr(target, "write", None)):
        kind = _stream_format(target, format)
        name = stream_name(target) or "the stream"
        send = partial(_send, stream=target, name=name)
    else:
        raise InputError(f"a target must be a path or a binary stream, got {type(target).__name__}")
    _check_quality(quality, kind)
    image = upright(image)
    metadata = Metadata() if strip else Metadata.of(image, name)
    send(_encoded(image, kind, name, metadata, quality))


def has_quality(path: str | os.PathLike[str]) -> bool:
    """Whether the suffix of a path is of a format whose quality can be chosen: JPEG, WebP and AVIF."""
    row = WRITABLE.get(_suffix(path))
    return row is not None and row.lossy


def check_target(path: str | os.PathLike[str], *, quality: int | None = None) -> None:
    """Check that `write` can write to a path, before the picture is made.

    Args:
        path: the path.
        quality: as for `write`.

    Raises:
        InputError: the argument is not a path, its suffix is not of a format that can be written, or the quality is
            not allowed.
        OutputError: the folder cannot be made, or the target is a folder, not a regular file, or write-protected.
    """
    suffix = _suffix(path)
    if suffix not in WRITABLE:
        came = f"got {suffix!r}" if suffix else "there is none"
        raise InputError(f"{path}: the suffix must be one of {', '.join(WRITABLE)}, {came}; choose one of these")
    _check_quality(quality, WRITABLE[suffix])
    check_place(path)


def check_place(path: str | os.PathLike[str]) -> None:
    """Check that a file of any format can be written to a path, as `check_target` does.

    Raises:
        InputError: the argument is not a path.
        OutputError: as for `check_target`.
    """
    _suffix(path)
    if os.path.isdir(path):
        raise OutputError(f"{path} is a folder; give the name of a file in it")
    if os.path.exists(path) and not os.path.isfile(path):
        raise OutputError(f"{path} is not a regular file and cannot be replaced; give another name")
    check_folder(os.path.dirname(os.path.realpath(path)), path)
    if os.path.exists(path) and not os.access(path, os.W_OK):
        raise OutputError(f"{path} is write-protected; change its permissions or write elsewhere")


def _suffix(path: object) -> str:
    """Return the suffix of a path, in lower case."""
    if not isinstance(path, (str, os.PathLike)):
        raise InputError(f"a target must be a path, got {type(path).__name__}")
    text = os.fsdecode(path)
    if "\0" in text:
        raise InputError(f"the path {text!r} has a zero byte; choose another name")
    return Path(text).suffix.lower()


def _stream_format(stream: object, format: str | None) -> Format:
    if isinstance(stream, io.TextIOBase):
        raise InputError('a picture is bytes, but this stream takes text; open it with mode "wb", or give its .buffer')
    if format is None:
        raise InputError('a stream needs a format, because it has no suffix; name one, such as format="png"')
    return named(format)


def check_quality(quality: int | None) -> None:
    """Raise an `InputError` unless the quality is a whole number from 1 to 100, or None."""
    if quality is not None and (isinstance(quality, bool) or not isinstance(quality, int) or not 1 <= quality <= 100):
        raise InputError(f"quality must be a whole number from 1 to 100, got {quality!r}")


def _check_quality(quality: int | None, kind: Format) -> None:
    check_quality(quality)
    if quality is not None and not kind.lossy:
        able = listed(row for row in FORMATS if row.lossy)
        raise InputError(f"quality is for {able}; {kind.name} loses nothing, or has no such choice; leave it out")


def _send(data: bytes, stream: Sink, name: str) -> None:
    try:
        taken = stream.write(data)
        if isinstance(taken, int) and taken < len(data):  # an unbuffered stream may write only a part
            raise OSError(f"it took {taken:,} of {len(data):,} bytes")
    except Exception as error:  # streams of other libraries raise any type
        raise OutputError(f"{name} cannot be written ({error}); pass a buffered stream that is open") from error


def _encoded(image: Image.Image, kind: Format, name: str, metadata: Metadata, quality: int | None) -> bytes:
    longer = max(image.size)
    if longer > kind.max_side:
        others = listed((row for row in FORMATS if row.writes and row.max_side >= longer), "or")
        raise OutputError(
            f"{name}: {kind.name} allows at most {kind.max_side:,} pixels a side, got {image.width}x{image.height}; "
            f"write {others} instead"
        )
    colors = _colors_16(image) if kind.deep else None
    if colors is not None:
        alpha = np.array(image.getchannel("A")) if image.mode == "RGBA" else None
        encode = partial(deep.encoded_png if kind.name == "PNG" else deep.encoded_tiff, colors, alpha, metadata)
    else:
        options = {**kind.options, **_metadata_options(metadata, kind, name)}
        if quality is not None:
            options["quality"] = quality
        encode = partial(_encoded_8, _suited(image, kind), kind, options)
    try:
        data = encode()
    except MemoryError:
        raise
    except Exception as error:  # encoders raise any type
        raise OutputError(f"{name} cannot be written ({error}); nothing was left behind") from error
    return added_to_tiff(data, metadata.exif) if colors is None and kind.name == "TIFF" and metadata.exif else data


def _encoded_8(image: Image.Image, kind: Format, options: Mapping[str, Any]) -> bytes:
    data = io.BytesIO()
    image.save(data, format=kind.pillow, **options)
    return data.getvalue()


def _colors_16(image: Image.Image) -> NDArray[np.uint16] | None:
    """Return the image's colours of 16 bits, if it has them, has not been changed, and they can be written."""
    colors = image.info.get(RGB16)
    if not isinstance(colors, np.ndarray) or colors.shape != (image.height, image.width, 3):
        return None
    same = np.array_equal(to_uint8(colors), np.asarray(image)[..., :3])
    return colors if same and deep.has_codecs() else None


def _suited(image: Image.Image, kind: Format) -> Image.Image:
    """Convert the picture to a mode that the format supports."""
    if image.mode not in ("L", "RGB", "RGBA"):
        image = from_pil(image).to_pil()
    if image.mode == "RGBA" and not kind.alpha:
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    if kind.name == "GIF":
        return _with_palette(image)
    return image if type(image) is Image.Image else image.copy()  # Pillow would copy a file's own tags


def _with_palette(image: Image.Image) -> Image.Image:
    """Reduce a picture to 256 dithered colours, or to 255 and a transparent one."""
    if image.mode == "L":
        return image
    colors = image.convert("RGB")
    hidden = np.asarray(image.getchannel("A")) < 128 if image.mode == "RGBA" else None
    few = colors.quantize(_GIF_COLORS - (hidden is not None), Image.Quantize.MEDIANCUT)
    few = colors.quantize(palette=few, dither=Image.Dither.FLOYDSTEINBERG)
    if hidden is not None:
        few.paste(_GIF_COLORS - 1, mask=Image.fromarray(hidden))
        few.info["transparency"] = _GIF_COLORS - 1
    return few


def _metadata_options(metadata: Metadata, kind: Format, name: str) -> dict[str, Any]:
    """Return the options of Pillow's `save` that write metadata."""
    found = {key: value for key in kind.keeps if (value := getattr(metadata, key))}
    if kind.name == "JPEG":
        for key in ("exif", "xmp", "iptc"):
            if len(found.get(key, b"")) > _JPEG_SEGMENT:
                logger.warning("%s: its %s data is too long for JPEG and is left out", name, key.upper())
                del found[key]
        if iptc := found.pop("iptc", b""):
            found["extra"] = jpeg_segment(iptc)
    if kind.name == "PNG" and "xmp" in found:
        found["pnginfo"] = PngImagePlugin.PngInfo()
        found["pnginfo"].add_itxt("XML:com.adobe.xmp", found.pop("xmp").decode())
    if kind.name == "TIFF":
        found.pop("exif", None)  # see `added_to_tiff`
        found["tiffinfo"] = TiffImagePlugin.ImageFileDirectory_v2()
        for key, tag in TIFF_TAGS.items():
            if value := found.pop(key, b""):
                found["tiffinfo"][tag] = value
                found["tiffinfo"].tagtype[tag] = TiffTags.BYTE
    return found
