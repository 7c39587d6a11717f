"""Load a stylizer from a model's name or files: choose the files, the runtime and the device."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from functools import partial
from importlib.util import find_spec

from adain import registry, weights
from adain.errors import DeviceError, InputError
from adain.model_files import ModelSource, resolve
from adain.runtimes import graph_files, table
from adain.runtimes.devices import cpu_threads, parse_device
from adain.runtimes.table import RUNTIMES, Runtime
from adain.stylizer import Stylizer, timed

__all__ = ["load"]

logger = logging.getLogger("adain.stylizer")  # one log for the choices and the times


def load(
    model: str | os.PathLike[str] = registry.DEFAULT,
    *,
    device: object = "auto",
    runtime: str = "auto",
    precision: str | None = None,
    weights_dir: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    progress: weights.Progress | None = None,
    backend: str | None = None,
) -> Stylizer:
    """Load a model. Download its weights if they are not on this machine.

    Args:
        model: one of `adain.models()`, a trained file such as `run/model.safetensors`, or a folder that
            `adain export` wrote.
        device: `cpu`, `cuda`, `cuda:1` and so on, a `torch.device`, or `auto`: CUDA if it works, else the CPU.
        runtime: `onnx` runs ONNX graphs in onnxruntime: the ones that ship with this package, or the ones that
            `adain export` wrote into the weights folder. `openvino` runs the same graphs in OpenVINO on the CPU.
            `torch` runs the PyTorch networks. `auto` is `onnx` if there are graphs, else `torch`.
        precision: `bf16` runs in OpenVINO, only on CPUs with bf16 instructions; it is faster than fp32 and differs
            from it by about 1 of 255. `fp16` and `int8` need graphs that `adain export` wrote in that precision.
            None: fp32 in OpenVINO and torch; in onnxruntime, the precision of the graphs.
        weights_dir: a folder to search for the weights first; None: `ADAIN_WEIGHTS_DIR`, if set. Then the package
            and the cache are searched.
        threads: number of CPU threads for `onnx` and `openvino`, at least 1. None: OMP_NUM_THREADS if set, else the
            number of cores. For torch, use `torch.set_num_threads`.
        progress: called during a download with the file's name, the bytes received, and the total bytes if known.
        backend: the former name of `runtime`.

    Raises:
        InputError: the model, device, runtime or precision is unknown, or `threads` is below 1.
        DeviceError: the runtime or the device cannot be used here; the message says why.
        WeightsError: weights are missing, corrupt or of another shape.
        DownloadError: the weights could not be downloaded.
    """
    source = resolve(model)
    name = _one_name(runtime, backend)
    device = parse_device(device)
    if threads is not None:
        threads = cpu_threads(threads)
    again = partial(
        load,
        source.given,
        device=device,
        runtime=name,
        precision=precision,
        weights_dir=None if weights_dir is None else os.path.abspath(os.path.expanduser(weights_dir)),
        threads=threads,
    )
    chosen = _chosen(source, weights_dir, precision) if name == "auto" else table.get(name)
    opened = partial(_open, source, device, precision, weights_dir, threads, progress)
    try:
        return replace(opened(chosen), loading=again)
    except DeviceError as error:
        if name != "auto" or chosen.name != "onnx" or precision is not None or find_spec("torch") is None:
            raise
        logger.warning("trying torch: %s", error)
    return replace(opened(RUNTIMES["torch"]), loading=again)


def _one_name(runtime: str, backend: str | None) -> str:
    if backend is None:
        return runtime
    if runtime != "auto":
        raise InputError(f"backend is the former name of runtime; give runtime only, got {backend!r} and {runtime!r}")
    return backend


def _chosen(source: ModelSource, weights_dir: str | os.PathLike[str] | None, precision: str | None) -> Runtime:
    """Choose the runtime for `auto`: onnxruntime if there are graphs, else torch.

    onnxruntime is faster than torch on CPUs, and imports faster everywhere. If the usual runtime lacks the requested
    precision, the first runtime that has it is chosen.
    """
    usual = RUNTIMES["onnx" if graph_files.go_first(source.model, weights_dir, source.folder) else "torch"]
    if precision is None or precision in usual.precisions:
        return usual
    return table.with_precision(precision)


def _open(
    source: ModelSource,
    device: str,
    precision: str | None,
    weights_dir: str | os.PathLike[str] | None,
    threads: int | None,
    progress: weights.Progress | None,
    runtime: Runtime,
) -> Stylizer:
    runtime.check(device, precision)  # before any download
    row = source.model
    files: object = source.graphs(weights_dir) if runtime.runs == "graphs" else source.weights(weights_dir, progress)
    with timed("load"):
        backend = runtime.open(row, files, device, threads, precision)
        logger.info("model: %s on %s, runtime %s", row.name, backend.device, runtime.name)
        precision = precision or str(getattr(backend, "precision", "fp32"))
        return Stylizer(row, backend, runtime=runtime.name, precision=precision)
