"""The graphs of the contract as torch modules: pictures and flat style codes around an `ExportNetwork`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from adain.onnx.contract import GRAPHS, CodeLayout, GraphKind, Io, own_layout
from adain.onnx.networks import ExportNetwork

__all__ = ["Example", "Graph", "examples", "graph", "output_axes"]

_TINY = 1e-12  # keeps weights that are all 0 from dividing by 0


class Graph(nn.Module):
    """One of the graphs; see `adain.onnx.contract` for its inputs and its output."""

    def __init__(self, network: ExportNetwork, io: Io, stage: str) -> None:
        super().__init__()
        self.network = network
        self.io = io
        self.stage = stage  # for those that are a part of one

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
    def forward(self, content: Tensor, style: Tensor, alpha: Tensor) -> Tensor:
        code = self.network.encode_style(self._read(style))
        return self._write(self.network(self._read(content), code, alpha))


class _EncodeStyle(Graph):
    def forward(self, style: Tensor) -> Tensor:
        return self._flat(self.network.encode_style(self._read(style)))


class _Apply(Graph):
    def forward(self, content: Tensor, codes: Tensor, weights: Tensor, alpha: Tensor) -> Tensor:
        return self._write(self.network(self._read(content), self._mixed(codes, weights), alpha))


class _ApplyRegions(Graph):
    def forward(self, content: Tensor, codes: Tensor, masks: Tensor, alpha: Tensor) -> Tensor:
        styles = codes.shape[1]
        shapes = self.network.code_shapes
        arrays = self._code(codes.flatten(0, 1))
        named = {name: array.reshape(-1, styles, *shapes[name]) for name, array in arrays.items()}
        return self._write(self.network.forward_regions(self._read(content), named, masks, alpha))


class _Statistics(Graph):
    def forward(self, content: Tensor, mask: Tensor) -> Tensor:
        moments = self.network.moments(self._read(content), self.stage, mask)
        return torch.cat(
            [array[:, None] if array.dim() == 1 else array.flatten(1) for array in moments.values()], dim=1
        )


class _ApplyWith(Graph):
    def forward(self, content: Tensor, own: Tensor, codes: Tensor, weights: Tensor, alpha: Tensor) -> Tensor:
        statistics = self._named(own, own_layout(self.network.code_shapes, self.stage))
        code = self._mixed(codes, weights)
        output = self.network.forward_with(self._read(content), self.stage, statistics, code, alpha)
        between = self.stage != self.network.stages[-1] and self.io == "float"
        return output if between else self._write(output)  # the next stage takes it as it is


_GRAPHS: Mapping[GraphKind, type[Graph]] = {
    "whole": _Whole,
    "encode_style": _EncodeStyle,
    "apply": _Apply,
    "apply_regions": _ApplyRegions,
    "statistics": _Statistics,
    "apply_with": _ApplyWith,
}


def graph(kind: GraphKind, network: ExportNetwork, io: Io, stage: str) -> Graph:
    """The graph of a kind around a network, or a stage of it."""
    return _GRAPHS[kind](network, io, stage).eval()


@dataclass(frozen=True)
class Example:
    """An input to trace a graph with: a tensor, and the name of each axis whose length is free."""

    tensor: Tensor
    axes: Mapping[int, str]


def examples(kind: GraphKind, network: ExportNetwork, io: Io, stage: str) -> dict[str, Example]:
    """The inputs to trace a graph with, by name.

    No two axes of different names have the same length, and none has length 1, so that none can be taken for
    another or for a constant.
    """
    multiple, size = network.multiple, sum(map(math.prod, network.code_shapes.values()))
    own = sum(map(math.prod, own_layout(network.code_shapes, stage).values()))
    first = 2 * network.minimum
    every = {
        "content": _picture(first, first + multiple, io, ("height", "width")),
        "style": _picture(first + 2 * multiple, first + 3 * multiple, io, ("style_height", "style_width")),
        "codes": Example(torch.rand(2, 3, size), {0: "batch", 1: "styles"}),
        "weights": Example(torch.rand(2, 3), {0: "batch", 1: "styles"}),
        "masks": Example(torch.rand(2, 3, first, first + multiple), {0: "batch", 1: "styles", 2: "height", 3: "width"}),
        "mask": Example(torch.rand(2, 1, first, first + multiple), {0: "batch", 2: "height", 3: "width"}),
        "own": Example(torch.rand(2, own), {0: "batch"}),
        "alpha": Example(torch.rand(2, 1), {0: "batch"}),
    }
    return {name: every[name] for name in GRAPHS[kind].inputs}


def output_axes(kind: GraphKind, io: Io) -> dict[int, str]:
    """The names of the axes of a graph's output whose length is free."""
    if kind in ("encode_style", "statistics"):
        return {0: "batch"}
    return {0: "batch", 1: "height", 2: "width"} if io == "uint8" else {0: "batch", 2: "height", 3: "width"}


def _picture(height: int, width: int, io: Io, names: tuple[str, str]) -> Example:
    if io == "uint8":
        tensor = torch.randint(256, (2, height, width, 3), dtype=torch.uint8)
        return Example(tensor, {0: "batch", 1: names[0], 2: names[1]})
    return Example(torch.rand(2, 3, height, width), {0: "batch", 2: names[0], 3: names[1]})
