"""TIFF files that Pillow reads wrongly or not at all: 12 and 32 bits, inverted or planar 16 bits, and thumbnails first.

tifffile decodes them (extra: tiff). Without it they are refused, because Pillow would give other pixels.
"""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from adain.errors import ImageError
from adain.images.arrays import to_uint8
from adain.images.rules import pixel_limit, too_large

if TYPE_CHECKING:
    import tifffile

__all__ = ["VALUES", "decoded_tiff", "full_pages", "is_tiff", "misread", "tiff_values", "to_full_page"]

logger = logging.getLogger(__name__)

VALUES = "adain_values"  # key of the decoded pixels in the `info` of the PIL image, for `deep`
_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_SUBFILE, _OLD_SUBFILE, _BITS, _PHOTOMETRIC, _PLANAR, _SAMPLE_FORMAT = 254, 255, 258, 262, 284, 339  # tags
_COMPRESSION, _WEBP = 259, 50001
_REDUCED, _MASK, _OLD_REDUCED = 1, 4, 2
_ORIENTATION, _INFO = 274, {"icc_profile": 34675, "xmp": 700}
_WHITE_IS_ZERO, _SEPARATE, _SIGNED = 0, 2, 2
_PAGES = 100  # more are not counted
_ALPHA_OF_COLORS = 1  # ExtraSamples: colours are multiplied by alpha


def is_tiff(start: bytes) -> bool:
    """Whether a file's first bytes are those of a TIFF or BigTIFF."""
    return start[:4] in _HEADS


def to_full_page(image: Image.Image, name: str) -> None:
    """Move an opened TIFF to its first page that is not a thumbnail or a mask.

    Raises:
        ImageError: there is none.
    """
    page = 0
    try:
        while _is_small(image):
            page += 1
            image.seek(page)
    except EOFError:
        raise ImageError(
            f"{name} has only thumbnails where a TIFF has its pictures, as raw photographs do; develop it first"
        ) from None
    except (ValueError, TypeError, OSError, SyntaxError) as error:
        raise ImageError(f"{name} is damaged ({error}); get a complete copy of it") from error


def full_pages(image: Image.Image) -> int:
    """Number of pages of an opened TIFF that are no thumbnails and masks, at most `_PAGES`; moves to the first."""
    count = 0
    try:
        for page in range(_PAGES):
            image.seek(page)
            count += not _is_small(image)
    except (EOFError, ValueError, TypeError, OSError, SyntaxError):  # the end, or a damaged page
        pass
    image.seek(0)
    to_full_page(image, "the picture")
    return count


def _is_small(image: Image.Image) -> bool:
    """Whether the current page is a thumbnail or a mask."""
    tags: Any = image
    return bool(tags.tag_v2.get(_SUBFILE, 0) & (_REDUCED | _MASK) or tags.tag_v2.get(_OLD_SUBFILE) == _OLD_REDUCED)


def misread(image: Image.Image) -> str | None:
    """Describe the kind of an opened TIFF if Pillow would give wrong pixels for it; None if not."""
    tags: Any = image
    bits = max(_numbers(tags.tag_v2.get(_BITS, 1)))
    signed = _SIGNED in _numbers(tags.tag_v2.get(_SAMPLE_FORMAT, 1))
    if signed:
        return f"{bits}-bit signed numbers"
    if bits > 8 and tags.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        return f"{bits} bits with white as zero"
    if bits == 16 and tags.tag_v2.get(_PLANAR) == _SEPARATE:
        return "16 bits in a plane for each colour"
    if tags.tag_v2.get(_COMPRESSION) == _WEBP:
        return "WebP compression"
    if bits not in (1, 2, 4, 8, 16) and image.mode != "F":
        return f"{bits} bits"
    return None


def decoded_tiff(file: Path | io.BytesIO, name: str, kind: str) -> Image.Image:
    """Decode a TIFF with tifffile to a PIL image of at most 8 bits per colour; see `tiff_values`."""
    values, info, orientation = tiff_values(file, name, kind)
    image = _shown(values)
    image.info.update(info)
    image.info[VALUES] = values
    image.getexif()[_ORIENTATION] = orientation
    return image


def tiff_values(file: Path | io.BytesIO, name: str, kind: str) -> tuple[NDArray[np.generic], dict[str, Any], int]:
    """Decode the pixels of a TIFF with tifffile.

    Args:
        file: the file.
        name: its name in messages.
        kind: why Pillow cannot read it, for the message without tifffile.

    Returns:
        The pixels, (H, W, C) uint8 or uint16, grey or RGB, and perhaps alpha; entries for the `info` of a PIL image;
        and the EXIF orientation.

    Raises:
        ImageError: tifffile is missing or cannot read it, or it is no grey or RGB picture.
    """
    try:
        import tifffile
    except ImportError:
        raise ImageError(
            f'{name} is a TIFF with {kind}, which Pillow alone reads wrongly or not at all; pip install "adain[tiff]", '
            "or save it with 8 bits"
        ) from None
    if isinstance(file, io.BytesIO):
        file.seek(0)
    try:
        with tifffile.TiffFile(file) as tiff:
            page = _full_page(tiff)
            _check_size(page, name)
            if any(
                sum(part) > tiff.filehandle.size for part in zip(page.dataoffsets, page.databytecounts, strict=False)
            ):
                raise ValueError("it is cut off")  # some decoders fill what is missing without a word
            values = _upright_values(page)
            info = {name: page.tags[tag].value for name, tag in _INFO.items() if tag in page.tags}
            orientation = int(page.tags[_ORIENTATION].value) if _ORIENTATION in page.tags else 1
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # on broken bytes, decoders raise nearly any type
        raise ImageError(f"{name} cannot be read as a TIFF with {kind} ({error}); save it with 8 bits") from error
    return values, info, orientation


def _full_page(tiff: tifffile.TiffFile) -> tifffile.TiffPage:
    for page in tiff.pages:
        if isinstance(page, type(tiff.pages.first)) and not page.is_reduced and not page.is_mask:
            return page
    raise ValueError("it has only thumbnails")


def _check_size(page: tifffile.TiffPage, name: str) -> None:
    limit, pixels = pixel_limit(), page.imagewidth * page.imagelength
    if limit is not None and pixels > limit:
        raise ImageError(f"{name} {too_large(f'{pixels:,}')}")


def _upright_values(page: tifffile.TiffPage) -> NDArray[np.generic]:
    """The pixels of a page, (H, W, C) uint8 or uint16: grey or RGB, black is zero, colours not multiplied by alpha."""
    values: NDArray[Any] = page.asarray()
    if page.planarconfig == _SEPARATE and values.ndim == 3:
        values = values.transpose(1, 2, 0)
    values = values if values.ndim == 3 else values[..., None]
    if values.ndim != 3:
        raise ValueError(f"it has {values.ndim} dimensions")
    photometric = getattr(page.photometric, "name", f"number {page.photometric}")
    colors = {"MINISBLACK": 1, "MINISWHITE": 1, "RGB": 3, "PALETTE": 1, "YCBCR": 3}.get(photometric)
    if colors is None or values.shape[2] < colors:
        raise ValueError(f"its colours are of the kind {photometric}")
    if photometric == "PALETTE" and page.colormap is not None:
        values, colors = page.colormap.T[values[..., 0]], 3
    else:
        values = _scaled(values, page.bitspersample)
    if photometric == "MINISWHITE":
        values[..., 0] = np.iinfo(values.dtype).max - values[..., 0]
    extra = tuple(page.extrasamples)
    if not extra or extra[0] not in (_ALPHA_OF_COLORS, 2):
        return np.ascontiguousarray(values[..., :colors])
    return _straight(values[..., : colors + 1], premultiplied=extra[0] == _ALPHA_OF_COLORS)


def _scaled(values: NDArray[Any], bits: int) -> NDArray[Any]:
    """Scale whole numbers to 8 or 16 bits, and floats in [0, 1] to 16 bits."""
    if values.dtype.kind == "f":
        low, high = float(values.min()), float(values.max())
        if not (low >= 0 and high <= 1):  # also NaN
            raise ValueError(f"its floats are {low:g} to {high:g}, and 0 to 1 are allowed")
        return np.round(values.astype(np.float64) * 65535).astype(np.uint16)
    if values.dtype.kind == "i":
        if values.min() < 0:
            raise ValueError(f"it has negative values, down to {values.min()}")
        bits -= 1
    if values.dtype == np.uint8 and bits == 8:
        return values
    if values.dtype == np.uint16 and bits == 16:
        return values
    scaled: NDArray[np.uint16] = np.round(values.astype(np.float64) * (65535 / (2**bits - 1))).astype(np.uint16)
    return scaled


def _straight(values: NDArray[Any], *, premultiplied: bool) -> NDArray[np.generic]:
    """Divide colours by alpha if they are multiplied by it."""
    if not premultiplied:
        return np.ascontiguousarray(values)
    most = np.iinfo(values.dtype).max
    alpha = np.maximum(values[..., -1:].astype(np.float64), 1)
    colors = np.minimum(np.round(values[..., :-1] * (most / alpha)), most)
    return np.concatenate([colors.astype(values.dtype), values[..., -1:]], axis=-1)


def _shown(values: NDArray[np.generic]) -> Image.Image:
    """A PIL image of at most 8 bits per colour; grey without alpha keeps 16."""
    if values.shape[2] == 1:
        return Image.fromarray(np.ascontiguousarray(values[..., 0]))
    return Image.fromarray(to_uint8(values))


def _numbers(value: object) -> tuple[int, ...]:
    return value if isinstance(value, tuple) and value else (value if isinstance(value, int) else 1,)
