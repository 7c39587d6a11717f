"""Reads checkpoints safely, and checks their keys and shapes before use.

A file is a state dict, or a dict with one under `model`, as a torch pickle or as safetensors. Pickles are read with
`torch.load(weights_only=True)` only, so no code in them runs. The registry declares a key scheme for each file. Every
key and every shape must match it; an error names all mismatches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from adain.errors import WeightsError
from adain.files import unreadable
from adain.nn.vgg import VGG19_WIDTHS, Conv, Decoder, Encoder, Layer, vgg_layers

__all__ = ["KeyScheme", "Slot", "load_into", "read", "slots"]

KeyScheme = Literal["index", "layer", "own"]
"""`index`: positions in the saved Sequential, such as `2.weight`. `layer`: VGG's names, such as `conv11.weight`.
`own`: the names of this package's modules."""

_NAMED_IN_ERRORS = 8  # keys named per kind of problem; the rest are counted


@dataclass(frozen=True)
class Slot:
    """One key of a checkpoint: its shape, and the parameter of the network that it fills (None: not used)."""

    shape: tuple[int, ...]
    parameter: str | None


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint, on the CPU.

    Raises:
        WeightsError: the file is missing or damaged, or holds anything else than named tensors.
    """
    if (fault := unreadable(path, "file of weights")) is not None:
        raise WeightsError(f"{path} {fault}")
    try:
        if path.suffix == ".safetensors":
            content: object = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file raises almost any type
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise WeightsError(
            f"{path} cannot be read as weights: it is damaged, or holds more than tensors ({reason}); "
            "only a state dict saved by torch.save or safetensors is loaded"
        ) from error
    return _state_dict(content, path)


def load_into(network: nn.Module, path: Path, scheme: KeyScheme) -> None:
    """Load a file into a network.

    Args:
        network: any network for scheme `own`, else an encoder or decoder.
        path: the file.
        scheme: key scheme of the file.

    Raises:
        WeightsError: see `read`; or keys are missing or unexpected, or tensors have another shape.
    """
    state = read(path)
    expected = slots(network, scheme)
    _check(state, expected, path)
    ours = {slot.parameter: state[key].float() for key, slot in expected.items() if slot.parameter}
    network.load_state_dict(ours, assign=any(parameter.is_meta for parameter in network.parameters()))


def slots(network: nn.Module, scheme: KeyScheme) -> dict[str, Slot]:
    """The keys of a checkpoint of this network under `scheme`, including optional ones."""
    if scheme == "own":
        return {name: Slot(tuple(tensor.shape), name) for name, tensor in network.state_dict().items()}
    if not isinstance(network, Encoder | Decoder):
        raise TypeError(f"key scheme {scheme!r} is for an encoder or a decoder, not {type(network).__name__}")
    found: dict[str, Slot] = {}
    for name, conv, needed in _published(network, scheme):
        weight = (conv.outputs, conv.inputs, conv.kernel, conv.kernel)
        found[f"{name}.weight"] = Slot(weight, f"{conv.name}.weight" if needed else None)
        found[f"{name}.bias"] = Slot((conv.outputs,), f"{conv.name}.bias" if needed else None)
    return found


def _published(network: Encoder | Decoder, scheme: KeyScheme) -> Iterator[tuple[str, Conv, bool]]:
    """The convolutions in the authors' file: name in the file, description, and whether our network has it."""
    own = tuple(layer for layer in network.layers if isinstance(layer, Conv))
    encoder = isinstance(network, Encoder)
    if scheme == "index":  # an encoder's file may hold all 53 modules, to relu5_4
        for index, conv in _indices(vgg_layers(network.widths) if encoder else network.layers):
            yield str(index), conv, conv in own
        return
    for conv in own:
        yield conv.name.replace("_", ""), conv, True
    if encoder:  # distillation's projections to the full network's features, for training only
        for block, (width, full) in enumerate(zip(network.widths, VGG19_WIDTHS, strict=False), start=1):
            if block <= network.level:
                yield f"conv{block}1_aux", Conv(f"conv{block}_1_aux", width, full, kernel=1), False


def _indices(layers: Sequence[Layer]) -> Iterator[tuple[int, Conv]]:
    """Positions of the convolutions in a Sequential in which padding, ReLU, pooling and upsampling are modules."""
    position = 0
    for layer in layers:
        if isinstance(layer, Conv):
            position += layer.kernel == 3  # reflection padding comes before
            yield position, layer
            position += layer.relu
        position += 1


def _state_dict(content: object, path: Path) -> dict[str, Tensor]:
    if isinstance(content, Mapping) and isinstance(content.get("model"), Mapping):
        content = content["model"]
    if not isinstance(content, Mapping):
        raise WeightsError(f"{path} holds a {type(content).__name__}, not tensors by name (a state dict)")
    strange = [key for key, value in content.items() if not _is_weight(value)]
    if strange:
        raise WeightsError(f"{path} holds more than named float tensors: {_some(map(repr, strange))}")
    return {str(key): value for key, value in content.items()}


def _is_weight(value: object) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point() and value.layout == torch.strided


def _check(state: Mapping[str, Tensor], expected: Mapping[str, Slot], path: Path) -> None:
    """Raise a WeightsError that names all keys and shapes that differ."""
    missing = [key for key, slot in expected.items() if slot.parameter is not None and key not in state]
    unexpected = [key for key in state if key not in expected]
    reshaped = [
        f"{key} is {tuple(tensor.shape)}, not {expected[key].shape}"
        for key, tensor in state.items()
        if key in expected and tuple(tensor.shape) != expected[key].shape
    ]
    kinds = (("missing", missing), ("unexpected", unexpected), ("of another shape", reshaped))
    problems = "; ".join(f"{kind}: {_some(keys)}" for kind, keys in kinds if keys)
    if problems:
        raise WeightsError(f"{path} does not fit the network it is for; {problems}")


def _some(keys: Iterable[str]) -> str:
    named = list(keys)
    rest = len(named) - _NAMED_IN_ERRORS
    return ", ".join(named[:_NAMED_IN_ERRORS]) + (f" and {rest} more" if rest > 0 else "")
