"""Builds a network from a row of the registry, and loads its weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import nn

from adain.errors import WeightsError
from adain.nn import checkpoints
from adain.nn.network import StyleTransfer
from adain.nn.operators import Operators
from adain.nn.slim import SlimNetwork
from adain.nn.slim_layers import SlimDecoder, SlimEncoder
from adain.nn.vgg import Decoder, Encoder
from adain.nn.vgg_networks import VGGNetwork
from adain.registry import Architecture, Model, SlimArchitecture

__all__ = ["build", "load", "parts", "slim_network"]


def build(model: Model, operators: Operators | None = None) -> StyleTransfer:
    """The network of a registry row, with random weights.

    Args:
        model: the row.
        operators: implementations of the network's operations. None: torch's own.
    """
    return _assemble(model, parts(model.architecture), operators)


def load(model: Model, files: Mapping[str, Path], operators: Operators | None = None) -> StyleTransfer:
    """The network of a registry row with its weights, in evaluation mode, on the CPU.

    Args:
        model: the row.
        files: a path per role, as `adain.weights.find` returns them.
        operators: as in `build`.

    Raises:
        WeightsError: a role has no file, or a file does not fit.
    """
    with torch.device("meta"):  # skips the random weights, which the files would overwrite
        pieces = parts(model.architecture)
        network = _assemble(model, pieces, operators)
    for role, part in pieces.items():
        if role not in files:
            raise WeightsError(f"{model.name} needs a file for {role}; there are files for {sorted(files)}")
        checkpoints.load_into(part, files[role], model.architecture.keys)
    return network.eval()


def parts(architecture: Architecture | SlimArchitecture) -> dict[str, nn.Module]:
    """The modules that a model's files hold, by role, with random weights.

    Each is an encoder or a decoder, decoders in the order of the levels; or all of them are a `ModuleDict` under
    `model`.
    """
    if isinstance(architecture, SlimArchitecture):
        encoder = SlimEncoder(architecture.widths)
        return {
            "model": nn.ModuleDict({"encoder": encoder, "decoder": SlimDecoder(encoder.widths, architecture.hidden)})
        }
    pieces = _vgg_parts(architecture)
    return {"model": nn.ModuleDict(pieces)} if architecture.keys == "own" else pieces


def _vgg_parts(architecture: Architecture) -> dict[str, nn.Module]:
    levels = architecture.levels
    found: dict[str, nn.Module] = {}
    if not architecture.encoder_per_level:
        found["encoder"] = Encoder(architecture.widths, max(levels))
    for level in levels:
        widths = architecture.widths_at(level)
        if architecture.encoder_per_level:
            found[f"encoder{level}"] = Encoder(widths, level)
        role = "decoder" if len(levels) == 1 else f"decoder{level}"
        found[role] = Decoder(widths, level, output_relu=architecture.output_relu)
    return found


def slim_network(
    pieces: Iterable[nn.Module], architecture: SlimArchitecture, operators: Operators | None = None
) -> SlimNetwork:
    """A `SlimNetwork` around an encoder and a decoder, which are not copied."""
    encoder, decoder = pieces
    assert isinstance(encoder, SlimEncoder)
    assert isinstance(decoder, SlimDecoder)
    return SlimNetwork(encoder, decoder, architecture.stages("adain"), operators or Operators())


def _assemble(model: Model, pieces: Mapping[str, nn.Module], operators: Operators | None) -> StyleTransfer:
    whole = pieces.get("model")
    members = list(pieces.values()) if whole is None else list(whole.children())
    if isinstance(model.architecture, SlimArchitecture):
        return slim_network(members, model.architecture, operators)
    encoders = [piece for piece in members if isinstance(piece, Encoder)]
    decoders = [piece for piece in members if isinstance(piece, Decoder)]
    return VGGNetwork(encoders, decoders, model.stages, operators or Operators())
