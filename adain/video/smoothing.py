"""Statistics of the content that follow the frames slowly, so that the result does not flicker.

A fusion measures every frame's own means and deviations, and pushes those to the style's. Noise, and things that come
into view, move them from frame to frame, and with them the whole picture's colours and contrasts. Here each frame is
fused with an exponential average over the frames so far instead, by time and not by count, so that a clip of another
frame rate looks the same. It begins anew where a scene does.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from adain.code import StyleCode
from adain.engine.backend import Backend, framed, unframed
from adain.engine.moments import Moments, lerp
from adain.errors import InputError

__all__ = ["SECONDS", "SmoothStylizer"]

SECONDS = 0.5  # benchmarks/flicker.py compares others


class SmoothStylizer:
    """A network for the frames of one clip, in their order.

    Args:
        backend: the network.
        seconds: time constant: after a sudden change, the statistics have come 63 % of the way. 0: each frame its own.

    Raises:
        InputError: it is negative or not finite.
    """

    def __init__(self, backend: Backend, seconds: float) -> None:
        if not (math.isfinite(seconds) and seconds >= 0):
            raise InputError(f"smoothing must be 0 seconds or more, got {seconds:g}")
        self._backend = backend
        self._seconds = seconds
        self._smoothed: dict[int, Moments] = {}
        self._time = 0.0

    def restart(self) -> None:
        """Forget the frames so far."""
        self._smoothed.clear()

    def __call__(self, picture: NDArray[np.float32], code: StyleCode, alpha: float, time: float) -> NDArray[np.float32]:
        """Stylise the next frame.

        Args:
            picture: (1, 3, H, W) float32, RGB in [0, 1].
            code: of the style.
            alpha: strength in [0, 1].
            time: seconds; not before the last frame's.

        Returns:
            (1, 3, H, W) float32, about [0, 1], not clipped.
        """
        if self._seconds == 0:
            return self._backend.stylize(picture, code.arrays, alpha)
        follow = 1 - math.exp(-(time - self._time) / self._seconds)
        self._time = time
        height, width = picture.shape[2:]
        for position, stage in enumerate(self._backend.stages):
            reach = self._backend.reach(stage)
            maps, own = self._backend.encode(framed(picture, reach), stage)
            before = self._smoothed.get(position)
            self._smoothed[position] = own if before is None else lerp(before, own, follow)
            output = self._backend.decode(maps, stage, self._smoothed[position], code.arrays, alpha)
            picture = unframed(output, reach)
        return picture[:, :, :height, :width]
