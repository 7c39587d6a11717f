"""Resolve a model: a name in the registry, a trained file, or a folder of exported graphs.

resolve("wct-slim")               a name in the registry; `adain.weights` finds its files
resolve("run/model.safetensors")  a trained file; graphs are searched beside it
resolve("graphs/")                a folder that `adain export` wrote, or a graph in it
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from adain import checks, registry, trained, weights
from adain.errors import InputError, WeightsError
from adain.registry import Model, SlimArchitecture, WeightFile
from adain.runtimes import graph_files
from adain.runtimes.contract import GraphInfo, file_name
from adain.runtimes.graph_files import GraphFiles

__all__ = ["ModelSource", "resolve"]


@dataclass(frozen=True)
class ModelSource:
    """A model and the location of its files.

    Attributes:
        model: the model's row.
        given: the argument of `resolve`, as a name or an absolute path, to resolve it again in other processes.
        folder: folder of the user's files, the only place searched for graphs. None: the usual places.
        file: the user's weights. None: the registry's weights, or none.
    """

    model: Model
    given: str
    folder: Path | None = None
    file: Path | None = None

    def weights(
        self, weights_dir: str | os.PathLike[str] | None = None, progress: weights.Progress | None = None
    ) -> dict[str, Path]:
        """Find the weights: the path of each role's file. Arguments and result as for `adain.weights.find`.

        Raises:
            InputError: see `adain.weights.find`.
            WeightsError: see `adain.weights.find`; or there are only graphs.
        """
        if self.file is not None:
            return {"model": self.file}
        if self.model == registry.MODELS.get(self.model.name):
            return weights.find(self.model, weights_dir, progress=progress)
        raise WeightsError(
            f"{self.folder} holds graphs of {self.model.name} but not its weights, which torch needs; "
            f"put {self.model.name}.safetensors beside them, or use runtime onnx"
        )

    def graphs(self, weights_dir: str | os.PathLike[str] | None = None) -> GraphFiles:
        """Find the model's graphs.

        Raises:
            InputError: see `adain.runtimes.graph_files.find`.
            WeightsError: there are no graphs; the message says how to make them.
        """
        return graph_files.find(self.model, weights_dir, self.folder)


def resolve(model: str | os.PathLike[str]) -> ModelSource:
    """Resolve a name or a path to a model. Reads the files at the path.

    Args:
        model: one of `adain.models()`, a trained file (.safetensors), a folder of exported graphs, or one of its
            graphs (.onnx).

    Raises:
        InputError: the model, file or folder does not exist, or the folder holds graphs of several models or none.
        WeightsError: the file is damaged, or is not a model.
    """
    text = _text(model)
    if text in registry.MODELS:
        return ModelSource(registry.MODELS[text], text)
    path = Path(os.path.expanduser(text))
    given = os.path.abspath(path)
    if text and os.path.isdir(path):
        return _of_graphs(_a_graph(path), given)
    if text and os.path.isfile(path):
        if path.suffix.lower() == ".onnx":
            return _of_graphs(path, given)
        return ModelSource(trained.read(path), given, path.parent, path)
    if text and os.path.exists(path):
        raise InputError(f"{text} is neither a file nor a folder; {_how()}")
    if text != os.path.basename(text) or path.suffix.lower() in _SUFFIXES or not isinstance(model, str):
        raise InputError(f"no such file or folder: {checks.shown(text)}; {_how()}")
    return ModelSource(registry.get(text), text)


_SUFFIXES = (".safetensors", ".onnx", ".pt", ".pth", ".ckpt")  # a name with one of these is a path


def _text(model: object) -> str:
    if not isinstance(model, (str, os.PathLike)):
        raise InputError(f"model must be a name or a path, got {checks.shown(model)}; {_how()}")
    return os.fsdecode(model)


def _how() -> str:
    return (
        f"a model is one of {', '.join(registry.MODELS)}, a trained file such as run/model.safetensors, "
        "or a folder that `adain export` wrote"
    )


def _a_graph(folder: Path) -> Path:
    """Return a graph of the only model in a folder."""
    end = file_name("", "level")
    found = sorted(folder.glob(f"*{end}"))
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(path.name.removesuffix(end) for path in found)
        raise InputError(f"{folder} holds graphs of several models ({names}); name one of the files: {found[0]}")
    files = sorted(folder.glob("*.safetensors"))
    instead = f"did you mean {files[0]}?" if files else _how()
    raise InputError(f"{folder} holds no graphs of a model (NAME{end}); {instead}")


def _of_graphs(graph: Path, given: str) -> ModelSource:
    """Return the model that a graph was exported from."""
    from adain.runtimes.ort_session import read_info  # imports onnxruntime

    info = read_info(graph)
    if not graph.name.startswith(f"{info.model}."):
        raise WeightsError(
            f"{graph} is a graph of {info.model}, but its name says otherwise; restore the names of all graphs as "
            "`adain export` wrote them"
        )
    row = registry.MODELS.get(info.model)
    hashes = info.weights_sha256
    if row is not None and all(file.sha256 in (None, hashes.get(file.role)) for file in row.files):
        return ModelSource(row, given, graph.parent)
    name = trained.clean_name(info.model)
    file = graph.with_name(f"{name}.safetensors")
    if file.is_file():
        return ModelSource(replace(trained.read(file), name=name), given, graph.parent, file)
    return ModelSource(_row(info, graph, name), given, graph.parent)


def _row(info: GraphInfo, graph: Path, name: str) -> Model:
    """Make the row of a model that has only graphs."""
    maps = info.stages[0].maps
    architecture = SlimArchitecture(
        widths=tuple(each.channels for each in maps),
        hidden=0,  # not in the graphs; only torch needs it
        covariances=tuple(each.stride for each in maps if each.fusion != "adain"),
        passes=len(info.stages),
    )
    fusion: Literal["adain", "wct"] = "wct" if info.fusion == "wct" else "adain"
    if architecture.stages(fusion) != info.stages:
        raise WeightsError(
            f"{graph} holds a network that this version does not support; install the adain version that wrote it"
        )
    files = (
        WeightFile(role=role, name=f"{name}.safetensors", url=None, bytes=None, sha256=sha, licence=info.licence)
        for role, sha in info.weights_sha256.items()
    )
    return Model(
        name=name,
        summary="Exported by its owner.",
        fusion=fusion,
        architecture=architecture,
        files=tuple(files),
        source=graph.name,
        paper=info.paper,
        default_alpha=info.default_alpha,
        code_digest=info.code_digest,
        default_strokes=info.default_strokes,
    )
