"""Write PIL images to files and streams, completely or not at all (see `adain.atomic`)."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Protocol

from PIL import Image

from adain.atomic import write_bytes
from adain.errors import InputError, OutputError
from adain.files import check_folder
from adain.images.encoded import stream_name
from adain.images.formats import FORMATS, WRITABLE, Format, listed, named
from adain.images.modes import from_pil

__all__ = ["Sink", "check_place", "check_target", "write"]


class Sink(Protocol):
    """An object with a `write` that takes bytes."""

    def write(self, data: bytes, /) -> object:
        """Write bytes. Return the number written, or None for all."""


def write(image: Image.Image, target: str | os.PathLike[str] | Sink, format: str | None = None) -> None:
    """Write a picture to a file or a binary stream.

    JPEG is written with quality 95 and full colour resolution, WebP with quality 95, TIFF with LZW. For JPEG and BMP, a
    picture with an alpha channel is laid on white. Missing folders are made. An existing file is replaced. If the path
    is a symbolic link, the file that it points to is replaced. The file's mode follows the umask. A stream gets its
    bytes after the picture is encoded, so a failing encoder writes nothing; it stays open.

    Args:
        image: a picture of mode L, RGB or RGBA; other modes are converted as `read` does.
        target: a path, or an object with a `write` that takes bytes.
        format: "png", ".png" or "PNG", and so on for the suffixes in `adain.images.formats`. None: the suffix of the
            path; a stream needs a format.

    Raises:
        InputError: an argument has another type, or the format is missing, unknown or cannot be written.
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
        write_bytes(target, _encoded(image, kind, os.fsdecode(target)))
    elif callable(getattr(target, "write", None)):
        kind = _stream_format(target, format)
        name = stream_name(target) or "the stream"
        _send(_encoded(image, kind, name), target, name)
    else:
        raise InputError(f"a target must be a path or a binary stream, got {type(target).__name__}")


def check_target(path: str | os.PathLike[str]) -> None:
    """Check that `write` can write to a path, before the picture is made.

    Raises:
        InputError: the argument is not a path, or its suffix is not of a format that can be written.
        OutputError: the folder cannot be made, or the target is a folder, not a regular file, or write-protected.
    """
    suffix = _suffix(path)
    if suffix not in WRITABLE:
        came = f"got {suffix!r}" if suffix else "there is none"
        raise InputError(f"{path}: the suffix must be one of {', '.join(WRITABLE)}, {came}; choose one of these")
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


def _send(data: bytes, stream: Sink, name: str) -> None:
    try:
        taken = stream.write(data)
        if isinstance(taken, int) and taken < len(data):  # an unbuffered stream may write only a part
            raise OSError(f"it took {taken:,} of {len(data):,} bytes")
    except Exception as error:  # streams of other libraries raise any type
        raise OutputError(f"{name} cannot be written ({error}); pass a buffered stream that is open") from error


def _encoded(image: Image.Image, kind: Format, name: str) -> bytes:
    longer = max(image.size)
    if longer > kind.max_side:
        others = listed((row for row in FORMATS if row.writes and row.max_side >= longer), "or")
        raise OutputError(
            f"{name}: {kind.name} allows at most {kind.max_side:,} pixels a side, got {image.width}x{image.height}; "
            f"write {others} instead"
        )
    suited = _suited(image, kind)
    data = io.BytesIO()
    try:
        suited.save(data, format=kind.pillow, **kind.options)
    except MemoryError:
        raise
    except Exception as error:  # encoders raise any type
        raise OutputError(f"{name} cannot be written ({error}); nothing was left behind") from error
    return data.getvalue()


def _suited(image: Image.Image, kind: Format) -> Image.Image:
    """Convert the picture to a mode that the format supports."""
    if image.mode not in ("L", "RGB", "RGBA"):
        image = from_pil(image).to_pil()
    if image.mode == "RGBA" and not kind.alpha:
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image
