"""Statistics of the content that follow the frames of a film slowly, so that the result does not flicker.

A fusion measures every frame's own means and deviations, and pushes those to the style's. Noise, and things that come
into view, move them from frame to frame, and with them the whole picture's colours and contrasts. Here each frame is
fused with an exponential average over the frames so far instead, by time and not by count, so that a clip of another
frame rate looks the same. It begins anew where a scene does.
"""

from __future__ import annotations

import math

from adain import checks
from adain.defaults import SMOOTHING
from adain.engine.moments import Moments, lerp

__all__ = ["Smoothing"]

LEAST = 1  # pixel of a map that a region covers; the statistics of less say nothing


class Smoothing:
    """Averages the statistics of one clip, frame after frame; to be given to `adain.engine.loop.stylize` as `follow`.

    Args:
        seconds: time constant: after a sudden change, the statistics have come 63 % of the way. 0: each frame its own.

    Raises:
        InputError: it is no number, negative or not finite.
    """

    def __init__(self, seconds: float = SMOOTHING) -> None:
        self._seconds = checks.number("smoothing", seconds, 0, unit="seconds")
        self._averages: dict[tuple[int, int], Moments] = {}
        self._time = 0.0
        self._share = 1.0  # of the current frame

    @property
    def active(self) -> bool:
        """Whether it changes anything."""
        return self._seconds > 0

    def restart(self) -> None:
        """Forget the frames so far, at a cut."""
        self._averages.clear()

    def advance(self, time: float) -> None:
        """Go on to the next frame, before it is stylized; `time` is in seconds and not before the last frame's."""
        self._share = 1 - math.exp((self._time - time) / self._seconds) if self.active else 1.0
        self._time = time

    def __call__(self, key: tuple[int, int], own: Moments) -> Moments:
        """The statistics to stylize the frame with.

        Args:
            key: position of the stage, and of the region.
            own: the frame's own. A region that is not in the frame leaves the average as it is.
        """
        before = self._averages.get(key)
        if max(moments.count for moments in own.maps.values()) < LEAST:
            return own if before is None else before
        self._averages[key] = own if before is None else lerp(before, own, self._share)
        return self._averages[key]
