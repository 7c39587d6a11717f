"""Graphs of one size, and of older opsets: the same pictures, with operators that more runtimes have."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
import small_models
from click.testing import CliRunner
from pictures import painting, photo
from PIL import Image

pytest.importorskip("torch", reason="exporting needs the extra torch")

import adain
from adain import images
from adain.cli.main import main
from adain.engine.strokes import FULL
from adain.errors import InputError, WeightsError
from adain.export.graphs import Options
from adain.export.verify import compare
from adain.runtimes.contract import Fixed, GraphInfo, GraphKind

if TYPE_CHECKING:
    from small_models import Export, Exports

SIZE = Fixed(height=61, width=98, styles=2)
WHOLE: tuple[GraphKind, ...] = ("whole", "encode_style", "apply", "apply_regions", "level", "level_regions")

# What OpenCV 4, ncnn, CoreML and NNAPI have.
FEW_OPERATORS = """
    Add AveragePool Clip Concat Conv Div MatMul Mul Pow ReduceMean Relu Reshape Resize Slice Sqrt Sub Transpose
"""


def assert_torch_agrees(made: Export) -> None:
    for written in made.graphs.values():
        comparisons = list(compare(written.path, written.info, small_models.network(made.model)))
        assert [str(comparison) for comparison in comparisons if not comparison.passed] == []


def assert_phones_take_it_whole(model: onnx.ModelProto) -> None:
    """NNAPI and CoreML, by onnxruntime's own checker, and ncnn, which takes the first axis for the batch."""
    from onnxruntime.tools.mobile_helpers import usability_checker as checker

    known = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    assert {len(value.type.tensor_type.shape.dim) for value in known.graph.value_info} == {4}
    ml_program = "coreml_supported_mlprogram_ops.md"
    for found in (
        checker.check_nnapi_partitions(known, True),
        checker.check_coreml_partitions(known, True, ml_program),
    ):
        assert found.num_partitions == 1
        assert found.num_supported_nodes == found.num_nodes


@pytest.mark.parametrize(
    ("name", "kind"),
    [("small-slim", "encode_style")]
    + [pytest.param("small-slim", kind, marks=pytest.mark.heavy) for kind in ("apply", "level_regions")]
    + [pytest.param("adain-slim", kind, marks=pytest.mark.heavy) for kind in WHOLE]
    + [pytest.param("wct-slim", kind, marks=pytest.mark.heavy) for kind in ("apply", "level_regions")],
)
def test_a_graph_of_one_size_is_torchs_with_few_operators(exports: Exports, name: str, kind: GraphKind) -> None:
    made = exports(name, Options(kinds=(kind,), fixed=SIZE, opset=13))
    assert_torch_agrees(made)
    model = onnx.load(made.graphs[kind].path)
    graph = model.graph
    assert {node.op_type for node in graph.node} <= set(FEW_OPERATORS.split())
    assert all(size.dim_value for value in graph.input for size in value.type.tensor_type.shape.dim)
    assert "grain" not in {value.name for value in graph.input}
    assert_phones_take_it_whole(model)


def test_a_graph_of_one_size_says_so(exports: Exports) -> None:
    made = exports("small-slim", Options(kinds=("apply",), fixed=SIZE, opset=13)).graphs["apply"]
    metadata = {entry.key: entry.value for entry in onnx.load(made.path).metadata_props}
    assert metadata["adain.fixed"] == '{"height": 61, "width": 98, "styles": 2}'
    assert GraphInfo.from_metadata(metadata, "file").fixed == SIZE
    broken = {**metadata, "adain.fixed": '{"height": 61}'}
    with pytest.raises(WeightsError, match="the sizes are height, width and styles"):
        GraphInfo.from_metadata(broken, "file")


@pytest.mark.heavy
@pytest.mark.parametrize("name", ["adain-slim", "wct-slim"])
def test_opencv_gives_the_picture_of_adain(exports: Exports, name: str) -> None:
    import cv2

    size = Fixed(height=96, width=128)
    made = exports(name, Options(kinds=("encode_style", "apply"), fixed=size, opset=13))
    encode, apply = (cv2.dnn.readNetFromONNX(str(made.graphs[kind].path)) for kind in ("encode_style", "apply"))
    content, style = photo(128, 96), painting(128, 96)
    encode.setInput(images.to_tensor(style), "style")
    one = np.ones((1, 1), np.float32)
    inputs = {"content": images.to_tensor(content), "codes": encode.forward()[None], "weights": one}
    for name, values in {**inputs, "alpha": one, "strokes": np.float32(FULL) * one}.items():
        apply.setInput(values, name)
    found = apply.forward()[0].transpose(1, 2, 0) * 255
    wanted = np.asarray(adain.load(made.model.row.name)(content, style, alpha=1.0, strokes=FULL, seed=0))
    assert wanted.std() > 5
    assert np.abs(found - wanted).max() <= 1


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("runtime", "name", "kind"),
    [
        ("ncnn", "adain-slim", "whole"),
        ("ncnn", "adain-slim", "encode_style"),
        ("ncnn", "wct-slim", "level_regions"),
        ("tvm", "adain-slim", "level"),
    ],
)
def test_other_runtimes_give_the_picture_of_onnxruntime(
    exports: Exports, runtime: str, name: str, kind: GraphKind, benchmarks: Path, tmp_path: Path
) -> None:
    import consumers

    consumers.needs(runtime)
    path = exports(name, Options(kinds=(kind,), fixed=Fixed(height=64, width=96), opset=13)).graphs[kind].path
    job = consumers.job(path, tmp_path)
    consumers.run([sys.executable, benchmarks / "run_graph.py", runtime, job.folder])
    job.assert_same(job.outputs())


@pytest.mark.heavy
def test_int8_of_one_size_is_calibrated_at_that_size(exports: Exports, tmp_path: Path) -> None:
    pictures = []
    for seed, sides in enumerate([(64, 64), (200, 80), (70, 150)]):
        pictures.append(tmp_path / f"{seed}.png")
        Image.fromarray(painting(*sides, seed)).save(pictures[-1])
    options = Options(precision="int8", kinds=("apply", "level_regions"), calibration=tuple(pictures), fixed=SIZE)
    assert_torch_agrees(exports("small-adain", options))


@pytest.mark.parametrize("opset", [13, 17, pytest.param(21, marks=pytest.mark.heavy)])
def test_other_opsets_are_torchs(exports: Exports, opset: int) -> None:
    made = exports("small-slim", Options(kinds=("encode_style",), opset=opset))
    assert_torch_agrees(made)
    file = onnx.load(made.graphs["encode_style"].path)
    assert [entry.version for entry in file.opset_import] == [opset]


def test_tiles_have_no_graph_of_one_size() -> None:
    assert Options(fixed=SIZE).graphs == WHOLE
    with pytest.raises(InputError, match="is for whole pictures, not encode_content or decode"):
        Options(fixed=SIZE, kinds=("decode",))


def test_adain_does_not_run_a_graph_of_one_size(tmp_path: Path) -> None:
    for kind in ("encode_style", "level"):
        file = onnx.load(small_models.WEIGHTS / f"adain-slim.{kind}.onnx")
        entry = file.metadata_props.add()
        entry.key, entry.value = "adain.fixed", '{"height": 61, "width": 98, "styles": 1}'
        onnx.save(file, tmp_path / f"adain-slim.{kind}.onnx")
    with pytest.raises(WeightsError, match="takes pictures of 98 x 61 px only, for other programs"):
        adain.load(tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--only", "aply"], "there is no graph 'aply'; the graphs are whole, encode_style, apply"),
        (["--styles", "2"], "--styles is for graphs of one size; give --fixed too"),
        (["--runtime", "--fixed", "64"], "--runtime names the graphs and needs every size"),
        (["--fixed", "0x5"], "a size is SIDE or WIDTHxHEIGHT"),
        (["--opset", "12"], "12 is not in the range x>=13"),
        (["--fixed", "64", "--only", "decode"], "is for whole pictures"),
    ],
)
def test_wrong_options_are_errors(tmp_path: Path, options: list[str], message: str) -> None:
    result = CliRunner().invoke(main, ["export", "adain-slim", "-o", str(tmp_path / "out"), *options])
    assert result.exit_code != 0
    assert message in " ".join(result.output.split())
    assert not (tmp_path / "out").exists()
