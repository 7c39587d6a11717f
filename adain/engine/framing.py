"""How a picture is framed for a stage: sides that fit, a margin, and the first layer's context."""

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
    """What a stage asks of a picture, and of its tiles. All in pixels.

    Attributes:
        multiple: sides of pictures, and positions and sides of tiles, are multiples of it.
        minimum: the least side of a picture, a multiple of `multiple`.
        encoder_band: width of the invalid band of a tile's maps along its inner edges, a multiple likewise.
        decoder_band: width of the invalid band of a tile's output along the inner edges of its maps, likewise.
        margin: how far the picture is reflected beyond each side, a multiple likewise; cut off the output.
        context: how far it is reflected beyond that. The first layer reads it, and no map has it.
    """

    multiple: int
    minimum: int
    encoder_band: int
    decoder_band: int
    margin: int = 0
    context: int = 0

    def fitting(self, height: int, width: int) -> tuple[int, int]:
        """The sides of a picture once its last row and column are repeated."""
        return fitting((height, width), self.multiple, self.minimum)

    def framed(self, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        """A whole picture (N, 3, H, W), H and W at least 1, as an encoder takes it.

        Its last row and column are repeated until the sides fit; then it is reflected by margin and context.
        """
        return self._reflected(picture, self.margin + self.context)

    def masks(self, masks: NDArray[np.float32]) -> NDArray[np.float32]:
        """Masks (N, S, H, W) of a whole picture, framed like it but without context."""
        return self._reflected(masks, self.margin)

    def inside(self, shape: tuple[int, int]) -> Box:
        """The picture within its margin, in a framed picture without context of this shape."""
        return self.margin, self.margin, shape[0] - self.margin, shape[1] - self.margin

    def unframed(self, output: NDArray[np.float32]) -> NDArray[np.float32]:
        """A decoder's output (N, 3, H, W) without its margin."""
        top, left, bottom, right = self.inside((output.shape[2], output.shape[3]))
        return output[:, :, top:bottom, left:right]

    def _reflected(self, picture: NDArray[np.float32], width: int) -> NDArray[np.float32]:
        fitted = repeated(picture, *self.fitting(picture.shape[2], picture.shape[3]))
        beyond = (width, width)
        return np.pad(fitted, ((0, 0), (0, 0), beyond, beyond), mode="reflect") if width else fitted


def fitting(sides: Sequence[int], multiple: int, minimum: int) -> tuple[int, int]:
    """Height and width, rounded up to multiples of `multiple` and at least `minimum`, itself such a multiple."""
    height, width = (max(-(-side // multiple) * multiple, minimum) for side in sides)
    return height, width


def repeated(picture: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """A picture (N, C, H, W) with its last row and column repeated up to a height and a width."""
    below, right = height - picture.shape[2], width - picture.shape[3]
    return np.pad(picture, ((0, 0), (0, 0), (0, below), (0, right)), mode="edge") if below or right else picture
