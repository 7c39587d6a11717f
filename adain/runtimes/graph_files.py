"""Finds a model's graphs: in the directory that the user names, or in this package."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from adain import weights
from adain.errors import WeightsError
from adain.registry import DEFAULT, Model, Stage, WeightFile
from adain.runtimes.contract import STAGED, GraphKind, file_name, staged_name
from adain.weights import Place

__all__ = ["FURTHER", "GRAPHS", "GraphFiles", "find", "go_first", "key", "locate", "names", "sharing"]

_NEEDED: Final[tuple[GraphKind, ...]] = ("encode_style", "level")
FURTHER: Final[tuple[GraphKind, ...]] = ("level_regions", *STAGED)
GRAPHS: Final = _NEEDED + FURTHER
"""The graphs that adain itself runs. A model needs the first two; the others are needed by some calls only. A model
that ships has all of them in `weights/`."""


@dataclass(frozen=True)
class GraphFiles:
    """The graphs that `adain.runtimes.graph_backend.GraphBackend` runs.

    Attributes:
        encode_style: the graph from a style to its code.
        level: the graph from content and codes to the stylized picture.
        shipped: whether the files are part of this package, not the user's own.
        further: the other graphs that were found beside `level`, by `key`.
    """

    encode_style: Path
    level: Path
    shipped: bool
    further: Mapping[str, Path] = field(default_factory=dict)


def sharing(model: Model) -> tuple[GraphKind, ...]:
    """The graphs of a shipped model that read their weights from the model's safetensors file.

    The first two graphs of the default model hold their own weights, so they can be copied out of the package.
    """
    return FURTHER if model.name == DEFAULT else GRAPHS


def key(model: Model, kind: GraphKind, stage: Stage | None = None) -> str:
    """The key of a graph: its kind, and its stage if the model has several different stages."""
    name = staged_name(model.stages, stage)
    return kind if name is None else f"{kind}.{name}"


def names(model: Model) -> dict[str, str]:
    """The file names of all graphs that adain itself runs, by `key`."""
    return {
        key(model, kind, stage): file_name(model.name, kind, staged_name(model.stages, stage))
        for kind in GRAPHS
        for stage in (dict.fromkeys(model.stages) if kind in STAGED else (None,))
    }


def locate(
    model: Model, weights_dir: str | os.PathLike[str] | None = None, folder: Path | None = None
) -> GraphFiles | None:
    """Find a model's graphs without reading them; None if a needed one is missing.

    Args:
        model: the registry's row.
        weights_dir: a directory to search first, as in `adain.weights.find`.
        folder: the folder of the user's own model, and then the only place to search. None: the usual places.

    Raises:
        InputError: the directory does not exist.
    """
    if folder is None:
        directory = weights.named_directory(weights_dir)
        places = [_place(model, kind, directory) for kind in _NEEDED]
    else:
        own = [Place(folder / file_name(model.name, kind), "named") for kind in _NEEDED]
        places = [place if place.path.is_file() else None for place in own]
    encode_style, level = places
    if encode_style is None or level is None:
        return None
    shipped = encode_style.origin == level.origin == "package"
    beside = {each: level.path.with_name(name) for each, name in names(model).items()}
    further = {each: path for each, path in beside.items() if each not in _NEEDED and path.is_file()}
    return GraphFiles(encode_style.path, level.path, shipped, further)


def go_first(model: Model, weights_dir: str | os.PathLike[str] | None = None, folder: Path | None = None) -> bool:
    """Whether runtime `auto` runs a model's graphs: they exist, and the user has not named weights of their own.

    Raises:
        InputError: the directory does not exist.
    """
    graphs = locate(model, weights_dir, folder)
    if graphs is None or not graphs.shipped:
        return graphs is not None
    directory = weights.named_directory(weights_dir)
    if directory is None:
        return True
    places = (weights.locate(model, file, directory) for file in model.files)
    return not any(place is not None and place.origin == "named" for place in places)


def find(model: Model, weights_dir: str | os.PathLike[str] | None = None, folder: Path | None = None) -> GraphFiles:
    """Find a model's graphs, as `locate`, or raise.

    Raises:
        InputError: the directory does not exist.
        WeightsError: the graphs were not found; the message says how to export them.
    """
    found = locate(model, weights_dir, folder)
    if found is None:
        names = " and ".join(file_name(model.name, kind) for kind in _NEEDED)
        if folder is not None:
            raise WeightsError(
                f"there are no ONNX graphs of {model.name} in {folder} ({names}); "
                f"write them with `adain export {folder / model.source} -o {folder}`, or use runtime torch"
            )
        raise WeightsError(
            f"there are no ONNX graphs of {model.name} here ({names}); write them with `adain export {model.name} -o "
            "DIR` and name DIR as weights directory, or use runtime torch"
        )
    return found


def _place(model: Model, kind: GraphKind, directory: Path | None) -> Place | None:
    file = WeightFile(
        role=kind, name=file_name(model.name, kind), url=None, bytes=None, sha256=None, licence=model.licence
    )
    return weights.locate(model, file, directory)
