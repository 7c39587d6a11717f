"""What each fusion keeps of a feature map: in a style code, of the content, and while statistics are merged.

One entry per fusion, without torch. `adain.nn.fusions` has the arithmetic under the same names. All layouts that
graphs, style codes and backends share follow from this table and from a model's stages (`adain.registry.Stage`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from adain.registry import FusedMap, Stage

__all__ = ["FUSIONS", "Fusion", "Layout", "code_layout", "moments_layout", "statistics_layout"]

Layout: TypeAlias = dict[str, tuple[int, ...]]
"""Names and shapes of arrays, without a batch dimension, in the order in which they lie in a flat array."""

_Shape: TypeAlias = Callable[[int], tuple[int, ...]]


def _number(channels: int) -> tuple[int, ...]:
    return ()


def _vector(channels: int) -> tuple[int, ...]:
    return (channels,)


def _matrix(channels: int) -> tuple[int, ...]:
    return (channels, channels)


@dataclass(frozen=True)
class Fusion:
    """Arrays of one map, by name; each shape follows from the map's number of channels.

    Attributes:
        code: what a style code holds.
        statistics: what the fusion needs of the content.
        moments: what is summed over pixels, and merged over tiles and frames (`adain.engine.moments.MapMoments`).
        stored: type of the map between an `encode_content` and a `decode` graph. Whitening magnifies small
            differences, so five-level WCT needs float32.
    """

    code: Mapping[str, _Shape]
    statistics: Mapping[str, _Shape]
    moments: Mapping[str, _Shape]
    stored: Literal["float16", "float32"] = "float16"


_VARIANCES = {"count": _number, "mean": _vector, "spread": _vector}
_COVARIANCES = {"count": _number, "mean": _vector, "spread": _matrix}
_MEAN_STD = {"mean": _vector, "std": _vector}

FUSIONS: Final[Mapping[str, Fusion]] = MappingProxyType(
    {
        "adain": Fusion(_MEAN_STD, _MEAN_STD, _VARIANCES),
        "wct": Fusion(
            {"mean": _vector, "coloring": _matrix},
            {"mean": _vector, "whitening": _matrix},
            _COVARIANCES,
            stored="float32",
        ),
        # The same for a decoder that is told means and deviations.
        "wct-std": Fusion(_MEAN_STD | {"coloring": _matrix}, _MEAN_STD | {"whitening": _matrix}, _COVARIANCES),
    }
)


def code_layout(stages: Iterable[Stage]) -> Layout:
    """The arrays of a style code."""
    maps = dict.fromkeys(each for stage in stages for each in stage.maps)
    return _layout(maps, lambda fusion: fusion.code)


def statistics_layout(stage: Stage) -> Layout:
    """The arrays of a content's statistics in one stage."""
    return _layout(stage.maps, lambda fusion: fusion.statistics)


def moments_layout(stage: Stage) -> Layout:
    """The arrays of a content's moments in one stage."""
    return _layout(stage.maps, lambda fusion: fusion.moments)


def _layout(maps: Iterable[FusedMap], arrays: Callable[[Fusion], Mapping[str, _Shape]]) -> Layout:
    return {
        f"{each.name}.{name}": shape(each.channels)
        for each in maps
        for name, shape in arrays(FUSIONS[each.fusion]).items()
    }
