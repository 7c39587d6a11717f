"""Benchmark engines for ONNX graphs; onnxruntime's profiler counts their operations."""

from __future__ import annotations

import functools
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adain.bench.cases import Case
from adain.bench.engine import RanOn, at_size, over_levels, rates, stride
from adain.bench.matmul_graph import ELEMENTS, matmul_graph
from adain.bench.timing import repeat
from adain.registry import Model
from adain.runtimes.contract import GraphInfo
from adain.runtimes.graph_files import GraphFiles

__all__ = ["OnnxEngine", "OtherEngine", "node_macs"]

_PRODUCT_SIDE = {"cpu": 1024, "cuda": 4096}  # side of a matrix: large enough for the full rate, a few ms each
_SILENT = 4  # log severity; a precision without kernels is a valid answer and should log no error
_MIDDLE = 128  # pixels, side of the content for counting each provider's nodes

_CONVOLUTIONS = {"Conv", "FusedConv", "ConvInteger", "QLinearConv"}
_PRODUCTS = {"MatMul", "FusedMatMul", "MatMulInteger", "QLinearMatMul", "Gemm"}
_WEIGHTS_AT = {"QLinearConv": 3}  # position of the weights among the inputs, if it is not 1


class OnnxEngine:
    """A case on onnxruntime; see `adain.bench.engine.Engine`."""

    def __init__(self, case: Case, model: Model, files: GraphFiles, device: str) -> None:
        self._case, self._model, self._files, self._device = case, model, files, device
        self._kind, _, index = device.partition(":")
        self._index = int(index or 0)

    @functools.cached_property
    def _info(self) -> GraphInfo:
        metadata = self._session(self._files.level).get_modelmeta().custom_metadata_map
        return GraphInfo.from_metadata(metadata, str(self._files.level))

    def synchronize(self) -> None:
        """Do nothing: results come back as arrays on the host."""

    def matrix_rates(self, seconds: float) -> list[float]:
        """See `Engine.matrix_rates`: a square product with a constant right factor, without copies to the device."""
        from adain.runtimes.ort_import import onnxruntime

        if self._case.precision not in ELEMENTS:
            return []
        _, left_type, right_type, _ = ELEMENTS[self._case.precision]
        side = _PRODUCT_SIDE[self._kind]
        random = np.random.default_rng(0)
        left, right = (random.integers(0, 16, (side, side)).astype(kind) for kind in (left_type, right_type))
        try:
            session = self._session(matmul_graph(self._case.precision, right))
        except Exception:  # no kernel for this product; onnxruntime's errors have no common type
            return []
        binding = session.io_binding()
        binding.bind_ortvalue_input("a", onnxruntime.OrtValue.ortvalue_from_numpy(left, self._kind, self._index))
        binding.bind_output("y", self._kind, self._index)

        def timed(function: Any) -> list[float]:
            return repeat(function, runs=50, seconds=seconds, warm_up=2, synchronize=binding.synchronize_outputs)

        return rates(lambda: session.run_with_iobinding(binding), side**3, timed)

    def macs(self) -> tuple[int, int]:
        """See `Engine.macs`: counted in the graphs as exported, before onnxruntime fuses and pads."""
        encoding = functools.partial(self._count, self._files.encode_style)
        applying = functools.partial(self._count, self._files.level)
        side = self._case.style_size
        return (
            at_size(encoding, side, side, stride(self._model)),
            over_levels(applying, self._model, self._case.width, self._case.height),
        )

    def ran_on(self) -> list[RanOn]:
        """See `Engine.ran_on`: the number of nodes per provider, for the optimised graph that stylizes."""
        nodes = self._profile(self._files.level, _MIDDLE, _MIDDLE, {})
        counts = Counter(str(node["provider"]) for node in nodes)
        return [RanOn(name, count) for name, count in counts.most_common()]

    def device_memory(self) -> int | None:
        """Unknown: onnxruntime does not report the size of its arena on the device."""
        return None

    def _count(self, graph: Path, width: int, height: int) -> int:
        return sum(map(node_macs, self._profile(graph, width, height, {"session.disable_prepacking": "1"}, plain=True)))

    def _profile(
        self, graph: Path, width: int, height: int, config: Mapping[str, str], *, plain: bool = False
    ) -> Iterator[dict[str, Any]]:
        """The profiler's record of each node, from one run."""
        from adain.runtimes.ort_import import onnxruntime

        with tempfile.TemporaryDirectory() as folder:
            options = onnxruntime.SessionOptions()
            options.enable_profiling = True
            options.profile_file_prefix = str(Path(folder) / "profile")
            for key, value in config.items():
                options.add_session_config_entry(key, value)
            if plain:  # the graph as in the file, because fused kernels pad channels on the CPU
                options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
            session = self._session(graph, options)
            session.run(None, self._inputs(session, width, height))
            events = json.loads(Path(session.end_profiling()).read_text())
        for event in events:
            if event.get("cat") == "Node" and "op_name" in event.get("args", {}) and "provider" in event["args"]:
                yield event["args"]

    def _session(self, graph: Path | bytes, options: Any = None) -> Any:
        from adain.runtimes.ort_import import onnxruntime

        options = options or onnxruntime.SessionOptions()
        options.log_severity_level = _SILENT
        options.intra_op_num_threads = self._case.threads
        providers: list[Any] = ["CPUExecutionProvider"]
        if self._kind == "cuda":
            providers.insert(0, ("CUDAExecutionProvider", {"device_id": str(self._index), "use_tf32": "0"}))
        return onnxruntime.InferenceSession(graph, options, providers=providers, enable_fallback=0)

    def _inputs(self, session: Any, width: int, height: int) -> dict[str, NDArray[np.float32]]:
        picture = np.random.default_rng(0).random((1, 3, height, width), dtype=np.float32)
        every = {
            "content": picture,
            "style": picture,
            "codes": np.ones((1, 1, self._info.code_size), np.float32),
            "weights": np.ones((1, 1), np.float32),
            "alpha": np.ones((1, 1), np.float32),
        }
        return {entry.name: every[entry.name] for entry in session.get_inputs()}


class OtherEngine(OnnxEngine):
    """A case whose graphs run in another runtime; onnxruntime only counts their operations."""

    def ran_on(self) -> list[RanOn]:
        """The name of the runtime; the number of nodes is unknown."""
        return [RanOn(f"{self._case.backend} {self._device}, {self._case.precision}", None)]


def node_macs(node: Mapping[str, Any]) -> int:
    """The multiply-accumulates of a node, from the profiler's record.

    Only convolutions and matrix products are counted. Operators that multiply per element, such as a normalisation, do
    at most one multiplication per element, where a convolution does hundreds.

    Args:
        node: has `op_name`, and `input_type_shape` and `output_type_shape`, which are lists of {type: shape}.
    """
    kind = node["op_name"]
    inputs: list[list[int]] = [next(iter(entry.values())) for entry in node["input_type_shape"]]
    outputs: list[list[int]] = [next(iter(entry.values())) for entry in node["output_type_shape"]]
    if kind in _CONVOLUTIONS:
        weights = inputs[_WEIGHTS_AT.get(kind, 1)]  # (C_out, C_in / groups, kernel, kernel)
        return prod(outputs[0]) * prod(weights[1:])
    if kind == "ConvTranspose":
        return prod(inputs[0]) * prod(inputs[1][1:])  # (C_in, C_out / groups, kernel, kernel)
    if kind in _PRODUCTS:
        return prod(outputs[0]) * inputs[0][-1]
    return 0
