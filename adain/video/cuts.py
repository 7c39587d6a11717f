"""Cuts: where a scene ends and the next begins.

Two frames are of one scene if a small grey copy of the one still correlates with that of the other, or if their
colours are much the same. Correlation does not see exposure and contrast, so that a lamp that is switched on is no cut;
the histogram does not see motion, so that a fast pan is none. What is taken for a cut and is none costs little: the
smoothing begins anew there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from adain.color import LUMA

__all__ = ["CutDetector"]

THUMBNAIL = (32, 32)  # pixels; every side is averaged to that, whatever the aspect
BINS = 8  # of each of red, green and blue
SAME_PLACE = 0.5  # correlation from which two frames show the same thing
SAME_COLORS = 0.7  # overlap of histograms, in [0, 1]
FLAT = 1.0  # of 255; a frame that varies less than this correlates with nothing


class CutDetector:
    """Tells of each frame whether it begins a scene; for frames in their order."""

    def __init__(self) -> None:
        self._previous: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None

    def __call__(self, rgb: NDArray[np.uint8]) -> bool:
        """Whether this frame, uint8 (H, W, 3), is of another scene than the one before; False for the first."""
        thumbnail = np.asarray(Image.fromarray(rgb).resize(THUMBNAIL, Image.Resampling.BOX))
        current = thumbnail @ LUMA.astype(np.float64), _histogram(thumbnail)
        previous, self._previous = self._previous, current
        if previous is None:
            return False
        return (
            _correlation(previous[0], current[0]) < SAME_PLACE
            and float(np.minimum(previous[1], current[1]).sum()) < SAME_COLORS
        )


def _histogram(thumbnail: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Shares of the pixels in each of BINS^3 colours; neighbouring bins overlap, so that a small change is small."""
    position = thumbnail.reshape(-1, 3) / 256 * BINS - 0.5  # (pixels, 3)
    low = np.floor(position)
    counts = np.zeros(BINS**3)
    for corner in np.ndindex(2, 2, 2):
        bins = np.clip(low + corner, 0, BINS - 1).astype(int)
        share = np.where(corner, position - low, 1 - (position - low)).prod(axis=1)
        np.add.at(counts, np.ravel_multi_index(tuple(bins.T), (BINS,) * 3), share)
    return counts / len(position)


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    a, b = a - a.mean(), b - b.mean()
    deviations = float(np.sqrt((a**2).mean() * (b**2).mean()))
    return 0.0 if deviations < FLAT**2 else float((a * b).mean()) / deviations
