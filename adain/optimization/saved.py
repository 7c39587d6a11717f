"""The state of an optimisation in a safetensors file, to continue from."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from adain import atomic
from adain.errors import InputError
from adain.files import unreadable

__all__ = ["fingerprint", "load", "write"]

_FORMAT = "adain.optimization.1"  # the number is the version of the layout


def fingerprint(arrays: Sequence[np.ndarray | None], settings: str) -> str:
    """Hash all that decides the result: pictures, masks and settings."""
    digest = hashlib.sha256(settings.encode())
    for array in arrays:
        digest.update(b"none" if array is None else f"{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def write(path: str | os.PathLike[str], state: Mapping[str, Tensor], mark: str, position: tuple[int, int]) -> None:
    """Write a state, complete or not at all.

    Args:
        path: the file.
        state: tensors by name.
        mark: `fingerprint` of the inputs.
        position: index of the scale, and iterations done there.

    Raises:
        OutputError: the file cannot be written.
    """
    metadata = {"format": _FORMAT, "fingerprint": mark, "scale": str(position[0]), "iteration": str(position[1])}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    atomic.write_bytes(path, save(tensors, metadata))


def load(path: str | os.PathLike[str], mark: str) -> tuple[dict[str, Tensor], tuple[int, int]]:
    """Read what `write` wrote: the state and the position.

    Raises:
        InputError: the file is missing or damaged, or belongs to other pictures or options.
    """
    name = os.fspath(path)
    if (fault := unreadable(Path(path), "state of an optimisation")) is not None:
        raise InputError(f"{name} {fault}")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != _FORMAT:
                raise InputError(f"{name} is not the state of an optimisation of this version; delete it")
            if metadata["fingerprint"] != mark:
                raise InputError(
                    f"{name} belongs to other pictures or options; delete it to begin anew, or give those of the run"
                )
            position = int(metadata["scale"]), int(metadata["iteration"])
            return {key: file.get_tensor(key) for key in file.keys()}, position  # noqa: SIM118  no mapping
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{name} is damaged ({error}); delete it to begin anew") from error
