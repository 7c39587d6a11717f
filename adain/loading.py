"""From a model's name or files to a stylizer: which files, which runtime, which device."""

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

logger = logging.getLogger("adain.stylizer")  # a user sees one log of what was chosen and how long it took


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
    """Load a model, and download its weights if they are nowhere on this machine.

    Args:
        model: one of `adain.models()`, a trained file such as `run/model.safetensors`, or a folder that
            `adain export` wrote.
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
    """The runtime that `auto` stands for: graphs in onnxruntime where there are any, else torch.

    onnxruntime is faster than torch on CPUs, and imports faster everywhere. Where it has not the precision that is
    asked for, the first runtime that has it is taken.
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
    runtime.check(device, precision)  # first: an error now is better than one after a download
    row = source.model
    files: object = source.graphs(weights_dir) if runtime.runs == "graphs" else source.weights(weights_dir, progress)
    with timed("load"):
        backend = runtime.open(row, files, device, threads, precision)
        logger.info("model: %s on %s, runtime %s", row.name, backend.device, runtime.name)
        return Stylizer(row, backend)
