"""From a model's name to a stylizer: which files, which runtime, which device."""

from __future__ import annotations

import logging
import os
from importlib.util import find_spec

from adain import registry, weights
from adain.errors import DeviceError, InputError
from adain.registry import Model
from adain.runtimes import graph_files, table
from adain.runtimes.devices import cpu_threads, parse_device
from adain.runtimes.table import RUNTIMES, Runtime
from adain.stylizer import Stylizer, timed

__all__ = ["load"]

logger = logging.getLogger("adain.stylizer")  # a user sees one log of what was chosen and how long it took


def load(
    model: str = registry.DEFAULT,
    *,
    device: object = "auto",
    runtime: str = "auto",
    precision: str | None = None,
    weights_dir: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    progress: weights.Progress | None = None,
    backend: str | None = None,
) -> Stylizer:
    """Load a model, and download its weights if they are nowhere on this machine.

    Args:
        model: one of `adain.models()`.
        device: `cpu`, `cuda`, `cuda:1` and so on, or a `torch.device`; or `auto`: CUDA where it works, else the CPU.
        runtime: `onnx` runs the graphs that ship with this package, or that `adain export` wrote into the weights
            folder, in onnxruntime; `openvino` runs the same graphs in OpenVINO on the CPU; `torch` runs the networks
            themselves; `auto` is `onnx` where there are graphs, else `torch`.
        precision: `bf16` in OpenVINO is faster than fp32 and differs from it by about 1 of 255, on CPUs with bf16
            instructions only. `fp16` and `int8` need graphs that `adain export` wrote in that precision.
            None: fp32 in OpenVINO and torch; in onnxruntime, what the graphs are in.
        weights_dir: a folder that holds the weights; else `ADAIN_WEIGHTS_DIR`, the package and the cache are
            searched.
        threads: of the CPU for `onnx` and `openvino`, at least 1. None: as many as OMP_NUM_THREADS says, else as there
            are cores. torch has its own setting, `torch.set_num_threads`.
        progress: called during a download with the file's name, the bytes so far, and all bytes if known.
        backend: the former name of `runtime`.

    Raises:
        InputError: no such model, device, runtime or precision, or less than one thread.
        DeviceError: the runtime or the device cannot be used here; says why.
        WeightsError: weights are missing, corrupt or of another shape.
        DownloadError: they could not be downloaded.
    """
    row = registry.get(model)
    name = _one_name(runtime, backend)
    device = parse_device(device)
    if threads is not None:
        threads = cpu_threads(threads)
    chosen = _chosen(row, weights_dir, precision) if name == "auto" else table.get(name)
    try:
        return _open(chosen, row, device, precision, weights_dir, threads, progress)
    except DeviceError as error:
        if name != "auto" or chosen.name != "onnx" or precision is not None or find_spec("torch") is None:
            raise
        logger.warning("trying torch: %s", error)
    return _open(RUNTIMES["torch"], row, device, precision, weights_dir, threads, progress)


def _one_name(runtime: str, backend: str | None) -> str:
    if backend is None:
        return runtime
    if runtime != "auto":
        raise InputError(f"backend is the former name of runtime; give runtime only, got {backend!r} and {runtime!r}")
    return backend


def _chosen(row: Model, weights_dir: str | os.PathLike[str] | None, precision: str | None) -> Runtime:
    """The runtime that `auto` stands for: graphs in onnxruntime where there are any, else torch.

    onnxruntime is faster than torch on CPUs, and imports faster everywhere. Where it has not the precision that is
    asked for, the first runtime that has it is taken.
    """
    usual = RUNTIMES["onnx" if graph_files.go_first(row, weights_dir) else "torch"]
    if precision is None or precision in usual.precisions:
        return usual
    return table.with_precision(precision)


def _open(
    runtime: Runtime,
    row: Model,
    device: str,
    precision: str | None,
    weights_dir: str | os.PathLike[str] | None,
    threads: int | None,
    progress: weights.Progress | None,
) -> Stylizer:
    runtime.check(device, precision)  # first: an error now is better than one after a download
    files: object
    if runtime.runs == "graphs":
        files = graph_files.find(row, weights_dir)
    else:
        files = weights.find(row, weights_dir, progress=progress)
    with timed("load"):
        backend = runtime.open(row, files, device, threads, precision)
        logger.info("model: %s on %s, runtime %s", row.name, backend.device, runtime.name)
        return Stylizer(row, backend)
