"""Pictures of 16 bits: read and written with imagecodecs and tifffile (extra: tiff), because Pillow has no 16-bit RGB.

Without the extra, a picture of 16 bits is read as one of 8.
"""

from __future__ import annotations

import io
import logging
import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from adain.errors import ImageError
from adain.images import png
from adain.images.exif import PREFIX, added_to_tiff
from adain.images.metadata import TIFF_TAGS, Metadata
from adain.images.tiff import VALUES, tiff_values

__all__ = ["encoded_png", "encoded_tiff", "has_codecs", "to_srgb_16", "turned", "values_16"]

logger = logging.getLogger(__name__)

_TRANSFORMS = {  # EXIF orientation: axes swapped, rows reversed, columns reversed
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}
_RELATIVE, _BLACK_POINT = 1, 0x2000  # rendering intent and flag of LittleCMS
_ESSENTIAL = (b"IHDR", b"tRNS", b"IDAT", b"IEND")  # chunks of a PNG
_LONGEST = 1_000_000  # pixels; libpng's limit of a side
_INCH = 39.3701  # inches in a metre


def has_codecs() -> bool:
    """Whether the extra is installed."""
    try:
        import imagecodecs  # noqa: F401  only to check
        import tifffile  # noqa: F401
    except ImportError:
        return False
    return True


def values_16(image: Image.Image, name: str) -> NDArray[np.uint16] | None:
    """Decode a file of 16 bits that Pillow has opened and not decoded.

    Returns:
        (H, W, C) uint16, as stored: not turned by the orientation, in the file's colours; grey or RGB, with or without
        alpha. None: the file has 8 bits or is of another format, or the extra is missing.
    """
    known = image.info.pop(VALUES, None)  # tifffile has decoded it already
    if isinstance(known, np.ndarray):
        return known if known.dtype == np.uint16 else None
    file = getattr(image, "fp", None)
    if file is None or file.closed or not _is_deep(image):
        return None
    if not has_codecs():
        logger.info('%s has 16 bits, and is read as 8; for 16 bits, pip install "adain[tiff]"', name)
        return None
    before = file.tell()
    file.seek(0)
    data = file.read()
    file.seek(before)
    try:
        is_tiff = image.format == "TIFF"
        values = tiff_values(io.BytesIO(data), name, "16 bits")[0] if is_tiff else _decoded_png(data, name)
    except ImageError:
        return None  # Pillow will tell what is wrong, or can read it
    return values.astype(np.uint16, copy=False) if values.dtype == np.uint16 else None


def turned(values: NDArray[np.uint16], orientation: object) -> NDArray[np.uint16]:
    """Turn pixels (H, W, C) upright by an EXIF orientation."""
    swapped, rows, columns = _TRANSFORMS.get(orientation if isinstance(orientation, int) else 1, (False,) * 3)
    values = values.transpose(1, 0, 2) if swapped else values
    values = values[::-1] if rows else values
    return np.ascontiguousarray(values[:, ::-1] if columns else values)


def to_srgb_16(colors: NDArray[np.uint16], profile: bytes | None, name: str) -> NDArray[np.uint16]:
    """Convert opaque pixels of 16 bits to sRGB.

    Args:
        colors: (H, W, 1) or (H, W, 3).
        profile: the ICC profile, if any. Without one, the pixels are taken as sRGB.
        name: name of the picture in the log.

    Returns:
        (H, W, 3).
    """
    if profile:
        import imagecodecs

        grey = profile[16:20] == b"GRAY"
        try:
            if grey and colors.shape[2] != 1:
                raise ValueError("a grey profile in a picture with colours")
            source = colors[..., 0] if grey else np.broadcast_to(colors, (*colors.shape[:2], 3))
            converted: NDArray[np.uint16] = imagecodecs.cms_transform(
                np.ascontiguousarray(source),
                profile,
                imagecodecs.cms_profile("srgb"),
                colorspace="gray" if grey else "rgb",
                outcolorspace="rgb",
                intent=_RELATIVE,
                flags=_BLACK_POINT,
            )
            return converted
        except MemoryError:
            raise
        except Exception as error:  # of a broken profile, any type
            logger.warning("%s: its colour profile cannot be used (%s); taken as sRGB", name, error)
    return np.repeat(colors, 3, axis=2) if colors.shape[2] == 1 else colors


def encoded_png(rgb: NDArray[np.uint16], alpha: NDArray[np.uint8] | None, metadata: Metadata) -> bytes:
    """Encode a PNG of 16 bits.

    Args:
        rgb: (H, W, 3).
        alpha: (H, W).
        metadata: what to write beside the pixels.
    """
    import imagecodecs

    data = bytes(imagecodecs.png_encode(_with_alpha(rgb, alpha)))
    chunks = b""
    if metadata.dpi:
        chunks += _chunk(b"pHYs", struct.pack(">IIB", *(round(each * _INCH) for each in metadata.dpi), 1))
    if metadata.xmp:
        chunks += _chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + metadata.xmp)
    if metadata.exif:
        chunks += _chunk(b"eXIf", metadata.exif.removeprefix(PREFIX))
    header = 8 + 25  # the signature and IHDR
    return data[:header] + chunks + data[header:]


def encoded_tiff(rgb: NDArray[np.uint16], alpha: NDArray[np.uint8] | None, metadata: Metadata) -> bytes:
    """Encode a TIFF of 16 bits, with Deflate; the arguments are those of `encoded_png`."""
    import tifffile

    stream = io.BytesIO()
    tifffile.imwrite(
        stream,
        _with_alpha(rgb, alpha),
        photometric="rgb",
        compression="deflate",
        predictor=True,
        extrasamples=None if alpha is None else ["unassalpha"],
        resolution=metadata.dpi,
        resolutionunit="inch" if metadata.dpi else None,
        extratags=[
            (tag, 1, len(data), data, True) for key, tag in TIFF_TAGS.items() if (data := getattr(metadata, key))
        ],
        metadata=None,
        software=False,
    )
    return added_to_tiff(stream.getvalue(), metadata.exif) if metadata.exif else stream.getvalue()


def _with_alpha(rgb: NDArray[np.uint16], alpha: NDArray[np.uint8] | None) -> NDArray[np.uint16]:
    return np.ascontiguousarray(rgb) if alpha is None else np.dstack([rgb, alpha.astype(np.uint16) * np.uint16(257)])


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _is_deep(image: Image.Image) -> bool:
    if image.format == "PNG":
        return png.facts(image).bits == 16 and max(image.size) <= _LONGEST
    if image.format != "TIFF" or image.mode == "CMYK":
        return False
    bits = getattr(image, "tag_v2", {}).get(ExifTags.Base.BitsPerSample, 8)
    return bits == 16 or (isinstance(bits, tuple) and max(bits) == 16)


def _essential(data: bytes) -> bytes:
    """Leave out the chunks of a PNG that say nothing about its values, on which libpng would comment on stderr."""
    kept, at = [data[:8]], 8
    while at + 12 <= len(data):
        length, name = struct.unpack(">I4s", data[at : at + 8])
        if name in _ESSENTIAL:
            kept.append(data[at : at + 12 + length])
        at += 12 + length
    return b"".join(kept)


def _decoded_png(data: bytes, name: str) -> NDArray[np.generic]:
    import imagecodecs

    try:
        values = imagecodecs.png_decode(_essential(data))
    except MemoryError:
        raise
    except Exception as error:  # on broken bytes, decoders raise nearly any type
        raise ImageError(f"{name} is damaged or cut off ({error}); get a complete copy of it") from error
    return values if values.ndim == 3 else values[..., None]
