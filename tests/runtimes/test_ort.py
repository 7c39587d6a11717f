"""The onnxruntime backend: torch's pictures without torch, and clear words where a file or a device is wrong."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from pictures import painting, photo
from PIL import Image
from small_models import Export, Exports

import adain
from adain import images, registry
from adain.cli.main import main
from adain.code import mix
from adain.errors import DeviceError, InputError, WeightsError
from adain.export.graphs import Options
from adain.runtimes import cuda
from adain.runtimes import graph_files as files
from adain.runtimes.ort_session import OrtBackend, OrtGraph, choose_device
from adain.runtimes.torch_backend import TorchBackend

ONE_OF_255 = 1 / 255
ADAIN = Options(
    kinds=("encode_style", "level", "whole", "level_regions")
)  # the same as in test_onnx_export: made once for both
WCT = Options(kinds=("encode_style", "level"))
SIZES = [(48, 36), (37, 51), (16, 16), (5, 3), (1, 1), (90, 120)]  # width, height


@pytest.fixture(scope="module", params=["small-adain", "small-wct"])
def made(request: pytest.FixtureRequest, exports: Exports) -> Export:
    return exports(request.param, ADAIN if request.param == "small-adain" else WCT)


@pytest.fixture
def adain_files(exports: Exports) -> files.GraphFiles:
    return graph_files(exports("small-adain", ADAIN))


def graph_files(made: Export) -> files.GraphFiles:
    return files.GraphFiles(made.graphs["encode_style"].path, made.graphs["level"].path, shipped=False)


def tensor(width: int, height: int, seed: int | None = None) -> NDArray[np.float32]:
    return images.to_tensor(photo(width, height) if seed is None else painting(width, height, seed))


def test_threads_leave_the_cores_alone_when_a_run_is_over(adain_files: files.GraphFiles) -> None:
    graph = OrtGraph(adain_files.encode_style, "cpu", threads=2)

    def seconds_afterwards() -> float:
        graph({"style": tensor(256, 256)})
        begin = time.process_time()
        time.sleep(0.1)
        return time.process_time() - begin

    assert min(seconds_afterwards() for _ in range(3)) < 0.01  # spinning on takes 0.04


# The same pictures as torch's


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="says how much memory is taken: Linux")
def test_sessions_take_turns_in_one_arena() -> None:
    taken = subprocess.run([sys.executable, "-c", _TAKEN], capture_output=True, text=True, check=True)
    one, another = map(int, taken.stdout.split())
    assert another < 0.3 * one


# Memory, in kB, that a model takes for a picture, and what the same model, loaded again, takes beside that.
_TAKEN = """
from pathlib import Path
import numpy as np
import adain

def taken():
    return int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0])

picture = np.zeros((1024, 1024, 3), np.uint8)
models = [adain.load("adain-slim", device="cpu") for _ in range(2)]
codes = [model.encode_style(picture[:64, :64]) for model in models]
before = taken()
for model, code in zip(models, codes):
    model(picture, code)
    now = taken()
    print(now - before)
    before = now
"""


def test_pictures_and_codes_are_torchs(made: Export) -> None:
    ours = OrtBackend(made.model.row, graph_files(made), "cpu")
    torchs = TorchBackend(made.model.row, made.model.files, "cpu")
    assert (ours.device, ours.name) == (torchs.device, torchs.name)
    for seed, (width, height) in enumerate(SIZES):
        code, expected = (backend.encode_style(tensor(height, width, seed)) for backend in (ours, torchs))
        assert code.keys() == expected.keys()
        for name, array in expected.items():
            np.testing.assert_allclose(code[name], array, rtol=1e-3, atol=1e-4)
        for alpha in (0, 0.5, 1):
            picture, same = (backend.stylize(tensor(width, height), code, alpha) for backend in (ours, torchs))
            assert picture.shape == (1, 3, height, width)
            assert picture.dtype == np.float32
            assert np.abs(picture - same.clip(0, 1)).max() <= ONE_OF_255


def test_a_mixed_code_works_like_any_other(made: Export) -> None:
    ours = OrtBackend(made.model.row, graph_files(made), "cpu")
    torchs = TorchBackend(made.model.row, made.model.files, "cpu")
    codes = [
        adain.StyleCode(made.model.row.name, backend.encode_style(tensor(32, 32, seed)))
        for seed, backend in enumerate((ours, torchs))  # codes of either backend
    ]
    mixed = mix(codes, [1, 3]).arrays
    picture, same = (backend.stylize(tensor(40, 30), mixed, 1.0) for backend in (ours, torchs))
    assert np.abs(picture - same.clip(0, 1)).max() <= ONE_OF_255


@pytest.mark.heavy
def test_sizes_that_a_portable_graph_does_not_take_are_padded(exports: Exports) -> None:
    portable = exports("small-adain", Options(portable=True, kinds=("level",)))
    plain = exports("small-adain", ADAIN)
    graphs = files.GraphFiles(plain.graphs["encode_style"].path, portable.graphs["level"].path, shipped=False)
    ours = OrtBackend(portable.model.row, graphs, "cpu")
    torchs = TorchBackend(portable.model.row, portable.model.files, "cpu")
    code = torchs.encode_style(tensor(20, 20, 1))
    for width, height in SIZES:
        picture, same = (backend.stylize(tensor(width, height), code, 1.0) for backend in (ours, torchs))
        assert picture.shape == (1, 3, height, width)
        assert np.abs(picture - same.clip(0, 1)).max() <= ONE_OF_255


def test_a_code_of_another_model_is_an_error(exports: Exports, adain_files: files.GraphFiles) -> None:
    backend = OrtBackend(exports("small-adain", ADAIN).model.row, adain_files, "cpu")
    with pytest.raises(InputError, match=r"other\.mean.*encode the style with this model"):
        backend.stylize(tensor(8, 8), {"other.mean": np.zeros(3, np.float32)}, 1.0)


# Files that are wrong


def changed(path: Path, target: Path, **metadata: str) -> Path:
    """A copy of a graph that says something else of itself."""
    model = onnx.load(path)
    for entry in model.metadata_props:
        entry.value = metadata.get(entry.key.removeprefix("adain."), entry.value)
    onnx.save(model, target)
    return target


def truncated(path: Path, target: Path) -> Path:
    target.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return target


def text(path: Path, target: Path) -> Path:
    target.write_text("<!doctype html>")
    return target


def empty(path: Path, target: Path) -> Path:
    target.write_bytes(b"")
    return target


def missing(path: Path, target: Path) -> Path:
    return target


def foreign(path: Path, target: Path) -> Path:
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    out = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "g", [value], [out])
    opset = [onnx.helper.make_opsetid("", 18)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=10), target)
    return target


def newer(path: Path, target: Path) -> Path:
    return changed(path, target, contract="99")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (truncated, "onnxruntime cannot load .*graph.onnx"),
        (text, "onnxruntime cannot load .*graph.onnx"),
        (empty, "graph.onnx is an empty file of 0 bytes"),
        (missing, "graph.onnx does not exist"),
        (foreign, "graph.onnx is not a graph of this package"),
        (newer, "version 99 of the graphs' contract"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_bad_file_is_an_error(
    adain_files: files.GraphFiles, tmp_path: Path, spoil: Callable[[Path, Path], Path], said: str
) -> None:
    with pytest.raises(WeightsError, match=said):
        OrtGraph(spoil(adain_files.level, tmp_path / "graph.onnx"), "cpu")


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"model": "other"}, "is the graph 'level' of other, not 'level' of small-adain"),
        ({"graph": "whole"}, "is the graph 'whole' of small-adain, not 'level'"),
        ({"io": "uint8"}, "takes uint8 pictures.*--io float"),
        ({"weights_sha256": '{"model": "00"}'}, "made from other weights than small-adain has.*sha256 00"),
        (
            {
                "stages": '[{"name": "x", "maps": [{"name": "x", "stride": 1, "channels": 2, "fusion": "adain"}], '
                '"numbers_per_pixel": 1}]',
                "code_layout": '[["x.mean", [2]], ["x.std", [2]]]',
            },
            "are of different networks",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_graph_of_something_else_is_an_error(
    exports: Exports, adain_files: files.GraphFiles, tmp_path: Path, metadata: dict[str, str], said: str
) -> None:
    path = changed(adain_files.level, tmp_path / "graph.onnx", **metadata)
    with pytest.raises(WeightsError, match=said):
        OrtBackend(exports("small-adain", ADAIN).model.row, dataclasses.replace(adain_files, level=path), "cpu")


def test_a_run_that_fails_says_with_what(adain_files: files.GraphFiles) -> None:
    graph = OrtGraph(adain_files.encode_style, "cpu")
    with pytest.raises(DeviceError, match=r"encode_style\.onnx on cpu with inputs of style \(1, 2, 8, 8\)"):
        graph({"style": np.zeros((1, 2, 8, 8), np.float32)})


# Metadata that were damaged: a right result, or a sentence


def with_byte(path: Path, target: Path, at: int, value: int) -> Path:
    data = bytearray(path.read_bytes())
    data[at] = value
    target.write_bytes(data)
    return target


def metadata_places(path: Path) -> list[int]:
    """Where the values of the metadata are in a graph's file."""
    content = path.read_bytes()
    values = [entry.value.encode() for entry in onnx.load(path).metadata_props]
    starts = [content.rfind(value) for value in values]
    return [start + at for start, value in zip(starts, values, strict=True) for at in range(len(value))]


@pytest.mark.parametrize("value", [0xFF, ord("9"), ord("["), 0])
def test_a_damaged_byte_in_the_metadata_is_a_sentence_or_harmless(
    exports: Exports, adain_files: files.GraphFiles, tmp_path: Path, value: int, capfd: pytest.CaptureFixture[str]
) -> None:
    row, rng = exports("small-adain", ADAIN).model.row, np.random.default_rng(value)
    for at in rng.choice(metadata_places(adain_files.encode_style), 12, replace=False):
        spoilt = with_byte(adain_files.encode_style, tmp_path / "graph.onnx", at, value)
        with contextlib.suppress(WeightsError):
            OrtBackend(row, dataclasses.replace(adain_files, encode_style=spoilt), "cpu").encode_style(tensor(8, 8))
        with contextlib.suppress(adain.AdainError):
            adain.load(spoilt, device="cpu")
    assert capfd.readouterr().out == ""


def test_metadata_that_are_no_text_are_a_sentence(adain_files: files.GraphFiles, tmp_path: Path) -> None:
    at = adain_files.level.read_bytes().rfind(b"small-adain")
    with pytest.raises(WeightsError, match=r"graph\.onnx is damaged: its metadata are not text"):
        OrtGraph(with_byte(adain_files.level, tmp_path / "graph.onnx", at, 0xFF), "cpu")


def test_a_damaged_graph_says_nothing_on_stdout(
    adain_files: files.GraphFiles, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(WeightsError):
        OrtGraph(truncated(adain_files.level, tmp_path / "graph.onnx"), "cpu")
    model = onnx.load(adain_files.level)
    model.graph.node[0].op_type = "NoSuchOperator"
    onnx.save(model, tmp_path / "graph.onnx")
    with pytest.raises(WeightsError, match="NoSuchOperator"):
        OrtGraph(tmp_path / "graph.onnx", "cpu")
    assert capfd.readouterr().out == ""


# Devices


@pytest.fixture
def without_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "problem", lambda: "libcublasLt.so.13 is missing")


def test_cuda_that_cannot_be_used_is_an_error_that_says_why(without_cuda: None) -> None:
    with pytest.raises(
        DeviceError, match=r"cuda:1 was asked for, but libcublasLt\.so\.13 is missing; or use device cpu"
    ):
        choose_device("cuda:1")


def test_auto_says_why_it_took_the_cpu(without_cuda: None, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "adain"):
        assert choose_device("auto") == "cpu"
    assert "using the CPU: libcublasLt.so.13 is missing" in caplog.messages


def test_auto_takes_cuda_where_nothing_is_in_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "problem", lambda: None)
    assert choose_device("auto") == "cuda"
    assert choose_device("cuda:1") == "cuda:1"


@pytest.mark.parametrize("device", ["tpu", "cuda:", "cuda:x", "CPU"])
def test_an_unknown_device_is_an_error(device: str) -> None:
    with pytest.raises(InputError, match=f"unknown device '{device}'; allowed: auto, cpu, cuda"):
        choose_device(device)


@pytest.fixture
def uncached() -> Iterator[None]:
    cuda.problem.cache_clear()
    yield
    cuda.problem.cache_clear()


def test_cuda_runs_every_node_and_agrees_with_the_cpu(exports: Exports) -> None:
    if (problem := cuda.problem()) is not None:
        pytest.skip(f"CUDA cannot be used: {problem}")
    path = exports("small-adain", Options(portable=True, kinds=("level",))).graphs["level"].path
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    onnxruntime.InferenceSession(path, options, providers=["CUDAExecutionProvider"])  # fails if a node has no kernel
    graphs = [OrtGraph(path, device) for device in ("cpu", "cuda")]
    inputs = {
        "content": tensor(48, 36),
        "codes": np.ones((1, 1, graphs[0].info.code_size), np.float32),
        "weights": np.ones((1, 1), np.float32),
        "alpha": np.ones((1, 1), np.float32),
    }
    expected, actual = (graph(inputs)["stylized"] for graph in graphs)
    assert np.abs(expected - actual).max() <= ONE_OF_255


@pytest.mark.usefixtures("uncached")
class TestCudaProblem:
    def test_a_build_without_cuda(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
        assert "was built without CUDA; pip uninstall" in str(cuda.problem())

    def test_no_driver(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CUDAExecutionProvider"])
        monkeypatch.setattr(cuda, "_DRIVER", "libno-such-driver.so.1")
        assert "there is no NVIDIA driver (libno-such-driver.so.1 is not found)" in str(cuda.problem())

    def test_a_missing_library(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CUDAExecutionProvider"])
        monkeypatch.setattr(cuda, "_driver_problem", lambda: None)
        monkeypatch.setattr(cuda, "_preload", lambda: None)
        monkeypatch.setattr(cuda, "_PROVIDERS", ("no-such-library",))
        said = str(cuda.problem())
        assert "is built for CUDA" in said
        assert "no-such-library" in said
        assert 'pip install "adain[cuda]"' in said


# What `load` takes


@pytest.fixture
def small(exports: Exports, monkeypatch: pytest.MonkeyPatch) -> Export:
    """The small model is in the registry, and the default."""
    made = exports("small-adain", ADAIN)
    patched = {**registry.MODELS, made.model.row.name: made.model.row}
    for module in ("adain.registry", "adain.cli.models"):
        monkeypatch.setattr(f"{module}.MODELS", patched)
    return made


def backend_of(stylizer: adain.Stylizer) -> str:
    return type(stylizer.backend).__name__


def test_graphs_beside_the_weights_are_found(small: Export, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "adain"):
        stylizer = adain.load("small-adain", weights_dir=small.directory, device="cpu")
    assert backend_of(stylizer) == "OrtBackend"
    assert "model: small-adain on cpu, runtime onnx" in caplog.messages
    torchs = adain.load("small-adain", backend="torch", weights_dir=small.directory, device="cpu")
    assert backend_of(torchs) == "TorchBackend"
    ours, same = (np.asarray(each(photo(), painting()), np.int16) for each in (stylizer, torchs))
    assert np.abs(ours - same).max() <= 1


def test_without_graphs_auto_is_torch_and_onnx_says_how_to_make_them(small: Export, tmp_path: Path) -> None:
    (tmp_path / small.model.file.name).write_bytes(small.model.file.read_bytes())
    assert backend_of(adain.load("small-adain", weights_dir=tmp_path, device="cpu")) == "TorchBackend"
    with pytest.raises(WeightsError, match=r"no ONNX graphs of small-adain here .*`adain export small-adain -o DIR`"):
        adain.load("small-adain", weights_dir=tmp_path, backend="onnx")


def test_the_users_own_weights_go_before_graphs_that_ship(
    small: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adain.weights.places._SHIPPED", (small.directory,))
    assert backend_of(adain.load("small-adain", device="cpu")) == "OrtBackend"
    (tmp_path / small.model.file.name).write_bytes(small.model.file.read_bytes())
    assert backend_of(adain.load("small-adain", device="cpu", weights_dir=tmp_path)) == "TorchBackend"


def test_onnx_on_a_device_that_cannot_be_used_is_an_error(small: Export, without_cuda: None) -> None:
    with pytest.raises(DeviceError, match="libcublasLt"):
        adain.load("small-adain", backend="onnx", weights_dir=small.directory, device="cuda")


@pytest.mark.parametrize("option", ["--runtime", "--backend"])
def test_the_command_takes_a_runtime(
    small: Export, photo_file: Path, painting_file: Path, tmp_path: Path, option: str
) -> None:
    target = tmp_path / "out.png"
    arguments = ["stylize", str(photo_file), str(painting_file), "-o", str(target), "--model", "small-adain", "-v"]
    options = [option, "onnx", "--weights-dir", str(small.directory), "--device", "cpu"]
    result = CliRunner().invoke(main, arguments + options)
    assert result.exit_code == 0, result.output
    assert "runtime onnx" in result.output
    with Image.open(target) as picture:
        assert picture.size == (48, 36)


def test_no_torch_is_imported(small: Export, photo_file: Path, painting_file: Path) -> None:
    code = f"""
import sys
sys.modules["torch"] = sys.modules["onnx"] = sys.modules["onnxscript"] = None  # importing one of them now fails
from adain import load, registry
from adain.registry import *
from adain.registry import Architecture, Model, WeightFile
registry.MODELS = {{"small-adain": {small.model.row!r}}}
stylizer = load("small-adain", weights_dir={str(small.directory)!r}, device="cpu")
print(type(stylizer.backend).__name__, stylizer({str(photo_file)!r}, {str(painting_file)!r}).size)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "OrtBackend (48, 36)"
