"""What a fusion knows of a content, as sums that can be merged: over tiles of a picture, and over the frames of a film.

AdaIN needs the mean and variance of each channel of the maps it fuses, WCT the mean and the covariance. The moments of
a whole picture follow exactly from those of its parts (Chan, Golub & LeVeque 1979, Updating Formulae and a Pairwise
Algorithm for Computing Sample Variances). Numpy only, in float64: the networks give float32 parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from adain.engine.fusions import statistics_layout
from adain.errors import InputError
from adain.registry import Stage

__all__ = [
    "COVARIANCE_FLOOR",
    "COVARIANCE_RIDGE",
    "PRIOR",
    "VARIANCE_EPS",
    "MapMoments",
    "Moments",
    "lerp",
    "merge",
]

VARIANCE_EPS = 1e-5  # pytorch-AdaIN, squared units of the feature
COVARIANCE_RIDGE = 1e-3  # of the mean eigenvalue
COVARIANCE_FLOOR = 1e-5  # squared units of the feature: WCT's own threshold; what keeps a flat map finite
PRIOR = 4.0  # pixels of a map: what the whole map counts for in the statistics of a region

Arrays = Mapping[str, NDArray[np.floating]]


@dataclass(frozen=True, eq=False)
class MapMoments:
    """The moments of one feature map.

    Attributes:
        count: number of its pixels; the sum of their weights where they are weighted.
        mean: of each channel, (C,) float64.
        spread: variance of each channel (C,), or covariance between them (C, C); float64, divided by `count`.
    """

    count: float
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]

    @property
    def unbiased(self) -> NDArray[np.float64]:
        """The spread divided by `count - 1` instead; a single pixel has none."""
        return self.spread * (self.count / max(self.count - 1, 1))

    def statistic(self, name: str) -> NDArray[np.float32]:
        """`mean`, `std` or `whitening`, as a fusion takes it."""
        if name == "mean":
            return self.mean.astype(np.float32)
        return self.std() if name == "std" else self.whitening()

    def std(self) -> NDArray[np.float32]:
        """The deviation per channel, (C,), as AdaIN has it."""
        spread = self.unbiased
        variance = (spread if spread.ndim == 1 else spread.diagonal()) + VARIANCE_EPS
        deviation: NDArray[np.float32] = np.sqrt(variance).astype(np.float32)
        return deviation

    def whitening(self) -> NDArray[np.float32]:
        """WCT's whitening matrix (C, C): the inverse root of the covariance, regularised as everywhere here."""
        covariance = self.unbiased
        ridge = COVARIANCE_RIDGE * np.trace(covariance) / len(covariance) + COVARIANCE_FLOOR
        values, vectors = np.linalg.eigh(covariance + ridge * np.eye(len(covariance)))
        # rounding may leave an eigenvalue below what the ridge guarantees
        roots = np.sqrt(np.maximum(values, COVARIANCE_FLOOR / 2))
        whitening: NDArray[np.float32] = ((vectors / roots) @ vectors.T).astype(np.float32)
        return whitening


@dataclass(frozen=True, eq=False)
class Moments:
    """The moments of the maps that a stage fuses.

    Attributes:
        maps: by name, `relu4_1` or `x8` for instance.
    """

    maps: Mapping[str, MapMoments]

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Moments:
        """From what a network computes: `{map}.count` (), `{map}.mean` (C,), `{map}.spread` (C,) or (C, C)."""
        names = dict.fromkeys(name.rpartition(".")[0] for name in arrays)
        return cls(
            {
                name: MapMoments(
                    float(arrays[f"{name}.count"]),
                    np.asarray(arrays[f"{name}.mean"], np.float64),
                    np.asarray(arrays[f"{name}.spread"], np.float64),
                )
                for name in names
            }
        )

    def statistics(self, stage: Stage) -> dict[str, NDArray[np.float32]]:
        """As the networks take them: the arrays of `adain.engine.fusions.statistics_layout`."""
        split = ((each, *each.rpartition(".")[::2]) for each in statistics_layout(stage))
        return {each: self.maps[name].statistic(array) for each, name, array in split}

    def of_region(self, whole: Moments) -> Moments:
        """A region's moments with `PRIOR` pixels of the whole picture's mixed in.

        That is nothing for a region of common size. It gives an empty region, and one of a single pixel, about the
        statistics of the whole picture.
        """
        found = {}
        for name, region in self.maps.items():
            all_of_it = whole.maps[name]
            mixed = _merged([region, replace(all_of_it, count=PRIOR)])
            found[name] = replace(mixed, count=all_of_it.count)
        return Moments(found)


def merge(parts: Sequence[Moments]) -> Moments:
    """The moments of several parts together, as if they had been taken at once.

    Args:
        parts: at least one, of the same maps.

    Raises:
        InputError: there are none, or of different maps.
    """
    return Moments({name: _merged([part.maps[name] for part in parts]) for name in _names(parts)})


def lerp(a: Moments, b: Moments, t: float) -> Moments:
    """Moments between two: means and spreads each `(1 - t) * a + t * b`, for statistics that change smoothly.

    They are not the moments of a mixture of both, whose spread would also hold the distance of the means: in a fade
    from dark to bright that would take away contrast.

    Args:
        a: for `t` 0.
        b: for `t` 1, of the same maps.
        t: in [0, 1].

    Raises:
        InputError: they are of different maps.
    """
    found = {}
    for name in _names([a, b]):
        one, other = a.maps[name], b.maps[name]
        found[name] = MapMoments(
            (1 - t) * one.count + t * other.count,
            (1 - t) * one.mean + t * other.mean,
            (1 - t) * one.spread + t * other.spread,
        )
    return Moments(found)


def _merged(parts: Sequence[MapMoments]) -> MapMoments:
    total = sum(part.count for part in parts)
    shares = [part.count / total if total > 0 else 1 / len(parts) for part in parts]  # a region may be empty
    mean = sum((share * part.mean for share, part in zip(shares, parts, strict=True)), np.zeros_like(parts[0].mean))
    spread = np.zeros_like(parts[0].spread)
    for share, part in zip(shares, parts, strict=True):
        away = part.mean - mean
        between = away * away if spread.ndim == 1 else np.outer(away, away)
        spread += share * (part.spread + between)
    return MapMoments(total, mean, spread)


def _names(parts: Sequence[Moments]) -> list[str]:
    if not parts:
        raise InputError("moments of at least one part are needed, got none")
    shapes = [{name: moments.spread.shape for name, moments in part.maps.items()} for part in parts]
    if any(other != shapes[0] for other in shapes):
        raise InputError(f"moments of different maps cannot be joined: {shapes}; take all with one model and stage")
    return list(shapes[0])
