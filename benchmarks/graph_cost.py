"""What a graph costs in onnxruntime on one thread: bytes, peak memory, first and later runs, multiplications.

Each measurement has a process of its own, because a process's peak memory never shrinks.
"""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from adain.runtimes.contract import GraphInfo

RUNS = 7

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Cost:
    """What was measured.

    Attributes:
        model: of the graph.
        graph: its kind.
        precision: of the convolutions.
        form: see `form`.
        side: of the content in pixels; it is square.
        bytes: of the file, and of the file of weights that it reads.
        load_ms: processor time to load it.
        peak_mb: the process's peak memory above what Python and onnxruntime take without a graph.
        first_ms: processor time of the first run.
        later_ms: median processor time of later runs. On one thread it is the time where nothing else runs.
        gmac: multiply-accumulates of convolutions and matrix products, in billions.
        gemm_gmac_s: what a product of two matrices of 1024 x 1024 in NumPy reaches on one thread of this machine.
    """

    model: str
    graph: str
    precision: str
    form: str
    side: int
    bytes: int
    load_ms: float
    peak_mb: float
    first_ms: float
    later_ms: float
    gmac: float
    gemm_gmac_s: float


def measure(graph: Path, inputs: Arrays) -> Cost:
    """Measure a graph on inputs."""
    with tempfile.TemporaryDirectory() as directory:
        np.savez(Path(directory) / "feed.npz", **inputs)  # type: ignore[arg-type]
        command = [sys.executable, __file__, str(graph), str(Path(directory) / "feed.npz")]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "ORT_DISABLE_TELEMETRY": "1"}
        done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True, env=environment)
    cost = Cost(**json.loads(done.stdout.splitlines()[-1]))
    print(cost, flush=True)
    return cost


def form(info: GraphInfo) -> str:
    """What the tables call a graph's form."""
    return "plain" if not info.portable else "portable" if info.fixed is None else "one size"


def _cost(graph: Path, inputs: Arrays) -> dict[str, Any]:
    gemm = _gemm()
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = _memory("VmRSS")
    start = time.process_time()
    session = _session(graph)
    load = time.process_time() - start
    times = []
    for _ in range(RUNS + 1):
        start = time.process_time()
        session.run(None, inputs)
        times.append(time.process_time() - start)
    peak = _memory("VmHWM") - before
    info = GraphInfo.from_metadata(session.get_modelmeta().custom_metadata_map, graph.name)
    return {
        "model": info.model,
        "graph": info.graph,
        "precision": info.precision,
        "form": form(info),
        "side": int(inputs["content" if "content" in inputs else "style"].shape[-1]),
        "bytes": _bytes(graph),
        "load_ms": load * 1e3,
        "peak_mb": peak,
        "first_ms": times[0] * 1e3,
        "later_ms": median(times[1:]) * 1e3,
        "gmac": _macs(graph, inputs) / 1e9,
        "gemm_gmac_s": gemm,
    }


def _session(graph: Path, **changes: object) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    for name, value in changes.items():
        setattr(options, name, value)
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _memory(field: str) -> float:
    """The process's memory in MB, of Linux: VmRSS now, VmHWM at its peak."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(rf"{field}:\s+(\d+)", status)[1]) * 1024 / 1e6  # type: ignore[index]


def _gemm() -> float:
    """Billions of multiply-accumulates a second of a matrix product in NumPy."""
    a = np.random.default_rng(0).random((1024, 1024), np.float32)
    times = []
    for _ in range(5):
        start = time.process_time()
        a @ a
        times.append(time.process_time() - start)
    return 1024**3 / min(times) / 1e9


def _bytes(graph: Path) -> int:
    """Size of a graph with the files that it reads its weights from."""
    from adain.export.sharing import shared  # it imports onnx: after memory was measured

    return sum(path.stat().st_size for path in (graph, *shared(graph)))


def _macs(graph: Path, inputs: Arrays) -> float:
    """Count multiply-accumulates, from the shapes that onnxruntime's profile has of each operator."""
    with tempfile.TemporaryDirectory() as directory:
        plain = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # so that the operators are ONNX's own
        session = _session(
            graph,
            enable_profiling=True,
            profile_file_prefix=str(Path(directory) / "profile"),
            graph_optimization_level=plain,
        )
        session.run(None, inputs)
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    import onnx  # after memory was measured

    model = onnx.load(graph, load_external_data=False).graph
    constants = {each.name: list(each.dims) for each in model.initializer}
    weights = {node.name: constants.get(node.input[1]) for node in model.node if len(node.input) > 1}
    total = 0.0
    for event in events:
        name, suffix = str(event.get("name", "")), "_kernel_time"
        if name.endswith(suffix):
            run = event["args"]
            inputs_of, outputs_of = (_shapes(run, which) for which in ("input", "output"))
            # The profile leaves out weights that onnxruntime has packed.
            second = weights.get(name.removesuffix(suffix)) or (inputs_of[1] if len(inputs_of) > 1 else [])
            total += _of_operator(run["op_name"], inputs_of[0] if inputs_of else [], second, outputs_of[0])
    return total


def _shapes(run: dict[str, Any], which: str) -> list[list[int]]:
    return [next(iter(each.values())) for each in run[f"{which}_type_shape"]]


def _of_operator(name: str, first: list[int], second: list[int], output: list[int]) -> float:
    """Multiply-accumulates of an operator, from the shapes of its first two inputs and its output."""
    if name == "Conv":  # each output value takes the weights of one filter
        return math.prod(output) * math.prod(second[1:])
    if name == "ConvTranspose":
        return math.prod(first) * math.prod(second[1:])
    return math.prod(output) * first[-1] if name in ("MatMul", "Gemm") else 0


if __name__ == "__main__":
    with np.load(sys.argv[2]) as loaded:
        given = {name: loaded[name] for name in loaded.files}
    print(json.dumps(_cost(Path(sys.argv[1]), given)))
