"""From a row of the registry and its files to a network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from adain.errors import WeightsError
from adain.nn import checkpoints
from adain.nn.fusion import MatrixRoots, eigh_roots
from adain.nn.models import AdaINModel, StyleTransfer, WCTModel
from adain.nn.vgg import Decoder, Encoder
from adain.registry import Architecture, Model

__all__ = ["build", "load", "parts"]


def build(model: Model, *, roots: MatrixRoots = eigh_roots) -> StyleTransfer:
    """The network of a registry row, with random weights.

    Args:
        model: the row.
        roots: how a WCT model takes the roots of covariances.
    """
    return _assemble(model, parts(model.architecture), roots)


def load(model: Model, files: Mapping[str, Path], *, roots: MatrixRoots = eigh_roots) -> StyleTransfer:
    """The network of a registry row with its weights, in evaluation mode, on the CPU.

    Args:
        model: the row.
        files: a path per role, as `adain.weights.find` returns them.
        roots: as in `build`.

    Raises:
        WeightsError: a role has no file, or a file does not fit.
    """
    with torch.device("meta"):  # random weights would only be overwritten
        pieces = parts(model.architecture)
        network = _assemble(model, pieces, roots)
    for role, part in pieces.items():
        if role not in files:
            raise WeightsError(f"{model.name} needs a file for {role}; there are files for {sorted(files)}")
        checkpoints.load_into(part, files[role], model.architecture.keys)
    return network.eval()


def parts(architecture: Architecture) -> dict[str, Encoder | Decoder]:
    """The networks of an architecture by role, with random weights; decoders in the order of its levels."""
    levels = architecture.levels
    found: dict[str, Encoder | Decoder] = {}
    if not architecture.encoder_per_level:
        found["encoder"] = Encoder(architecture.widths, max(levels))
    for level in levels:
        widths = architecture.widths_at(level)
        if architecture.encoder_per_level:
            found[f"encoder{level}"] = Encoder(widths, level)
        role = "decoder" if len(levels) == 1 else f"decoder{level}"
        found[role] = Decoder(widths, level, output_relu=architecture.output_relu)
    return found


def _assemble(model: Model, pieces: Mapping[str, Encoder | Decoder], roots: MatrixRoots) -> StyleTransfer:
    encoders = [part for part in pieces.values() if isinstance(part, Encoder)]
    decoders = [part for part in pieces.values() if isinstance(part, Decoder)]
    if model.fusion == "adain":
        return AdaINModel(encoders[0], decoders[0])
    return WCTModel(encoders, decoders, model.architecture.levels, roots)
