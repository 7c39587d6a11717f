"""Graphs inside graphs: a node stands for a graph of the contract while torch traces, and is replaced by it afterwards.

Tracing takes most of an export's time, and a graph with a draft runs the network twice. So each graph is traced once.
"""

from __future__ import annotations

from collections.abc import Mapping

import onnx
import torch
from onnx import compose
from torch import Tensor

from adain.export import passes
from adain.runtimes.contract import GraphKind

__all__ = ["HELD", "assembled", "kinds_in", "placeholder"]

HELD: tuple[GraphKind, ...] = ("encode_style", "level", "level_regions")
"""The kinds that other graphs may hold."""

_DOMAIN = "adain"  # of the placeholders


def placeholder(kind: GraphKind, *inputs: Tensor, shape: torch.Size | tuple[int, ...]) -> Tensor:
    """Stand for a graph with one output.

    Args:
        kind: which graph.
        inputs: in the contract's order, pictures as float32.
        shape: of the output.

    Returns:
        float32; zeros, where nothing is traced.
    """
    return torch.onnx.ops.symbolic(f"{_DOMAIN}::{kind}", inputs, dtype=torch.float32, shape=shape, version=1)


def kinds_in(model: onnx.ModelProto) -> set[GraphKind]:
    """The graphs that placeholders of a model stand for."""
    return {node.op_type for node in model.graph.node if node.domain == _DOMAIN}


def assembled(model: onnx.ModelProto, parts: Mapping[GraphKind, onnx.ModelProto]) -> None:
    """Put graphs in the place of a model's placeholders. What they share, such as weights, is held once."""
    nodes: list[onnx.NodeProto] = []
    for index, node in enumerate(model.graph.node):
        if node.domain != _DOMAIN:
            nodes.append(node)
            continue
        part = compose.add_prefix_graph(parts[node.op_type].graph, f"{index}_")
        names = dict(zip((each.name for each in part.input), node.input, strict=True))
        names[part.output[0].name] = node.output[0]
        for inner in part.node:
            inner.input[:] = [names.get(name, name) for name in inner.input]
            inner.output[:] = [names.get(name, name) for name in inner.output]
        nodes += part.node
        model.graph.initializer.extend(part.initializer)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    standard = [each for each in model.opset_import if each.domain != _DOMAIN]
    del model.opset_import[:]
    model.opset_import.extend(standard)
    passes.merge_constants(model)
    passes.strip(model)
