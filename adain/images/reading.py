"""Whatever the user calls a picture, to a `Picture`."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from adain.errors import ImageError, InputError
from adain.images.arrays import to_uint8
from adain.images.modes import from_pil
from adain.images.picture import Picture, pixel_limit, replace_hidden_colors

__all__ = ["READABLE", "PictureInput", "open_file", "read"]

PictureInput: TypeAlias = str | os.PathLike[str] | Image.Image | NDArray[np.generic] | Picture

# Suffixes that pictures go by, and Pillow's names of their formats. Only what photographs and paintings come
# in: Pillow's others include some that run other programs (EPS).
READABLE: Mapping[str, str] = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jfif": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
    ".gif": "GIF",
}


def read(source: PictureInput, *, keep_hidden: bool = False) -> Picture:
    """Read a picture: upright, 8 bit, sRGB, its alpha channel apart.

    Files are JPEG, PNG, WebP, TIFF, BMP or GIF (the first frame), recognised by content and not by name;
    grey, palette, colour, CMYK or Lab, 8 or 16 bit. They are turned as their EXIF orientation says and
    converted from their colour profile; a broken one is taken as sRGB and logged. Colours below an alpha of 0
    are replaced by the mean of the others. Above 89 megapixels Pillow warns
    (`PIL.Image.DecompressionBombWarning`), above 179 it is an error; set `PIL.Image.MAX_IMAGE_PIXELS` to move
    both.

    Args:
        source: a path, a PIL image of any common mode, or an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)
            of dtype uint8, uint16 or float in [0, 1]: grey, grey, RGB or RGBA (colours not multiplied by
            alpha). A `Picture` is returned itself.
        keep_hidden: leave the colours below an alpha of 0 as they are.

    Raises:
        ImageError: if the file is missing, is no picture, is damaged or too large, or the array is not as
            above.
        InputError: if the source is none of these.
    """
    if isinstance(source, Picture):
        return source
    if isinstance(source, Image.Image):
        return from_pil(source, keep_hidden=keep_hidden)
    if isinstance(source, np.ndarray):
        return _from_array(source, keep_hidden)
    if isinstance(source, (str, os.PathLike)):
        with open_file(Path(source)) as image:
            return from_pil(image, os.fspath(source), keep_hidden=keep_hidden)
    raise InputError(f"a picture must be a path, a PIL image or a numpy array, got {type(source).__name__}")


def open_file(path: Path) -> Image.Image:
    """A file as Pillow opens it, its pixels not decoded yet.

    Raises:
        ImageError: it is missing, or no picture of a format that is allowed.
    """
    _check_file(path)
    try:
        return Image.open(path, formats=_formats(path))
    except MemoryError:
        raise
    except Exception as error:  # decoders raise nearly every type there is on broken bytes
        raise ImageError(f"{path} {_reason(error, path)}") from error


def _formats(path: Path) -> list[str]:
    """All formats, the one the name promises first: Pillow imports its decoders as it comes to them."""
    likely = READABLE.get(path.suffix.lower())
    return sorted(set(READABLE.values()), key=lambda name: (name != likely, name))


def _reason(error: Exception, path: Path) -> str:
    if isinstance(error, UnidentifiedImageError):
        with path.open("rb") as file:
            start = file.read(12)
        return (
            f"is no picture that can be read: it starts with {start!r}; "
            "allowed are JPEG, PNG, WebP, TIFF, BMP and GIF; convert it, or get a complete copy of it"
        )
    if isinstance(error, Image.DecompressionBombError):
        return (
            f"unpacks to more than the allowed {pixel_limit():,} pixels ({error}); "
            "scale it down, or raise PIL.Image.MAX_IMAGE_PIXELS if you trust it"
        )
    if isinstance(error, PermissionError):
        return "may not be read by this user; change its permissions"
    return f"cannot be opened as a picture ({error}); get a complete copy of it"


def _check_file(path: Path) -> None:
    try:
        status = path.stat()
    except PermissionError as error:
        raise ImageError(f"{path} {_reason(error, path)}") from error
    except (OSError, ValueError) as error:  # also a name that is too long, or holds a zero byte
        raise ImageError(f"{path} does not exist; check the path") from error
    if stat.S_ISDIR(status.st_mode):
        raise ImageError(f"{path} is a folder; give the path of one picture")
    if not stat.S_ISREG(status.st_mode):
        raise ImageError(f"{path} is not a regular file; give the path of one picture")
    if status.st_size == 0:
        raise ImageError(f"{path} is an empty file of 0 bytes; get a complete copy of it")


def _from_array(array: NDArray[np.generic], keep_hidden: bool) -> Picture:
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)) or array.size == 0:
        first = array.ndim == 3 and array.shape[0] in (1, 3, 4)
        hint = "; channels come last: array.transpose(1, 2, 0)" if first else ""
        raise ImageError(
            f"a picture array must be (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) with H, W >= 1, got {array.shape}{hint}"
        )
    values = to_uint8(array if array.ndim == 3 else array[..., None])  # (H, W, channels)
    channels = values.shape[2]
    if channels == 4:
        rgb, alpha = np.ascontiguousarray(values[..., :3]), np.ascontiguousarray(values[..., 3])
        return Picture(rgb if keep_hidden else replace_hidden_colors(rgb, alpha), alpha)
    return Picture(np.repeat(values, 3, axis=2) if channels == 1 else values)
