"""Times functions: warms up, synchronises inside the timed region, and keeps every sample."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["LEAST_RUNS", "once", "repeat"]

LEAST_RUNS = 3  # made even if the time is up; an outlier spoils a median of fewer

_T = TypeVar("_T")


def once(function: Callable[[], _T], synchronize: Callable[[], None] = lambda: None) -> tuple[_T, float]:
    """Call a function; its result, and the time it took in milliseconds.

    Args:
        function: what to time.
        synchronize: waits for the device; called before the clock starts and before it stops.
    """
    synchronize()
    start = time.perf_counter()
    result = function()
    synchronize()
    return result, (time.perf_counter() - start) * 1e3


def repeat(
    function: Callable[[], object],
    *,
    runs: int,
    seconds: float,
    warm_up: int = 1,
    synchronize: Callable[[], None] = lambda: None,
) -> list[float]:
    """Call a function repeatedly; the time of each run in milliseconds, with Python's garbage collector off.

    Args:
        function: what to time.
        runs: how many samples to take.
        seconds: time for all runs; when it is up, a run starts only if there are fewer than three samples.
        warm_up: calls before the first sample.
        synchronize: waits for the device.
    """
    for _ in range(warm_up):
        function()
    samples: list[float] = []
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    deadline = time.perf_counter() + seconds
    try:
        while len(samples) < runs and (len(samples) < LEAST_RUNS or time.perf_counter() < deadline):
            samples.append(once(function, synchronize)[1])
    finally:
        if collecting:
            gc.enable()
    return samples
