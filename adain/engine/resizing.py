"""Bicubic resizing by a ratio of small whole numbers, as Pillow does it, with matrix products of blocks of pixels.

No weight depends on a size, so the engine, training (`adain.nn.resizing`) and all graphs share them.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["resized", "weights"]

_KEYS = -0.5  # Keys 1981: the cubic convolution of Pillow, and of torch where it shrinks


def resized(picture: NDArray[np.float32], up: int, down: int) -> NDArray[np.float32]:
    """Resize pictures or masks by `up / down`, antialiased where they shrink.

    Args:
        picture: (..., H, W), H and W multiples of `down`.
        up: the new size over the old one, as a ratio.
        down: see `up`.

    Returns:
        (..., H * up / down, W * up / down), edges repeated beyond the picture.
    """
    table = weights(up, down)
    if up < down:  # the axis first whose product is cheaper; less is then left for the other
        return _along_rows(_along_columns(picture, table), table)
    return _along_columns(_along_rows(picture, table), table)


@lru_cache(maxsize=8)
def weights(up: int, down: int) -> NDArray[np.float32]:
    """The weight of each pixel for the `up` outputs of a block of `down` pixels, (2 * reach + 1, down, up).

    The pixels are those of the block itself and of the `reach` blocks before and behind it.
    """
    wide = max(1.0, down / up)
    centres = [(phase + 0.5) * down / up - 0.5 for phase in range(up)]
    reach = math.ceil((2 * wide - centres[0]) / down)
    taps = range(-reach * down, (reach + 1) * down)
    table = np.array([[_cubic((tap - centre) / wide) for centre in centres] for tap in taps])
    result: NDArray[np.float32] = (table / table.sum(0)).reshape(2 * reach + 1, down, up).astype(np.float32)
    result.setflags(write=False)
    return result


def _along_rows(x: NDArray[np.float32], table: NDArray[np.float32]) -> NDArray[np.float32]:
    """Resize the last axis."""
    count, down, up = table.shape
    *lines, width = x.shape
    beyond = count // 2 * down
    blocks = np.pad(x.reshape(-1, width), ((0, 0), (beyond, beyond)), mode="edge").reshape(
        -1, width // down + count - 1, down
    )
    seen = np.concatenate([blocks[:, first : first + width // down] for first in range(count)], axis=2)
    result: NDArray[np.float32] = seen @ table.reshape(-1, up)
    return result.reshape(*lines, width // down * up)


def _along_columns(x: NDArray[np.float32], table: NDArray[np.float32]) -> NDArray[np.float32]:
    """Resize the last axis but one."""
    count, down, up = table.shape
    *planes, height, width = x.shape
    beyond = count // 2 * down
    around = np.pad(x.reshape(-1, height, width), ((0, 0), (beyond, beyond), (0, 0)), mode="edge")
    blocks = around.reshape(-1, height // down + count - 1, down, width)
    result: NDArray[np.float32] = table[0].T @ blocks[:, : height // down]
    for first in range(1, count):
        result += table[first].T @ blocks[:, first : first + height // down]
    return result.reshape(*planes, height // down * up, width)


def _cubic(x: float) -> float:
    x = abs(x)
    if x < 1:
        return (_KEYS + 2) * x**3 - (_KEYS + 3) * x**2 + 1
    return _KEYS * (x**3 - 5 * x**2 + 8 * x - 4) if x < 2 else 0.0
