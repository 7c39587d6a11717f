"""How much a stylised clip flickers: its change from frame to frame over that of its source.

What moves in the source should move in the result, and what stands still should stand still. Where the source hardly
changes and the result does, the ratio is high: 1 is a result as steady as its source. Both changes are root mean
squares over all pixels, so that a few that change much count, and not only many that change little.
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
    """The change of a result from frame to frame over that of its source.

    Args:
        source: at least two frames, uint8 (H, W, 3), of one scene: at a cut, everything changes.
        result: the same number of frames of one shape.

    Returns:
        The ratio of the root mean square differences of neighbouring frames; infinite where the source stands still
        and the result does not, 0 where the result stands still.

    Raises:
        InputError: fewer than two frames, not the same number, or of different shapes.
    """
    if len(source) != len(result) or len(source) < 2:
        raise InputError(f"source and result need two or more frames each, got {len(source)} and {len(result)}")
    change, changed = _change(source), _change(result)
    if changed == 0:
        return 0.0
    return changed / change if change else float("inf")


def _change(frames: Sequence[NDArray[np.uint8]]) -> float:
    """Root mean square difference of neighbouring frames, in 8-bit levels."""
    total = 0.0
    for before, after in itertools.pairwise(frames):
        check_rgb(before)
        if before.shape != after.shape:
            raise InputError(f"frames must be of one shape, got {before.shape} and {after.shape}")
        total += float(np.square(after.astype(np.float32) - before).mean(dtype=np.float64))
    return float(np.sqrt(total / (len(frames) - 1)))
