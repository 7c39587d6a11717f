"""Simplifies a graph that torch has exported, without changing its results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

__all__ = [
    "constant_fills",
    "constant_reshapes",
    "fold_constants",
    "integer_moves",
    "merge_constants",
    "name_axes",
    "remove_unused",
    "shapes",
    "strip",
]

_MOVES = ("DepthToSpace", "Pad", "Slice")
_LARGE = 1 << 20  # bytes; a file may grow by so much for one folded node


def constant_fills(model: onnx.ModelProto) -> None:
    """Write torch's `full_like(x, c)` as Clip(x, c, c) instead of Expand(c, Shape(x)): WebGPU has no Shape."""
    scalars = {constant.name for constant in model.graph.initializer if not constant.dims}
    shapes = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "Shape"}
    for node in model.graph.node:
        if node.op_type == "Expand" and node.input[0] in scalars and node.input[1] in shapes:
            node.op_type = "Clip"
            node.input[:] = [shapes[node.input[1]], node.input[0], node.input[0]]
    remove_unused(model)


def constant_reshapes(model: onnx.ModelProto) -> None:
    """Replace computed target shapes of Reshape nodes by constants where possible.

    It is possible if at most one length of the result is dynamic and not the input's own at the same place.
    """
    known = shapes(model)
    constants: dict[tuple[int, ...], str] = {}
    for node in model.graph.node:
        if node.op_type != "Reshape":
            continue
        target = _target(known.get(node.input[0]), known.get(node.output[0]))
        if target is None:
            continue
        name = constants.setdefault(target, "shape_" + "_".join(map(str, target)).replace("-", "m"))
        node.input[1] = name
        del node.attribute[:]  # allowzero; without it a 0 means the input's own length
    for target, name in constants.items():
        model.graph.initializer.append(numpy_helper.from_array(np.array(target, np.int64), name))
    remove_unused(model)


def fold_constants(model: onnx.ModelProto) -> None:
    """Replace nodes with constant inputs by their results, unless the file would grow by more than `_LARGE`.

    A constant that is stored in 8 bits stays so.
    """
    graph = model.graph
    constants = {constant.name: constant for constant in graph.initializer}
    for node in graph.node:
        if node.input and all(name in constants for name in node.input if name):
            values = {name: numpy_helper.to_array(constants[name]) for name in node.input if name}
            if any(value.dtype == np.int8 for value in values.values()):
                continue
            results = [np.asarray(result) for result in ReferenceEvaluator(_alone(node, model)).run(None, values)]
            if sum(result.nbytes for result in results) > _LARGE + sum(value.nbytes for value in values.values()):
                continue
            for name, result in zip(node.output, results, strict=True):
                constants[name] = numpy_helper.from_array(result, name)
                graph.initializer.append(constants[name])
                node.output[list(node.output).index(name)] = f"{name}_folded"  # unused, so it goes
    remove_unused(model)


def merge_constants(model: onnx.ModelProto) -> None:
    """Merge equal constants: a WCT graph has dozens of identity matrices."""
    first: dict[tuple[int, tuple[int, ...], bytes], str] = {}
    kept: dict[str, str] = {}
    for constant in model.graph.initializer:
        content = numpy_helper.to_array(constant).tobytes()
        kept[constant.name] = first.setdefault((constant.data_type, tuple(constant.dims), content), constant.name)
    for node in model.graph.node:
        node.input[:] = [kept.get(name, name) for name in node.input]
    remove_unused(model)


def integer_moves(model: onnx.ModelProto) -> None:
    """Let operators that only move values work on integers: drop DequantizeLinear and QuantizeLinear of equal scale.

    The result is the same in less time. onnxruntime does this itself, but for fewer operators.
    """
    graph = model.graph
    constants = {constant.name: numpy_helper.to_array(constant) for constant in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    readers = Counter(name for node in graph.node for name in node.input)
    renamed: dict[str, str] = {}
    for node in graph.node:
        move = makers.get(node.input[0]) if node.op_type == "QuantizeLinear" else None
        before = makers.get(move.input[0]) if move is not None and move.op_type in _MOVES else None
        if move is None or before is None or before.op_type != "DequantizeLinear" or readers[move.output[0]] != 1:
            continue
        if all(
            np.array_equal(constants[one], constants[other])
            for one, other in zip(before.input[1:], node.input[1:], strict=True)
        ):
            move.input[0] = before.input[0]
            renamed[node.output[0]] = move.output[0]
    for node in graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
    del graph.value_info[:]  # the types of the moved tensors have changed
    remove_unused(model)


def remove_unused(model: onnx.ModelProto) -> None:
    """Remove nodes and constants that no output needs."""
    graph = model.graph
    needed = {output.name for output in graph.output}
    kept: list[onnx.NodeProto] = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.append(node)
    constants = [constant for constant in graph.initializer if constant.name in needed]
    del graph.node[:]
    graph.node.extend(reversed(kept))
    del graph.initializer[:]
    graph.initializer.extend(constants)


def strip(model: onnx.ModelProto) -> None:
    """Remove the exporter's debugging information: stack traces, and the shapes of intermediate tensors."""
    graph = model.graph
    del graph.value_info[:]
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]
    for index, node in enumerate(graph.node):
        node.name = f"{node.op_type}_{index}"


def name_axes(model: onnx.ModelProto, axes: Mapping[str, Mapping[int, str]]) -> None:
    """Name the axes of inputs and outputs, in place of the exporter's names or lengths."""
    for value in (*model.graph.input, *model.graph.output):
        for index, name in axes.get(value.name, {}).items():
            value.type.tensor_type.shape.dim[index].dim_param = name


def shapes(model: onnx.ModelProto) -> dict[str, list[int | str]]:
    """The lengths or names of the axes of every tensor whose shape the file has."""
    graph = model.graph
    return {
        value.name: [size.dim_value or size.dim_param for size in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.output, *graph.value_info)
    }


def _alone(node: onnx.NodeProto, model: onnx.ModelProto) -> onnx.ModelProto:
    """A model that contains only one node."""
    inputs = [onnx.ValueInfoProto(name=name) for name in dict.fromkeys(node.input) if name]
    outputs = [onnx.ValueInfoProto(name=name) for name in node.output]
    graph = onnx.helper.make_graph([node], "alone", inputs, outputs)
    return onnx.helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def _target(before: list[int | str] | None, after: list[int | str] | None) -> tuple[int, ...] | None:
    """A constant shape, where 0 means the input's own length; None if two lengths are to be computed."""
    if before is None or after is None:
        return None
    own = [isinstance(size, str) and before[index : index + 1] == [size] for index, size in enumerate(after)]
    target = [0 if kept else -1 if isinstance(size, str) else size for size, kept in zip(after, own, strict=True)]
    if sum(own) == 1 and -1 not in target:
        target[own.index(True)] = -1
    return tuple(target) if target.count(-1) <= 1 else None
