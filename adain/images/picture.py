"""`Picture`, the form of a picture in the rest of the package, and its resizing."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from adain.errors import InputError
from adain.images.arrays import Colors, check_rgb, described, to_uint8
from adain.images.metadata import Metadata
from adain.images.rules import pixel_limit

__all__ = ["RGB16", "Picture", "check_size", "replace_hidden_colors", "resize"]

_C = TypeVar("_C", NDArray[np.uint8], NDArray[np.uint16])
RGB16 = "rgb16"  # key of the colours of 16 bits in the `info` of PIL images


@dataclass(frozen=True, eq=False)
class Picture:
    """An upright picture in sRGB.

    Attributes:
        rgb: uint8 (H, W, 3), colours not multiplied by alpha.
        alpha: uint8 (H, W), 255 is opaque. None if there is no alpha channel.
        metadata: what the file said about it: EXIF, XMP and resolution.
        deep: uint16 (H, W, 3), of which `rgb` is the rounding. None: there are 8 bits only.

    Raises:
        InputError: an array has another dtype or shape.
    """

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None = None
    metadata: Metadata = field(default=Metadata(), repr=False)
    deep: NDArray[np.uint16] | None = None

    def __post_init__(self) -> None:
        check_rgb(self.rgb)
        alpha, shape = self.alpha, self.rgb.shape[:2]
        if self.deep is not None and (self.deep.dtype != np.uint16 or self.deep.shape != self.rgb.shape):
            raise InputError(f"deep must be uint16 {self.rgb.shape} like rgb, got {described(self.deep)}")
        if alpha is None:
            return
        if not isinstance(alpha, np.ndarray) or alpha.dtype != np.uint8 or alpha.shape != shape:
            raise InputError(f"alpha must be uint8 {shape} like the colours, got {described(alpha)}")

    @classmethod
    def of_16_bits(
        cls, deep: NDArray[np.uint16], alpha: NDArray[np.uint8] | None = None, metadata: Metadata | None = None
    ) -> Picture:
        """Make a picture of colours of 16 bits, (H, W, 3)."""
        return cls(to_uint8(deep), alpha, metadata or Metadata(), deep)

    @property
    def colors(self) -> Colors:
        """The colours (H, W, 3): in 16 bits, if the picture has them."""
        return self.rgb if self.deep is None else self.deep

    def recolored(self, colors: NDArray[Any]) -> Picture:
        """The same picture with other colours, of the type of `colors`."""
        if self.deep is None:
            return replace(self, rgb=colors)
        return Picture.of_16_bits(colors, self.alpha, self.metadata)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        height, width = self.rgb.shape[:2]
        return width, height

    def to_pil(self) -> Image.Image:
        """Convert to a PIL image: RGBA if the picture has an alpha channel, else RGB.

        Its `info` has the metadata, and the array `rgb16`, if there are colours of 16 bits.
        """
        image = Image.fromarray(self.rgb)
        if self.alpha is not None:
            image.putalpha(Image.fromarray(self.alpha))
        self.metadata.attach(image)
        if self.deep is not None:
            image.info[RGB16] = self.deep
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
    if picture.deep is not None:
        return _resized_16(picture, picture.deep, (width, height))
    image = picture.to_pil().resize((width, height), Image.Resampling.LANCZOS)  # RGBA: premultiplied inside
    if picture.alpha is None:
        return replace(picture, rgb=np.array(image))
    alpha = np.array(image.getchannel("A"))
    return replace(picture, rgb=replace_hidden_colors(np.array(image.convert("RGB")), alpha), alpha=alpha)


def _resized_16(picture: Picture, deep: NDArray[np.uint16], size: tuple[int, int]) -> Picture:
    """Scale colours of 16 bits as floats, weighted by alpha."""
    shares = None if picture.alpha is None else picture.alpha.astype(np.float32) / np.float32(255)
    alpha = None if shares is None else _scaled(shares, size)
    result = np.empty((size[1], size[0], 3), np.uint16)
    for channel in range(3):
        plane = deep[..., channel].astype(np.float32)
        values = _scaled(plane if shares is None else plane * shares, size)
        if alpha is not None:
            values /= np.maximum(alpha, 0.5 / 255)
        result[..., channel] = np.clip(np.rint(values), 0, 65535)
    if alpha is None:
        return Picture.of_16_bits(result, None, picture.metadata)
    opacity = np.clip(np.rint(alpha * 255), 0, 255).astype(np.uint8)
    return Picture.of_16_bits(replace_hidden_colors(result, opacity), opacity, picture.metadata)


def _scaled(plane: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    return np.array(Image.fromarray(plane).resize(size, Image.Resampling.LANCZOS))


def replace_hidden_colors(rgb: _C, alpha: NDArray[np.uint8]) -> _C:
    """Give fully transparent pixels the mean colour of the others.

    Files may hold any colour there, mostly black. It is invisible, but it would change a network's statistics and bleed
    across the edge. The mean colour keeps the picture's mean and adds no contrast. A wholly transparent picture keeps
    its colours.

    Args:
        rgb: uint8 or uint16 (H, W, 3), changed in place.
        alpha: uint8 (H, W).

    Returns:
        The same array `rgb`.
    """
    hidden = alpha == 0
    if hidden.any() and not hidden.all():
        rgb[hidden] = np.round(rgb[~hidden].mean(axis=0)).astype(rgb.dtype)
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
