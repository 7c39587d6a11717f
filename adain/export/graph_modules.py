"""The graphs of the contract as torch modules: pictures and flat style codes around an `ExportNetwork`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from adain.export.networks import ExportNetwork
from adain.runtimes.contract import GRAPHS, STAGED, CodeLayout, GraphKind, Io, Signature, fused, own_layout

__all__ = ["Example", "Graph", "examples", "graph", "output_axes", "signature"]

_TINY = 1e-12  # keeps weights that are all 0 from dividing by 0


class Graph(nn.Module):
    """One of the graphs; see `adain.runtimes.contract` for its inputs and its outputs."""

    compute: Callable[..., Tensor | tuple[Tensor, ...]]  # of each kind, from those inputs

    def __init__(self, network: ExportNetwork, io: Io, stage: str) -> None:
        super().__init__()
        self.network = network
        self.io = io
        self.stage = stage  # for those that are a part of one

    def forward(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        """In their order; their number depends on the network."""
        return self.compute(*inputs)

    def _read(self, picture: Tensor) -> Tensor:
        """To float32 (N, 3, H, W) in [0, 1]."""
        return picture.permute(0, 3, 1, 2).float() / 255 if self.io == "uint8" else picture

    def _write(self, picture: Tensor) -> Tensor:
        """From float32 (N, 3, H, W), clipped; rounding as a cast, because not every runtime has Round."""
        picture = picture.clamp(0.0, 1.0)
        return (picture * 255 + 0.5).to(torch.uint8).permute(0, 2, 3, 1) if self.io == "uint8" else picture

    def _code(self, flat: Tensor) -> dict[str, Tensor]:
        """From (N, D) to the named arrays."""
        return self._named(flat, self.network.code_shapes)

    def _named(self, flat: Tensor, shapes: CodeLayout) -> dict[str, Tensor]:
        sizes = [math.prod(shape) for shape in shapes.values()]
        pieces = zip(shapes.items(), torch.split(flat, sizes, dim=1), strict=True)
        return {name: piece.reshape(-1, *shape) for (name, shape), piece in pieces}

    def _flat(self, code: Mapping[str, Tensor]) -> Tensor:
        arrays = ((code[name], math.prod(shape)) for name, shape in self.network.code_shapes.items())
        return torch.cat([array.reshape(-1, size) for array, size in arrays], dim=1)

    def _mixed(self, codes: Tensor, weights: Tensor) -> dict[str, Tensor]:
        """From (N, S, D) and (N, S)."""
        shares = weights / weights.sum(dim=1, keepdim=True).clamp_min(_TINY)  # (N, S)
        return self._code((shares[:, :, None] * codes).sum(dim=1))


class _Whole(Graph):
    def compute(self, content: Tensor, style: Tensor, alpha: Tensor) -> Tensor:
        code = self.network.encode_style(self._read(style))
        return self._write(self.network(self._read(content), code, alpha))


class _EncodeStyle(Graph):
    def compute(self, style: Tensor) -> Tensor:
        return self._flat(self.network.encode_style(self._read(style)))


class _Apply(Graph):
    def compute(self, content: Tensor, codes: Tensor, weights: Tensor, alpha: Tensor) -> Tensor:
        return self._write(self.network(self._read(content), self._mixed(codes, weights), alpha))


class _ApplyRegions(Graph):
    def compute(self, content: Tensor, codes: Tensor, masks: Tensor, alpha: Tensor) -> Tensor:
        styles = codes.shape[1]
        shapes = self.network.code_shapes
        arrays = self._code(codes.flatten(0, 1))
        named = {name: array.reshape(-1, styles, *shapes[name]) for name, array in arrays.items()}
        return self._write(self.network.forward_regions(self._read(content), named, masks, alpha))


class _EncodeContent(Graph):
    def compute(self, content: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        maps = self.network.features(self._read(content), self.stage)
        moments = self.network.moments(maps, self.stage, mask)
        flat = [array[:, None] if array.dim() == 1 else array.flatten(1) for array in moments.values()]
        return torch.cat(flat, dim=1), *(x.to(self.network.kept) for x in maps.values())


class _Decode(Graph):
    def compute(self, *inputs: Tensor) -> Tensor:
        *maps, own, codes, weights, alpha = inputs
        shapes = self.network.code_shapes
        named = {name: x.float() for name, x in zip(fused(shapes, self.stage), maps, strict=True)}
        statistics = self._named(own, own_layout(shapes, self.stage))
        output = self.network.decode(named, self.stage, statistics, self._mixed(codes, weights), alpha)
        several = len(self.network.stages) > 1 and self.io == "float"
        return output if several else self._write(output)  # the next stage takes it as it is


_GRAPHS: Mapping[GraphKind, type[Graph]] = {
    "whole": _Whole,
    "encode_style": _EncodeStyle,
    "apply": _Apply,
    "apply_regions": _ApplyRegions,
    "encode_content": _EncodeContent,
    "decode": _Decode,
}


def graph(kind: GraphKind, network: ExportNetwork, io: Io, stage: str) -> Graph:
    """The graph of a kind around a network, or a stage of it."""
    return _GRAPHS[kind](network, io, stage).eval()


@dataclass(frozen=True)
class Example:
    """An input to trace a graph with.

    Attributes:
        tensor: of a size that no other axis has.
        axes: the names of those whose length is free.
        step: what heights and widths are multiples of; None: of nothing.
        least: how many of these steps they have at least.
        beyond: how much longer they are than such a multiple.
    """

    tensor: Tensor
    axes: Mapping[int, str]
    step: int | None = None
    least: int = 1
    beyond: int = 0


def examples(kind: GraphKind, network: ExportNetwork, io: Io, stage: str) -> dict[str, Example]:
    """The inputs to trace a graph with, by name.

    No two axes of different names have the same length, and none has length 1, so that none can be taken for
    another or for a constant.
    """
    shapes, multiple = network.code_shapes, network.multiple
    size, own = (sum(map(math.prod, layout.values())) for layout in (shapes, own_layout(shapes, stage)))
    first = 2 * network.minimum
    second = first + multiple
    step = multiple if network.operators.portable else None
    least = network.minimum // multiple
    every = {
        "content": _picture(first, second, io, ("height", "width"), step, least),
        "style": _picture(first + 2 * multiple, first + 3 * multiple, io, ("style_height", "style_width"), step, least),
        "codes": Example(torch.rand(2, 3, size), {0: "batch", 1: "styles"}),
        "weights": Example(torch.rand(2, 3), {0: "batch", 1: "styles"}),
        "masks": Example(torch.rand(2, 3, first, second), {0: "batch", 1: "styles", **_SIDES}),
        "own": Example(torch.rand(2, own), {0: "batch"}),
        "alpha": Example(torch.rand(2, 1), {0: "batch"}),
    }
    if kind in STAGED:
        reach = network.reach(stage)
        beyond = 2 * reach.rim
        every["content"] = _picture(first + beyond, second + beyond, io, ("height", "width"), multiple, least, beyond)
        blocks = torch.rand(2, 1, first // multiple, second // multiple)
        every["mask"] = Example(blocks, {0: "batch", **_SIDES}, 1, least)
        maps = network.features(torch.rand(2, 3, first + beyond, second + beyond), stage)
        for name, x in maps.items():
            every[name] = Example(x.to(network.kept), {0: "batch", **_SIDES}, multiple * x.shape[2] // first, least)
    return {name: every[name] for name in signature(kind, network, stage).inputs}


def signature(kind: GraphKind, network: ExportNetwork, stage: str) -> Signature:
    """The names of a graph's inputs and outputs."""
    return GRAPHS[kind].with_maps(fused(network.code_shapes, stage))


def output_axes(kind: GraphKind, network: ExportNetwork, io: Io, stage: str) -> dict[str, dict[int, str]]:
    """The names of the axes of each output whose length is free."""
    batch = {0: "batch"}
    picture = batch | ({1: "height", 2: "width"} if io == "uint8" else _SIDES)
    maps = fused(network.code_shapes, stage)
    return {
        name: picture if name == "stylized" else batch | _SIDES if name in maps else batch
        for name in signature(kind, network, stage).outputs
    }


_SIDES = {2: "height", 3: "width"}


def _picture(
    height: int, width: int, io: Io, names: tuple[str, str], step: int | None, least: int, beyond: int = 0
) -> Example:
    if io == "uint8":
        tensor = torch.randint(256, (2, height, width, 3), dtype=torch.uint8)
        return Example(tensor, {0: "batch", 1: names[0], 2: names[1]}, step, least, beyond)
    return Example(torch.rand(2, 3, height, width), {0: "batch", 2: names[0], 3: names[1]}, step, least, beyond)
