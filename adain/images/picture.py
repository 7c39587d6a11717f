"""`Picture`, the form of a picture in the rest of the package, and its resizing."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from adain.errors import InputError
from adain.images.arrays import check_rgb, described
from adain.images.metadata import Metadata
from adain.images.rules import pixel_limit

__all__ = ["Picture", "check_size", "replace_hidden_colors", "resize"]


@dataclass(frozen=True, eq=False)
class Picture:
    """An upright picture in sRGB.

    Attributes:
        rgb: uint8 (H, W, 3), colours not multiplied by alpha.
        alpha: uint8 (H, W), 255 is opaque. None if there is no alpha channel.
        metadata: what the file said about it: EXIF, XMP and resolution.

    Raises:
        InputError: an array has another dtype or shape.
    """

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None = None
    metadata: Metadata = field(default=Metadata(), repr=False)

    def __post_init__(self) -> None:
        check_rgb(self.rgb)
        alpha, shape = self.alpha, self.rgb.shape[:2]
        if alpha is None:
            return
        if not isinstance(alpha, np.ndarray) or alpha.dtype != np.uint8 or alpha.shape != shape:
            raise InputError(f"alpha must be uint8 {shape} like the colours, got {described(alpha)}")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        height, width = self.rgb.shape[:2]
        return width, height

    def to_pil(self) -> Image.Image:
        """Convert to a PIL image: RGBA if the picture has an alpha channel, else RGB; the metadata is in its `info`."""
        image = Image.fromarray(self.rgb)
        if self.alpha is not None:
            image.putalpha(Image.fromarray(self.alpha))
        self.metadata.attach(image)
        return image


def resize(picture: Picture, size: int, *, enlarge: bool = True) -> Picture:
    """Scale a picture so that its shorter side is exactly `size`, with antialiasing (Lanczos).

    The aspect ratio is kept to the nearest pixel. Colours are weighted by alpha, so that transparent pixels do not
    bleed into others.

    Args:
        picture: the picture. It is returned unchanged if it has this size.
        size: pixels of the shorter side, at least 1.
        enlarge: whether a smaller picture is scaled up.

    Raises:
        InputError: `picture` is not a `Picture`, the size is not a positive whole number, or the result would have more
            pixels than allowed.
    """
    if not isinstance(picture, Picture):
        raise InputError(f"only a Picture can be resized, got {type(picture).__name__}; read it first")
    size = check_size(size)
    shorter = min(picture.size)
    if shorter == size or (shorter < size and not enlarge):
        return picture
    width, height = (max(1, _nearest(side * size, shorter)) for side in picture.size)
    limit = pixel_limit()
    if limit is not None and width * height > limit:
        came = "x".join(map(str, picture.size))
        raise InputError(
            f"size {size} would scale this picture of {came} to {width}x{height}, more than the allowed "
            f"{limit:,} pixels; choose a smaller size"
        )
    image = picture.to_pil().resize((width, height), Image.Resampling.LANCZOS)  # RGBA: premultiplied inside
    if picture.alpha is None:
        return replace(picture, rgb=np.array(image))
    alpha = np.array(image.getchannel("A"))
    return replace(picture, rgb=replace_hidden_colors(np.array(image.convert("RGB")), alpha), alpha=alpha)


def replace_hidden_colors(rgb: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give fully transparent pixels the mean colour of the others.

    Files may hold any colour there, mostly black. It is invisible, but it would change a network's statistics and bleed
    across the edge. The mean colour keeps the picture's mean and adds no contrast. A wholly transparent picture keeps
    its colours.

    Args:
        rgb: uint8 (H, W, 3), changed in place.
        alpha: uint8 (H, W).

    Returns:
        The same array `rgb`.
    """
    hidden = alpha == 0
    if hidden.any() and not hidden.all():
        rgb[hidden] = np.round(rgb[~hidden].mean(axis=0)).astype(np.uint8)
    return rgb


def check_size(size: int) -> int:
    """Return the size; raise an `InputError` unless it is a positive whole number of pixels."""
    try:
        whole = operator.index(size)
    except TypeError:
        whole = 0
    if whole < 1 or isinstance(size, bool):
        raise InputError(f"size must be a whole number of pixels, at least 1, got {size!r}")
    return whole


def _nearest(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)
