"""The reported statistics: median and 95th percentile.

Times are skewed, with a floor and a long tail, so mean and standard deviation would mislead.
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

    It is always one of the samples, never interpolated. With fewer than 20 samples, the 95th percentile is the largest
    one.

    Args:
        samples: at least one, in any order.
        percent: in [0, 100].

    Raises:
        InputError: there are no samples, or `percent` is out of range.
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
        InputError: there are no samples.
    """
    if not samples:
        raise InputError("a median needs at least one sample, got none")
    ordered = sorted(samples)
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return low + (high - low) / 2  # stays between the two; their sum might round


@dataclass(frozen=True)
class Summary:
    """Summary of one step's samples, in milliseconds.

    Attributes:
        runs: number of samples.
        median: median of the samples.
        p95: 95th percentile by nearest rank.
        minimum: the fastest sample.
        samples: all samples in order.
    """

    runs: int
    median: float
    p95: float
    minimum: float
    samples: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """The attributes as a dict."""
        return {**asdict(self), "samples": list(self.samples)}


def summarize(samples: Sequence[float]) -> Summary:
    """Summarize samples in milliseconds.

    Raises:
        InputError: there are no samples.
    """
    return Summary(len(samples), median(samples), percentile(samples, 95), min(samples), tuple(samples))
