"""Flicker metric: the frame-to-frame change of a stylised clip divided by the change of its source.

1 means that the result is as steady as its source. The ratio is high if the result changes where the source hardly
does. Both changes are root mean squares over all pixels, so that a few large changes count as well as many small ones.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from adain.errors import InputError
from adain.images.arrays import check_rgb

__all__ = ["flicker"]


def flicker(source: Sequence[NDArray[np.uint8]], result: Sequence[NDArray[np.uint8]]) -> float:
    """Measure the frame-to-frame change of a result divided by the change of its source.

    Args:
        source: at least two frames, uint8 (H, W, 3), of one scene, without a cut.
        result: the same number of frames, all of one shape.

    Returns:
        The ratio of the root mean square differences of neighbouring frames. 0 if the result stands still, else
        infinite if the source stands still.

    Raises:
        InputError: there are fewer than two frames, the numbers differ, or the shapes differ.
    """
    if len(source) != len(result) or len(source) < 2:
        raise InputError(f"source and result need two or more frames each, got {len(source)} and {len(result)}")
    change, changed = _change(source), _change(result)
    if changed == 0:
        return 0.0
    return changed / change if change else float("inf")


def _change(frames: Sequence[NDArray[np.uint8]]) -> float:
    """Return the root mean square difference of neighbouring frames, in 8-bit levels."""
    total = 0.0
    for before, after in itertools.pairwise(frames):
        check_rgb(before)
        if before.shape != after.shape:
            raise InputError(f"frames must be of one shape, got {before.shape} and {after.shape}")
        total += float(np.square(after.astype(np.float32) - before).mean(dtype=np.float64))
    return float(np.sqrt(total / (len(frames) - 1)))
