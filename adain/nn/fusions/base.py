"""The interface of a fusion.

To add a fusion, write a module here, and add a row to `FUSIONS` in `adain.nn.fusions` and in `adain.engine.fusions`,
under the same name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TypeAlias

import torch
from torch import Tensor

from adain.nn.operators import Operators

__all__ = ["MapFusion", "Statistics", "Transfer", "per_channel"]

Statistics: TypeAlias = Mapping[str, Tensor]
"""Arrays of one map by name, such as `mean` (N, C): of a style, of a content, or between both.

For regions they have one more axis behind the batch: (N, S, C).
"""


class Transfer(ABC):
    """Maps the pixels of a feature map from the content's statistics to the target statistics."""

    @abstractmethod
    def __call__(self, x: Tensor) -> Tensor:
        """The map (N, C, h, w), fused."""

    def scaled(self, x: Tensor, scale: Tensor) -> tuple[Tensor, Tensor | float]:
        """The fused map times `scale`, a gain per channel (N, C, 1, 1), as two summands: a map and a shift.

        The caller can add the shift where that is cheaper, and the gain can be merged into the fusion's own factor.
        """
        return self(x) * scale, 0.0


class MapFusion(ABC):
    """A fusion of one map.

    Args:
        operators: implementations of its operations.
    """

    def __init__(self, operators: Operators) -> None:
        self.operators = operators

    @abstractmethod
    def style(self, x: Tensor) -> dict[str, Tensor]:
        """The arrays of a style code for a style's map (N, C, h, w) float32."""

    @abstractmethod
    def content(self, x: Tensor) -> dict[str, Tensor]:
        """The statistics of a whole content's map (N, C, h, w) float32."""

    @abstractmethod
    def moments(self, x: Tensor, masks: Tensor) -> dict[str, Tensor]:
        """The moments of a map under masks (N, R, h, w): `count` (N, R), `mean` (N, R, C), `spread` (N, R, ...)."""

    @abstractmethod
    def regions(self, moments: Statistics) -> dict[str, Tensor]:
        """The statistics of regions from their moments; the last region is the whole map.

        The same as `adain.engine.moments.Moments.of_region`, within a network.
        """

    @abstractmethod
    def transfer(self, content: Statistics, style: Statistics, target: Statistics, alpha: float | Tensor) -> Transfer:
        """The function that fuses a map.

        Args:
            content: statistics of the content's map.
            style: the style code's arrays for the map.
            target: the arrays that content and style share, interpolated at `alpha`.
            alpha: strength in [0, 1], a number or (N, 1).
        """

    @abstractmethod
    def fuse_regions(
        self,
        x: Tensor,
        content: Statistics,
        styles: Statistics,
        target: Statistics,
        shares: Tensor,
        alpha: float | Tensor,
    ) -> Tensor:
        """A map (N, C, h, w) with a style on each region.

        Args:
            x: the map.
            content: statistics of S regions, then of the whole map, (N, S + 1, ...).
            styles: one style per region, (N, S, ...).
            target: as for `transfer`, per region, (N, S, ...).
            shares: weight of each region at each pixel, then of the unchanged content, (N, S + 1, h, w).
            alpha: strength in [0, 1], a number or (N, 1).
        """


def per_channel(values: Tensor) -> Tensor:
    """(N, C) to (N, C, 1, 1)."""
    return values[:, :, None, None]


def with_content(values: Tensor, content: float) -> Tensor:
    """Values of regions (N, S, C), with the value that leaves the content unchanged appended: (N, S + 1, C)."""
    return torch.cat([values, torch.full_like(values[:, :1], content)], dim=1)
