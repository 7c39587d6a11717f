"""From a model's name or files to a stylizer: which files, which runtime, which device."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, get_args

from adain import registry, weights
from adain.engine.backend import Backend
from adain.errors import DeviceError, InputError
from adain.model_files import ModelSource, resolve
from adain.registry import Model
from adain.stylizer import Stylizer, timed

__all__ = ["BackendName", "load"]

BackendName = Literal["auto", "onnx", "torch"]

logger = logging.getLogger("adain.stylizer")  # a user sees one log of what was chosen and how long it took


def load(
    model: str | os.PathLike[str] = registry.DEFAULT,
    *,
    device: str = "auto",
    backend: BackendName = "auto",
    weights_dir: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    progress: weights.Progress | None = None,
) -> Stylizer:
    """Load a model, and download its weights if they are nowhere on this machine.

    Args:
        model: one of `adain.models()`, a trained file such as `run/model.safetensors`, or a folder that
            `adain export` wrote.
        device: `cpu`, `cuda`, `cuda:1` and so on, or `auto`: CUDA where it works, else the CPU.
        backend: `onnx` runs the graphs that ship with this package or that `adain export` wrote into the weights
            folder; `torch` the networks themselves; `auto` the graphs where there are any, else torch.
        weights_dir: a folder that holds the weights; else `ADAIN_WEIGHTS_DIR`, the package and the cache are
            searched.
        threads: how many of the CPU's the backend `onnx` takes, at least 1. None: as many as OMP_NUM_THREADS says,
            else as there are cores. torch has its own setting, `torch.set_num_threads`.
        progress: called during a download with the file's name, the bytes so far, and all bytes if known.

    Raises:
        InputError: no such model, device or backend, or less than one thread.
        DeviceError: the device cannot be used, or what the backend needs is not installed.
        WeightsError: weights are missing, corrupt or of another shape.
        DownloadError: they could not be downloaded.
    """
    source = resolve(model)
    if backend not in get_args(BackendName):
        raise InputError(f"backend must be one of {get_args(BackendName)}, got {backend!r}")
    again = partial(
        load,
        source.given,
        device=device,
        backend=backend,
        weights_dir=None if weights_dir is None else os.path.abspath(os.path.expanduser(weights_dir)),
        threads=threads,
    )
    chosen = _chosen(source, weights_dir) if backend == "auto" else backend
    if chosen == "onnx":
        try:
            return replace(_load_onnx(source, device, weights_dir, threads), loading=again)
        except DeviceError as error:
            if backend == "onnx" or find_spec("torch") is None:
                raise
            logger.warning("trying torch: %s", error)
    return replace(_load_torch(source, device, weights_dir, progress), loading=again)


def _chosen(source: ModelSource, weights_dir: str | os.PathLike[str] | None) -> Literal["onnx", "torch"]:
    """What `auto` stands for. onnxruntime is the faster of the two on CPUs, and imports faster everywhere."""
    row, graphs = source.model, source.find_graphs(weights_dir)
    if graphs is None:
        return "torch"
    if graphs.shipped and (directory := weights.named_directory(weights_dir)) is not None:
        places = (weights.locate(row, file, directory) for file in row.files)
        if any(place is not None and place.origin == "named" for place in places):
            return "torch"  # the user's own weights go before what ships
    return "onnx"


def _load_onnx(
    source: ModelSource, device: str, weights_dir: str | os.PathLike[str] | None, threads: int | None
) -> Stylizer:
    row, graphs = source.model, source.graphs(weights_dir)
    try:
        from adain.runtimes.graph_backend import OrtBackend
    except ModuleNotFoundError as error:
        if error.name != "onnxruntime":
            raise
        raise DeviceError("backend onnx needs onnxruntime; pip install onnxruntime-gpu, or onnxruntime") from error
    with timed("load"):
        return _stylizer(row, OrtBackend(row, graphs, device, threads), "onnx")


def _load_torch(
    source: ModelSource, device: str, weights_dir: str | os.PathLike[str] | None, progress: weights.Progress | None
) -> Stylizer:
    open_backend = _torch_backend(device)  # first: rather an error now than after a download
    found = source.weights(weights_dir, progress)
    with timed("load"):
        return _stylizer(source.model, open_backend(source.model, found, device), "torch")


def _stylizer(row: Model, backend: Backend, name: str) -> Stylizer:
    logger.info("model: %s on %s, backend %s", row.name, backend.device, name)
    return Stylizer(row, backend)


def _torch_backend(device: str) -> Callable[[Model, Mapping[str, Path], str], Backend]:
    try:
        from adain.runtimes.torch_backend import TorchBackend, choose_device
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "torchvision"):
            raise
        raise DeviceError(
            f'running the network itself needs {error.name}; pip install "adain[torch]", '
            "or load the graphs that `adain export` writes"
        ) from error
    choose_device(device)
    return TorchBackend
