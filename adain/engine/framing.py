"""Framing of a picture for a stage: pad its sides, add a margin, and add the first layer's context."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Box", "Framing", "fitting", "repeated"]

Box: TypeAlias = tuple[int, int, int, int]
"""Part of a picture in pixels: top, left, bottom, right; the last two are exclusive."""


@dataclass(frozen=True)
class Framing:
    """The sizes that a stage requires of pictures and tiles, in pixels.

    All but `context` are multiples of `multiple`.

    Attributes:
        multiple: divides the sides of pictures and the positions and sides of tiles.
        minimum: the smallest side of a picture.
        encoder_band: width of the invalid band of a tile's maps along its inner edges.
        decoder_band: width of the further invalid band of a tile's output along its inner edges.
        margin: how far the picture is reflected beyond each side; cut off the output.
        context: how far it is reflected beyond the margin. Only the first layer reads it; feature maps do not have it.
    """

    multiple: int
    minimum: int
    encoder_band: int
    decoder_band: int
    margin: int = 0
    context: int = 0

    def fitting(self, height: int, width: int) -> tuple[int, int]:
        """The height and width of a picture after padding to `multiple` and `minimum`."""
        return fitting((height, width), self.multiple, self.minimum)

    def framed(self, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        """Frame a whole picture (N, 3, H, W), H and W at least 1, for the encoder.

        The last row and column are repeated until the sides fit. Then the picture is reflected by margin and context.
        """
        return self._reflected(picture, self.margin + self.context)

    def masks(self, masks: NDArray[np.float32]) -> NDArray[np.float32]:
        """Frame the masks (N, S, H, W) of a whole picture: like the picture, but without context."""
        return self._reflected(masks, self.margin)

    def inside(self, shape: tuple[int, int]) -> Box:
        """The box of the picture without its margin; `shape` is the framed picture's, without context."""
        return self.margin, self.margin, shape[0] - self.margin, shape[1] - self.margin

    def unframed(self, output: NDArray[np.float32]) -> NDArray[np.float32]:
        """Cut the margin off a decoder's output (N, 3, H, W)."""
        top, left, bottom, right = self.inside((output.shape[2], output.shape[3]))
        return output[:, :, top:bottom, left:right]

    def _reflected(self, picture: NDArray[np.float32], width: int) -> NDArray[np.float32]:
        fitted = repeated(picture, *self.fitting(picture.shape[2], picture.shape[3]))
        beyond = (width, width)
        return np.pad(fitted, ((0, 0), (0, 0), beyond, beyond), mode="reflect") if width else fitted


def fitting(sides: Sequence[int], multiple: int, minimum: int) -> tuple[int, int]:
    """Round height and width up to multiples of `multiple`, and to at least `minimum`, which must be a multiple too."""
    height, width = (max(-(-side // multiple) * multiple, minimum) for side in sides)
    return height, width


def repeated(picture: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Pad pictures (..., H, W) to a height and width by repeating their last row and column."""
    below, right = height - picture.shape[-2], width - picture.shape[-1]
    others = [(0, 0)] * (picture.ndim - 2)
    return np.pad(picture, (*others, (0, below), (0, right)), mode="edge") if below or right else picture
