"""The table of runtimes: every row says whether it can run here, and `adain.load` chooses by it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable

import pytest

import adain
from adain.errors import AdainError, DeviceError, InputError
from adain.runtimes import table
from adain.runtimes.table import PRECISIONS, RUNTIMES, Runtime


@pytest.fixture(params=list(RUNTIMES))
def runtime(request: pytest.FixtureRequest) -> Runtime:
    return RUNTIMES[request.param]


@pytest.fixture
def installed(runtime: Runtime) -> Runtime:
    for package in runtime.packages:
        pytest.importorskip(package, reason=f"runtime {runtime.name} needs it")
    return runtime


def test_an_installed_runtime_runs_on_the_cpu(installed: Runtime) -> None:
    assert installed.problem("cpu") is None
    assert installed.problem("auto") is None
    assert installed.problem("cpu", "fp32") is None


def test_a_runtime_that_is_not_installed_says_what_to_install(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_spec: Callable[[str], object] = importlib.util.find_spec
    monkeypatch.setattr(table, "find_spec", lambda name: None if name in runtime.packages else find_spec(name))
    assert runtime.problem() == f"runtime {runtime.name} needs {runtime.packages[0]}; {runtime.install}"
    with pytest.raises(DeviceError, match=f"runtime {runtime.name} needs .*pip install"):
        adain.load(runtime=runtime.name)


def test_a_device_that_cannot_be_used_is_a_problem(installed: Runtime) -> None:
    problem = installed.problem("cuda:99")
    if problem is None:  # onnxruntime counts GPUs only when it opens a graph
        pytest.skip("there is a GPU here")
    assert problem.startswith("cuda:99 was asked for, but ")
    assert "use device cpu or auto" in problem


def test_wrong_devices_and_precisions_are_errors(runtime: Runtime) -> None:
    assert str(runtime.problem("tpu")).startswith("unknown device 'tpu'; allowed: auto")
    assert runtime.problem("cpu", "fp64") == (
        f"runtime {runtime.name} has no precision 'fp64'; it has {', '.join(runtime.precisions)}"
    )


def test_a_runtime_imports_torch_only_if_it_is_torch(installed: Runtime) -> None:
    code = f"""
import sys
from adain.runtimes import table
assert not {{"torch", "onnxruntime", "openvino"}} & sys.modules.keys(), "the table imports no runtime"
table.RUNTIMES[{installed.name!r}].check("cpu")
assert ("torch" in sys.modules) is {installed.name == "torch"}
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"runtime": "tflite"}, r"unknown runtime 'tflite'; available: auto, onnx, torch, openvino"),
        ({"runtime": None}, "unknown runtime None"),
        ({"runtime": ["onnx"]}, "unknown runtime"),
        ({"backend": "tflite"}, "unknown runtime 'tflite'"),
        ({"backend": "onnx", "runtime": "torch"}, "backend is the former name of runtime; give runtime only"),
        ({"precision": "fp64"}, f"unknown precision 'fp64'; available: {', '.join(PRECISIONS)}"),
        ({"precision": 16}, "unknown precision 16"),
        ({"precision": "bf16", "runtime": "onnx"}, "runtime onnx has no precision 'bf16'"),
        ({"device": 0}, "unknown device 0"),
        ({"device": None}, "unknown device None"),
        ({"threads": "2"}, "threads must be a whole number"),
        ({"threads": 0}, "threads must be a whole number"),
        ({"threads": 0, "runtime": "torch"}, "threads must be a whole number"),
        ({"model": None}, "model must be a name or a path, got None"),
        ({"model": 7}, "model must be a name or a path, got 7"),
    ],
)
def test_wrong_arguments_of_load_are_input_errors(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        adain.load(**arguments)  # type: ignore[arg-type]


def test_graphs_of_another_precision_are_an_error_that_says_how_to_make_them() -> None:
    with pytest.raises(AdainError, match=r"is fp32, not fp16; `adain export adain-slim --precision fp16 -o DIR`"):
        adain.load(precision="fp16", device="cpu")


def test_the_former_name_of_runtime_is_taken() -> None:
    pytest.importorskip("torch", reason="the runtime that is named")
    assert type(adain.load(backend="torch", device="cpu").backend).__name__ == "TorchBackend"


def test_a_precision_that_the_usual_runtime_lacks_chooses_one_that_has_it() -> None:
    assert table.with_precision("bf16") is RUNTIMES["openvino"]
    assert table.with_precision("fp32") is RUNTIMES["onnx"]
