"""Exported graphs in onnxruntime give torch's pictures, whatever the size, and say what they are.

Each export takes seconds, so what follows from a graph's form alone is tried on the smallest family.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import small_models
import torch
from click.testing import CliRunner
from pictures import painting, photo
from PIL import Image
from small_models import Export, Exports

from adain import __version__, images, registry
from adain.cli.main import main
from adain.errors import InputError, OutputError
from adain.export import graphs as exporting
from adain.export.graphs import Options, Written, export
from adain.export.verify import LIMITS, Case, compare
from adain.runtimes.contract import CONTRACT_VERSION, DRAFTED, GRAPHS, GraphInfo, GraphKind

FAMILIES = {
    "small-adain": Options(kinds=("encode_style", "level")),
    "small-wct": Options(kinds=("encode_style",)),
    "small-slim": Options(kinds=("level",)),
    "small-slim-wct": Options(kinds=("encode_style",)),
}
FURTHER = [("small-adain", kind) for kind in ("level_regions", *DRAFTED)]
FURTHER += [(name, "level") for name in ("small-wct", "small-slim-wct")]
GRAPHS_OF_FAMILIES = [(name, kind) for name, options in FAMILIES.items() for kind in options.graphs] + [
    pytest.param(*each, marks=pytest.mark.heavy) for each in FURTHER
]

# What all of WebGPU, CoreML and TensorRT have: their lists of operators, less what each restricts.
PORTABLE_OPERATORS = """
    Add AveragePool Cast Clip Concat Conv ConvTranspose DepthToSpace Div Gemm MatMul MaxPool Mul Pow ReduceMean
    ReduceSum Relu Reshape Resize Slice Split Sqrt Squeeze Sub Transpose Unsqueeze
"""


@pytest.fixture(scope="module")
def adain_export(exports: Exports) -> Export:
    return exports("small-adain", FAMILIES["small-adain"])


@pytest.fixture(scope="module")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    folder = tmp_path_factory.mktemp("calibration")
    for seed in range(3):
        Image.fromarray(painting(64, 64, seed)).save(folder / f"{seed}.png")
    return tuple(sorted(folder.iterdir()))


def assert_torch_agrees(made: Export, written: Written) -> None:
    comparisons = list(compare(written.path, written.info, small_models.network(made.model)))
    assert len(comparisons) >= 5
    assert [str(comparison) for comparison in comparisons if not comparison.passed] == []


def run(path: Path, **inputs: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, inputs)[0])


# The same picture as torch's


@pytest.mark.parametrize(("name", "kind"), GRAPHS_OF_FAMILIES)
def test_float32_is_torchs_at_every_size(exports: Exports, name: str, kind: GraphKind) -> None:
    made = exports(name, Options(kinds=(kind,)))
    assert_torch_agrees(made, made.graphs[kind])


def test_float32_is_within_one_of_255() -> None:
    assert {limit.worst for (_, precision), limit in LIMITS.items() if precision == "fp32"} == {1.0}


@pytest.mark.heavy
@pytest.mark.parametrize(("name", "kind"), [("small-adain", "apply_regions"), ("small-slim", "level")])
def test_portable_is_torchs_at_sizes_that_fit(exports: Exports, name: str, kind: GraphKind) -> None:
    made = exports(name, Options(portable=True, kinds=(kind,)))
    assert_torch_agrees(made, made.graphs[kind])


@pytest.mark.heavy
def test_uint8_is_torchs(exports: Exports) -> None:
    made = exports("small-adain", Options(io="uint8", kinds=("whole",)))
    written = made.graphs["whole"]
    assert_torch_agrees(made, written)
    content, style = photo(33, 20)[None], painting(24, 24)[None]
    one = np.ones((1, 1), np.float32)
    picture = run(
        written.path, content=content, style=style, alpha=one, strokes=one, grain=np.zeros((1, 2), np.float32)
    )
    assert picture.dtype == np.uint8
    assert picture.shape == content.shape


def test_float16_is_torchs_within_its_limit_in_half_the_bytes(exports: Exports, adain_export: Export) -> None:
    made = exports("small-adain", Options(precision="fp16", kinds=("level",)))
    written = made.graphs["level"]
    assert_torch_agrees(made, written)
    values = {value.name: value.type.tensor_type.elem_type for value in onnx.load(written.path).graph.input}
    assert set(values.values()) == {onnx.TensorProto.FLOAT}
    sizes = [_bytes_of_weights(path) for path in (written.path, adain_export.graphs["level"].path)]
    assert sizes[0] <= 0.55 * sizes[1]


@pytest.mark.heavy
def test_winograds_algorithm_is_torchs_at_every_size(exports: Exports, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "MANY_CHANNELS", 1)
    made = exports("small-adain", Options(winograd=True, kinds=("level",)))
    assert_torch_agrees(made, made.graphs["level"])
    nodes = onnx.load(made.graphs["level"].path).graph.node
    strides = [tuple(attribute.ints) for node in nodes for attribute in node.attribute if attribute.name == "strides"]
    assert (4, 4) in strides  # what cuts out tiles


@pytest.mark.parametrize("options", [{"precision": "fp16"}, {"portable": True, "kinds": ("apply",)}])
def test_winograds_algorithm_in_another_form_is_an_error(options: dict[str, object]) -> None:
    with pytest.raises(InputError, match="winograd is for float32 graphs that run on CPUs"):
        Options(winograd=True, **options)  # type: ignore[arg-type]


@pytest.mark.heavy
def test_int8_is_torchs_within_its_limit(exports: Exports, calibration: tuple[Path, ...]) -> None:
    options = Options(precision="int8", kinds=("level",), calibration=calibration)
    made = exports("small-adain", options)
    written = made.graphs["level"]
    assert_torch_agrees(made, written)
    graph = onnx.load(written.path).graph
    makers = {name: node.op_type for node in graph.node for name in node.output}
    kinds = [makers.get(node.input[0]) for node in graph.node if node.op_type == "Pad"]
    assert "DequantizeLinear" not in kinds  # padded as integers


def test_a_wrong_file_does_not_pass(exports: Exports, adain_export: Export) -> None:
    network = small_models.network(adain_export.model)
    with torch.no_grad():
        next(network.parameters()).add_(1.0)
    written = adain_export.graphs["level"]
    comparisons = list(compare(written.path, written.info, network, [Case((32, 32), (32, 32))]))
    assert not comparisons[0].passed
    assert "worst" in str(comparisons[0])


def test_weights_are_shares_whatever_their_sum(adain_export: Export) -> None:
    encode, level = adain_export.graphs["encode_style"].path, adain_export.graphs["level"].path
    codes = [run(encode, style=images.to_tensor(painting(32, 32, seed))) for seed in (1, 2)]
    both, content = np.stack(codes, axis=1), images.to_tensor(photo())
    alpha = np.ones((1, 1), np.float32)

    def mixed(*weights: float) -> np.ndarray:
        return run(level, content=content, codes=both, weights=np.array([weights], np.float32), alpha=alpha)

    np.testing.assert_allclose(mixed(3, 1), mixed(0.75, 0.25), atol=1e-5)
    first = run(level, content=content, codes=both[:, :1], weights=np.array([[5]], np.float32), alpha=alpha)
    np.testing.assert_allclose(mixed(2, 0), first, atol=1e-5)
    assert np.isfinite(mixed(0, 0)).all()


# What is in a file


@pytest.mark.parametrize(("name", "kind"), GRAPHS_OF_FAMILIES)
def test_names_and_axes_are_the_contracts(exports: Exports, name: str, kind: GraphKind) -> None:
    graph = onnx.load(exports(name, Options(kinds=(kind,))).graphs[kind].path).graph
    assert tuple(value.name for value in graph.input) == GRAPHS[kind].inputs
    assert [value.name for value in graph.output] == list(GRAPHS[kind].outputs)
    for value in (*graph.input, *graph.output):
        sizes = [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
        assert sizes[0] == "batch"
        if value.name in ("content", "stylized"):
            assert sizes[1:] == [3, "height", "width"]


def test_metadata_says_what_it_is(adain_export: Export) -> None:
    model = adain_export.model
    for kind, written in adain_export.graphs.items():
        file = onnx.load(written.path)
        info = GraphInfo.from_metadata({entry.key: entry.value for entry in file.metadata_props}, "file")
        assert info == written.info
        assert (info.model, info.graph, info.contract) == (model.row.name, kind, CONTRACT_VERSION)
        assert info.weights_sha256 == {"model": model.row.files[0].sha256}
        assert (info.licence, info.adain_version, file.producer_name) == ("MIT", __version__, "adain")
        assert {entry.version for entry in file.opset_import if entry.domain == ""} == {18}


def test_nothing_of_the_machine_is_in_a_file(adain_export: Export) -> None:
    for written in adain_export.graphs.values():
        content = written.path.read_bytes()
        for trace in (b"site-packages", b"torch", str(Path(exporting.__file__).parents[1]).encode()):
            assert trace not in content


@pytest.mark.parametrize(
    ("name", "kind", "sizes"),
    [
        pytest.param("small-adain", "apply_regions", (16, 16), marks=pytest.mark.heavy),
        pytest.param("small-adain", "decode_regions", (2, 4), marks=pytest.mark.heavy),
        pytest.param("small-slim", "level", (8, 48), marks=pytest.mark.heavy),
        pytest.param("small-slim", "apply", (64, 128), marks=pytest.mark.heavy),
        pytest.param("small-slim", "decode_regions", (8, 48), marks=pytest.mark.heavy),
    ],
)
def test_a_portable_graph_has_only_operators_that_every_runtime_has(
    exports: Exports, name: str, kind: GraphKind, sizes: tuple[int, int]
) -> None:
    portable = exports(name, Options(portable=True, kinds=(kind,))).graphs[kind]
    graph = onnx.load(portable.path).graph
    assert {node.op_type for node in graph.node} <= set(PORTABLE_OPERATORS.split())
    ceiled = [attribute.i for node in graph.node for attribute in node.attribute if attribute.name == "ceil_mode"]
    assert not any(ceiled)
    assert (portable.info.size_multiple, portable.info.size_minimum) == sizes


@pytest.mark.parametrize(("name", "kind"), GRAPHS_OF_FAMILIES)
def test_no_constant_is_held_twice(exports: Exports, name: str, kind: GraphKind) -> None:
    constants = onnx.load(exports(name, Options(kinds=(kind,))).graphs[kind].path).graph.initializer
    contents = {(each.data_type, tuple(each.dims), onnx.numpy_helper.to_array(each).tobytes()) for each in constants}
    assert len(contents) == len(constants)


def test_no_reshape_is_computed_where_it_can_be_a_constant(exports: Exports) -> None:
    graph = onnx.load(exports("small-wct", FAMILIES["small-wct"]).graphs["encode_style"].path).graph
    constants = {constant.name for constant in graph.initializer}
    targets = [node.input[1] for node in graph.node if node.op_type == "Reshape" and node.input[0] != "style"]
    assert sum(target not in constants for target in targets) <= 4  # the sizes that padding adds
    assert "EyeLike" not in {node.op_type for node in graph.node}


# What cannot be exported


def test_an_older_opset_is_an_error() -> None:
    with pytest.raises(InputError, match="opset must be from 13 to 21, got 12"):
        Options(opset=12)


def test_every_kind_has_a_portable_form() -> None:
    assert Options(portable=True).graphs == Options().graphs == tuple(GRAPHS)


def test_int8_without_pictures_is_an_error() -> None:
    with pytest.raises(InputError, match="int8 needs pictures"):
        Options(precision="int8")


def test_a_target_that_cannot_be_written_is_an_error(adain_export: Export, tmp_path: Path) -> None:
    model = adain_export.model
    target = tmp_path / "file"
    target.write_text("in the way")
    with pytest.raises(OutputError, match=r"cannot write to .*; name a directory"):
        export(model.row, small_models.network(model), model.files, target, FAMILIES["small-adain"])


# On the command line


@pytest.fixture
def stubbed(adain_export: Export, monkeypatch: pytest.MonkeyPatch) -> Export:
    """The command finds the small model, and its files are made already."""
    row = adain_export.model.row
    monkeypatch.setattr(registry, "MODELS", {row.name: row})
    monkeypatch.setenv("ADAIN_WEIGHTS_DIR", str(adain_export.directory))
    monkeypatch.setattr(exporting, "export", lambda *arguments: list(adain_export.graphs.values()))
    return adain_export


def test_the_command_lists_and_verifies_what_it_wrote(stubbed: Export, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["export", "small-adain", "-o", str(tmp_path), "--verify"])
    assert result.exit_code == 0, result.output
    assert "small-adain.level.onnx  " in result.output
    assert result.output.count("ok ") == 10
    assert "FAILED" not in result.output


def test_the_command_fails_where_a_file_is_wrong(
    stubbed: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict = {key: dataclasses.replace(limit, worst=-1.0) for key, limit in LIMITS.items()}
    monkeypatch.setattr("adain.export.verify.LIMITS", strict)
    result = CliRunner().invoke(main, ["export", "small-adain", "-o", str(tmp_path), "--verify"])
    assert result.exit_code == 1
    assert "5 comparisons with torch are outside their limits" in result.output


def test_the_command_wants_pictures_for_int8(stubbed: Export, tmp_path: Path) -> None:
    arguments = ["export", "small-adain", "-o", str(tmp_path), "--precision", "int8"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert "int8 needs pictures" in result.output
    (tmp_path / "empty").mkdir()
    result = CliRunner().invoke(main, [*arguments, "--calibrate", str(tmp_path / "empty")])
    assert result.exit_code == 1
    assert "holds no pictures" in result.output


def _bytes_of_weights(path: Path) -> int:
    convolutions = {"Conv", "ConvTranspose"}
    graph = onnx.load(path).graph
    used = {node.input[1] for node in graph.node if node.op_type in convolutions}
    return sum(len(constant.raw_data) for constant in graph.initializer if constant.name in used)


def test_weights_beside_the_graphs_are_not_replaced_by_others(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours.safetensors", tmp_path / "graphs" / "model.safetensors"
    theirs.parent.mkdir()
    ours.write_bytes(b"ours")
    theirs.write_bytes(b"the only copy of a training")
    with pytest.raises(InputError, match=r"model\.safetensors exists and holds other weights than .*ours"):
        exporting._copy(ours, theirs)
    assert theirs.read_bytes() == b"the only copy of a training"
    theirs.unlink()
    for _ in range(2):
        exporting._copy(ours, theirs)
    assert theirs.read_bytes() == b"ours"
