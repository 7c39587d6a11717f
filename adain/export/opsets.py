"""Versions of ONNX's operators: graphs are traced with `OPSET` or a newer one, and rewritten for an older one."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from adain.errors import InputError
from adain.export import passes

__all__ = ["NEWEST", "OLDEST", "OPSET", "lower"]

OLDEST, NEWEST = 13, 21

OPSET = 18
"""Default ONNX opset, and the oldest that torch writes. Use a newer one only for a runtime that needs it. In many
releases, onnxruntime's CUDA provider has no kernels for Pad 19 and Resize 19 (onnxruntime #26393, #27415), nor for
several operators on shapes from 21 on (#26065, #28368). Such nodes run on the CPU, with copies."""


_SHAPE_PARTS = 15  # the opset from which on Shape has a start and an end
_LAST = 2**31  # an end that no shape reaches


def lower(model: onnx.ModelProto, opset: int) -> None:
    """Rewrite a graph for an older opset than it was traced with.

    Raises:
        InputError: an operator does not exist there.
    """
    if opset >= OPSET:
        return
    constants = {each.name: each for each in model.graph.initializer}
    if opset < _SHAPE_PARTS:
        _cut_shapes(model)
    for node in model.graph.node:
        if node.op_type.startswith("Reduce") and node.op_type != "ReduceSum" and len(node.input) > 1:
            axes = numpy_helper.to_array(constants[node.input.pop()])  # an input since 18
            node.attribute.append(helper.make_attribute("axes", axes.tolist()))
        _drop_defaults(node, opset)
    passes.remove_unused(model)
    del model.opset_import[:]
    model.opset_import.append(helper.make_opsetid("", opset))
    model.ir_version = helper.find_min_ir_version_for(model.opset_import)
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"this graph cannot be written with opset {opset}: {reason}; use {OPSET}") from error


def _cut_shapes(model: onnx.ModelProto) -> None:
    """Write the part of a shape as a Slice of the whole shape."""
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        nodes.append(node)
        bounds = {each.name: each.i for each in node.attribute} if node.op_type == "Shape" else {}
        if not bounds:
            continue
        part, whole = node.output[0], f"{node.output[0]}_whole"
        ends = [f"{part}_start", f"{part}_end"]
        for name, value in zip(ends, (bounds.get("start", 0), bounds.get("end", _LAST)), strict=True):
            model.graph.initializer.append(numpy_helper.from_array(np.array([value], np.int64), name))
        node.output[0] = whole
        del node.attribute[:]
        nodes.append(helper.make_node("Slice", [whole, *ends], [part]))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    passes.merge_constants(model)


def _drop_defaults(node: onnx.NodeProto, opset: int) -> None:
    """Drop attributes that the older operator lacks and that say nothing."""
    if not onnx.defs.has(node.op_type, opset):
        return
    known = onnx.defs.get_schema(node.op_type, opset).attributes
    newer = onnx.defs.get_schema(node.op_type, OPSET).attributes
    kept = [each for each in node.attribute if each.name in known or newer[each.name].default_value != each]
    del node.attribute[:]
    node.attribute.extend(kept)
