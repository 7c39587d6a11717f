"""The contract of exported graphs: tensors, sizes and metadata. Needs neither torch nor onnx.

A model has nine kinds of graphs, `<model>.<kind>.onnx`, all with a leading batch dimension (`export/README.md` is the
version for users):

    whole           content, style, alpha, strokes, grain            -> stylized       `<model>.onnx`
    encode_style    style                                            -> code
    apply           content, codes, weights, alpha, strokes, grain   -> stylized
    apply_regions   content, codes, masks, alpha, strokes, grain     -> stylized
    level           content, codes, weights, alpha                   -> stylized
    level_regions   content, codes, masks, alpha                     -> stylized
    encode_content  content, masks                                   -> moments, maps
    decode          maps, statistics, codes, weights, alpha          -> stylized
    decode_regions  maps, statistics, codes, masks, alpha            -> stylized

`whole`, `apply` and `apply_regions` are for other programs: they stylize a draft, then the picture
(`adain.engine.strokes`). `level` and `level_regions` run the network once. `adain` itself runs these for every draft,
because a large picture has several.

The last three are the two steps of one stage, for tiles and films. Between the steps, the content's statistics are
merged over tiles or smoothed over frames (`adain.engine`). A model has these three graphs for each of its different
stages; if there are several stages, the files are `<model>.<kind>.<stage>.onnx`. A graph's metadata lists all stages in
order, each with its maps. A model may run one stage several times.

Pictures are float32 (batch, 3, height, width), RGB in [0, 1]. With `io` uint8 they are uint8 (batch, height, width, 3).
A style code is float32 (batch, D): all arrays of `adain.code.StyleCode.arrays`, flattened and concatenated, in the
order and with the shapes of the metadata's `code_layout`. `codes` are S style codes, (batch, S, D). `weights`
(batch, S) are their shares, at least 0 and not all 0; the graph divides them by their sum. `masks` (batch, S, height,
width) are the weights of each style at each pixel of the content. `alpha` and `strokes` are (batch, 1) in [0, 1];
`strokes` above 0.5 are as 0.5, because a graph makes no further draft.
`grain` is float32 (batch, 2): whole numbers, the row and column of the grain's tile where it begins
(`adain.engine.strokes.offset`).

In the last three, pictures are framed according to the metadata's `framing` (`adain.engine.framing`), or are tiles of
framed pictures: `content` with margin and context, `masks` and `stylized` with the margin only. `encode_content` takes
R masks of its own, (batch, R, height, width): the weight of each pixel in the moments. `moments` are (batch, R, M).
`statistics` are (batch, O); for `decode_regions` (batch, S + 1, O), one per style's region, then the whole picture's.
Both are flat, in the layouts of `adain.engine.fusions`. `maps` stands for one tensor per map of the stage, by its name:
(batch, channels, rows, columns), float16 or float32. The output of `decode` is not clipped if the model has several
stages.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from adain.engine.framing import Framing
from adain.engine.fusions import Layout, code_layout
from adain.errors import InputError, WeightsError
from adain.registry import Stage
from adain.runtimes import graph_metadata as read

__all__ = [
    "CONTRACT_VERSION",
    "DRAFTED",
    "GRAPHS",
    "MAPS",
    "STAGED",
    "Fixed",
    "GraphInfo",
    "GraphKind",
    "Io",
    "Precision",
    "Signature",
    "file_name",
    "flatten",
    "signature",
    "staged_name",
    "unflatten",
]

CONTRACT_VERSION: Final = 5
"""Counts changes that a consumer written for the version before would notice."""

GraphKind = Literal[
    "whole",
    "encode_style",
    "apply",
    "apply_regions",
    "level",
    "level_regions",
    "encode_content",
    "decode",
    "decode_regions",
]
Io = Literal["float", "uint8"]
Precision = Literal["fp32", "fp16", "int8"]
_PREFIX = "adain."  # of the metadata's keys


@dataclass(frozen=True)
class Signature:
    """The names of a graph's inputs and outputs, in order; `MAPS` stands for all maps of a stage."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def with_maps(self, maps: Iterable[str]) -> Signature:
        """Replace `MAPS` by the names of a stage's maps."""
        named = tuple(maps)

        def of(names: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(each for name in names for each in (named if name == MAPS else (name,)))

        return Signature(of(self.inputs), of(self.outputs))

    def without(self, name: str) -> Signature:
        """Leave an input out."""
        return Signature(tuple(each for each in self.inputs if each != name), self.outputs)


MAPS: Final = "maps"

GRAPHS: Final[Mapping[GraphKind, Signature]] = MappingProxyType(
    {
        "whole": Signature(("content", "style", "alpha", "strokes", "grain"), ("stylized",)),
        "encode_style": Signature(("style",), ("code",)),
        "apply": Signature(("content", "codes", "weights", "alpha", "strokes", "grain"), ("stylized",)),
        "apply_regions": Signature(("content", "codes", "masks", "alpha", "strokes", "grain"), ("stylized",)),
        "level": Signature(("content", "codes", "weights", "alpha"), ("stylized",)),
        "level_regions": Signature(("content", "codes", "masks", "alpha"), ("stylized",)),
        "encode_content": Signature(("content", "masks"), ("moments", MAPS)),
        "decode": Signature((MAPS, "statistics", "codes", "weights", "alpha"), ("stylized",)),
        "decode_regions": Signature((MAPS, "statistics", "codes", "masks", "alpha"), ("stylized",)),
    }
)
DRAFTED: Final[tuple[GraphKind, ...]] = ("whole", "apply", "apply_regions")
"""The kinds that stylize a draft before the picture."""
STAGED: Final[tuple[GraphKind, ...]] = ("encode_content", "decode", "decode_regions")
"""The kinds of which there is one graph per different stage of a model."""


def file_name(model: str, kind: GraphKind, stage: str | None = None) -> str:
    """The file name of a graph; `stage` is given if the model has several."""
    parts = [model, None if kind == "whole" else kind, stage, "onnx"]
    return ".".join(part for part in parts if part is not None)


def staged_name(stages: Sequence[Stage], stage: Stage | None) -> str | None:
    """The stage's part of a file name, if the model has several different stages."""
    return stage.name if stage is not None and len(set(stages)) > 1 else None


@dataclass(frozen=True)
class Fixed:
    """The sizes of a graph that takes no others; its batch is 1.

    Attributes:
        height: of content, style and masks, in pixels.
        width: likewise.
        styles: the number of codes and masks.
    """

    height: int
    width: int
    styles: int = 1


def signature(kind: GraphKind, stage: Stage, fixed: Fixed | None = None) -> Signature:
    """The names of a graph's inputs and outputs; a graph of one size has no `grain`."""
    names = GRAPHS[kind].with_maps(each.name for each in stage.maps)
    return names if fixed is None else names.without("grain")


@dataclass(frozen=True, kw_only=True)
class GraphInfo:
    """The metadata of a graph, stored as strings in ONNX's `metadata_props`.

    Attributes:
        model: the model's name in the registry.
        graph: the kind of graph.
        fusion: the model's fusion, `adain` or `wct`.
        stages: the stages of a picture, in order. If a map's fusion is WCT, the graph computes matrix roots, which need
            full float32 products.
        precision: of the convolutions; statistics and style codes are always float32.
        io: the layout of pictures.
        portable: whether the graph uses only operators that WebGPU, CoreML and TensorRT have as well.
        size_multiple: pixels; both sides of a picture must be divisible by it.
        size_minimum: pixels; the smallest side of a picture.
        default_alpha: the model's default strength of style.
        default_strokes: the model's default width of the brush, for a host that drafts (`adain.engine.strokes`); 0 in
            files that do not say.
        licence: of the weights, an SPDX expression.
        paper: authors, year, arXiv id.
        weights_sha256: hash of the weights file of each role, 64 hex digits each.
        adain_version: version of the package that wrote the file.
        code_digest: hash of the weights that compute style codes, 64 hex digits; codes with another digest do not fit.
        stage: name of the stage, for a graph that is a part of one.
        framing: how to frame pictures and tiles, for a graph that is a part of a stage.
        fixed: the sizes, for a graph that takes no others. It has no input `grain`: its grain is that of seed 0.
        contract: the version of this contract.
    """

    model: str
    graph: GraphKind
    fusion: str
    stages: tuple[Stage, ...]
    precision: Precision
    io: Io
    portable: bool
    size_multiple: int
    size_minimum: int
    default_alpha: float
    licence: str
    paper: str
    weights_sha256: Mapping[str, str]
    code_digest: str
    adain_version: str
    stage: str | None = None
    framing: Framing | None = None
    fixed: Fixed | None = None
    default_strokes: float = 0.0
    contract: int = CONTRACT_VERSION

    @property
    def code_layout(self) -> Layout:
        """Names and shapes of a style code's arrays, in order."""
        return code_layout(self.stages)

    @property
    def code_size(self) -> int:
        """The number of values in a style code (D)."""
        return sum(_count(shape) for shape in self.code_layout.values())

    def to_metadata(self) -> dict[str, str]:
        """Keys and values for the file; values that are not strings are written as JSON."""
        values = {
            **vars(self),
            "stages": [asdict(stage) for stage in self.stages],
            "code_layout": [[name, list(shape)] for name, shape in self.code_layout.items()],  # for other programs
            "weights_sha256": dict(self.weights_sha256),
            "framing": None if self.framing is None else asdict(self.framing),
            "fixed": None if self.fixed is None else asdict(self.fixed),
        }
        return {
            _PREFIX + name: value if isinstance(value, str) else json.dumps(value)
            for name, value in values.items()
            if value is not None
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], origin: str) -> GraphInfo:
        """Parse metadata that `to_metadata` wrote.

        Args:
            metadata: of the file.
            origin: name of the file, for errors.

        Raises:
            WeightsError: the file is not a graph of this package, or has another version of the contract.
        """
        _check_version(metadata.get(_PREFIX + "contract"), origin)
        try:
            return cls._parse({name.removeprefix(_PREFIX): value for name, value in metadata.items()})
        except (KeyError, ValueError) as error:
            raise WeightsError(
                f"{origin} has metadata that `adain export` does not write ({error!r}); export it again"
            ) from error

    @classmethod
    def _parse(cls, text: Mapping[str, str]) -> GraphInfo:
        info = cls(
            model=text["model"],
            graph=read.one_of(text["graph"], get_args(GraphKind)),
            fusion=text["fusion"],
            stages=read.stages(text["stages"]),
            precision=read.one_of(text["precision"], get_args(Precision)),
            io=read.one_of(text["io"], get_args(Io)),
            portable=read.switch(text["portable"]),
            size_multiple=read.whole(text["size_multiple"]),
            size_minimum=read.whole(text["size_minimum"]),
            default_alpha=read.number(text["default_alpha"]),
            licence=text["licence"],
            paper=text["paper"],
            weights_sha256=read.hashes(text["weights_sha256"]),
            code_digest=text["code_digest"],
            adain_version=text["adain_version"],
            stage=text.get("stage"),
            default_strokes=read.number(text.get("default_strokes", "0.0")),
            framing=read.framing(text["framing"]) if "framing" in text else None,
            fixed=Fixed(**read.sizes(text["fixed"])) if "fixed" in text else None,
        )
        if text["code_layout"] != info.to_metadata()[_PREFIX + "code_layout"]:
            raise ValueError("the layout of style codes is not that of the stages")
        return info


def flatten(arrays: Mapping[str, NDArray[np.float32]], layout: Layout) -> NDArray[np.float32]:
    """Concatenate named arrays to one flat array, as the graphs take them.

    Args:
        arrays: by name, without a batch dimension.
        layout: names and shapes that they must have, such as `GraphInfo.code_layout` for a style code.

    Returns:
        (D,) float32.

    Raises:
        InputError: the arrays do not have this layout.
    """
    shapes = {name: array.shape for name, array in arrays.items()}
    if shapes != layout:
        raise InputError(f"the style code has {shapes}, not {layout}; encode the style with this model")
    return np.concatenate([np.asarray(arrays[name], np.float32).ravel() for name in layout])


def unflatten(flat: NDArray[np.float32], layout: Layout) -> dict[str, NDArray[np.float32]]:
    """Split a flat array (D,) into named arrays; the reverse of `flatten`.

    Raises:
        WeightsError: the array has another length, because the graph is not what its metadata say.
    """
    expected = sum(map(_count, layout.values()))
    if flat.shape != (expected,):
        raise WeightsError(f"the graph gives {flat.shape}, not ({expected},) as its metadata say; export it again")
    ends = np.cumsum([_count(shape) for shape in layout.values()])
    pieces = np.split(flat, ends[:-1])
    return {name: piece.reshape(shape) for (name, shape), piece in zip(layout.items(), pieces, strict=True)}


def _count(shape: Sequence[int]) -> int:
    return int(np.prod(shape, dtype=np.int64))


def _check_version(found: str | None, origin: str) -> None:
    if found is None:
        raise WeightsError(f"{origin} is not a graph of this package: it has no metadata '{_PREFIX}contract'")
    if found != str(CONTRACT_VERSION):
        raise WeightsError(
            f"{origin} follows version {found} of the graphs' contract, this package version "
            f"{CONTRACT_VERSION}; export it again with this package"
        )
