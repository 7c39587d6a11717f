"""What is written otherwise for CPUs computes the same, and lets onnxruntime do less."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from small_models import Exports

from adain.export import cpu
from adain.export.graphs import Options

SIZES = [(1, 1), (4, 7), (12, 16)]


def graph(nodes: list[onnx.NodeProto], channels: int, **weights: tuple[int, ...] | int) -> onnx.ModelProto:
    """From `x` of so many channels to `y`, with random weights of these shapes, or whole numbers."""
    random = np.random.default_rng(0)
    constants = [
        numpy_helper.from_array(
            np.array([shape]) if isinstance(shape, int) else random.normal(0, 0.1, shape).astype(np.float32), name
        )
        for name, shape in weights.items()
    ]
    x = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", channels, "h", "w"])
    y = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["n", "c", "height", "width"])
    for index, node in enumerate(nodes):
        node.name = f"{node.op_type}_{index}"
    made = helper.make_graph(nodes, "graph", [x], [y], constants)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def conv(source: str, weight: str, result: str) -> onnx.NodeProto:
    return helper.make_node("Conv", [source, weight], [result], pads=[1, 1, 1, 1])


def run(model: onnx.ModelProto, x: NDArray[np.float32], optimized: Path | None = None) -> NDArray[np.float32]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # that the optimised file is for this machine alone
    if optimized is not None:
        options.optimized_model_filepath = str(optimized)
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": x})[0])


def operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


@pytest.fixture
def shuffled() -> onnx.ModelProto:
    shuffle = helper.make_node("DepthToSpace", ["z"], ["y"], blocksize=2, mode="CRD")
    return graph([conv("x", "last", "z"), shuffle], 8, last=(12, 8, 3, 3))


@pytest.fixture
def residual() -> onnx.ModelProto:
    nodes = [
        helper.make_node("Abs", ["x"], ["around"]),
        conv("around", "first", "a"),
        helper.make_node("Relu", ["a"], ["b"]),
        conv("b", "second", "c"),
        helper.make_node("Add", ["around", "c"], ["sum"]),
        helper.make_node("Relu", ["sum"], ["y"]),
    ]
    return graph(nodes, 16, first=(16, 16, 3, 3), second=(16, 16, 3, 3))


@pytest.mark.parametrize("size", SIZES)
def test_a_shuffle_by_convolution_is_exact(shuffled: onnx.ModelProto, size: tuple[int, int]) -> None:
    x = np.random.default_rng(1).random((2, 8, *size), np.float32)
    expected = run(shuffled, x)
    cpu.shuffles_as_convolutions(shuffled)
    assert operators(shuffled) == ["Conv", "ConvTranspose"]
    np.testing.assert_array_equal(run(shuffled, x), expected)


def test_a_shuffle_to_more_than_a_picture_stays() -> None:
    shuffle = helper.make_node("DepthToSpace", ["z"], ["y"], blocksize=2, mode="CRD")
    model = graph([conv("x", "last", "z"), shuffle], 8, last=(16, 8, 3, 3))
    cpu.shuffles_as_convolutions(model)
    assert operators(model) == ["Conv", "DepthToSpace"]


@pytest.mark.parametrize("size", SIZES)
def test_a_residual_is_the_same_and_is_added_by_the_convolution(
    residual: onnx.ModelProto, size: tuple[int, int], tmp_path: Path
) -> None:
    x = np.random.default_rng(1).random((2, 16, *size), np.float32)
    expected = run(residual, x)
    cpu.blocked_residuals(residual)
    onnx.checker.check_model(residual, full_check=True)
    np.testing.assert_allclose(run(residual, x, tmp_path / "optimized.onnx"), expected, rtol=0, atol=1e-6)
    optimized = onnx.load(tmp_path / "optimized.onnx")
    if not any(node.domain == "com.microsoft.nchwc" for node in optimized.graph.node):
        pytest.skip("onnxruntime keeps no maps in blocks of channels on this processor")
    assert not {"Add", "Relu"}.intersection(operators(optimized))


def test_a_residual_around_what_a_convolution_gave_stays() -> None:
    nodes = [
        conv("x", "before", "z"),
        helper.make_node("Relu", ["z"], ["around"]),
        conv("around", "first", "c"),
        helper.make_node("Add", ["around", "c"], ["y"]),
    ]
    model = graph(nodes, 16, before=(16, 16, 3, 3), first=(16, 16, 3, 3))
    before = operators(model)
    cpu.blocked_residuals(model)
    assert operators(model) == before


@pytest.fixture
def cut() -> onnx.ModelProto:
    """From 1 to the last but one, the rows and then the columns; the rows' end is computed."""
    nodes = [
        helper.make_node("Shape", ["x"], ["rows"], start=2, end=3),
        helper.make_node("Sub", ["rows", "one"], ["end"]),
        helper.make_node("Slice", ["x", "one", "end", "two", "one"], ["middle"]),
        helper.make_node("Slice", ["middle", "one", "minus", "three", "one"], ["y"]),
    ]
    return graph(nodes, 8, one=1, two=2, three=3, minus=-1)


@pytest.mark.parametrize("size", [(3, 3), (4, 7), (12, 16)])
def test_two_cuts_are_one(cut: onnx.ModelProto, size: tuple[int, int]) -> None:
    x = np.random.default_rng(1).random((2, 8, *size), np.float32)
    cpu.slices_at_once(cut)
    onnx.checker.check_model(cut, full_check=True)
    assert operators(cut) == ["Shape", "Sub", "Concat", "Slice"]
    np.testing.assert_array_equal(run(cut, x), x[:, :, 1:-1, 1:-1])


@pytest.mark.parametrize("axis", ["two", "last"])
def test_two_cuts_of_one_axis_stay(cut: onnx.ModelProto, axis: str) -> None:
    cut.graph.initializer.append(numpy_helper.from_array(np.array([-2]), "last"))
    cut.graph.node[3].input[3] = axis
    before = operators(cut)
    cpu.slices_at_once(cut)
    assert operators(cut) == before


def test_a_cut_that_has_another_reader_stays(cut: onnx.ModelProto) -> None:
    cut.graph.output.append(helper.make_tensor_value_info("middle", onnx.TensorProto.FLOAT, ["n", 8, "a", "b"]))
    x = np.random.default_rng(1).random((1, 8, 5, 6), np.float32)
    cpu.slices_at_once(cut)
    session = onnxruntime.InferenceSession(cut.SerializeToString(), providers=["CPUExecutionProvider"])
    y, middle = session.run(None, {"x": x})
    np.testing.assert_array_equal(y, x[:, :, 1:-1, 1:-1])
    np.testing.assert_array_equal(middle, x[:, :, 1:-1])


def test_graphs_that_ship_have_it() -> None:
    model = onnx.load(Path(__file__).parents[2] / "weights/adain-slim.level.onnx", load_external_data=False)
    assert "ConvTranspose" in operators(model)
    assert "DepthToSpace" not in operators(model)
    assert any(node.name.endswith("_blocked") for node in model.graph.node)
    cuts = {node.output[0] for node in model.graph.node if node.op_type == "Slice"}
    assert cuts
    assert not any(node.op_type == "Slice" and node.input[0] in cuts for node in model.graph.node)


@pytest.mark.heavy
@pytest.mark.parametrize("options", [{"portable": True}, {"precision": "fp16"}])
def test_graphs_for_other_runtimes_do_not(exports: Exports, options: dict[str, object]) -> None:
    made = exports("small-slim", Options(kinds=("level",), **options))  # type: ignore[arg-type]
    model = onnx.load(made.graphs["level"].path)
    assert "ConvTranspose" not in operators(model)
    assert "DepthToSpace" in operators(model)
    assert not any(node.name.endswith("_blocked") for node in model.graph.node)
