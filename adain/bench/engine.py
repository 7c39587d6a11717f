"""What a backend can tell beyond stylizing: its matrix products, its operations, where it ran."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from adain.registry import Architecture, Model

__all__ = ["Engine", "RanOn", "at_size", "rates", "stride"]

_SIDE = 64  # pixels; a multiple of every stride


@dataclass(frozen=True)
class RanOn:
    """Where operations really ran.

    Attributes:
        name: onnxruntime's provider, or another runtime and its device.
        nodes: how many of the graph's nodes; None where nobody counts.
    """

    name: str
    nodes: int | None


class Engine(Protocol):
    """A loaded case, seen from the benchmark."""

    def synchronize(self) -> None:
        """Wait until the device has done what it was told."""

    def matrix_rates(self, seconds: float) -> list[float]:
        """Samples of the rate of a large matrix product: multiply-accumulates per second in the case's precision.

        Empty where this engine has no such product.
        """

    def macs(self) -> tuple[int, int]:
        """Multiply-accumulates of one style encoding and of one stylization at the case's sizes."""

    def ran_on(self) -> list[RanOn]:
        """Providers and devices, by what they really did."""

    def device_memory(self) -> int | None:
        """Peak bytes on the device, other than the process's own memory; None where nobody counts."""


def stride(model: Model) -> int:
    """How many pixels become one at the deepest feature map; pictures are padded to a multiple."""
    architecture = model.architecture
    if isinstance(architecture, Architecture):
        return int(2 ** (max(architecture.levels) - 1))
    return int(2 ** len(architecture.widths))


def at_size(count: Callable[[int, int], int], width: int, height: int, multiple: int) -> int:
    """What `count(width, height)` would be, from four small sizes.

    Every layer's operations are a constant, or proportional to the width, the height or the area (paddings are
    what gives the first three), so the sum is bilinear in both sides, and four values determine it exactly.

    Args:
        count: counts at a width and height that are multiples of 64.
        width: in pixels.
        height: in pixels.
        multiple: what both are padded to.
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
        product: computes it.
        macs: its multiply-accumulates.
        repeat: times a function, in milliseconds.
    """
    return [macs / (milliseconds / 1e3) for milliseconds in repeat(product)]
