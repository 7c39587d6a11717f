"""Splits nodes with many inputs or outputs into trees of small nodes, because WebGPU limits the storage buffers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

__all__ = ["MAX_TENSORS", "limit_fans"]

MAX_TENSORS = 7
"""Largest number of inputs or outputs of a node. WebGPU guarantees 8 storage buffers per shader, and each tensor takes
one: 7 on one side and 1 on the other. Chrome gives 10; with more, onnxruntime-web stops ("Too many storage buffers in
shader")."""

_GATHERS = ("Concat", "Max", "Min", "Sum")  # operators that can be nested: f(a, b, c) = f(f(a, b), c)


def limit_fans(model: onnx.ModelProto) -> None:
    """Replace each Split, Concat, Max, Min or Sum with more than `MAX_TENSORS` tensors by a tree of smaller ones."""
    constants = {constant.name: constant for constant in model.graph.initializer}
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        if node.op_type == "Split" and len(node.output) > MAX_TENSORS:
            sizes = [int(size) for size in numpy_helper.to_array(constants[node.input[1]])]
            nodes += _splits(model.graph, node, sizes)
        elif node.op_type in _GATHERS and len(node.input) > MAX_TENSORS:
            nodes += _gathers(node)
        else:
            nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _splits(graph: onnx.GraphProto, node: onnx.NodeProto, sizes: Sequence[int]) -> list[onnx.NodeProto]:
    """A tree of Splits, the root first, with the outputs of one large Split.

    Args:
        graph: receives the lengths of the new Splits.
        node: the large Split.
        sizes: lengths of its outputs.
    """
    if len(sizes) <= MAX_TENSORS:
        lengths = numpy_helper.from_array(np.array(sizes, np.int64), f"{node.output[0]}_lengths")
        graph.initializer.append(lengths)
        return [_like(node, [node.input[0], lengths.name], node.output)]
    parts = _parts(len(sizes))
    names = [f"{node.output[part.start]}_and_more" for part in parts]
    tree = _splits(graph, _like(node, node.input, names), [sum(sizes[part]) for part in parts])
    for name, part in zip(names, parts, strict=True):
        tree += _splits(graph, _like(node, [name], node.output[part]), sizes[part])
    return tree


def _gathers(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """A tree of nodes of one operator, the root last, with the output of one large node."""
    if len(node.input) <= MAX_TENSORS:
        return [node]
    name = f"{node.output[0]}_of_{len(node.input)}_from"
    parts = [_like(node, node.input[part], [f"{name}_{part.start}"]) for part in _parts(len(node.input))]
    return parts + _gathers(_like(node, [part.output[0] for part in parts], node.output))


def _parts(count: int) -> list[slice]:
    """The fewest consecutive ranges of about equal length, at most `MAX_TENSORS` each."""
    parts = -(-count // MAX_TENSORS)
    return [slice(index * count // parts, (index + 1) * count // parts) for index in range(parts)]


def _like(node: onnx.NodeProto, inputs: Sequence[str], outputs: Sequence[str]) -> onnx.NodeProto:
    """The same operator on other tensors."""
    made = helper.make_node(node.op_type, inputs, outputs)
    made.attribute.extend(node.attribute)
    return made
