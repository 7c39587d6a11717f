"""Read trained model files, which `adain train` writes, into a registry row. Needs no torch.

A model file is a safetensors file of float32 tensors with the names of our torch modules. Its metadata:

    format        `adain.model.1`
    network       the base model in the registry; gives fusion, paper and default alpha
    architecture  JSON, the attributes of `SlimArchitecture`
    name          name of the model; optional, default is the file's name without suffix
    licence       SPDX expression for the weights; optional

Older files have the format `pt`, and `options` in place of `architecture`: the differences from `network`'s.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from adain import checks, registry
from adain.engine.fusions import Layout, code_layout
from adain.errors import WeightsError
from adain.files import unreadable
from adain.registry import Model, SlimArchitecture, WeightFile

__all__ = ["clean_name", "code_digest", "describe", "parse_architecture", "read"]

FORMAT = "adain.model.1"  # the number is the version of the layout
_OLD_FORMAT = "pt"
_UNKNOWN_LICENCE = "NOASSERTION"  # SPDX's term
_LONGEST_NAME = 64  # characters; file names append to it
_MOST = 1 << 14  # channels or passes; larger ones are damage


def describe(network: str, options: Mapping[str, Any]) -> dict[str, str]:
    """Make the metadata of a model file.

    Args:
        network: the base model in the registry.
        options: attributes that differ from the base model's architecture.
    """
    base = registry.get(network).architecture
    assert isinstance(base, SlimArchitecture), network
    architecture = asdict(parse_architecture(options, base))
    return {"format": FORMAT, "network": network, "architecture": json.dumps(architecture)}


def read(path: Path) -> Model:
    """Read the registry row of a model file. The shapes of tensors are checked later, when the network is loaded.

    Raises:
        WeightsError: the file is damaged, is not a model file, or holds tensors that are not finite float32.
    """
    metadata, tensors = _content(path)
    base = registry.MODELS[metadata["network"]]
    architecture = _architecture(metadata, base, path)
    file = WeightFile(
        role="model",
        name=path.name,
        url=None,
        bytes=path.stat().st_size,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        licence=metadata.get("licence", _UNKNOWN_LICENCE),
    )
    layout = code_layout(architecture.stages(base.fusion))
    return replace(
        base,
        name=clean_name(metadata.get("name") or path.stem),
        summary=f"A variant of {base.name}, trained by its owner.",
        architecture=architecture,
        files=(file,),
        source=path.name,
        code_digest=code_digest(tensors, layout),
    )


def clean_name(text: str) -> str:
    """Turn a text into a model name that is safe in file names: letters, digits and `_ . + -`."""
    return re.sub(r"[^\w.+-]+", "-", text)[:_LONGEST_NAME].strip(".-") or "model"


def code_digest(tensors: Mapping[str, NDArray[np.float32]], layout: Layout) -> str:
    """Hash the encoder weights. Two models with the same digest make the same style codes.

    Args:
        tensors: the network's tensors, by our names; only its encoders are hashed.
        layout: layout of the model's style codes.

    Returns:
        64 hex digits.
    """
    digest = hashlib.sha256(repr(sorted(layout.items())).encode())
    for name, tensor in sorted(tensors.items()):
        if name.startswith("encoder"):
            digest.update(f"{name} {tensor.shape}".encode() + np.ascontiguousarray(tensor, "<f4").tobytes())
    return digest.hexdigest()


def parse_architecture(values: Mapping[str, Any], base: SlimArchitecture | None = None) -> SlimArchitecture:
    """Make an architecture from JSON values: all attributes, or the differences from a base.

    Raises:
        ValueError: a value is not allowed.
        TypeError: a value has another type, is unknown or missing.
    """
    named: dict[str, Any] = {name: tuple(each) if isinstance(each, list) else each for name, each in values.items()}
    found = SlimArchitecture(**named) if base is None else replace(base, **named)
    counts = (*found.widths, found.hidden, found.passes)
    scales = {2 << position for position in range(len(found.widths))}
    whole = all(type(count) is int and 0 < count <= _MOST for count in counts)
    if not whole or len(scales) != 3 or not set(found.covariances) <= scales:
        raise ValueError(found)
    return found


def _content(path: Path) -> tuple[dict[str, str], dict[str, NDArray[np.float32]]]:
    """Read metadata and tensors. The metadata are checked before the tensors are read."""
    if (fault := unreadable(path, "model")) is not None:
        raise WeightsError(f"{path} {fault}")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            _check_metadata(metadata, path)
            kinds = {name: file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118  no mapping
            other = next((name for name, kind in kinds.items() if kind != "F32"), None)
            if other is not None:
                raise WeightsError(f"{path} holds {other} as {kinds[other]}; save it as float32 (F32)")
            tensors = {name: file.get_tensor(name) for name in kinds}
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"{path} cannot be read as a model: it is damaged or no safetensors file ({error}); {_WHAT_IS_ONE}"
        ) from error
    broken = next((name for name, tensor in tensors.items() if not np.isfinite(tensor).all()), None)
    if broken is not None:
        raise WeightsError(f"{path} holds numbers that are not finite, in {broken}; export an earlier checkpoint")
    return metadata, tensors


_WHAT_IS_ONE = "a model is the model.safetensors of `adain train`, or the graphs of `adain export`"


def _check_metadata(metadata: Mapping[str, str], path: Path) -> None:
    kind, network = metadata.get("format", ""), metadata.get("network")
    if kind.startswith("adain.style-code"):
        raise WeightsError(f"{path} holds style codes, not a model; pass it as a style")
    if kind.startswith("adain.model") and kind != FORMAT:
        raise WeightsError(f"{path} has the format {kind}, this version reads {FORMAT}; install a newer adain")
    if kind not in (FORMAT, _OLD_FORMAT) or network is None:
        raise WeightsError(f"{path} names no network in its metadata; {_WHAT_IS_ONE}")
    known = [name for name, row in registry.MODELS.items() if isinstance(row.architecture, SlimArchitecture)]
    if network not in known:
        raise WeightsError(
            f"{path} holds an unknown network {checks.shown(network)}; this version runs {', '.join(known)}"
        )


def _architecture(metadata: Mapping[str, str], base: Model, path: Path) -> SlimArchitecture:
    assert isinstance(base.architecture, SlimArchitecture)
    try:
        if "architecture" in metadata:
            return parse_architecture(dict(checks.parsed_json(metadata["architecture"])))
        return parse_architecture(dict(checks.parsed_json(metadata.get("options", "{}"))), base.architecture)
    except (ValueError, TypeError) as error:
        raise WeightsError(f"{path} has an architecture that this version does not run ({error})") from error
