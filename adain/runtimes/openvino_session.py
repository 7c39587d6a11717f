"""The runtime `openvino`: graphs in OpenVINO, on the CPU.

- Shapes stay dynamic, so a new size needs no compilation. OpenVINO's cache of kernels per size is off: it would grow by
  2.6 MB per size, and the measured time is the same with and without it.
- The memory of a large picture is released after the run, unless the previous picture had the same size, as in a film.
- Compiled graphs are cached on disk, in `openvino` in this package's cache, and nowhere else. A graph then opens in
  0.04 to 0.13 s instead of 0.25 to 0.9.
- bf16 is used on request only, and only if the CPU has instructions for it: in software it would be slower than fp32.
  `adain.runtimes.openvino_bf16` chooses the layers. Style codes and the statistics of tiles stay in fp32.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adain import weights
from adain.errors import DeviceError, WeightsError
from adain.registry import Model
from adain.runtimes.contract import GraphInfo
from adain.runtimes.devices import cpu_threads, parse_device
from adain.runtimes.graph_backend import GraphBackend
from adain.runtimes.graph_files import GraphFiles
from adain.runtimes.openvino_bf16 import lower
from adain.runtimes.openvino_import import openvino

__all__ = ["OpenVinoGraph", "choose_device", "open_backend"]

logger = logging.getLogger(__name__)

_LARGE = 3 << 20  # numbers in an input: an RGB picture of a megapixel


def open_backend(
    model: Model, files: GraphFiles, device: str, threads: int | None, precision: str | None
) -> GraphBackend:
    """A model's graphs in OpenVINO; see `adain.runtimes.table.Runtime.open`."""
    choose_device(device, precision)
    backend = GraphBackend(model, files, partial(OpenVinoGraph, threads=threads, precision=precision or "fp32"))
    logger.info("OpenVINO %s, computing in %s", openvino.__version__, precision or "fp32")
    return backend


def choose_device(device: str, precision: str | None = None) -> str:
    """The device that will be used: `cpu`.

    Args:
        device: `auto` or `cpu`.
        precision: `fp32`, or `bf16` if the CPU supports it. None: fp32.

    Raises:
        InputError: an unknown device.
        DeviceError: another device, or bf16 on a CPU without it.
    """
    device = parse_device(device)
    if device not in ("auto", "cpu"):
        raise DeviceError(
            f"{device} was asked for, but runtime openvino uses the CPU only; use device cpu or auto, or runtime onnx"
        )
    if precision == "bf16" and "BF16" not in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise DeviceError(
            "precision bf16 was asked for, but this CPU has no instructions for it (avx512_bf16 or amx_bf16); "
            "use precision fp32"
        )
    return "cpu"


class OpenVinoGraph:
    """A graph in OpenVINO; see `adain.runtimes.graph_backend.Graph`. Threads may share it, and then run in turns.

    Args:
        path: the file.
        threads: of the CPU, see `adain.runtimes.devices.cpu_threads`.
        precision: `fp32` or `bf16`.

    Raises:
        WeightsError: the file is missing, damaged, or not a graph of this package's contract.
    """

    def __init__(self, path: Path, threads: int | None = None, precision: str = "fp32") -> None:
        self.path, self.device = path, "cpu"
        with _explained(path):
            graph = _core().read_model(path)
            metadata = _metadata(graph)
        self.info = GraphInfo.from_metadata(metadata, str(path))
        if precision == "bf16" and _ends_in_the_picture(self.info):
            lower(graph)
        settings = _settings(cpu_threads(threads))
        with _explained(path):
            self._compiled = _core().compile_model(graph, "CPU", settings)
        self._request = self._compiled.create_infer_request()
        self._busy = threading.Lock()  # a request can have only one run at a time
        self._shapes: tuple[tuple[int, ...], ...] | None = None

    def __call__(self, inputs: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[Any]]:
        """See `adain.runtimes.graph_backend.Graph`.

        Raises:
            DeviceError: OpenVINO could not run it; memory may be short.
        """
        shapes = tuple(array.shape for array in inputs.values())
        with self._busy:
            try:
                results = self._request.infer(dict(inputs), share_inputs=True)
            except RuntimeError as error:
                raise DeviceError(
                    f"OpenVINO could not run {self.path.name} with inputs of "
                    f"{', '.join(f'{name} {array.shape}' for name, array in inputs.items())}: {_reason(error)}"
                ) from error
            outputs = {output.any_name: array for output, array in results.items()}
            if shapes != self._shapes and max(array.size for array in inputs.values()) > _LARGE:
                self._compiled.release_memory()
            self._shapes = shapes
        return outputs


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn OpenVINO's errors into a WeightsError."""
    try:
        yield
    except (RuntimeError, UnicodeDecodeError) as error:  # the second of damaged metadata
        raise WeightsError(f"OpenVINO cannot load {path}: {_reason(error)}") from error


@cache
def _core() -> Any:
    return openvino.Core()


def _settings(threads: int) -> dict[str, Any]:
    """Options of a compilation; with `threads` 0, OpenVINO chooses their number."""
    settings: dict[str, Any] = {
        "INFERENCE_PRECISION_HINT": "f32",  # keeps the types of the graph
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": threads,
        "ENABLE_CPU_PINNING": False,  # the process may share its cores
        "CPU_RUNTIME_CACHE_CAPACITY": "0",  # number of cached kernels; they are cached per size
    }
    folder = weights.cache_dir() / "openvino"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        logger.info("compiled graphs are not cached: %s", error)
    else:
        settings["CACHE_DIR"] = str(folder)
    return settings


def _ends_in_the_picture(info: GraphInfo) -> bool:
    """Whether a graph's output is the final picture; a further stage would compute statistics from it."""
    return info.graph.startswith("level") or (info.graph.startswith("decode") and len(info.stages) == 1)


def _metadata(graph: Any) -> dict[str, str]:
    """The `metadata_props` of the ONNX file, from OpenVINO's runtime info."""
    found = graph.get_rt_info()
    framework = _value(found["framework"]) if "framework" in found else {}
    return {name: str(_value(value)) for name, value in framework.items()}


def _value(value: Any) -> Any:
    return value.value if isinstance(value, openvino.OVAny) else value


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines()]  # the first lines name OpenVINO's source files
    told = [line for line in lines if line and not line.startswith(("Exception from", "Check '"))]
    return told[0] if told else type(error).__name__
