"""Where a model's graphs are: in the directory the user names, or in this package."""

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

_NEEDED: Final[tuple[GraphKind, ...]] = ("encode_style", "apply")
FURTHER: Final[tuple[GraphKind, ...]] = ("apply_regions", *STAGED)
GRAPHS: Final = _NEEDED + FURTHER
"""The graphs that adain itself runs: without the first two there is no model, each other one is for some calls. A
model that ships has all of them in `weights/`."""


@dataclass(frozen=True)
class GraphFiles:
    """The graphs that `adain.runtimes.graph_backend.GraphBackend` runs.

    Attributes:
        encode_style: style to code.
        apply: content and codes to picture.
        shipped: whether they are this package's own, not the user's.
        further: those of the others that lie beside `apply`, by `key`.
    """

    encode_style: Path
    apply: Path
    shipped: bool
    further: Mapping[str, Path] = field(default_factory=dict)


def sharing(model: Model) -> tuple[GraphKind, ...]:
    """The graphs that read their weights from the model's own file where it ships.

    The default model's first two hold their own, so that they can be taken out of the package as they are.
    """
    return FURTHER if model.name == DEFAULT else GRAPHS


def key(model: Model, kind: GraphKind, stage: Stage | None = None) -> str:
    """What a graph of a model goes by: its kind, and its stage where the model has several different ones."""
    name = staged_name(model.stages, stage)
    return kind if name is None else f"{kind}.{name}"


def names(model: Model) -> dict[str, str]:
    """The files of all graphs that adain itself runs, by `key`."""
    return {
        key(model, kind, stage): file_name(model.name, kind, staged_name(model.stages, stage))
        for kind in GRAPHS
        for stage in (dict.fromkeys(model.stages) if kind in STAGED else (None,))
    }


def locate(
    model: Model, weights_dir: str | os.PathLike[str] | None = None, folder: Path | None = None
) -> GraphFiles | None:
    """A model's graphs, if those that are needed are somewhere; unread.

    Args:
        model: the registry's row.
        weights_dir: a directory to look in first, as in `adain.weights.find`.
        folder: of the user's own model, the only place to look in; None: the usual places.

    Raises:
        InputError: there is no directory of that name.
    """
    if folder is None:
        directory = weights.named_directory(weights_dir)
        places = [_place(model, kind, directory) for kind in _NEEDED]
    else:
        own = [Place(folder / file_name(model.name, kind), "named") for kind in _NEEDED]
        places = [place if place.path.is_file() else None for place in own]
    encode_style, apply = places
    if encode_style is None or apply is None:
        return None
    shipped = encode_style.origin == apply.origin == "package"
    beside = {each: apply.path.with_name(name) for each, name in names(model).items()}
    further = {each: path for each, path in beside.items() if each not in _NEEDED and path.is_file()}
    return GraphFiles(encode_style.path, apply.path, shipped, further)


def go_first(model: Model, weights_dir: str | os.PathLike[str] | None = None, folder: Path | None = None) -> bool:
    """Whether `auto` runs a model's graphs: there are some, and the user has not named weights of their own.

    Raises:
        InputError: there is no directory of that name.
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
    """A model's graphs; see `locate`.

    Raises:
        InputError: there is no directory of that name.
        WeightsError: they are nowhere; says how to make them.
    """
    found = locate(model, weights_dir, folder)
    if found is None:
        names = " and ".join(file_name(model.name, kind) for kind in _NEEDED)
        if folder is not None:
            raise WeightsError(
                f"there are no ONNX graphs of {model.name} in {folder} ({names}); "
                f"`adain export {folder / model.source} -o {folder}` writes them, or use runtime torch"
            )
        raise WeightsError(
            f"there are no ONNX graphs of {model.name} here ({names}); "
            f"`adain export {model.name} -o DIR` writes them: then name DIR as weights directory, or use runtime torch"
        )
    return found


def _place(model: Model, kind: GraphKind, directory: Path | None) -> Place | None:
    file = WeightFile(
        role=kind, name=file_name(model.name, kind), url=None, bytes=None, sha256=None, licence=model.licence
    )
    return weights.locate(model, file, directory)
