"""What an exported graph promises: its tensors, its sizes, and what its metadata says. Needs neither torch nor onnx.

Six graphs per model, `<model>.<kind>.onnx`, all with a leading batch dimension (`export/README.md` tells users):

    whole          content, style, alpha            -> stylized       `<model>.onnx`
    encode_style   style                            -> code
    apply          content, codes, weights, alpha   -> stylized
    apply_regions  content, codes, masks, alpha     -> stylized
    encode_content content, mask                    -> moments, maps
    decode         maps, own, codes, weights, alpha -> stylized

The last two are for parts of a larger picture, and for films: `apply` in two steps, with statistics of the content that
are merged from parts or smoothed in between (`adain.engine.moments`). A WCT model has a pair for each of its stages,
`<model>.<kind>.<stage>.onnx`, each of which takes the picture of the one before; `wct-slim` has one pair, and goes
through it twice. What `decode` gives is not clipped then.

Pictures are float32 (batch, 3, height, width), RGB in [0, 1], or with `io` uint8: uint8 (batch, height, width,
3). A style code is float32 (batch, D): all arrays of `adain.code.StyleCode.arrays`, flat, one after the other, in
the order and of the shapes that the metadata's `code_layout` lists. `codes` are S of these, (batch, S, D);
`weights` (batch, S) are their shares, at least 0 and not all 0, divided by their sum inside; `masks` (batch, S,
height, width) say how much each style counts at each pixel of the content; `alpha` is (batch, 1) in [0, 1].

Where there are stages, pictures come framed as `reach` says (`framed`), or as parts of such, in multiples
of what it says: `content` with the rim, `mask` (batch, 1, rows, columns) with a number for each multiple x multiple
pixels without it, how much these count in the statistics, and `stylized` without it. `moments` (batch, M) and `own`
(batch, O) are flat as codes are, in the layouts that `moments_layout` and `own_layout` make of a code's. `maps` stands
for one tensor per fused map, by its name (`fused`): (batch, channels, rows, columns), float16, of a model with several
stages float32.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from adain.engine.backend import Reach
from adain.engine.moments import Moments
from adain.errors import InputError, WeightsError

__all__ = [
    "CONTRACT_VERSION",
    "GRAPHS",
    "MAPS",
    "STAGED",
    "GraphInfo",
    "GraphKind",
    "Io",
    "Precision",
    "Signature",
    "file_name",
    "flatten",
    "flatten_own",
    "fused",
    "moments_layout",
    "own_layout",
    "unflatten",
]

CONTRACT_VERSION: Final = 3
"""Counts changes that a consumer written for the version before would notice."""

GraphKind = Literal["whole", "encode_style", "apply", "apply_regions", "encode_content", "decode"]
Io = Literal["float", "uint8"]
Precision = Literal["fp32", "fp16", "int8"]
CodeLayout = Mapping[str, tuple[int, ...]]

_PREFIX = "adain."  # of the metadata's keys


@dataclass(frozen=True)
class Signature:
    """The names of a graph's inputs and outputs, in order; `MAPS` for as many as a stage has."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def with_maps(self, maps: Iterable[str]) -> Signature:
        """With the names of a stage's maps in the place of `MAPS`."""
        named = tuple(maps)

        def of(names: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(each for name in names for each in (named if name == MAPS else (name,)))

        return Signature(of(self.inputs), of(self.outputs))


MAPS: Final = "maps"

GRAPHS: Final[Mapping[GraphKind, Signature]] = MappingProxyType(
    {
        "whole": Signature(("content", "style", "alpha"), ("stylized",)),
        "encode_style": Signature(("style",), ("code",)),
        "apply": Signature(("content", "codes", "weights", "alpha"), ("stylized",)),
        "apply_regions": Signature(("content", "codes", "masks", "alpha"), ("stylized",)),
        "encode_content": Signature(("content", "mask"), ("moments", MAPS)),
        "decode": Signature((MAPS, "own", "codes", "weights", "alpha"), ("stylized",)),
    }
)
STAGED: Final[tuple[GraphKind, ...]] = ("encode_content", "decode")
"""The graphs of which there is one per stage of a model."""


def file_name(model: str, kind: GraphKind, stage: str | None = None) -> str:
    """What the file of a graph is called; with a stage where its model has several."""
    parts = [model, None if kind == "whole" else kind, stage, "onnx"]
    return ".".join(part for part in parts if part is not None)


def moments_layout(code_layout: CodeLayout, stage: str) -> dict[str, tuple[int, ...]]:
    """What `moments` are: names and shapes, in order, for `adain.engine.moments.Moments.from_arrays`."""
    layout: dict[str, tuple[int, ...]] = {}
    for name, spread in fused(code_layout, stage).items():
        layout |= {f"{name}.count": (), f"{name}.mean": spread[:1], f"{name}.spread": spread}
    return layout


def own_layout(code_layout: CodeLayout, stage: str) -> dict[str, tuple[int, ...]]:
    """What `own` is: names and shapes, in order, of `adain.engine.moments.Moments.arrays`."""
    maps = fused(code_layout, stage)
    names = (name.rpartition(".") for name in code_layout)
    return {
        f"{map_}.{'whitening' if array == 'coloring' else array}": code_layout[f"{map_}.{array}"]
        for map_, _, array in names
        if map_ in maps
    }


def fused(code_layout: CodeLayout, stage: str) -> dict[str, tuple[int, ...]]:
    """The maps that a stage fuses, and the shapes of their variances or covariances."""
    found = {}
    for name, shape in code_layout.items():  # of a map's arrays the last one, a coloring where there is one
        found[name.rpartition(".")[0]] = shape
    several = not any(name.endswith(".std") for name in code_layout)  # one pass needs deviations for its decoder
    return {stage: found[stage]} if several else found


@dataclass(frozen=True, kw_only=True)
class GraphInfo:
    """What a file says of itself, as strings in ONNX's `metadata_props`.

    Attributes:
        model: the registry's name.
        graph: which of the graphs it is.
        fusion: the model's, `adain` or `wct`; where the code has a `coloring`, a graph takes roots of matrices and
            needs full float32 products.
        precision: of the convolutions; statistics and style codes are float32 in each.
        io: the layout of pictures.
        portable: whether only operators are used that WebGPU, CoreML and TensorRT have as well.
        size_multiple: pixels; both sides of a picture must be divisible by it.
        size_minimum: pixels; the least side of a picture.
        default_alpha: the model's own strength of style.
        code_layout: names and shapes of a style code's arrays, in order.
        licence: of the weights, an SPDX expression.
        paper: authors, year, arXiv id.
        weights_sha256: of the file of each role they came from, 64 hex digits each.
        adain_version: of the package that wrote the file.
        stage: for a graph that is a part of a stage, the name of that.
        reach: likewise, what the stage asks of the parts of a picture: `adain.engine.backend.Reach`.
        contract: the version of this contract.
    """

    model: str
    graph: GraphKind
    fusion: Literal["adain", "wct"]
    precision: Precision
    io: Io
    portable: bool
    size_multiple: int
    size_minimum: int
    default_alpha: float
    code_layout: CodeLayout
    licence: str
    paper: str
    weights_sha256: Mapping[str, str]
    adain_version: str
    stage: str | None = None
    reach: Reach | None = None
    contract: int = CONTRACT_VERSION

    @property
    def code_size(self) -> int:
        """Numbers in a style code (D)."""
        return sum(_count(shape) for shape in self.code_layout.values())

    def to_metadata(self) -> dict[str, str]:
        """Keys and values for the file; what is not a string is JSON."""
        values = {
            **vars(self),
            "code_layout": [[name, list(shape)] for name, shape in self.code_layout.items()],
            "weights_sha256": dict(self.weights_sha256),
            "reach": None if self.reach is None else asdict(self.reach),
        }
        return {
            _PREFIX + name: value if isinstance(value, str) else json.dumps(value)
            for name, value in values.items()
            if value is not None
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], origin: str) -> GraphInfo:
        """What `to_metadata` wrote.

        Args:
            metadata: the file's.
            origin: the file, for errors.

        Raises:
            WeightsError: it is not a graph of this package, or of another version of the contract.
        """
        _check_version(metadata.get(_PREFIX + "contract"), origin)
        try:
            return cls._parse({name.removeprefix(_PREFIX): value for name, value in metadata.items()})
        except (KeyError, ValueError, TypeError) as error:
            raise WeightsError(
                f"{origin} has metadata that `adain export` does not write ({error!r}); export it again"
            ) from error

    @classmethod
    def _parse(cls, text: Mapping[str, str]) -> GraphInfo:
        return cls(
            model=text["model"],
            graph=_one_of(text["graph"], get_args(GraphKind)),
            fusion=_one_of(text["fusion"], ("adain", "wct")),
            precision=_one_of(text["precision"], get_args(Precision)),
            io=_one_of(text["io"], get_args(Io)),
            portable=bool(json.loads(text["portable"])),
            size_multiple=int(text["size_multiple"]),
            size_minimum=int(text["size_minimum"]),
            default_alpha=float(text["default_alpha"]),
            code_layout={name: tuple(map(int, shape)) for name, shape in json.loads(text["code_layout"])},
            licence=text["licence"],
            paper=text["paper"],
            weights_sha256=dict(json.loads(text["weights_sha256"])),
            adain_version=text["adain_version"],
            stage=text.get("stage"),
            reach=Reach(**json.loads(text["reach"])) if "reach" in text else None,
        )


def flatten(arrays: Mapping[str, NDArray[np.float32]], layout: CodeLayout) -> NDArray[np.float32]:
    """A style code's arrays as the graphs take them.

    Args:
        arrays: by name, without a batch dimension.
        layout: the graph's, `GraphInfo.code_layout`.

    Returns:
        (D,) float32.

    Raises:
        InputError: the arrays are not those of the layout.
    """
    shapes = {name: array.shape for name, array in arrays.items()}
    if shapes != dict(layout):
        raise InputError(f"the style code has {shapes}, not {dict(layout)}; encode the style with this model")
    return np.concatenate([np.asarray(arrays[name], np.float32).ravel() for name in layout])


def flatten_own(own: Moments, code_layout: CodeLayout, stage: str) -> NDArray[np.float32]:
    """The statistics of a content as a `decode` graph takes them, (O,) float32."""
    layout = own_layout(code_layout, stage)
    return flatten({name: own.arrays[name] for name in layout}, layout)


def unflatten(code: NDArray[np.float32], layout: CodeLayout) -> dict[str, NDArray[np.float32]]:
    """The named arrays of a flat style code (D,); the reverse of `flatten`."""
    ends = np.cumsum([_count(shape) for shape in layout.values()])
    pieces = np.split(code, ends[:-1])
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


def _one_of(text: str, allowed: tuple[Any, ...]) -> Any:
    if text not in allowed:
        raise ValueError(f"{text!r} is none of {allowed}")
    return text
