"""The interface of a loss in an optimisation: what it gathers of a picture's parts, and its value.

All losses but the two of Gatys are relative: 0 for a match, about 1 for a picture without the property. So one set of
weights suits all feature networks. A loss is the mean over its layers, and over regions by their area.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from adain.optimization.statistics import Arrays, View

__all__ = ["EPS", "Term", "joined", "summed"]

EPS = 1e-5  # squared units of a feature, as in AdaIN


class Term(ABC):
    """Losses that are computed from the same sums.

    Attributes:
        layers: the layers whose maps it needs.
    """

    layers: tuple[str, ...]

    @abstractmethod
    def gather(self, view: View) -> Arrays:
        """What the losses need of a part of the picture."""

    @abstractmethod
    def losses(self, gathered: Sequence[Arrays]) -> dict[str, Tensor]:
        """The losses by name, from what all parts gave."""


def summed(gathered: Sequence[Arrays]) -> Arrays:
    """Add up what all parts gave."""
    return {name: torch.stack([each[name] for each in gathered]).sum(0) for name in gathered[0]}


def joined(gathered: Sequence[Arrays]) -> Arrays:
    """Put what all parts gave one behind the other, along the last axis."""
    return {name: torch.cat([each[name] for each in gathered], dim=-1) for name in gathered[0]}
