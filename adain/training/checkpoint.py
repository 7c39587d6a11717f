"""Checkpoints of a run: written atomically, the last two kept, read without unpickling code."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from adain.atomic import replacing
from adain.errors import OutputError, WeightsError
from adain.files import unreadable

__all__ = ["latest", "load", "save", "save_weights", "write_atomically"]

KEEP = 2


def save(folder: Path, step: int, state: Mapping[str, Any]) -> Path:
    """Write `step-00001234.pt` and remove all but the newest two.

    Args:
        folder: for the checkpoints; created if needed.
        step: number of steps done.
        state: tensors and plain data only, so that it loads with `weights_only=True`.
    """
    path = folder / f"step-{step:08d}.pt"
    write_atomically(path, lambda beside: torch.save(dict(state), beside))
    for old in sorted(folder.glob("step-*.pt"))[:-KEEP]:
        old.unlink(missing_ok=True)
    return path


def latest(folder: Path) -> Path | None:
    """The newest checkpoint of a run; None if there is none."""
    return max(folder.glob("step-*.pt"), default=None)


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint onto the CPU.

    Raises:
        WeightsError: the file cannot be read.
    """
    if (fault := unreadable(path, "checkpoint")) is not None:
        raise WeightsError(f"{path} {fault}")
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise WeightsError(f"cannot read checkpoint {path}: {error}") from error
    return state


def save_weights(path: Path, weights: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write weights as float32 safetensors."""
    tensors = {name: _plain(tensor) for name, tensor in weights.items()}
    write_atomically(path, lambda beside: save_file(tensors, beside, dict(metadata)))


def _plain(tensor: Tensor) -> Tensor:
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.is_floating_point() else tensor).contiguous()


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file, then rename it to `path`; a failure leaves nothing behind.

    Raises:
        OutputError: the file cannot be written.
    """
    try:
        with replacing(path) as beside:
            write(beside)
    except (OSError, RuntimeError) as error:  # torch and safetensors raise both
        raise OutputError(f"cannot write {path}: {error}") from error
