"""Compares an exported file in onnxruntime with its network in torch, at several sizes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from adain.engine import fusions
from adain.engine.framing import fitting
from adain.engine.fusions import Layout
from adain.engine.moments import Moments
from adain.engine.strokes import FULL, TILE, offset
from adain.export.exported import stage_of
from adain.nn.network import StyleTransfer
from adain.nn.strokes import DraftAndRevise, Strokes
from adain.registry import Stage
from adain.runtimes.contract import DRAFTED, STAGED, Fixed, GraphInfo, GraphKind, Precision, flatten

__all__ = ["CASES", "LIMITS", "Case", "Comparison", "Limit", "compare", "difference", "feed"]


_NOTHING = 1e-6  # smallest reference for relative differences, for values that are all 0
_NO_PICTURE: tuple[GraphKind, ...] = ("encode_style", "encode_content")


@dataclass(frozen=True)
class Case:
    """Sizes and numbers of a graph's inputs; sizes are (height, width) in pixels."""

    content: tuple[int, int]
    style: tuple[int, int]
    batch: int = 1
    styles: int = 1
    alpha: float = 1.0
    strokes: float = FULL

    def __str__(self) -> str:
        height, width = self.content
        strengths = f"alpha {self.alpha:g}, strokes {self.strokes:g}"
        return f"{self.batch} of {width} x {height}, {self.styles} style(s), {strengths}"


CASES: tuple[Case, ...] = (
    Case((64, 96), (80, 48)),
    Case((131, 77), (51, 70), alpha=0.5, strokes=1.0),
    Case((45, 61), (64, 37), batch=3, styles=3, strokes=0.2),
    Case((16, 16), (16, 16), styles=2, strokes=0.0),
    Case((240, 320), (128, 160), alpha=0.0),
)


@dataclass(frozen=True)
class Limit:
    """Allowed difference from torch.

    Attributes:
        worst: largest difference of a picture, in 1/255.
        mean: mean difference of a picture, in 1/255.
        code: largest difference of a style code, relative to its largest value.
    """

    worst: float
    mean: float
    code: float


LIMITS: dict[tuple[str, Precision], Limit] = {
    ("adain", "fp32"): Limit(worst=1.0, mean=0.05, code=1e-4),
    ("wct", "fp32"): Limit(worst=1.0, mean=0.1, code=1e-3),
    ("adain", "fp16"): Limit(worst=4.0, mean=0.5, code=1e-2),
    ("wct", "fp16"): Limit(worst=32.0, mean=3.0, code=1e-2),
    ("adain", "int8"): Limit(worst=128.0, mean=8.0, code=1e-4),
    ("wct", "int8"): Limit(worst=255.0, mean=48.0, code=1e-3),
}


@dataclass(frozen=True)
class Comparison:
    """The result of one case for one file: its differences from torch in the units of `Limit`, and the limit."""

    path: Path
    case: Case
    worst: float
    mean: float
    limit: Limit
    is_code: bool

    @property
    def passed(self) -> bool:
        """Whether the differences are within the limits; NaN fails."""
        if self.is_code:
            return self.worst <= self.limit.code
        return round(self.worst, 3) <= self.limit.worst and self.mean <= self.limit.mean  # a level is not quite 1/255

    def __str__(self) -> str:
        if self.is_code:
            return f"{self.path.name}: {self.case}: worst {self.worst:.1e} of the code (limit {self.limit.code:g})"
        return (
            f"{self.path.name}: {self.case}: worst {self.worst:.4f}/255, mean {self.mean:.5f}/255 "
            f"(limits {self.limit.worst:g}, {self.limit.mean:g})"
        )


def compare(path: Path, info: GraphInfo, network: StyleTransfer, cases: Sequence[Case] = CASES) -> Iterator[Comparison]:
    """Run a file on the CPU and compare it with its network.

    Args:
        path: the file.
        info: its metadata.
        network: the network in torch, float32, with torch's matrix roots.
        cases: inputs. For a portable file, sizes are rounded up to multiples that it takes. A file of one size gets
            that size.

    Yields:
        One comparison per case.
    """
    from adain.runtimes.ort_import import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"], enable_fallback=0)
    types = {value.name: value.type for value in session.get_inputs()}
    outputs = [value.name for value in session.get_outputs()]
    limit = LIMITS[info.fusion, info.precision]
    if any(each.fusion != "adain" for stage in info.stages for each in stage.maps):  # the code has matrix roots
        limit = replace(limit, code=LIMITS["wct", info.precision].code)
    for case in (_only(case, info.fixed) for case in cases):
        inputs = _inputs(case, info, network)
        expected = _expected(inputs, info, network)
        actual = zip(outputs, session.run(outputs, _fed(inputs, info, types)), strict=True)
        apart = np.concatenate([difference(name, found, expected[name], info) for name, found in actual])
        yield Comparison(path, case, float(apart.max()), float(apart.mean()), limit, info.graph in _NO_PICTURE)


def feed(case: Case, info: GraphInfo, network: StyleTransfer, types: Mapping[str, str]) -> dict[str, NDArray[Any]]:
    """The inputs of a file by name, in the types that onnxruntime takes.

    Args:
        case: sizes and numbers of pictures and styles; a file of one size gets that size.
        info: the file's metadata.
        network: the file's network, in torch.
        types: onnxruntime's name for the type of each input.
    """
    return _fed(_inputs(_only(case, info.fixed), info, network), info, types)


def _fed(inputs: Mapping[str, Tensor], info: GraphInfo, types: Mapping[str, str]) -> dict[str, NDArray[Any]]:
    return {name: _laid_out(name, inputs[name], type_, info) for name, type_ in types.items()}


def difference(name: str, actual: NDArray[Any], expected: NDArray[np.float32], info: GraphInfo) -> NDArray[np.float32]:
    """Differences of pictures in levels of 255; else relative to the largest value, less the rounding of the dtype."""
    if name == "stylized":
        return np.asarray(np.abs(_picture(actual, info) - expected) * 255, np.float32).ravel()
    rounding = np.abs(expected) * float(np.finfo(actual.dtype).eps) / 2
    beyond = np.maximum(np.abs(actual.astype(np.float32) - expected) - rounding, 0)
    return np.asarray(beyond / _scale(name, expected, info), np.float32).ravel()


def _scale(name: str, expected: NDArray[np.float32], info: GraphInfo) -> NDArray[np.float32] | float:
    """The largest value; for moments, the largest value of each array."""
    if name != "moments":
        return max(float(np.abs(expected).max()), _NOTHING)
    sizes = [math.prod(shape) for shape in fusions.moments_layout(stage_of(info)).values()]
    arrays = np.split(np.abs(expected).max(axis=(0, 1)), np.cumsum(sizes[:-1]))
    return np.concatenate([np.full(array.shape, max(array.max(), _NOTHING), np.float32) for array in arrays])


def _inputs(case: Case, info: GraphInfo, network: StyleTransfer) -> dict[str, Tensor]:
    """The inputs by the contract's names; pictures are float32 (N, 3, H, W) with the 256 levels of uint8."""
    generator = np.random.default_rng(0)
    shape, size = (case.batch, case.styles), _fitting(case.content, info)
    styles = _pictures(generator, case.batch * case.styles, _fitting(case.style, info))
    content = _pictures(generator, case.batch, size)
    masks = _pictures(generator, case.batch * case.styles, size)[:, 0].reshape(*shape, *size)
    with torch.inference_mode():
        codes = _flat(network.encode_style(styles), network).reshape(*shape, -1)
    inputs = {
        "content": content,
        "masks": masks,
        "style": styles[:: case.styles],
        "codes": codes,
        "weights": torch.from_numpy(generator.uniform(0.5, 2, shape).astype(np.float32)),
        "alpha": torch.full((case.batch, 1), case.alpha),
        "strokes": torch.full((case.batch, 1), case.strokes),
        "grain": torch.from_numpy(generator.integers(TILE, size=(case.batch, 2)).astype(np.float32)),
    }
    if info.fixed is not None:
        inputs["grain"] = torch.tensor([offset(0)])
    return inputs | _staged(inputs, info, network) if info.graph in STAGED else inputs


def _staged(inputs: dict[str, Tensor], info: GraphInfo, network: StyleTransfer) -> dict[str, Tensor]:
    """The inputs of a graph that is a part of a stage; they replace the whole picture's."""
    stage = stage_of(info)
    framing = network.framing(stage)
    seen = torch.from_numpy(framing.framed(inputs["content"].numpy()))
    masks = torch.from_numpy(framing.masks(inputs["masks"].numpy()))
    with torch.inference_mode():
        maps = network.features(seen, stage)
        moments = network.moments(maps, stage, torch.cat([masks, torch.ones_like(masks[:, :1])], dim=1))
    of_regions = _statistics(moments, stage)
    statistics = of_regions if info.graph == "decode_regions" else of_regions[:, -1]
    return {"content": seen, "masks": masks, "statistics": statistics, **maps}


def _statistics(moments: dict[str, Tensor], stage: Stage) -> Tensor:
    """The statistics that `decode_regions` takes, (N, R, O); the last region is the whole picture."""
    layout = fusions.statistics_layout(stage)

    def of_picture(index: int) -> NDArray[np.float32]:
        count = next(iter(moments.values())).shape[1]
        each = [
            Moments.from_arrays({name: array[index, region].numpy() for name, array in moments.items()})
            for region in range(count)
        ]
        regions = [*(region.of_region(each[-1]) for region in each[:-1]), each[-1]]
        return np.stack([flatten(region.statistics(stage), layout) for region in regions])

    batch = len(next(iter(moments.values())))
    return torch.from_numpy(np.stack([of_picture(index) for index in range(batch)]))


def _expected(inputs: dict[str, Tensor], info: GraphInfo, network: StyleTransfer) -> dict[str, NDArray[np.float32]]:
    """The outputs in torch by name."""
    with torch.inference_mode():
        if info.graph == "encode_style":
            return {"code": _flat(network.encode_style(inputs["style"]), network).numpy()}
        if info.graph == "encode_content":
            return _encoded(inputs, info, network)
        picture = _stylized(inputs, info, network)
    if info.graph in STAGED and len(info.stages) > 1 and info.io == "float":
        return {"stylized": picture.numpy()}  # not clipped
    picture = picture.clamp(0, 1)
    return {"stylized": ((picture * 255 + 0.5).floor() / 255 if info.io == "uint8" else picture).numpy()}


def _encoded(inputs: dict[str, Tensor], info: GraphInfo, network: StyleTransfer) -> dict[str, NDArray[np.float32]]:
    stage = stage_of(info)
    maps = {each.name: inputs[each.name] for each in stage.maps}
    moments = network.moments(maps, stage, inputs["masks"])
    columns = [array.reshape(*array.shape[:2], -1) for array in moments.values()]
    return {"moments": torch.cat(columns, dim=2).numpy(), **{name: x.numpy() for name, x in maps.items()}}


def _stylized(inputs: dict[str, Tensor], info: GraphInfo, network: StyleTransfer) -> Tensor:
    shapes, alpha, stage = network.code_shapes, inputs["alpha"], stage_of(info)
    codes = _named(inputs["codes"], shapes)
    shares = inputs["weights"] / inputs["weights"].sum(dim=1, keepdim=True)
    code = _named((shares[:, :, None] * inputs["codes"]).sum(dim=1), shapes)
    if info.graph in ("decode", "decode_regions"):
        statistics = _named(inputs["statistics"], fusions.statistics_layout(stage))
        if info.graph == "decode":
            return network.decode(inputs, stage, statistics, code, alpha)
        return network.decode_regions(inputs, stage, statistics, codes, inputs["masks"], alpha)
    if info.graph == "whole":
        code = network.encode_style(inputs["style"])
    drafted = DraftAndRevise(network, Strokes.of(inputs["strokes"]), inputs["grain"])
    one_level = info.graph not in DRAFTED
    if info.graph.endswith("regions"):
        return (network if one_level else drafted).forward_regions(inputs["content"], codes, inputs["masks"], alpha)
    picture: Tensor = (network if one_level else drafted)(inputs["content"], code, alpha)
    return picture


def _only(case: Case, fixed: Fixed | None) -> Case:
    """A case with the only sizes that a file takes."""
    if fixed is None:
        return case
    size = fixed.height, fixed.width
    return replace(case, content=size, style=size, batch=1, styles=fixed.styles)


def _fitting(size: tuple[int, int], info: GraphInfo) -> tuple[int, int]:
    return fitting(size, info.size_multiple, info.size_minimum)


def _pictures(generator: np.random.Generator, count: int, size: Sequence[int]) -> Tensor:
    """Noise in octaves, with smooth areas, edges and grain: like photographs, it has most power at large scales."""
    total = torch.zeros(count, 3, *size)
    for octave in range(6):
        coarse = torch.from_numpy(generator.normal(0, 1, (count, 3, 2 << octave, 2 << octave)).astype(np.float32))
        mode = "nearest" if octave == 2 else "bilinear"  # one octave with edges
        total += torch.nn.functional.interpolate(coarse, size, mode=mode) / 2**octave
    return (torch.sigmoid(total) * 255).round() / 255


def _flat(code: dict[str, Tensor], network: StyleTransfer) -> Tensor:
    return torch.cat([code[name].flatten(1) for name in network.code_shapes], dim=1)


def _named(flat: Tensor, shapes: Layout) -> dict[str, Tensor]:
    """Flat arrays (..., D) to named arrays."""
    pieces = torch.split(flat, [math.prod(shape) for shape in shapes.values()], dim=-1)
    return {
        name: piece.reshape(*flat.shape[:-1], *shape)
        for (name, shape), piece in zip(shapes.items(), pieces, strict=True)
    }


def _laid_out(name: str, tensor: Tensor, type_: str, info: GraphInfo) -> NDArray[np.generic]:
    array: NDArray[np.float32] = tensor.numpy()
    if type_ == "tensor(float16)":
        return array.astype(np.float16)
    if info.io == "uint8" and name in ("content", "style"):
        return np.ascontiguousarray((array * 255 + 0.5).astype(np.uint8).transpose(0, 2, 3, 1))
    return array


def _picture(output: NDArray[np.generic], info: GraphInfo) -> NDArray[np.float32]:
    if output.dtype == np.uint8:
        return output.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
    return output.astype(np.float32)
