"""PIL images to files: whole or not at all (see `adain.atomic`)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from adain.atomic import replacing
from adain.errors import InputError, OutputError
from adain.images.modes import from_pil

__all__ = ["check_place", "check_target", "write"]


@dataclass(frozen=True)
class _Format:
    name: str  # Pillow's
    alpha: bool
    max_side: int  # pixels; of the header or, for JPEG, of libjpeg
    options: Mapping[str, object] = field(default_factory=dict)


_JPEG = _Format("JPEG", False, 65_500, {"quality": 95, "subsampling": "4:4:4"})
_TIFF = _Format("TIFF", True, 2**31 - 1, {"compression": "tiff_lzw"})
FORMATS: Mapping[str, _Format] = {
    ".png": _Format("PNG", True, 2**31 - 1),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".webp": _Format("WEBP", True, 16_383, {"quality": 95}),
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".bmp": _Format("BMP", False, 2**31 - 1),
}


def write(image: Image.Image, path: str | os.PathLike[str]) -> None:
    """Write a picture to a file, in the format its suffix names.

    JPEG is written with quality 95 and full colour resolution, WebP with quality 95, TIFF with LZW. JPEG and
    BMP have no alpha channel (BMP's is understood by few): such a picture is laid on white. An existing file
    is replaced; where the path is a symbolic link, the file it points to. The file's mode follows the umask.

    Args:
        image: of mode L, RGB or RGBA; others are converted as `read` does.
        path: the file, ending in .png, .jpg, .jpeg, .webp, .tif, .tiff or .bmp.

    Raises:
        InputError: if the suffix is another.
        OutputError: if the file cannot be written, or the format cannot hold a picture of this size.
    """
    check_target(path)
    kind = FORMATS[Path(path).suffix.lower()]
    if max(image.size) > kind.max_side:
        raise OutputError(
            f"{path}: {kind.name} allows at most {kind.max_side:,} pixels a side, got "
            f"{image.width}x{image.height}; write a .png or .tif instead"
        )
    suited = _suited(image, kind)
    try:
        with replacing(path) as temporary, temporary.open("x+b") as file:
            suited.save(file, format=kind.name, **kind.options)
    except MemoryError:
        raise
    except Exception as error:  # encoders raise whatever they like
        raise OutputError(f"{path} cannot be written ({error}); nothing was left behind") from error


def check_target(path: str | os.PathLike[str]) -> None:
    """Find out whether `write` could write here, before the work that leads to it is done.

    Raises:
        InputError: if the suffix names no format that can be written.
        OutputError: if the folder is missing, or the target is a folder, no regular file, or write-protected.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        came = f"got {suffix!r}" if suffix else "there is none"
        raise InputError(f"{path}: the suffix must be one of {', '.join(FORMATS)}, {came}; choose one of these")
    check_place(path)


def check_place(path: str | os.PathLike[str]) -> None:
    """As `check_target`, for a file of any format.

    Raises:
        OutputError: as there.
    """
    if os.path.isdir(path):
        raise OutputError(f"{path} is a folder; give the name of a file in it")
    if os.path.exists(path) and not os.path.isfile(path):
        raise OutputError(f"{path} is not a regular file and cannot be replaced; give another name")
    folder = Path(os.path.realpath(path)).parent
    if not folder.is_dir():
        raise OutputError(f"{path}: the folder {folder} does not exist; make it first")
    for place in (folder, path):
        if os.path.exists(place) and not os.access(place, os.W_OK):
            raise OutputError(f"{path}: {place} is write-protected; change its permissions or write elsewhere")


def _suited(image: Image.Image, kind: _Format) -> Image.Image:
    if image.mode not in ("L", "RGB", "RGBA"):
        image = from_pil(image).to_pil()
    if image.mode == "RGBA" and not kind.alpha:
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image
