"""The few statistics that are reported: of samples that are skewed, with a floor and a long tail.

So the median and not the mean, and the 95th percentile and not the standard deviation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from adain.errors import InputError

__all__ = ["Summary", "median", "percentile", "summarize"]


def percentile(samples: Sequence[float], percent: float) -> float:
    """The smallest sample that at least `percent` of all samples do not exceed (the nearest rank).

    It is one of the samples, never a number between two that nobody measured. Of fewer than 20 samples, the 95th
    percentile is the largest.

    Args:
        samples: at least one, in any order.
        percent: in [0, 100].

    Raises:
        InputError: no samples, or another percentage.
    """
    if not samples:
        raise InputError("a percentile needs at least one sample, got none")
    if not 0 <= percent <= 100:
        raise InputError(f"percent must be in [0, 100], got {percent}")
    rank = max(1, math.ceil(percent * len(samples) / 100))
    return sorted(samples)[rank - 1]


def median(samples: Sequence[float]) -> float:
    """The middle sample, or the mean of the two in the middle.

    Raises:
        InputError: no samples.
    """
    if not samples:
        raise InputError("a median needs at least one sample, got none")
    ordered = sorted(samples)
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return low + (high - low) / 2  # within the two even where their sum would round


@dataclass(frozen=True)
class Summary:
    """Samples of one step in milliseconds.

    Attributes:
        runs: how many samples there are.
        median: of the samples.
        p95: the 95th percentile by nearest rank.
        minimum: the fastest.
        samples: all, in the order they were taken.
    """

    runs: int
    median: float
    p95: float
    minimum: float
    samples: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """Its attributes."""
        return {**asdict(self), "samples": list(self.samples)}


def summarize(samples: Sequence[float]) -> Summary:
    """Reduce samples in milliseconds.

    Raises:
        InputError: no samples.
    """
    return Summary(len(samples), median(samples), percentile(samples, 95), min(samples), tuple(samples))
