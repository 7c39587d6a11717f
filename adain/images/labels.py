"""Read label maps, such as segmentations: pictures whose values are labels, not colours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from adain.errors import ImageError
from adain.images import png
from adain.images.encoded import is_encoded, open_encoded
from adain.images.modes import decoded, upright
from adain.images.reading import PictureInput, read
from adain.images.torch_tensors import from_torch, is_torch

__all__ = ["read_labels"]

_GREY = ("1", "L", "P", "I", "I;16", "I;16L", "I;16B", "I;16N")


def read_labels(source: PictureInput) -> NDArray[np.int64]:
    """Read a label map. Values are not scaled and colours are not converted.

    The label of a pixel is its grey value (of 1 to 16 bits), its palette index, or its colour as the number 0xRRGGBB.

    Args:
        source: as for `adain.images.read`. Arrays and tensors may also hold bool or any integer type.

    Returns:
        (H, W) int64.

    Raises:
        ImageError: the map cannot be read, or its mode is not allowed.
        InputError: the source has another type.
    """
    if is_torch(source):
        source = from_torch(source)
    if isinstance(source, np.ndarray) and source.ndim == 3 and source.shape[2] == 1:
        source = source[..., 0]
    if isinstance(source, np.ndarray) and source.ndim == 2 and source.dtype.kind in "iub":
        return source.astype(np.int64)
    if isinstance(source, Image.Image):
        return _values(source, "the map")
    if is_encoded(source):
        image, name = open_encoded(source)
        with image:
            return _values(image, name)
    return _packed(read(source, keep_hidden=True).rgb)


def _values(image: Image.Image, name: str) -> NDArray[np.int64]:
    bits = _bits(image)
    image = upright(decoded(image, name))
    if image.mode in _GREY:
        values = np.asarray(image).astype(np.int64)
        return values // (255 // (2**bits - 1)) if image.mode == "L" and bits in (2, 4) else values
    if image.mode in ("LA", "PA"):
        return np.asarray(image)[..., 0].astype(np.int64)
    if image.mode in ("RGB", "RGBA"):
        return _packed(np.asarray(image)[..., :3])
    raise ImageError(f"{name} has mode {image.mode}; a label map must be grey, palette or RGB; convert it first")


def _bits(image: Image.Image) -> object:
    """Bits of a grey value in a file that has not been decoded: Pillow scales 2 and 4 bits to 8."""
    if image.format == "TIFF":
        bits = getattr(image, "tag_v2", {}).get(ExifTags.Base.BitsPerSample)
        return bits[0] if isinstance(bits, tuple) and bits else bits
    return png.facts(image).bits


def _packed(rgb: NDArray[np.uint8]) -> NDArray[np.int64]:
    red, green, blue = (rgb[..., channel].astype(np.int64) for channel in range(3))
    return (red << 16) | (green << 8) | blue
