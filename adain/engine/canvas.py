"""Pictures that a stage reads and writes in parts: content, masks, the picture between two stages, and the result."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from adain.engine.framing import Box, Framing
from adain.engine.tiles import Tile
from adain.images.arrays import bands, from_tensor, to_tensor

__all__ = ["Between", "Content", "MaskCanvas", "Result", "Source", "Target", "core_weights", "place", "seen"]

_STEPS, _DARKEST = 8192, -3.0  # uint16 fixed point: code = (value + 3) * 8192; decoders keep well within -3 to 5

Beyond: TypeAlias = tuple[tuple[int, int], tuple[int, int]]
"""Pixels to reflect above and below, left and right."""


class Source(Protocol):
    """A picture whose sides fit the network.

    Attributes:
        shape: height and width in pixels.
    """

    shape: tuple[int, int]

    def read(self, part: Box, beyond: Beyond) -> NDArray[np.float32]:
        """A part of the picture, extended by reflection; float32 (1, C, h, w)."""
        ...


class Target(Protocol):
    """A picture that is written part by part; `shape` as in `Source`."""

    shape: tuple[int, int]

    def write(self, part: Box, values: NDArray[np.float32]) -> None:
        """Write one part, (1, 3, h, w)."""
        ...


class Content:
    """The content picture, uint8 (H, W, 3). Its last row and column are repeated up to a size that fits."""

    def __init__(self, rgb: NDArray[np.uint8], framing: Framing) -> None:
        self.shape = framing.fitting(*rgb.shape[:2])
        self.rgb = rgb

    def read(self, part: Box, beyond: Beyond) -> NDArray[np.float32]:
        """See `Source.read`; pads before the conversion to float, which copies less."""
        top, left, bottom, right = part
        there = self.rgb[top:bottom, left:right]
        lacking = (0, bottom - top - there.shape[0]), (0, right - left - there.shape[1]), (0, 0)
        return to_tensor(np.pad(np.pad(there, lacking, mode="edge"), (*beyond, (0, 0)), mode="reflect"))


class MaskCanvas:
    """Masks (S, H, W) float32. Their last row and column are repeated up to `shape`."""

    def __init__(self, masks: NDArray[np.float32], shape: tuple[int, int]) -> None:
        self.shape = shape
        self.masks = masks

    def read(self, part: Box, beyond: Beyond) -> NDArray[np.float32]:
        """See `Source.read`."""
        top, left, bottom, right = part
        there = self.masks[:, top:bottom, left:right]
        lacking = (0, 0), (0, bottom - top - there.shape[1]), (0, right - left - there.shape[2])
        return np.pad(np.pad(there, lacking, mode="edge"), ((0, 0), *beyond), mode="reflect")[None]


class Between:
    """The picture between two stages: float32 if `exact`, else 16-bit fixed point to save memory.

    Rounding to 16 bits changes a result of five stages by at most 1 of 255.
    """

    def __init__(self, shape: tuple[int, int], *, exact: bool) -> None:
        self.shape = shape
        self._exact = exact
        self._values: NDArray[Any] = np.empty((3, *shape), np.float32 if exact else np.uint16)

    def read(self, part: Box, beyond: Beyond) -> NDArray[np.float32]:
        """See `Source.read`."""
        top, left, bottom, right = part
        padded = np.pad(self._values[:, top:bottom, left:right], ((0, 0), *beyond), mode="reflect")[None]
        values = padded.astype(np.float32, copy=False)
        if not self._exact:
            values *= np.float32(1 / _STEPS)
            values += np.float32(_DARKEST)
        return values

    def write(self, part: Box, values: NDArray[np.float32]) -> None:
        """See `Target.write`."""
        top, left, bottom, right = part
        target = self._values[:, top:bottom, left:right]
        if self._exact:
            target[:] = values[0]
            return
        for rows in bands(*target.shape[1:]):
            levels = (values[0, :, rows] - np.float32(_DARKEST)) * np.float32(_STEPS)
            target[:, rows] = np.clip(np.rint(levels), 0, 0xFFFF)


class Result:
    """The result, uint8 (H, W, 3), at the size of the content."""

    def __init__(self, rgb: NDArray[np.uint8]) -> None:
        self.shape = rgb.shape[0], rgb.shape[1]
        self.rgb = rgb

    def write(self, part: Box, values: NDArray[np.float32]) -> None:
        """See `Target.write`."""
        top, left, bottom, right = part
        self.rgb[top:bottom, left:right] = from_tensor(values)


def seen(source: Source, tile: Tile, framing: Framing, context: int) -> NDArray[np.float32]:
    """A tile's window of a framed picture, with `context` pixels around it."""
    begins = [begin - framing.margin - context for begin in tile.window[:2]]
    ends = [end - framing.margin + context for end in tile.window[2:]]
    (top, left), (bottom, right) = (max(begin, 0) for begin in begins), map(min, ends, source.shape)
    beyond = (top - begins[0], ends[0] - bottom), (left - begins[1], ends[1] - right)
    return source.read((top, left, bottom, right), beyond)


def place(tile: Tile, framing: Framing, shape: tuple[int, int]) -> tuple[Box, Box]:
    """The part of a tile's core inside the picture, as a box in the picture and as a box in the tile's window."""
    margin = framing.margin
    top, left = (max(begin, margin) for begin in tile.core[:2])
    bottom, right = (min(end, margin + side) for end, side in zip(tile.core[2:], shape, strict=True))
    above, before = tile.window[:2]
    inside = top - above, left - before, bottom - above, right - before
    return (top - margin, left - margin, bottom - margin, right - margin), inside


def core_weights(tile: Tile, inside: Box) -> NDArray[np.float32]:
    """Weights of a tile's pixels, (1, 1, h, w): 1 in the box `inside` of its window, 0 elsewhere."""
    top, left, bottom, right = tile.window
    weights = np.zeros((1, 1, bottom - top, right - left), np.float32)
    weights[..., inside[0] : inside[2], inside[1] : inside[3]] = 1
    return weights
