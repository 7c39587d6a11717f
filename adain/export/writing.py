"""From a model to the files of the contract: traced, in the precision asked for, checked, with their metadata."""

from __future__ import annotations

import copy
import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from adain import __version__, images
from adain.atomic import write_bytes
from adain.engine.backend import core_mask, framed
from adain.engine.moments import Moments
from adain.errors import InputError, OutputError
from adain.export import cpu
from adain.export.graph_modules import signature
from adain.export.layers import MANY_CHANNELS, Form
from adain.export.networks import ExportNetwork, exportable
from adain.export.operators import Operators, PortableOperators
from adain.export.quantization import quantized
from adain.export.sharing import share
from adain.export.tracing import OPSET, trace
from adain.images import PictureInput
from adain.nn.models import StyleTransfer
from adain.registry import Model
from adain.runtimes.contract import (
    STAGED,
    GraphInfo,
    GraphKind,
    Io,
    Precision,
    file_name,
    flatten_own,
    fused,
)

__all__ = ["Options", "Written", "export"]

_CALIBRATION_SIDE = 256  # pixels; ranges hardly depend on it, memory does

_NEVER_INT8: tuple[GraphKind, ...] = ("encode_style", "encode_content")
_NOT_PORTABLE: tuple[GraphKind, ...] = ("apply_regions", *STAGED)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to export.

    Attributes:
        precision: of the convolutions.
        opset: version of ONNX's operators, at least 18.
        portable: only operators that WebGPU, CoreML and TensorRT have, for pictures whose sides fit.
        io: the layout of pictures.
        winograd: convolutions of many channels in fewer products, which CPUs gain from; float32 only, not portable.
        calibration: pictures to find the ranges of activations with, for int8; each is content and style once.
        kinds: which graphs; None: all that there are in that form.
        sharing: graphs that read their weights from the model's own file, which is put beside them, if that is a
            safetensors file.
        compact: graphs that keep weights as they are in that file, so that they share all of them, but are slower.
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

    @property
    def graphs(self) -> tuple[GraphKind, ...]:
        """Which graphs to write."""
        if self.kinds is not None:
            return self.kinds
        every: tuple[GraphKind, ...] = ("encode_style", "apply", "whole", *_NOT_PORTABLE)
        return every[:3] if self.portable else every

    def __post_init__(self) -> None:
        if self.opset < OPSET:
            raise InputError(f"opset must be at least {OPSET}, got {self.opset}")
        if self.precision == "int8" and not self.calibration:
            raise InputError(
                "int8 needs pictures to find the ranges of activations with; name a few dozen, of the kind to stylize"
            )
        if self.winograd and (self.portable or self.precision != "fp32"):
            raise InputError("winograd is for float32 graphs that run on CPUs; export them without portable, in fp32")
        for kind in _NOT_PORTABLE:
            if self.portable and kind in self.graphs:
                raise InputError(f"there is no portable form of {kind}; export it without portable")


@dataclass(frozen=True)
class Written:
    """A file, and what it says of itself."""

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
        network: its network; a WCT's takes roots by `adain.nn.newton_schulz`.
        files: where its weights came from, a path per role.
        directory: where to; it is made if it is not there.
        options: how.
        progress: called with the name of each file before it is made.

    Raises:
        InputError: the network's family cannot be exported.
        OutputError: a file cannot be written.
    """
    form = Form(
        operators=PortableOperators() if options.portable else Operators(),
        dtype=torch.float16 if options.precision == "fp16" else torch.float32,
        winograd=MANY_CHANNELS if options.winograd else None,
    )
    compact = exportable(copy.deepcopy(network), replace(form, phases=False)) if options.compact else None
    exported = exportable(network, form)
    _make(directory)
    hashes = {role: hashlib.sha256(path.read_bytes()).hexdigest() for role, path in files.items()}
    shared = _beside(files, directory) if options.sharing else []
    written = []
    for kind, stage in _graphs(options, exported.stages):
        info = _info(model, exported, kind, stage, options, hashes)
        path = directory / file_name(model.name, kind, stage if len(set(exported.stages)) > 1 else None)
        progress(path.name)
        graph = _graph(compact if compact and kind in options.compact else exported, info, options)
        if kind in options.sharing:
            for weights in shared:
                share(graph, weights)
        write_bytes(path, graph.SerializeToString())
        written.append(Written(path, info))
        logger.info("wrote %s, %.1f MB", path, path.stat().st_size / 1e6)
    return written


def _graphs(options: Options, stages: Sequence[str]) -> Iterator[tuple[GraphKind, str | None]]:
    for kind in options.graphs:
        if kind in STAGED:
            yield from ((kind, stage) for stage in dict.fromkeys(stages))
        else:
            yield kind, None


def _info(
    model: Model,
    network: ExportNetwork,
    kind: GraphKind,
    stage: str | None,
    options: Options,
    hashes: Mapping[str, str],
) -> GraphInfo:
    return GraphInfo(
        model=model.name,
        graph=kind,
        fusion=model.fusion,
        precision="fp32" if kind in _NEVER_INT8 and options.precision == "int8" else options.precision,
        io=options.io,
        portable=options.portable,
        size_multiple=network.multiple if options.portable else 1,
        size_minimum=network.minimum if options.portable else 1,
        default_alpha=model.default_alpha,
        code_layout=network.code_shapes,
        licence=model.licence,
        paper=model.paper,
        weights_sha256=hashes,
        adain_version=__version__,
        stage=stage,
        reach=None if stage is None else network.reach(stage),
    )


def _graph(network: ExportNetwork, info: GraphInfo, options: Options) -> onnx.ModelProto:
    model = trace(info.graph, network, info.io, options.opset, info.stage)
    if info.precision == "int8":
        content = ("content", *fused(network.code_shapes, info.stage or network.stages[-1]))
        model = quantized(model, list(_feeds(network, info, options.calibration)), content)
    if info.precision == "fp32" and not options.portable:
        cpu.shuffles_as_convolutions(model)
        cpu.blocked_residuals(model)
    model.graph.name = file_name(info.model, info.graph, info.stage).removesuffix(".onnx")
    model.producer_name, model.producer_version = "adain", info.adain_version
    onnx.helper.set_model_props(model, info.to_metadata())
    onnx.checker.check_model(model, full_check=True)
    return model


def _feeds(
    network: ExportNetwork, info: GraphInfo, pictures: Sequence[PictureInput]
) -> Iterator[dict[str, NDArray[np.generic]]]:
    """Inputs for a graph: each picture in the style of the one before it."""
    arrays = [_square(source) for source in pictures]
    for index, content in enumerate(arrays):
        style = arrays[index - 1]
        stage = network.stages[-1] if info.stage is None else info.stage
        reach = network.reach(stage)
        seen = framed(content, reach)
        with torch.inference_mode():
            code = network.encode_style(torch.from_numpy(style))
            maps = network.features(torch.from_numpy(seen), stage)
            moments = network.moments(maps, stage, torch.from_numpy(core_mask(seen, None, reach)))
        own = Moments.from_arrays({name: array[0].numpy() for name, array in moments.items()})
        flat = torch.cat([array.flatten() for array in code.values()]).numpy()
        every: dict[str, NDArray[np.generic]] = {
            "content": _laid_out(content, info.io),
            "style": _laid_out(style, info.io),
            "codes": flat[None, None],
            "weights": np.ones((1, 1), np.float32),
            "masks": np.ones((1, 1, *content.shape[2:]), np.float32),
            "own": flatten_own(own, network.code_shapes, stage)[None],
            "alpha": np.full((1, 1), info.default_alpha, np.float32),
            **{name: x.to(network.kept).numpy() for name, x in maps.items()},
        }
        yield {name: every[name] for name in signature(info.graph, network, stage).inputs}


def _square(source: PictureInput) -> NDArray[np.float32]:
    """The middle of a picture, (1, 3, 256, 256)."""
    picture = images.to_tensor(images.resize(images.read(source), _CALIBRATION_SIDE).rgb)
    top, left = ((side - _CALIBRATION_SIDE) // 2 for side in picture.shape[2:])
    return np.ascontiguousarray(picture[:, :, top : top + _CALIBRATION_SIDE, left : left + _CALIBRATION_SIDE])


def _laid_out(picture: NDArray[np.float32], io: Io) -> NDArray[np.generic]:
    return images.from_tensor(picture)[None] if io == "uint8" else picture


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to {directory}: {error.strerror or error}; name a directory") from error


def _beside(files: Mapping[str, Path], directory: Path) -> list[Path]:
    """The files of weights that graphs can share, each put into the directory if it is not there."""
    shared = []
    for file in files.values():
        if file.suffix == ".safetensors":
            beside = directory / file.name
            if not beside.exists() or not beside.samefile(file):
                write_bytes(beside, file.read_bytes())
            shared.append(beside)
    return shared
