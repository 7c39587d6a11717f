"""Runs graphs in one runtime, on arrays in files; `graph_runtimes.py` starts it in a Python that has the runtime.

    python benchmarks/run_graph.py RUNTIME FOLDER...

RUNTIME is onnxruntime, openvino, opencv, mnn, ncnn or tvm. `feed.json` in a folder names the graph and its inputs, as
`export/consumers/tensors.mjs` describes. The outputs, or the error, are written there with `outputs.json`. No more than
NumPy and the runtime is needed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

Arrays = dict[str, Any]


def onnxruntime(graph: str, inputs: Arrays, outputs: list[str]) -> Arrays:
    """Run a graph in onnxruntime, on the CPU."""
    import onnxruntime as ort

    session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return dict(zip(outputs, session.run(outputs, inputs), strict=True))


def openvino(graph: str, inputs: Arrays, outputs: list[str]) -> Arrays:
    """Run a graph in OpenVINO, in float32."""
    import openvino as ov
    from openvino.properties import hint

    exact = {hint.execution_mode: hint.ExecutionMode.ACCURACY}
    results = ov.Core().compile_model(graph, "CPU", exact)(inputs)
    return {name: np.asarray(results[name]) for name in outputs}


def opencv(graph: str, inputs: Arrays, outputs: list[str]) -> Arrays:
    """Run a graph in OpenCV's dnn."""
    import cv2

    network = cv2.dnn.readNetFromONNX(graph)
    for name, array in inputs.items():
        network.setInput(array, name)
    return dict(zip(outputs, network.forward(outputs), strict=True))


def mnn(graph: str, inputs: Arrays, outputs: list[str]) -> Arrays:
    """Run a graph in MNN.

    The library of its converter is called, because the program `mnnconvert` installs a package and reports its use.
    """
    import _tools
    import MNN

    converted = str(Path(tempfile.mkdtemp()) / "graph.mnn")
    _tools.mnnconvert(["", "-f", "ONNX", "--modelFile", graph, "--MNNModel", converted, "--bizCode", "adain"])
    if not Path(converted).exists():
        raise RuntimeError("it is not converted")
    module = MNN.nn.load_module_from_file(converted, list(inputs), outputs)
    given = [MNN.expr.const(array, list(array.shape), MNN.expr.NCHW) for array in inputs.values()]
    found = zip(outputs, module.onForward(given), strict=True)
    return {name: np.array(MNN.expr.convert(value, MNN.expr.NCHW).read()) for name, value in found}


def ncnn(graph: str, inputs: Arrays, outputs: list[str]) -> Arrays:
    """Run a graph in ncnn in float32, converted by pnnx. Its arrays have no batch."""
    import ncnn as runtime
    import pnnx

    folder = Path(tempfile.mkdtemp())
    shutil.copy(graph, folder / "graph.onnx")
    said = subprocess.run([pnnx.EXEC_PATH, "graph.onnx", "fp16=0"], cwd=folder, capture_output=True, encoding="utf-8")
    if not (folder / "graph.ncnn.param").exists():
        raise RuntimeError(f"pnnx does not convert it: {said.stderr[-200:]}")
    network = runtime.Net()
    for name in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
        setattr(network.opt, name, False)
    if network.load_param(str(folder / "graph.ncnn.param")) or network.load_model(str(folder / "graph.ncnn.bin")):
        raise RuntimeError("ncnn lacks an operator")
    extractor = network.create_extractor()
    for index, array in enumerate(inputs.values()):
        extractor.input(f"in{index}", runtime.Mat(np.ascontiguousarray(array[0])).clone())
    found = {}
    for index, name in enumerate(outputs):
        failed, values = extractor.extract(f"out{index}")
        if failed:
            raise RuntimeError(f"ncnn does not compute {name}")
        found[name] = np.array(values)[None]
    return found


def tvm(graph: str, inputs: Arrays, outputs: list[str]) -> Arrays:
    """Run a graph in TVM on the CPU, imported and compiled by Relax without tuning."""
    import onnx
    import tvm as compiler
    from tvm import relax
    from tvm.relax.frontend.onnx import from_onnx

    module = from_onnx(onnx.load(graph), keep_params_in_input=False)
    machine = relax.VirtualMachine(compiler.compile(module, target="llvm"), compiler.cpu())
    result = machine["main"](*(compiler.runtime.tensor(array) for array in inputs.values()))
    results = [result] if hasattr(result, "numpy") else result
    return dict(zip(outputs, (each.numpy() for each in results), strict=True))


RUNTIMES: dict[str, Callable[[str, Arrays, list[str]], Arrays]] = {
    "onnxruntime": onnxruntime,
    "openvino": openvino,
    "opencv": opencv,
    "mnn": mnn,
    "ncnn": ncnn,
    "tvm": tvm,
}


def run(runtime: str, folder: Path) -> dict[str, object]:
    """Run the graph of a folder; return what `outputs.json` holds."""
    task = json.loads((folder / "feed.json").read_text(encoding="utf-8"))
    inputs = {
        name: np.fromfile(folder / each["file"], each["type"]).reshape(each["dims"])
        for name, each in task["inputs"].items()
    }
    try:
        found = RUNTIMES[runtime](task["graph"], inputs, task["outputs"])
    except Exception as error:  # each runtime has errors of its own
        return {"error": str(error) or type(error).__name__}
    written = {}
    for name, array in found.items():
        np.ascontiguousarray(array).tofile(folder / f"output.{name}.bin")
        written[name] = {"type": str(array.dtype), "dims": array.shape, "file": f"output.{name}.bin"}
    return {"outputs": written}


def version(runtime: str) -> str:
    """Return the runtime's version."""
    if runtime == "mnn":  # which prints on import
        return metadata.version("MNN")
    module = __import__({"opencv": "cv2"}.get(runtime, runtime))
    return str(module.__version__).split("-")[0]


if __name__ == "__main__":
    if sys.argv[2:] == ["--version"]:
        print(version(sys.argv[1]))
    for each in [] if sys.argv[2:] == ["--version"] else map(Path, sys.argv[2:]):
        (each / "outputs.json").write_text(json.dumps(run(sys.argv[1], each)), encoding="utf-8")
