"""Video orientation: phones rotate a video by a display matrix in the file, not in its pixels.

Frames are turned upright before they are stylised, because a network trained on upright pictures paints other strokes
on rotated ones. They are turned back before they are encoded, so that the file keeps its size and matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Orientation"]


@dataclass(frozen=True)
class Orientation:
    """FFmpeg's display matrix: nine integers, row by row. The first two of the first two rows rotate.

    A point (x, y) of the file is shown at (m0 x + m3 y, m1 x + m4 y). Only multiples of a quarter turn, with or without
    mirroring, are applied to the frames. Other matrices are only copied to the output file.
    """

    matrix: tuple[int, ...]

    @classmethod
    def parse(cls, values: Sequence[int]) -> Orientation:
        """Read a matrix from nine integers."""
        return cls(tuple(int(value) for value in values))

    @property
    def swaps_sides(self) -> bool:
        """Whether upright frames have width and height swapped."""
        return self._quarters and self.matrix[0] == 0

    def upright(self, picture: NDArray[Any]) -> NDArray[Any]:
        """Turn a picture (H, W, C) of the file upright, of any dtype."""
        if not self._quarters:
            return picture
        turned = picture.swapaxes(0, 1) if self.swaps_sides else picture
        return np.ascontiguousarray(turned[self._flips])

    def lying(self, picture: NDArray[Any]) -> NDArray[Any]:
        """Turn an upright picture back; the inverse of `upright`."""
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
        """Slices that mirror rows and columns, after sides are swapped."""
        a, b, c, d = (self.matrix[place] for place in (0, 1, 3, 4))
        return slice(None, None, -1 if (b or d) < 0 else 1), slice(None, None, -1 if (a or c) < 0 else 1)
