"""Cut detection: find where a new scene begins.

Two frames belong to one scene if their small grey copies correlate, or if their colour histograms are similar.
Correlation ignores exposure and contrast, so switching on a lamp is not a cut. The histogram ignores motion, so a fast
pan is not a cut. A false cut costs little: the smoothing restarts there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from adain.color import LUMA

__all__ = ["CutDetector"]

THUMBNAIL = (32, 32)  # pixels, for any aspect ratio
BINS = 8  # for each of red, green and blue
SAME_PLACE = 0.5  # correlation from which two frames belong to one scene
SAME_COLORS = 0.7  # overlap of histograms, in [0, 1]
FLAT = 1.0  # of 255; frames with a smaller deviation have correlation 0


class CutDetector:
    """Detects for each frame whether it begins a scene. Call it with the frames in their order."""

    def __init__(self) -> None:
        self._previous: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None

    def __call__(self, rgb: NDArray[np.uint8]) -> bool:
        """Whether this frame, uint8 (H, W, 3), begins a new scene. False for the first frame."""
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
    """Return the colour histogram: shares of the pixels in BINS^3 bins, interpolated between neighbouring bins."""
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
