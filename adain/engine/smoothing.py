"""Smooths the content's statistics and the drafts over the frames of a film, so that the result does not flicker.

A fusion replaces each frame's means and deviations by the style's. Noise and things that come into view change them
from frame to frame, and so change the colours and contrasts of the whole picture. With smoothing, each frame is fused
with an exponential average over the frames so far. The average is over time, not over a number of frames, so clips of
different frame rates look the same. It restarts with each scene.

A draft turns a camera's noise, and a slight change of the statistics, into other strokes. So it is averaged too, where
its content stands still. What moves gets the draft of its own frame, because an average would leave a trail.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from adain import checks
from adain.defaults import SMOOTHING
from adain.engine.moments import Moments, lerp
from adain.engine.resizing import resized

__all__ = ["Smoothing"]

LEAST = 1  # pixel of a map that a region must cover; the statistics of less are meaningless
STILL = 0.02  # of a picture in [0, 1]; a change of this much from frame to frame, in cells of 3 px, is motion
CELL = 3  # px; divides the sides of drafts


class Smoothing:
    """Running average of a clip's statistics and drafts, for the argument `follow` of `adain.engine.loop.stylize`.

    Args:
        seconds: time constant: the time in which the average covers 63 % of a sudden change. 0: no smoothing.

    Attributes:
        seconds: the time constant.

    Raises:
        InputError: `seconds` is not a number, negative or not finite.
    """

    def __init__(self, seconds: float = SMOOTHING) -> None:
        self.seconds = checks.number("smoothing", seconds, 0, unit="seconds")
        self._averages: dict[tuple[int, int, int], Moments] = {}
        self._drafts: dict[int, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}  # what was seen, average
        self._time = 0.0
        self._share = 1.0  # weight of the current frame

    @property
    def active(self) -> bool:
        """Whether smoothing is on."""
        return self.seconds > 0

    def restart(self) -> None:
        """Forget the frames so far, at a cut."""
        self._averages.clear()
        self.forget_drafts()

    def forget_drafts(self) -> None:
        """Begin anew with drafts, for instance because they are in another style now."""
        self._drafts.clear()

    def advance(self, time: float) -> None:
        """Move to the next frame; call it before stylizing. `time` is in seconds and never decreases."""
        self._share = 1 - math.exp((self._time - time) / self.seconds) if self.active else 1.0
        self._time = time

    def moments(self, key: tuple[int, int, int], own: Moments) -> Moments:
        """The statistics to stylize the frame with.

        Args:
            key: (level of the picture's copies, position of the stage, region).
            own: the frame's own statistics. A region that is not in the frame does not change the average.
        """
        before = self._averages.get(key)
        if max(moments.count for moments in own.maps.values()) < LEAST:
            return own if before is None else before
        self._averages[key] = own if before is None else lerp(before, own, self._share)
        return self._averages[key]

    def draft(self, level: int, seen: NDArray[np.float32], own: NDArray[np.float32]) -> NDArray[np.float32]:
        """The draft to revise; see `adain.engine.loop.Follow`."""
        if level in self._drafts:
            before, average = self._drafts[level]
            change = np.abs(seen - before).max(0, keepdims=True)
            change = np.maximum(resized(resized(change, 1, CELL), CELL, 1), 0)
            own = own + np.float32(1 - self._share) * np.exp(-np.square(change / STILL)) * (average - own)
        self._drafts[level] = seen, own
        return own
