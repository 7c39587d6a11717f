"""How phones turn a video: by a matrix in the file, not in its pixels.

Frames are turned upright before they are stylised, because a network trained on upright pictures paints other
strokes on lying ones, and turned back before they are encoded, so that the file keeps size and matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Orientation"]


@dataclass(frozen=True)
class Orientation:
    """FFmpeg's display matrix: nine integers, row by row, of which the first two of the first two rows turn.

    A point (x, y) of the file is shown at (m0 x + m3 y, m1 x + m4 y). Matrices that are no multiple of a quarter
    turn, with or without mirroring, are kept in the file and leave the frames as they are.
    """

    matrix: tuple[int, ...]

    @classmethod
    def parse(cls, values: Sequence[int]) -> Orientation:
        """From nine integers."""
        return cls(tuple(int(value) for value in values))

    @property
    def swaps_sides(self) -> bool:
        """Whether the upright frame is as wide as the file's is high."""
        return self._quarters and self.matrix[0] == 0

    def upright(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture (H, W, C) as it is shown."""
        if not self._quarters:
            return picture
        turned = picture.swapaxes(0, 1) if self.swaps_sides else picture
        return np.ascontiguousarray(turned[self._flips])

    def lying(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The inverse of `upright`."""
        if not self._quarters:
            return picture
        flipped = picture[self._flips]
        return np.ascontiguousarray(flipped.swapaxes(0, 1) if self.swaps_sides else flipped)

    @property
    def _quarters(self) -> bool:
        a, b, c, d = (self.matrix[place] for place in (0, 1, 3, 4))
        return (a == d == 0 and b != 0 and c != 0) or (b == c == 0 and a != 0 and d != 0)

    @property
    def _flips(self) -> tuple[slice, slice]:
        """Of rows and columns, once sides are swapped."""
        a, b, c, d = (self.matrix[place] for place in (0, 1, 3, 4))
        return slice(None, None, -1 if (b or d) < 0 else 1), slice(None, None, -1 if (a or c) < 0 else 1)
