"""The graphs of the contract as torch modules: they wrap a network and convert pictures and flat style codes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from adain.engine import fusions
from adain.engine.framing import Framing
from adain.engine.fusions import Layout
from adain.engine.strokes import TILE, fitting_both
from adain.export.assembly import placeholder
from adain.export.graph_operators import FixedOperators, PortableOperators
from adain.nn.network import StyleTransfer
from adain.nn.strokes import DraftAndRevise, Strokes
from adain.registry import Stage
from adain.runtimes.contract import DRAFTED, STAGED, Fixed, GraphKind, Io, signature

__all__ = ["Example", "Graph", "examples", "fixed_examples", "graph", "output_axes", "sides_of", "stored"]

_TINY = 1e-12  # avoids division by 0 where all weights are 0
_TYPES = {"float16": torch.float16, "float32": torch.float32}


class Graph(nn.Module):
    """Base class of the graphs; see `adain.runtimes.contract` for their inputs and outputs."""

    compute: Callable[..., Tensor | tuple[Tensor, ...]]  # defined by each kind of graph

    def __init__(self, network: StyleTransfer, io: Io, stage: Stage) -> None:
        super().__init__()
        self.network = network
        self.io = io
        self.stage = stage  # used by kinds that are a part of a stage

    def forward(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Compute the outputs; inputs are in the contract's order, and their number depends on the network."""
        return self.compute(*inputs)

    def _read(self, picture: Tensor) -> Tensor:
        """Convert an input picture to float32 (N, 3, H, W) in [0, 1]."""
        return picture.permute(0, 3, 1, 2).float() / 255 if self.io == "uint8" else picture

    def _write(self, picture: Tensor) -> Tensor:
        """Convert float32 (N, 3, H, W) to an output picture, clipped. A cast rounds: not every runtime has Round."""
        picture = picture.clamp(0.0, 1.0)
        return (picture * 255 + 0.5).to(torch.uint8).permute(0, 2, 3, 1) if self.io == "uint8" else picture

    def _staged(self, picture: Tensor) -> Tensor:
        """As `_write`, but not clipped where the model has several stages."""
        return picture if len(self.network.stages) > 1 and self.io == "float" else self._write(picture)

    def _code(self, flat: Tensor) -> dict[str, Tensor]:
        """Flat style codes (N, D) or (N, S, D) to named arrays."""
        return _named(flat, self.network.code_shapes)

    def _flat(self, code: Mapping[str, Tensor]) -> Tensor:
        arrays = ((code[name], math.prod(shape)) for name, shape in self.network.code_shapes.items())
        return torch.cat([array.reshape(-1, size) for array, size in arrays], dim=1)

    def _drafted(self, strokes: Tensor, grain: Tensor | None = None) -> DraftAndRevise:
        """The network with a draft before each picture; without `grain` in a graph of one size."""
        return DraftAndRevise(_Levels(self.network), Strokes.of(strokes), grain, self.network.operators)

    def _mixed(self, codes: Tensor, weights: Tensor) -> dict[str, Tensor]:
        """Mix codes (N, S, D) with weights (N, S) to one code."""
        shares = weights / weights.sum(dim=1, keepdim=True).clamp_min(_TINY)  # (N, S)
        return self._code((shares[:, :, None] * codes).sum(dim=1))

    def _maps(self, maps: tuple[Tensor, ...]) -> dict[str, Tensor]:
        return {each.name: x.float() for each, x in zip(self.stage.maps, maps, strict=True)}


class _Whole(Graph):
    def compute(self, *inputs: Tensor) -> Tensor:
        content, style, alpha, strokes, *grain = inputs
        drafted = self._drafted(strokes, *grain)
        return self._write(drafted(self._read(content), drafted.encode_style(self._read(style)), alpha))


class _EncodeStyle(Graph):
    def compute(self, style: Tensor) -> Tensor:
        return self._flat(self.network.encode_style(self._read(style)))


class _Apply(Graph):
    def compute(self, *inputs: Tensor) -> Tensor:
        content, codes, weights, alpha, strokes, *grain = inputs
        code = {"codes": codes, "weights": weights}
        return self._write(self._drafted(strokes, *grain)(self._read(content), code, alpha))


class _ApplyRegions(Graph):
    def compute(self, *inputs: Tensor) -> Tensor:
        content, codes, masks, alpha, strokes, *grain = inputs
        drafted = self._drafted(strokes, *grain)
        return self._write(drafted.forward_regions(self._read(content), {"codes": codes}, masks, alpha))


class _Level(Graph):
    def compute(self, content: Tensor, codes: Tensor, weights: Tensor, alpha: Tensor) -> Tensor:
        return self._write(self.network(self._read(content), self._mixed(codes, weights), alpha))


class _LevelRegions(Graph):
    def compute(self, content: Tensor, codes: Tensor, masks: Tensor, alpha: Tensor) -> Tensor:
        return self._write(self.network.forward_regions(self._read(content), self._code(codes), masks, alpha))


class _Levels:
    """The network of each level in a graph with a draft: graphs in that graph.

    Graphs of any size are placeholders, which are traced by themselves. Its codes are the graphs' own inputs: `codes`
    and, without regions, `weights`.
    """

    def __init__(self, network: StyleTransfer) -> None:
        self._network = network

    def encode_style(self, style: Tensor) -> dict[str, Tensor]:
        size = sum(map(math.prod, self._network.code_shapes.values()))
        code = self._graph("encode_style", style, shape=(style.shape[0], size))
        return {"codes": code[:, None], "weights": torch.ones_like(code[:, :1])}

    def __call__(self, content: Tensor, code: Mapping[str, Tensor], alpha: float | Tensor) -> Tensor:
        assert isinstance(alpha, Tensor)
        return self._graph("level", content, code["codes"], code["weights"], alpha, shape=content.shape)

    def forward_regions(
        self, content: Tensor, codes: Mapping[str, Tensor], masks: Tensor, alpha: float | Tensor
    ) -> Tensor:
        assert isinstance(alpha, Tensor)
        return self._graph("level_regions", content, codes["codes"], masks, alpha, shape=content.shape)

    def _graph(self, kind: GraphKind, *inputs: Tensor, shape: tuple[int, ...]) -> Tensor:
        if isinstance(self._network.operators, FixedOperators):
            result: Tensor = graph(kind, self._network, "float", self._network.stages[-1])(*inputs)
            return result
        return placeholder(kind, *inputs, shape=shape)


class _EncodeContent(Graph):
    def compute(self, content: Tensor, masks: Tensor) -> tuple[Tensor, ...]:
        maps = self.network.features(self._read(content), self.stage)
        moments = self.network.moments(maps, self.stage, masks)
        flat = [array[:, :, None] if array.dim() == 2 else array.flatten(2) for array in moments.values()]
        return torch.cat(flat, dim=2), *(
            maps[each.name].to(stored(each.fusion, self.network)) for each in self.stage.maps
        )


class _Decode(Graph):
    def compute(self, *inputs: Tensor) -> Tensor:
        *maps, statistics, codes, weights, alpha = inputs
        content = _named(statistics, fusions.statistics_layout(self.stage))
        code = self._mixed(codes, weights)
        return self._staged(self.network.decode(self._maps(tuple(maps)), self.stage, content, code, alpha))


class _DecodeRegions(Graph):
    def compute(self, *inputs: Tensor) -> Tensor:
        *maps, statistics, codes, masks, alpha = inputs
        content = _named(statistics, fusions.statistics_layout(self.stage))
        decoded = self.network.decode_regions(
            self._maps(tuple(maps)), self.stage, content, self._code(codes), masks, alpha
        )
        return self._staged(decoded)


_GRAPHS: Mapping[GraphKind, type[Graph]] = {
    "whole": _Whole,
    "encode_style": _EncodeStyle,
    "apply": _Apply,
    "apply_regions": _ApplyRegions,
    "level": _Level,
    "level_regions": _LevelRegions,
    "encode_content": _EncodeContent,
    "decode": _Decode,
    "decode_regions": _DecodeRegions,
}


def graph(kind: GraphKind, network: StyleTransfer, io: Io, stage: Stage) -> Graph:
    """Wrap a network, or one stage of it, as the given kind of graph."""
    return _GRAPHS[kind](network, io, stage).eval()


def stored(fusion: str, network: StyleTransfer) -> torch.dtype:
    """The dtype of a map between two graphs; float32 in portable graphs, because some WebGPU devices lack float16."""
    if isinstance(network.operators, PortableOperators):
        return torch.float32
    return _TYPES[fusions.FUSIONS[fusion].stored]


def _named(flat: Tensor, layout: Layout) -> dict[str, Tensor]:
    """Flat arrays (..., D) to named arrays (..., shape)."""
    sizes = [math.prod(shape) for shape in layout.values()]
    pieces = zip(layout.items(), torch.split(flat, sizes, dim=-1), strict=True)
    return {name: piece.reshape(*flat.shape[:-1], *shape) for (name, shape), piece in pieces}


@dataclass(frozen=True)
class Example:
    """An input to trace a graph with.

    Attributes:
        tensor: the values; axes of different names have different lengths.
        axes: names of the axes whose length is free.
        step: heights and widths are multiples of it, plus `beyond`. None: any length.
        least: smallest number of steps in a height or width.
        beyond: what heights and widths have on top of that multiple.
    """

    tensor: Tensor
    axes: Mapping[int, str]
    step: int | None = None
    least: int = 1
    beyond: int = 0


def fixed_examples(kind: GraphKind, network: StyleTransfer, io: Io, fixed: Fixed) -> dict[str, Example]:
    """The inputs to trace a graph of one size with, by name."""
    size = sum(map(math.prod, network.code_shapes.values()))
    sides = fixed.height, fixed.width
    picture = torch.zeros((1, *sides, 3), dtype=torch.uint8) if io == "uint8" else torch.rand(1, 3, *sides)
    every = {
        "content": picture,
        "style": picture.clone(),
        "codes": torch.rand(1, fixed.styles, size),
        "weights": torch.rand(1, fixed.styles),
        "masks": torch.rand(1, fixed.styles, *sides),
        "alpha": torch.rand(1, 1),
        "strokes": torch.rand(1, 1),
    }
    return {name: Example(every[name], {}) for name in signature(kind, network.stages[-1], fixed).inputs}


def examples(kind: GraphKind, network: StyleTransfer, io: Io, stage: Stage) -> dict[str, Example]:
    """The inputs to trace a graph with, by name.

    Axes of different names have different lengths, and no length is 1, so the exporter confuses no axis with another or
    with a constant.
    """
    framing = network.framing(stage)
    multiple, minimum = sides_of(kind, framing)
    least = minimum // multiple
    size, of_content = (
        sum(map(math.prod, layout.values())) for layout in (network.code_shapes, fusions.statistics_layout(stage))
    )
    first = 2 * minimum
    second = first + multiple
    step = multiple if isinstance(network.operators, PortableOperators) or kind in STAGED else None
    beyond = 2 * framing.context if kind in STAGED else 0
    sides = first + beyond, second + beyond
    regions = 4 if kind == "decode_regions" else 3
    every = {
        "content": _picture(*sides, io, ("height", "width"), step, least, beyond),
        "style": _picture(first + 2 * multiple, first + 3 * multiple, io, ("style_height", "style_width"), step, least),
        "codes": Example(torch.rand(2, 3, size), {0: "batch", 1: "styles"}),
        "weights": Example(torch.rand(2, 3), {0: "batch", 1: "styles"}),
        "masks": Example(torch.rand(2, 3, first, second), {0: "batch", 1: "styles", **_SIDES}, step, least),
        "statistics": Example(torch.rand(2, of_content), {0: "batch"}),
        "alpha": Example(torch.rand(2, 1), {0: "batch"}),
        "strokes": Example(torch.rand(2, 1), {0: "batch"}),
        "grain": Example(torch.randint(TILE, (2, 2)).float(), {0: "batch"}),
    }
    if kind == "encode_content":
        every["masks"] = Example(torch.rand(2, 3, first, second), {0: "batch", 1: "regions", **_SIDES}, step, least)
    if kind == "decode_regions":
        every["statistics"] = Example(torch.rand(2, regions, of_content), {0: "batch", 1: "regions"})
    if kind in STAGED:
        maps = network.features(torch.rand(2, 3, *(side + 2 * framing.context for side in (first, second))), stage)
        for each in stage.maps:
            x = maps[each.name].to(stored(each.fusion, network))
            every[each.name] = Example(x, {0: "batch", **_SIDES}, multiple // each.stride, least)
    return {name: every[name] for name in signature(kind, stage).inputs}


def sides_of(kind: GraphKind, framing: Framing) -> tuple[int, int]:
    """The multiple and the minimum of sides, in pixels, that need no padding."""
    sides = framing.multiple, framing.minimum
    return fitting_both(*sides) if kind in DRAFTED else sides


def output_axes(kind: GraphKind, io: Io, stage: Stage) -> dict[str, dict[int, str]]:
    """The names of the free axes of each output."""
    batch = {0: "batch"}
    every = {
        "stylized": batch | ({1: "height", 2: "width"} if io == "uint8" else _SIDES),
        "code": batch,
        "moments": batch | {1: "regions"},
        **{each.name: batch | _SIDES for each in stage.maps},
    }
    return {name: every[name] for name in signature(kind, stage).outputs}


_SIDES = {2: "height", 3: "width"}


def _picture(
    height: int, width: int, io: Io, names: tuple[str, str], step: int | None, least: int, beyond: int = 0
) -> Example:
    if io == "uint8":
        tensor = torch.randint(256, (2, height, width, 3), dtype=torch.uint8)
        return Example(tensor, {0: "batch", 1: names[0], 2: names[1]}, step, least, beyond)
    return Example(torch.rand(2, 3, height, width), {0: "batch", 2: names[0], 3: names[1]}, step, least, beyond)
