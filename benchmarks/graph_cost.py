"""What a graph costs in onnxruntime on one thread: bytes, peak memory, first and later runs, multiplications.

Each measurement has a process of its own, because a process's peak memory never shrinks.
"""

from __future__ import annotations

import json
import math
import resource
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

RUNS = 7

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Cost:
    """What was measured.

    Attributes:
        model: of the graph.
        graph: its kind.
        precision: of the convolutions.
        form: plain or portable.
        side: of the content in pixels; it is square.
        bytes: of the file.
        load_ms: time to load it.
        peak_mb: the process's peak memory above what Python and onnxruntime take without a graph.
        first_ms: time of the first run.
        later_ms: median time of later runs.
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
        environment = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "ORT_DISABLE_TELEMETRY": "1"}
        done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True, env=environment)
    cost = Cost(**json.loads(done.stdout.splitlines()[-1]))
    print(cost, flush=True)
    return cost


def _cost(graph: Path, inputs: Arrays) -> dict[str, Any]:
    gemm = _gemm()
    before = _peak()
    start = time.perf_counter()
    session = _session(graph)
    load = time.perf_counter() - start
    times = []
    for _ in range(RUNS + 1):
        start = time.perf_counter()
        session.run(None, inputs)
        times.append(time.perf_counter() - start)
    peak = _peak() - before
    info = session.get_modelmeta().custom_metadata_map
    return {
        "model": info["adain.model"],
        "graph": info["adain.graph"],
        "precision": info["adain.precision"],
        "form": "portable" if info["adain.portable"] == "true" else "plain",
        "side": int(inputs["content" if "content" in inputs else "style"].shape[-1]),
        "bytes": graph.stat().st_size,
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


def _peak() -> float:
    """The process's peak memory in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 * 1.048576


def _gemm() -> float:
    """Billions of multiply-accumulates a second of a matrix product in NumPy."""
    a = np.random.default_rng(0).random((1024, 1024), np.float32)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - start)
    return 1024**3 / min(times) / 1e9


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
    runs = [event["args"] for event in events if str(event.get("name", "")).endswith("_kernel_time")]
    return sum(_of_operator(run["op_name"], _shapes(run, "input"), _shapes(run, "output")) for run in runs)


def _shapes(run: dict[str, Any], which: str) -> list[list[int]]:
    return [next(iter(each.values())) for each in run[f"{which}_type_shape"]]


def _of_operator(name: str, inputs: list[list[int]], outputs: list[list[int]]) -> float:
    if name == "Conv":  # each output value takes the weights of one filter
        return math.prod(outputs[0]) * math.prod(inputs[1][1:])
    if name == "ConvTranspose":
        return math.prod(inputs[0]) * math.prod(inputs[1][1:])
    if name in ("MatMul", "Gemm"):
        return math.prod(outputs[0]) * inputs[0][-1]
    return 0


if __name__ == "__main__":
    with np.load(sys.argv[2]) as loaded:
        given = {name: loaded[name] for name in loaded.files}
    print(json.dumps(_cost(Path(sys.argv[1]), given)))
