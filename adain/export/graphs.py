"""Exports a model: traces its graphs, lowers their precision if asked, adds metadata, checks and writes the files."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from adain import __version__, images
from adain.atomic import write_bytes
from adain.engine.fusions import statistics_layout
from adain.engine.moments import Moments
from adain.engine.strokes import FULL
from adain.errors import InputError, OutputError
from adain.export import cpu
from adain.export.exported import exportable, stage_of
from adain.export.graph_modules import sides_of, stored
from adain.export.graph_operators import FixedOperators, GraphOperators, PortableOperators
from adain.export.layers import MANY_CHANNELS, Form
from adain.export.opsets import NEWEST, OLDEST, OPSET
from adain.export.quantization import quantized
from adain.export.sharing import share
from adain.export.tracing import Tracer
from adain.images import PictureInput
from adain.nn.network import StyleTransfer
from adain.registry import Model, Stage
from adain.runtimes.contract import (
    GRAPHS,
    STAGED,
    Fixed,
    GraphInfo,
    GraphKind,
    Io,
    Precision,
    file_name,
    flatten,
    signature,
    staged_name,
)
from adain.trained import code_digest

__all__ = ["Options", "Written", "count", "export", "make_folder"]

_CALIBRATION_SIDE = 256  # pixels; affects memory, and hardly the ranges

_NEVER_INT8: tuple[GraphKind, ...] = ("encode_style", "encode_content")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to export.

    Attributes:
        precision: of the convolutions.
        opset: version of ONNX's operators, from `OLDEST` to `NEWEST`.
        portable: use only operators that WebGPU, CoreML and TensorRT have; pictures must then come in sizes that fit.
        io: the layout of pictures.
        winograd: use Winograd's algorithm for convolutions with many channels; faster on CPUs, float32 only, not with
            `portable`.
        calibration: pictures to find the ranges of activations for int8; each is the content once and the style once.
        kinds: which graphs. None: all, but with `fixed` only those of whole pictures.
        fixed: the only sizes that the graphs take. They then use only operators that still fewer runtimes lack.
        sharing: graphs that read their weights from the model's own file, if that is a safetensors file. It is copied
            beside them.
        compact: graphs that leave the weights as they are in that file; they share all of them, but are slower.
    """

    precision: Precision = "fp32"
    opset: int = OPSET
    portable: bool = False
    io: Io = "float"
    winograd: bool = False
    calibration: Sequence[PictureInput] = ()
    kinds: tuple[GraphKind, ...] | None = None
    sharing: tuple[GraphKind, ...] = ()
    compact: tuple[GraphKind, ...] = ()
    fixed: Fixed | None = None

    @property
    def graphs(self) -> tuple[GraphKind, ...]:
        """Which graphs to write."""
        if self.kinds is not None:
            return self.kinds
        return tuple(kind for kind in GRAPHS if self.fixed is None or kind not in STAGED)

    @property
    def operators(self) -> GraphOperators:
        """What the graphs are made of."""
        if self.fixed is not None:
            return FixedOperators()
        return PortableOperators() if self.portable else GraphOperators()

    def __post_init__(self) -> None:
        if not OLDEST <= self.opset <= NEWEST:
            raise InputError(f"opset must be from {OLDEST} to {NEWEST}, got {self.opset}")
        if self.precision == "int8" and not self.calibration:
            raise InputError(
                "int8 needs pictures to find the ranges of activations; give a few dozen like those you will stylize"
            )
        if self.fixed is not None and set(self.graphs) & set(STAGED):
            raise InputError(
                f"a graph of one size is for whole pictures, not {' or '.join(STAGED)}; leave these or the size out"
            )
        if self.winograd and (self.operators.portable or self.precision != "fp32"):
            raise InputError(
                "winograd is for float32 graphs that run on CPUs; use fp32, and leave portable and fixed out"
            )


@dataclass(frozen=True)
class Written:
    """A written file and its metadata."""

    path: Path
    info: GraphInfo


def export(
    model: Model,
    network: StyleTransfer,
    files: Mapping[str, Path],
    directory: Path,
    options: Options,
    progress: Callable[[str], None] = lambda name: None,
) -> list[Written]:
    """Write a model's graphs.

    Args:
        model: the registry's row.
        network: the model's network.
        files: the files of its weights, a path per role.
        directory: output directory; created if missing.
        options: how to export.
        progress: called with the name of each file before it is written.

    Raises:
        OutputError: a file cannot be written.
    """
    form = Form(
        operators=options.operators,
        dtype=torch.float16 if options.precision == "fp16" else torch.float32,
        winograd=MANY_CHANNELS if options.winograd else None,
    )
    exported = exportable(network, form)
    tracer = Tracer(exported, options.opset, options.fixed)
    compact = Tracer(exportable(network, replace(form, phases=False)), options.opset) if options.compact else tracer
    make_folder(directory)
    hashes = {role: hashlib.sha256(path.read_bytes()).hexdigest() for role, path in files.items()}
    shared = _beside(model, files, directory) if options.sharing else []
    written = []
    digest = _code_digest(network)
    for kind, stage in _graphs(options, exported.stages):
        info = _info(model, exported, kind, stage, options, hashes, digest)
        path = directory / file_name(model.name, kind, staged_name(exported.stages, stage))
        progress(path.name)
        graph = _graph(compact if kind in options.compact else tracer, exported, info, options)
        if kind in options.sharing:
            for weights in shared:
                share(graph, weights)
        write_bytes(path, graph.SerializeToString())
        written.append(Written(path, info))
        logger.info("wrote %s, %.1f MB", path, path.stat().st_size / 1e6)
    return written


def count(options: Options, network: StyleTransfer) -> int:
    """Return the number of files that `export` writes."""
    return sum(1 for _ in _graphs(options, network.stages))


def _graphs(options: Options, stages: Sequence[Stage]) -> Iterator[tuple[GraphKind, Stage | None]]:
    for kind in options.graphs:
        if kind in STAGED:
            yield from ((kind, stage) for stage in dict.fromkeys(stages))
        else:
            yield kind, None


def _info(
    model: Model,
    network: StyleTransfer,
    kind: GraphKind,
    stage: Stage | None,
    options: Options,
    hashes: Mapping[str, str],
    digest: str,
) -> GraphInfo:
    framing = network.framing(stage or network.stages[-1])
    multiple, minimum = sides_of(kind, framing) if options.portable and not options.fixed else (1, 1)
    return GraphInfo(
        model=model.name,
        graph=kind,
        fusion=model.fusion,
        stages=network.stages,
        precision="fp32" if kind in _NEVER_INT8 and options.precision == "int8" else options.precision,
        io=options.io,
        portable=options.operators.portable,
        size_multiple=multiple,
        size_minimum=minimum,
        default_alpha=model.default_alpha,
        default_strokes=model.default_strokes,
        licence=model.licence,
        paper=model.paper,
        weights_sha256=hashes,
        code_digest=digest,
        adain_version=__version__,
        stage=None if stage is None else stage.name,
        framing=None if stage is None else framing,
        fixed=options.fixed,
    )


def _graph(tracer: Tracer, network: StyleTransfer, info: GraphInfo, options: Options) -> onnx.ModelProto:
    stage = stage_of(info)
    model = tracer(info.graph, info.io, stage)
    if info.precision == "int8":
        content = ("content", *(each.name for each in stage.maps))
        model = quantized(model, list(_feeds(network, info, options.calibration)), content)
    if info.precision == "fp32" and not info.portable:
        cpu.shuffles_as_convolutions(model)
        cpu.blocked_residuals(model)
        cpu.slices_at_once(model)
    model.graph.name = file_name(info.model, info.graph, info.stage).removesuffix(".onnx")
    model.producer_name, model.producer_version = "adain", info.adain_version
    onnx.helper.set_model_props(model, info.to_metadata())
    onnx.checker.check_model(model, full_check=True)
    return model


def _feeds(
    network: StyleTransfer, info: GraphInfo, pictures: Sequence[PictureInput]
) -> Iterator[dict[str, NDArray[np.generic]]]:
    """Calibration inputs for a graph: each picture in the style of the one before it."""
    fixed = info.fixed or Fixed(_CALIBRATION_SIDE, _CALIBRATION_SIDE)
    arrays = [_middle(source, fixed) for source in pictures]
    stage = stage_of(info)
    framing = network.framing(stage)
    for index, content in enumerate(arrays):
        style, seen = arrays[index - 1], framing.framed(content)
        masks = np.full((1, fixed.styles, *content.shape[2:]), 1 / fixed.styles, np.float32)
        with torch.inference_mode():
            code = network.encode_style(torch.from_numpy(style))
            maps = network.features(torch.from_numpy(seen), stage)
            moments = network.moments(maps, stage, torch.from_numpy(framing.masks(masks)))
        own = Moments.from_arrays({name: array[0, 0].numpy() for name, array in moments.items()})
        statistics = flatten(own.statistics(stage), statistics_layout(stage))
        flat = torch.cat([array.flatten() for array in code.values()]).numpy()
        staged = info.graph in STAGED
        every: dict[str, NDArray[np.generic]] = {
            "content": _laid_out(seen if staged else content, info.io),
            "style": _laid_out(style, info.io),
            "codes": np.tile(flat, (1, fixed.styles, 1)),
            "weights": np.ones((1, fixed.styles), np.float32),
            "masks": framing.masks(masks) if staged else masks,
            "statistics": np.stack([statistics] * 2)[None] if info.graph == "decode_regions" else statistics[None],
            "alpha": np.full((1, 1), info.default_alpha, np.float32),
            "strokes": np.full((1, 1), FULL, np.float32),
            "grain": np.zeros((1, 2), np.float32),
            **{each.name: maps[each.name].to(stored(each.fusion, network)).numpy() for each in stage.maps},
        }
        yield {name: every[name] for name in signature(info.graph, stage, info.fixed).inputs}


def _middle(source: PictureInput, size: Fixed) -> NDArray[np.float32]:
    """The middle of a picture, scaled to cover a size: (1, 3, height, width)."""
    picture = images.read(source)
    shorter, sides = min(picture.rgb.shape[:2]), (size.height, size.width)
    cover = max(math.ceil(side * shorter / own) for side, own in zip(sides, picture.rgb.shape[:2], strict=True))
    array = images.to_tensor(images.resize(picture, cover).rgb)
    top, left = ((own - side) // 2 for own, side in zip(array.shape[2:], sides, strict=True))
    return np.ascontiguousarray(array[:, :, top : top + size.height, left : left + size.width])


def _laid_out(picture: NDArray[np.float32], io: Io) -> NDArray[np.generic]:
    return images.from_tensor(picture)[None] if io == "uint8" else picture


def make_folder(directory: Path) -> None:
    """Make a folder for graphs.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to {directory}: {error.strerror or error}; name a directory") from error


def _beside(model: Model, files: Mapping[str, Path], directory: Path) -> list[Path]:
    """The safetensors files that graphs can share; each is copied into the directory if it is not there.

    A copy is named after the model, as the graphs are, because trained files are all called `model.safetensors`.
    """
    shared = []
    for file in files.values():
        if file.suffix == ".safetensors":
            beside = directory / file.name
            if not beside.exists() or not beside.samefile(file):
                beside = directory / f"{model.name}.safetensors"
                _copy(file, beside)
            shared.append(beside)
    return shared


def _copy(file: Path, target: Path) -> None:
    """Copy weights. Other weights are not replaced, because they may be the only copy of a training.

    Raises:
        InputError: the target exists with another content.
    """
    content = file.read_bytes()
    if target.is_file() and target.read_bytes() != content:
        raise InputError(f"{target} exists and holds other weights than {file}; export to another folder, or remove it")
    write_bytes(target, content)


def _code_digest(network: StyleTransfer) -> str:
    return code_digest({name: x.float().numpy() for name, x in network.state_dict().items()}, network.code_shapes)
