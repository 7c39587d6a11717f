"""The backend for exported graphs: implements `adain.engine.backend.Backend` on any runtime that runs graphs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from adain.engine.backend import Code, Maps
from adain.engine.framing import Framing, fitting, repeated
from adain.engine.fusions import moments_layout, statistics_layout
from adain.engine.moments import Moments
from adain.errors import WeightsError
from adain.registry import Model, Stage
from adain.runtimes.contract import GraphInfo, GraphKind, flatten, unflatten
from adain.runtimes.graph_files import GraphFiles, key, names

__all__ = ["Graph", "GraphBackend"]


class Graph(Protocol):
    """An exported graph, loaded on a device.

    Attributes:
        path: the file.
        device: the device that is really used.
        info: the file's metadata.
    """

    path: Path
    device: str
    info: GraphInfo

    def __call__(self, inputs: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[Any]]:
        """The graph's outputs by name, from its inputs by name; see `adain.runtimes.contract.GRAPHS`."""
        ...


class GraphBackend:
    """Runs a model's graphs; see `adain.engine.backend.Backend` for the methods.

    Args:
        model: the registry's row.
        files: the model's graphs.
        open_graph: loads one of the files.

    Raises:
        DeviceError: the device cannot be used; says why.
        WeightsError: a file is missing, damaged, or not this model's graph.
    """

    def __init__(self, model: Model, files: GraphFiles, open_graph: Callable[[Path], Graph]) -> None:
        self.model, self.name = model, model.name
        self._model, self._files, self._open = model, files, open_graph
        self._encode_style = self._opened(files.encode_style, "encode_style")
        self._level = self._opened(files.level, "level")
        self._further: dict[str, Graph] = {}
        self.device = self._level.device
        self.stages = self._level.info.stages
        self._layout = self._level.info.code_layout
        if self.stages != self._encode_style.info.stages:
            raise _differ(files.encode_style, files.level, model.name)

    @property
    def precision(self) -> str:
        """The precision of the graphs."""
        return self._level.info.precision

    def encode_style(self, style: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """See `adain.engine.backend.Backend.encode_style`."""
        outputs = self._encode_style({"style": _fitted(style, self._encode_style.info)})
        return unflatten(outputs["code"][0], self._layout)

    def stylize(self, content: NDArray[np.float32], code: Code, alpha: float) -> NDArray[np.float32]:
        """See `adain.engine.backend.Backend.stylize`."""
        return self.stylize_batch(content, [code], [alpha])

    def stylize_batch(
        self, contents: NDArray[np.float32], codes: Sequence[Code], alphas: Sequence[float]
    ) -> NDArray[np.float32]:
        """See `adain.engine.backend.Backend.stylize_batch`."""
        height, width = contents.shape[2:]
        outputs = self._level(
            {
                "content": _fitted(contents, self._level.info),
                **self._styles(codes, alphas),
            }
        )
        cropped: NDArray[np.float32] = outputs["stylized"][:, :, :height, :width]
        return cropped

    def stylize_regions(
        self,
        content: NDArray[np.float32],
        codes: Sequence[Code],
        masks: NDArray[np.float32],
        alpha: float,
    ) -> NDArray[np.float32]:
        """See `adain.engine.backend.Backend.stylize_regions`."""
        outputs = self._graph("level_regions")(
            {
                "content": np.ascontiguousarray(content, np.float32),
                **self._regions(codes, masks, alpha),
            }
        )
        stylized: NDArray[np.float32] = outputs["stylized"]
        return stylized

    def framing(self, stage: Stage) -> Framing:
        """See `adain.engine.backend.Backend.framing`."""
        graph = self._graph("encode_content", stage)
        if graph.info.framing is None:
            raise WeightsError(
                f"{graph.path} does not say how its pictures are framed; export {graph.info.model} again"
            )
        return graph.info.framing

    def encode(
        self, picture: NDArray[np.float32], stage: Stage, masks: NDArray[np.float32]
    ) -> tuple[Maps, list[Moments]]:
        """See `adain.engine.backend.Backend.encode`."""
        inputs = {"content": picture, "masks": masks}
        maps = self._graph("encode_content", stage)(
            {name: np.ascontiguousarray(array, np.float32) for name, array in inputs.items()}
        )
        layout = moments_layout(stage)
        return maps, [Moments.from_arrays(unflatten(each, layout)) for each in maps.pop("moments")[0]]

    def decode(self, maps: Maps, stage: Stage, moments: Moments, code: Code, alpha: float) -> NDArray[np.float32]:
        """See `adain.engine.backend.Backend.decode`."""
        outputs = self._graph("decode", stage)(
            {
                **{name: np.ascontiguousarray(x) for name, x in maps.items()},
                "statistics": flatten(moments.statistics(stage), statistics_layout(stage))[None],
                **self._styles([code], [alpha]),
            }
        )
        picture: NDArray[np.float32] = outputs["stylized"]
        return picture

    def decode_regions(
        self,
        maps: Maps,
        stage: Stage,
        moments: Sequence[Moments],
        codes: Sequence[Code],
        masks: NDArray[np.float32],
        alpha: float,
    ) -> NDArray[np.float32]:
        """See `adain.engine.backend.Backend.decode_regions`."""
        layout = statistics_layout(stage)
        outputs = self._graph("decode_regions", stage)(
            {
                **{name: np.ascontiguousarray(x) for name, x in maps.items()},
                "statistics": np.stack([flatten(each.statistics(stage), layout) for each in moments])[None],
                **self._regions(codes, masks, alpha),
            }
        )
        picture: NDArray[np.float32] = outputs["stylized"]
        return picture

    def _styles(self, codes: Sequence[Code], alphas: Sequence[float]) -> dict[str, NDArray[np.float32]]:
        """The inputs that say which style each picture gets, and how strong."""
        return {
            "codes": np.stack([self._stacked([code])[0] for code in codes]),
            "weights": np.ones((len(codes), 1), np.float32),
            "alpha": np.array(alphas, np.float32)[:, None],
        }

    def _regions(
        self, codes: Sequence[Code], masks: NDArray[np.float32], alpha: float
    ) -> dict[str, NDArray[np.float32]]:
        """The inputs that say which style goes where, and how strong."""
        masks = np.ascontiguousarray(masks, np.float32)
        return {"codes": self._stacked(codes), "masks": masks, "alpha": np.full((1, 1), alpha, np.float32)}

    def _stacked(self, codes: Sequence[Code]) -> NDArray[np.float32]:
        """Flat style codes as one array (1, S, D)."""
        return np.stack([flatten(code, self._layout) for code in codes])[None]

    def _graph(self, kind: GraphKind, stage: Stage | None = None) -> Graph:
        """A graph that only some calls need; it is opened on first use."""
        named = key(self._model, kind, stage)
        if named not in self._further:
            path = self._files.further.get(named)
            if path is None:
                raise WeightsError(
                    f"this call needs a further graph, and there is no {names(self._model)[named]} beside "
                    f"{self._files.level}; write it with `adain export {self.name} -o DIR`, or use runtime torch"
                )
            graph = self._opened(path, kind)
            if graph.info.stages != self.stages:
                raise _differ(self._files.level, path, self.name)
            self._further[named] = graph
        return self._further[named]

    def _opened(self, path: Path, kind: GraphKind) -> Graph:
        graph = self._open(path)
        _check(graph, kind, self._model)
        return graph


def _fitted(picture: NDArray[np.float32], info: GraphInfo) -> NDArray[np.float32]:
    """Pad a picture to a size that the graph takes, by repeating its last row and column, as the torch networks do."""
    sides = fitting(picture.shape[2:], info.size_multiple, info.size_minimum)
    return np.ascontiguousarray(repeated(picture, *sides), np.float32)


def _differ(one: Path, other: Path, name: str) -> WeightsError:
    return WeightsError(f"{one} and {other} are of different networks; export {name} again")


def _check(graph: Graph, kind: GraphKind, model: Model) -> None:
    """Raise a WeightsError if the graph has another kind or model, or was exported from other weights."""
    info = graph.info
    if (info.graph, info.model) != (kind, model.name):
        raise WeightsError(
            f"{graph.path} is the graph '{info.graph}' of {info.model}, not '{kind}' of {model.name}; "
            "do not rename the files that `adain export` writes"
        )
    if info.io != "float":
        raise WeightsError(f"{graph.path} takes uint8 pictures, for other programs; export it with --io float")
    if info.fixed is not None:
        raise WeightsError(
            f"{graph.path} takes pictures of {info.fixed.width} x {info.fixed.height} px only, for other programs; "
            "export it without --fixed"
        )
    for file in model.files:
        found = info.weights_sha256.get(file.role)
        if file.sha256 is not None and found != file.sha256:
            raise WeightsError(
                f"{graph.path} was made from other weights than {model.name} has: its {file.role} has sha256 {found}, "
                f"not {file.sha256}; export it again"
            )
