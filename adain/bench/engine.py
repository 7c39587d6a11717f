"""The interface between the benchmark and a runtime: matrix products, operation counts, and the device used."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from adain.engine.strokes import draft_count, draft_size
from adain.registry import Architecture, Model

__all__ = ["Engine", "RanOn", "at_size", "over_levels", "rates", "stride"]

_SIDE = 64  # pixels; a multiple of every stride


@dataclass(frozen=True)
class RanOn:
    """A provider or device that operations really ran on.

    Attributes:
        name: onnxruntime's provider, or another runtime and its device.
        nodes: number of the graph's nodes that ran there; None if unknown.
    """

    name: str
    nodes: int | None


class Engine(Protocol):
    """A loaded case."""

    def synchronize(self) -> None:
        """Wait until the device has finished its work."""

    def matrix_rates(self, seconds: float) -> list[float]:
        """Measure a large matrix product: samples in multiply-accumulates per second, in the case's precision.

        Empty if the engine has no such product.
        """

    def macs(self) -> tuple[int, int]:
        """Multiply-accumulates of one style encoding and of one stylization at the case's sizes."""

    def ran_on(self) -> list[RanOn]:
        """The providers and devices that operations really ran on."""

    def device_memory(self) -> int | None:
        """Peak memory of the device in bytes, without the process's own memory; None if unknown."""


def stride(model: Model) -> int:
    """Stride of the deepest feature map in pixels; pictures are padded to a multiple of it."""
    architecture = model.architecture
    if isinstance(architecture, Architecture):
        return int(2 ** (max(architecture.levels) - 1))
    return int(2 ** len(architecture.widths))


def at_size(count: Callable[[int, int], int], width: int, height: int, multiple: int) -> int:
    """Extrapolate `count(width, height)` from four small sizes.

    Every layer's number of operations is constant, or proportional to the width, the height or the area (padding causes
    the first three). So the sum is bilinear in width and height, and four values determine it exactly.

    Args:
        count: counts operations at a width and height that are multiples of 64.
        width: in pixels.
        height: in pixels.
        multiple: width and height are padded to a multiple of it.
    """
    x, y = (-(-side // multiple) * multiple / _SIDE - 1 for side in (width, height))
    corners = {(i, j): count(_SIDE << i, _SIDE << j) for i in (0, 1) for j in (0, 1)}
    total = sum(((x if i else 1 - x) * (y if j else 1 - y)) * value for (i, j), value in corners.items())
    return round(total)


def rates(
    product: Callable[[], object], macs: int, repeat: Callable[[Callable[[], object]], list[float]]
) -> list[float]:
    """Multiply-accumulates per second of each timed product.

    Args:
        product: computes the product.
        macs: the product's multiply-accumulates.
        repeat: times a function, in milliseconds.
    """
    return [macs / (milliseconds / 1e3) for milliseconds in repeat(product)]


def over_levels(count: Callable[[int, int], int], model: Model, width: int, height: int) -> int:
    """The operations for a picture and for its drafts with the model's own strokes; arguments as in `at_size`."""
    sizes = [(height, width)]
    for _ in range(draft_count(height, width) if model.default_strokes else 0):
        sizes.append(draft_size(*sizes[-1]))
    once = functools.cache(count)
    return sum(at_size(once, columns, rows, stride(model)) for rows, columns in sizes)
