"""Mean and variance or covariance of feature maps, which can be merged over tiles and over the frames of a film.

AdaIN needs the mean and variance of each channel, WCT the mean and the covariance. The moments of a whole picture
follow exactly from those of its parts (Chan, Golub & LeVeque 1979, Updating Formulae and a Pairwise Algorithm for
Computing Sample Variances). Numpy only. The networks compute the parts in float32; they are merged in float64.
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
COVARIANCE_FLOOR = 1e-5  # squared units of the feature: WCT's own threshold; keeps the result for a flat map finite
PRIOR = 4.0  # pixels of a map: weight of the whole map in the statistics of a region

Arrays = Mapping[str, NDArray[np.floating]]


@dataclass(frozen=True, eq=False)
class MapMoments:
    """The moments of one feature map.

    Attributes:
        count: number of pixels, or the sum of their weights.
        mean: mean of each channel, (C,) float64.
        spread: variance of each channel (C,), or covariance between channels (C, C); float64, divided by `count`.
    """

    count: float
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]

    @property
    def unbiased(self) -> NDArray[np.float64]:
        """The spread divided by `count - 1` instead of `count`; 0 for a single pixel."""
        return self.spread * (self.count / max(self.count - 1, 1))

    def statistic(self, name: str) -> NDArray[np.float32]:
        """The statistic of that name, `mean`, `std` or `whitening`, as a fusion takes it."""
        if name == "mean":
            return self.mean.astype(np.float32)
        return self.std() if name == "std" else self.whitening()

    def std(self) -> NDArray[np.float32]:
        """Standard deviation per channel (C,), with AdaIN's epsilon."""
        spread = self.unbiased
        variance = (spread if spread.ndim == 1 else spread.diagonal()) + VARIANCE_EPS
        deviation: NDArray[np.float32] = np.sqrt(variance).astype(np.float32)
        return deviation

    def whitening(self) -> NDArray[np.float32]:
        """WCT's whitening matrix (C, C): inverse root of the covariance, regularised as in `adain.nn.fusions.wct`."""
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
        maps: moments by name of the map, for instance `relu4_1` or `x8`.
    """

    maps: Mapping[str, MapMoments]

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Moments:
        """From a network's output: `{map}.count` (), `{map}.mean` (C,), `{map}.spread` (C,) or (C, C)."""
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
        """The statistics that a network takes: the arrays of `adain.engine.fusions.statistics_layout`."""
        split = ((each, *each.rpartition(".")[::2]) for each in statistics_layout(stage))
        return {each: self.maps[name].statistic(array) for each, name, array in split}

    def of_region(self, whole: Moments) -> Moments:
        """A region's moments with `PRIOR` pixels of the whole picture's mixed in.

        This changes regions of common size by next to nothing. A region that is empty or a single pixel gets about the
        statistics of the whole picture.
        """
        found = {}
        for name, region in self.maps.items():
            all_of_it = whole.maps[name]
            mixed = _merged([region, replace(all_of_it, count=PRIOR)])
            found[name] = replace(mixed, count=all_of_it.count)
        return Moments(found)


def merge(parts: Sequence[Moments]) -> Moments:
    """Merge the moments of several parts into those of the whole.

    Args:
        parts: at least one, all of the same maps.

    Raises:
        InputError: there are no parts, or their maps differ.
    """
    return Moments({name: _merged([part.maps[name] for part in parts]) for name in _names(parts)})


def lerp(a: Moments, b: Moments, t: float) -> Moments:
    """Interpolate linearly between two moments: mean and spread are each `(1 - t) * a + t * b`.

    This differs from merging both: the spread of merged moments also contains the distance between the means, which
    would take away contrast in a fade from dark to bright.

    Args:
        a: the result at `t` 0.
        b: the result at `t` 1, of the same maps.
        t: in [0, 1].

    Raises:
        InputError: the maps differ.
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
