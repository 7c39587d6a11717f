"""Checkpoints of a run: written atomically, the last two kept, read without unpickling code.

A file is made in memory and then written. So a full disk is the system's own error, not one of torch about an archive.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as serialized
from torch import Tensor

from adain.atomic import write_bytes
from adain.errors import WeightsError
from adain.files import unreadable

__all__ = ["latest", "load", "save", "save_weights", "write_atomically"]

KEEP = 2


def save(folder: Path, step: int, state: Mapping[str, Any]) -> Path:
    """Write `step-00001234.pt` and remove all but the newest two.

    Args:
        folder: for the checkpoints; created if needed.
        step: number of steps done.
        state: tensors and plain data only, so that it loads with `weights_only=True`.

    Raises:
        OutputError: the checkpoint cannot be written; the ones before are left as they are.
    """
    path = folder / f"step-{step:08d}.pt"
    write_atomically(path, lambda file: torch.save(dict(state), file))
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
        return dict(state)
    except MemoryError:
        raise
    except Exception as error:  # on broken bytes, torch raises nearly any type
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(
            f"cannot read checkpoint {path}: {reason}; delete it to continue from the one before"
        ) from error


def save_weights(path: Path, weights: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write weights as float32 safetensors."""
    tensors = {name: _plain(tensor) for name, tensor in weights.items()}
    write_atomically(path, lambda file: file.write(serialized(tensors, dict(metadata))))


def _plain(tensor: Tensor) -> Tensor:
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.is_floating_point() else tensor).contiguous()


def write_atomically(path: Path, write: Callable[[io.BytesIO], object]) -> None:
    """Write what `write` puts into a buffer to `path`, completely or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    buffer = io.BytesIO()
    write(buffer)
    write_bytes(path, buffer.getvalue())
