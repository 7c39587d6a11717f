"""What a network asks of a fusion. A fusion is one module here, and one entry each in two tables of the same names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TypeAlias

import torch
from torch import Tensor

from adain.nn.operators import Operators

__all__ = ["MapFusion", "Statistics", "Transfer", "per_channel"]

Statistics: TypeAlias = Mapping[str, Tensor]
"""Arrays of one map by name, `mean` (N, C) and so on: of a style, of a content, or between both.

Of regions they have one axis more behind the batch: (N, S, C).
"""


class Transfer(ABC):
    """A content's statistics to those between the content's and the style's, for the pixels of a map."""

    @abstractmethod
    def __call__(self, x: Tensor) -> Tensor:
        """The map (N, C, h, w), fused."""

    def scaled(self, x: Tensor, scale: Tensor) -> tuple[Tensor, Tensor | float]:
        """The fused map times a gain per channel (N, C, 1, 1), but for a shift that is returned apart.

        The shift is cheaper added elsewhere, and the gain multiplied into what fuses the map.
        """
        return self(x) * scale, 0.0


class MapFusion(ABC):
    """A fusion of one map.

    Args:
        operators: what it computes with.
    """

    def __init__(self, operators: Operators) -> None:
        self.operators = operators

    @abstractmethod
    def style(self, x: Tensor) -> dict[str, Tensor]:
        """What a style code holds of a style's map (N, C, h, w) float32."""

    @abstractmethod
    def content(self, x: Tensor) -> dict[str, Tensor]:
        """The statistics of a whole content's map, likewise."""

    @abstractmethod
    def moments(self, x: Tensor, masks: Tensor) -> dict[str, Tensor]:
        """The moments of a map under masks (N, R, h, w): `count` (N, R), `mean` (N, R, C), `spread` (N, R, ...)."""

    @abstractmethod
    def regions(self, moments: Statistics) -> dict[str, Tensor]:
        """The statistics of regions from their moments, the last of which are the whole map's.

        As `adain.engine.moments.Moments.of_region`, within a network.
        """

    @abstractmethod
    def transfer(self, content: Statistics, style: Statistics, target: Statistics, alpha: float | Tensor) -> Transfer:
        """How to fuse a map.

        Args:
            content: its statistics.
            style: a style code's arrays of the map.
            target: the arrays that both have, at `alpha` between them.
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
            content: of S regions and last of the whole map, (N, S + 1, ...).
            styles: (N, S, ...).
            target: likewise.
            shares: how much each region counts at each pixel, and last the content itself, (N, S + 1, h, w).
            alpha: strength in [0, 1], a number or (N, 1).
        """


def per_channel(values: Tensor) -> Tensor:
    """(N, C) to (N, C, 1, 1)."""
    return values[:, :, None, None]


def with_content(values: Tensor, content: float) -> Tensor:
    """Values of regions (N, S, C), and last what leaves the content as it is."""
    return torch.cat([values, torch.full_like(values[:, :1], content)], dim=1)
