"""Sessions of onnxruntime: devices, threads, memory and precision are decided here, and nowhere else.

- Memory patterns are off. They plan memory per input shape, and with pictures of changing sizes nearly double the
  peak (2.4 to 1.3 GB at 1024 px without) for no time.
- The arena is on (without it a picture takes 30 % longer) and keeps what the largest picture so far took, no more. A
  large picture's memory is given back after it, unless the one before had its size, as in a video: of 750 MB that
  adain-slim takes for 2000 x 2000 pixels, 165 stay.
- On the CPU all sessions of the process share one arena, because they take turns: with one each, what one keeps is idle
  while another runs. 20 megapixels in tiles take 1.5 GB instead of 1.9 (encoding and decoding are two graphs), and two
  pictures of 4K followed by one of 18 megapixels 1.7 instead of 3.0. It keeps that when a session is gone, too.
- On CUDA, convolutions are chosen by heuristics, because to try them all for each new size takes seconds, and the
  arena extends by what is asked for, not by powers of two.
- TF32 is off on CUDA: with 10 bits of mantissa the roots of matrices that WCT takes diverge, and float32 graphs are
  to give the same picture everywhere. The same option keeps float16 convolutions off the tensor cores, so that on CUDA
  a float16 graph is smaller and no faster.
- No IO binding: pictures come from the host and go back to it, and codes are small, so that binding would do the same
  two copies.
- Threads: as many as the caller says, else as OMP_NUM_THREADS says if it is set, else as the process may use cores.
  onnxruntime's own default counts the machine's and pins threads to them, also in a container that may use fewer.
- They stop spinning when a run is over. They would go on for some 40 ms, at the cost of whatever comes next: of another
  graph above all, whose threads they compete with. A style and a picture in turns take 83 ms instead of 140.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from adain.errors import DeviceError, InputError, WeightsError
from adain.runtimes import cuda
from adain.runtimes.contract import GraphInfo

__all__ = ["Graph", "choose_device", "read_info"]

logger = logging.getLogger(__name__)

_ERRORS_ONLY = 3  # onnxruntime's log severities: 2 is warnings, of which it has many that mean nothing
_LARGE = 3 << 20  # numbers in an input: a picture of a megapixel
_CUDA = "CUDAExecutionProvider"
_CPU = "CPUExecutionProvider"


class Graph:
    """An exported graph, loaded on a device.

    Args:
        path: the file.
        device: as `choose_device` returns it.
        threads: of the CPU, at least 1. None: see above.

    Attributes:
        info: what the file says of itself.

    Raises:
        WeightsError: the file is missing, damaged or not a graph of this package's contract.
        DeviceError: the device cannot be used.
        InputError: a number of threads below 1.
    """

    def __init__(self, path: Path, device: str, threads: int | None = None) -> None:
        self.path = path
        self.device = device
        self._session = _session(path, device, threads)
        self.info = GraphInfo.from_metadata(self._session.get_modelmeta().custom_metadata_map, str(path))
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._shapes: tuple[tuple[int, ...], ...] | None = None

    def __call__(self, inputs: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[Any]]:
        """The graph's outputs by name.

        Args:
            inputs: likewise; see `adain.runtimes.contract.GRAPHS`.

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
    """What the file of a graph says of itself; cheaper than to load the graph.

    Raises:
        WeightsError: see `Graph`.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        metadata = onnxruntime.InferenceSession(path, options, providers=[_CPU]).get_modelmeta().custom_metadata_map
    except Exception as error:  # onnxruntime's errors have no common type of their own
        raise WeightsError(f"onnxruntime cannot load {path}: {_reason(error)}") from error
    return GraphInfo.from_metadata(metadata, str(path))


def choose_device(device: str) -> str:
    """The device a name stands for: `cpu`, `cuda` or `cuda:<index>`.

    Args:
        device: one of these, or `auto`: CUDA where it can be used, else the CPU.

    Raises:
        InputError: another name.
        DeviceError: CUDA was asked for and cannot be used; says why.
    """
    if device == "cpu":
        return "cpu"
    kind, _, index = device.partition(":")
    if device != "auto" and (kind != "cuda" or not (index.isdecimal() or device == "cuda")):
        raise InputError(f"unknown device {device!r}; allowed: auto, cpu, cuda, cuda:0, cuda:1 ...")
    problem = cuda.problem()
    if problem is None:
        return "cuda" if device == "auto" else device
    if device == "auto":
        logger.info("using the CPU: %s", problem)
        return "cpu"
    raise DeviceError(f"{device} was asked for, but {problem}; or use device cpu or auto")


def _session(path: Path, device: str, threads: int | None) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.enable_mem_pattern = False
    options.intra_op_num_threads = _threads(threads)
    options.add_session_config_entry("session.force_spinning_stop", "1")
    providers: list[Any] = [_CPU]
    if device == "cpu":
        _share_arena()
        options.add_session_config_entry("session.use_env_allocators", "1")
    else:
        providers.insert(0, (_CUDA, _cuda_options(device)))
    try:
        session = onnxruntime.InferenceSession(path, options, providers=providers)
    except Exception as error:  # onnxruntime's errors have no common type of their own
        raise WeightsError(f"onnxruntime cannot load {path}: {_reason(error)}") from error
    if device != "cpu" and _CUDA not in session.get_providers():
        raise DeviceError(
            f"{device} was asked for, but onnxruntime {onnxruntime.__version__} took {session.get_providers()}; "
            "what it logged says why; or use device cpu or auto"
        )
    return session


@functools.cache
def _share_arena() -> None:
    """Make the arena that sessions with `session.use_env_allocators` share."""
    cpu = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    with contextlib.suppress(RuntimeError):  # one that somebody else made in this process serves as well
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


def _threads(given: int | None) -> int:
    if given is not None:
        if given < 1:
            raise InputError(f"threads must be at least 1, got {given}; None takes all cores")
        return given
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return 0  # onnxruntime's own


def _reason(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
