"""Names and shapes of the arrays that each fusion computes from a feature map.

There are three kinds: the arrays of a style code, the statistics of a content, and the moments that are merged over
tiles and frames. The table has one row per fusion and needs no torch; `adain.nn.fusions` has the arithmetic under the
same names. The layouts of graphs, style codes and backends follow from this table and from a model's stages
(`adain.registry.Stage`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from adain.registry import FusedMap, Stage

__all__ = ["FUSIONS", "Fusion", "Layout", "code_layout", "moments_layout", "statistics_layout"]

Layout: TypeAlias = dict[str, tuple[int, ...]]
"""Names and shapes of arrays, without a batch dimension, in the order of the flat array that holds them."""

_Shape: TypeAlias = Callable[[int], tuple[int, ...]]


def _number(channels: int) -> tuple[int, ...]:
    return ()


def _vector(channels: int) -> tuple[int, ...]:
    return (channels,)


def _matrix(channels: int) -> tuple[int, ...]:
    return (channels, channels)


@dataclass(frozen=True)
class Fusion:
    """The arrays of one feature map by name, each with a function from the number of channels to the shape.

    Attributes:
        code: arrays of a style code.
        statistics: arrays that the fusion needs of the content.
        moments: arrays that are merged over tiles and frames (`adain.engine.moments.MapMoments`).
        stored: dtype of the map between an `encode_content` and a `decode` graph. Five-level WCT needs float32,
            because whitening magnifies small differences.
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
        # WCT for a decoder that also reads means and deviations.
        "wct-std": Fusion(_MEAN_STD | {"coloring": _matrix}, _MEAN_STD | {"whitening": _matrix}, _COVARIANCES),
    }
)


def code_layout(stages: Iterable[Stage]) -> Layout:
    """Names and shapes of a style code's arrays."""
    maps = dict.fromkeys(each for stage in stages for each in stage.maps)
    return _layout(maps, lambda fusion: fusion.code)


def statistics_layout(stage: Stage) -> Layout:
    """Names and shapes of a content's statistics in one stage."""
    return _layout(stage.maps, lambda fusion: fusion.statistics)


def moments_layout(stage: Stage) -> Layout:
    """Names and shapes of a content's moments in one stage."""
    return _layout(stage.maps, lambda fusion: fusion.moments)


def _layout(maps: Iterable[FusedMap], arrays: Callable[[Fusion], Mapping[str, _Shape]]) -> Layout:
    return {
        f"{each.name}.{name}": shape(each.channels)
        for each in maps
        for name, shape in arrays(FUSIONS[each.fusion]).items()
    }
