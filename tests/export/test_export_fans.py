"""A node with many inputs or outputs becomes a tree of small nodes that computes the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from adain.export.fans import MAX_TENSORS, limit_fans

Values = list[np.ndarray]


def _model(node: onnx.NodeProto, constants: list[onnx.TensorProto]) -> onnx.ModelProto:
    known = {constant.name for constant in constants}

    def tensors(names: Sequence[str]) -> list[onnx.ValueInfoProto]:
        return [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", f"{name}_length"]) for name in names]

    inputs, outputs = tensors([name for name in node.input if name not in known]), tensors(node.output)
    graph = helper.make_graph([node], "graph", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def _assert_same_in_parts(model: onnx.ModelProto, feed: dict[str, np.ndarray]) -> None:
    expected: Values = ReferenceEvaluator(model).run(None, feed)
    limit_fans(model)
    onnx.checker.check_model(model, full_check=True)
    assert max(len(names) for node in model.graph.node for names in (node.input, node.output)) <= MAX_TENSORS
    actual: Values = ReferenceEvaluator(model).run(None, feed)
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


@pytest.mark.parametrize("count", [1, 7, 8, 11, 50, 64])
def test_a_split_of_many_outputs(count: int) -> None:
    lengths = numpy_helper.from_array(np.arange(1, count + 1), "lengths")
    node = helper.make_node("Split", ["x", "lengths"], [f"part{index}" for index in range(count)], axis=1)
    x = np.random.default_rng(0).random((2, count * (count + 1) // 2), np.float32)
    _assert_same_in_parts(_model(node, [lengths]), {"x": x})


@pytest.mark.parametrize("operator", ["Concat", "Sum", "Max", "Min"])
@pytest.mark.parametrize("count", [7, 8, 11, 50])
def test_a_node_of_many_inputs(operator: str, count: int) -> None:
    names = [f"part{index}" for index in range(count)]
    node = helper.make_node(operator, names, ["y"], **({"axis": 1} if operator == "Concat" else {}))
    feed = {name: np.random.default_rng(index).random((2, 3), np.float32) for index, name in enumerate(names)}
    _assert_same_in_parts(_model(node, []), feed)
