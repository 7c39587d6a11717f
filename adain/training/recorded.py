"""A training step's forward and backward pass as CUDA graphs.

They are some three thousand kernels, and to launch one after the other takes longer than they do.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Recorded"]


class Recorded:
    """What a module computes from pictures, replayed; it differentiates as the module itself does.

    Args:
        module: pictures to a total, with its graph, and named losses without one; its parameters may change in place.
        pictures: of the shapes that all calls have.
    """

    def __init__(self, module: nn.Module, pictures: tuple[Tensor, ...]) -> None:
        own = tuple(picture.clone() for picture in pictures)  # what a graph reads is where it was recorded
        with warnings.catch_warnings():  # it differentiates on a stream of its own, which adds to no gradient
            warnings.filterwarnings("ignore", "The AccumulateGrad node's stream", UserWarning)
            self._replayed: Any = torch.cuda.make_graphed_callables(module, own, allow_unused_input=True)

    def __call__(self, *pictures: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """As `module`."""
        total, parts = self._replayed(*pictures)
        # The next call writes to where these are.
        return total.clone(), {name: value.detach().clone() for name, value in parts.items()}
