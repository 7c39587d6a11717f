"""The runtime `onnx`: graphs in onnxruntime. All settings of devices, threads and memory are here.

- Memory patterns are off. They plan the memory of each input shape. With pictures of many sizes they nearly double the
  peak (2.4 GB instead of 1.3 at 1024 px) and save no time.
- The arena is on: without it a picture takes 30 % longer. It keeps the memory of the largest picture so far. So the
  memory of a large picture is released after the run, unless the previous picture had the same size, as in a film:
  adain-slim takes 750 MB for 2000 x 2000 pixels, and 165 MB stay.
- On the CPU all sessions of the process share one arena, because they run in turns. With an arena each, the memory of
  one session would be idle while another runs. 20 megapixels in tiles take 1.5 GB instead of 1.9. Two pictures of 4K
  and then one of 18 megapixels take 1.7 GB instead of 3.0. The arena keeps its memory when a session is deleted.
- On CUDA, convolution algorithms are chosen by heuristics: trying them all takes seconds for each new size. The arena
  grows by the requested size, not by powers of two.
- TF32 is off on CUDA. Its mantissa has 10 bits, with which the matrix roots of WCT diverge, and fp32 graphs should give
  the same picture everywhere. The same option keeps fp16 convolutions off the tensor cores, so on CUDA an fp16 graph is
  smaller but not faster.
- There is no IO binding. Pictures come from the host and go back to it, so binding would make the same two copies.
- The number of threads is set by `adain.runtimes.devices.cpu_threads`. By default, onnxruntime uses and pins as many
  threads as the machine has cores, even in a container that may use fewer.
- Threads stop spinning when a run ends. Otherwise they spin for some 40 ms and slow down other threads, such as those
  of another graph. A style and a picture in turns take 83 ms instead of 140.
"""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adain.errors import DeviceError, WeightsError
from adain.files import unreadable
from adain.registry import Model
from adain.runtimes import cuda
from adain.runtimes.contract import GraphInfo
from adain.runtimes.devices import cpu_threads, parse_device
from adain.runtimes.graph_backend import GraphBackend
from adain.runtimes.graph_files import GraphFiles
from adain.runtimes.ort_import import onnxruntime

__all__ = ["OrtBackend", "OrtGraph", "choose_device", "open_backend", "read_info"]

logger = logging.getLogger(__name__)

_ERRORS_ONLY = 3  # a log severity of onnxruntime; many of its warnings (2) mean nothing
_LARGE = 3 << 20  # numbers in an input: an RGB picture of a megapixel
_CUDA = "CUDAExecutionProvider"
_CPU = "CPUExecutionProvider"


class OrtBackend(GraphBackend):
    """A model in onnxruntime; see `adain.engine.backend.Backend` for its methods.

    Args:
        model: the registry's row.
        files: the model's graphs.
        device: `auto` (CUDA if it can be used, else the CPU), `cpu`, `cuda`, `cuda:1` ...
        threads: of the CPU, see `adain.runtimes.devices.cpu_threads`.
        precision: required precision of the graphs. None: any.

    Raises:
        DeviceError: the device cannot be used; says why.
        WeightsError: a file is missing, damaged, not this model's graph, or in another precision.
    """

    def __init__(
        self,
        model: Model,
        files: GraphFiles,
        device: str = "auto",
        threads: int | None = None,
        precision: str | None = None,
    ) -> None:
        chosen = choose_device(device)

        def open_graph(path: Path) -> OrtGraph:
            graph = OrtGraph(path, chosen, threads)
            if precision not in (None, graph.info.precision):
                raise WeightsError(
                    f"{path} is {graph.info.precision}, not {precision}; `adain export {model.name} --precision "
                    f"{precision} -o DIR` writes graphs in {precision}: then name DIR as weights directory"
                )
            return graph

        super().__init__(model, files, open_graph)
        logger.info("onnxruntime %s, %s graphs", onnxruntime.__version__, self._level.info.precision)


open_backend = OrtBackend  # for `adain.runtimes.table`


class OrtGraph:
    """A graph in onnxruntime; see `adain.runtimes.graph_backend.Graph`.

    Args:
        path: the file.
        device: as `choose_device` returns it.
        threads: of the CPU, at least 1. None: see `adain.runtimes.devices.cpu_threads`.

    Raises:
        WeightsError: the file is missing, damaged, or not a graph of this package's contract.
        DeviceError: the device cannot be used.
        InputError: less than one thread.
    """

    def __init__(self, path: Path, device: str, threads: int | None = None) -> None:
        self.path = path
        self.device = device
        self._session = _session(path, device, threads)
        self.info = _info(self._session, path)
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._shapes: tuple[tuple[int, ...], ...] | None = None

    def __call__(self, inputs: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[Any]]:
        """See `adain.runtimes.graph_backend.Graph`.

        Raises:
            DeviceError: onnxruntime could not run it; memory may be short.
        """
        options = onnxruntime.RunOptions()
        shapes = tuple(array.shape for array in inputs.values())
        if shapes != self._shapes and max(array.size for array in inputs.values()) > _LARGE:
            options.add_run_config_entry("memory.enable_memory_arena_shrinkage", _arenas(self.device))
        self._shapes = shapes
        try:
            outputs = self._session.run(self._outputs, dict(inputs), options)
        except Exception as error:  # onnxruntime's errors have no common type of their own
            raise DeviceError(
                f"onnxruntime could not run {self.path.name} on {self.device} with inputs of "
                f"{', '.join(f'{name} {array.shape}' for name, array in inputs.items())}: {_reason(error)}"
            ) from error
        return dict(zip(self._outputs, outputs, strict=True))


def read_info(path: Path) -> GraphInfo:
    """Read a graph's metadata; cheaper than loading the graph.

    Raises:
        WeightsError: see `OrtGraph`.
    """
    _check_file(path)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return _info(_opened(path, options, [_CPU]), path)


def choose_device(device: str, precision: str | None = None) -> str:
    """The device that will be used: `cpu`, `cuda` or `cuda:<index>`.

    Args:
        device: one of these, or `auto`: CUDA if it can be used, else the CPU.
        precision: ignored, because every device runs every graph.

    Raises:
        InputError: another name.
        DeviceError: CUDA was asked for and cannot be used; says why.
    """
    device = parse_device(device)
    if device == "cpu":
        return device
    problem = cuda.problem()
    if problem is None:
        return "cuda" if device == "auto" else device
    if device == "auto":
        logger.info("using the CPU: %s", problem)
        return "cpu"
    raise DeviceError(f"{device} was asked for, but {problem}; or use device cpu or auto")


def _session(path: Path, device: str, threads: int | None) -> onnxruntime.InferenceSession:
    _check_file(path)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.enable_mem_pattern = False
    options.intra_op_num_threads = cpu_threads(threads)
    options.add_session_config_entry("session.force_spinning_stop", "1")
    providers: list[Any] = [_CPU]
    if device == "cpu":
        _share_arena()
        options.add_session_config_entry("session.use_env_allocators", "1")
    else:
        providers.insert(0, (_CUDA, _cuda_options(device)))
    session = _opened(path, options, providers)
    if device != "cpu" and _CUDA not in session.get_providers():
        raise DeviceError(
            f"{device} was asked for, but onnxruntime {onnxruntime.__version__} took {session.get_providers()}; "
            "see its log for the reason, or use device cpu or auto"
        )
    return session


def _check_file(path: Path) -> None:
    """Check a graph, and the files of weights beside it, which it may read."""
    for file in (path, *path.parent.glob("*.safetensors")):
        if (fault := unreadable(file, "graph" if file is path else "file of weights")) is not None:
            raise WeightsError(f"{file} {fault}")


def _opened(path: Path, options: onnxruntime.SessionOptions, providers: list[Any]) -> onnxruntime.InferenceSession:
    """Open a graph. Without onnxruntime's fallback, which prints on stdout and tries the same again."""
    try:
        return onnxruntime.InferenceSession(path, options, providers=providers, enable_fallback=0)
    except Exception as error:  # onnxruntime's errors have no common type of their own
        raise WeightsError(f"onnxruntime cannot load {path}: {_reason(error)}") from error


def _info(session: onnxruntime.InferenceSession, path: Path) -> GraphInfo:
    try:
        metadata = session.get_modelmeta().custom_metadata_map
    except UnicodeDecodeError as error:
        raise WeightsError(f"{path} is damaged: its metadata are not text; export it again") from error
    return GraphInfo.from_metadata(metadata, str(path))


@functools.cache
def _share_arena() -> None:
    """Create the arena that all sessions with `session.use_env_allocators` share."""
    cpu = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    with contextlib.suppress(RuntimeError):  # other code in this process has created one already
        onnxruntime.create_and_register_allocator(cpu, onnxruntime.OrtArenaCfg(0, -1, -1, -1))  # its defaults


def _cuda_options(device: str) -> dict[str, str]:
    return {
        "device_id": device.partition(":")[2] or "0",
        "cudnn_conv_algo_search": "HEURISTIC",
        "arena_extend_strategy": "kSameAsRequested",
        "use_tf32": "0",
    }


def _arenas(device: str) -> str:
    if device == "cpu":
        return "cpu:0"
    return f"cpu:0;gpu:{device.partition(':')[2] or '0'}"


def _reason(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
