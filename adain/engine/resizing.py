"""Bicubic resizing by a ratio of small whole numbers, as Pillow does it, with matrix products of blocks of pixels.

No weight depends on a size, so the engine, training (`adain.nn.resizing`) and all graphs share them.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = ["resized", "weights"]

_KEYS = -0.5  # Keys 1981: the cubic convolution of Pillow, and of torch where it shrinks
_RUN = 4  # blocks of a row that are resized by one product: a product for 3 numbers takes four times as long


def resized(picture: NDArray[np.float32], up: int, down: int) -> NDArray[np.float32]:
    """Resize pictures or masks by `up / down`, antialiased where they shrink.

    Args:
        picture: (..., H, W), H and W multiples of `down`.
        up: the new size over the old one, as a ratio.
        down: see `up`.

    Returns:
        (..., H * up / down, W * up / down), edges repeated beyond the picture.
    """
    if up < down:  # the axis first whose product is cheaper; less is then left for the other
        return _along_rows(_along_columns(picture, up, down), up, down)
    return _along_columns(_along_rows(picture, up, down), up, down)


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


def _along_rows(x: NDArray[np.float32], up: int, down: int) -> NDArray[np.float32]:
    """Resize the last axis."""
    *lines, width = x.shape
    blocks, table = width // down, _weights_of_run(up, down)
    runs, beyond = -(-blocks // _RUN), (len(table) - _RUN * down) // 2
    around = _extended(x.reshape(-1, width, 1), beyond, beyond + runs * _RUN * down - width)[..., 0]
    seen = sliding_window_view(around, len(table), axis=1)[:, :: _RUN * down].swapaxes(0, 1)
    result: NDArray[np.float32] = (seen @ table).swapaxes(0, 1).reshape(len(around), -1)
    return result[:, : blocks * up].reshape(*lines, blocks * up)


@lru_cache(maxsize=8)
def _weights_of_run(up: int, down: int) -> NDArray[np.float32]:
    """The weights for the `_RUN * up` outputs of a run of blocks: (pixels of the run and around it, outputs)."""
    table = weights(up, down).reshape(-1, up)
    result = np.zeros((len(table) + (_RUN - 1) * down, _RUN, up), np.float32)
    for block in range(_RUN):
        result[block * down : block * down + len(table), block] = table
    return result.reshape(len(result), -1)


def _along_columns(x: NDArray[np.float32], up: int, down: int) -> NDArray[np.float32]:
    """Resize the last axis but one."""
    *planes, height, width = x.shape
    table = weights(up, down).reshape(-1, up)
    beyond = (len(table) - down) // 2
    around = _extended(x.reshape(-1, height, width), beyond, beyond)
    seen = sliding_window_view(around, len(table), axis=1)[:, ::down].swapaxes(-1, -2)  # (planes, blocks, pixels, W)
    result: NDArray[np.float32] = table.T @ seen
    return result.reshape(*planes, height // down * up, width)


def _extended(x: NDArray[np.float32], before: int, behind: int) -> NDArray[np.float32]:
    """Repeat the edges of (N, length, M) along the second axis; `numpy.pad` takes longer."""
    return np.concatenate([x[:, :1].repeat(before, 1), x, x[:, -1:].repeat(behind, 1)], axis=1)


def _cubic(x: float) -> float:
    x = abs(x)
    if x < 1:
        return (_KEYS + 2) * x**3 - (_KEYS + 3) * x**2 + 1
    return _KEYS * (x**3 - 5 * x**2 + 8 * x - 4) if x < 2 else 0.0
