"""The forward and backward pass of a training step as CUDA graphs.

A step has about three thousand kernels, and launching them one by one takes longer than running them.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Recorded"]


class Recorded:
    """Replays a module's computation on other pictures, gradients included.

    Args:
        module: maps pictures to a total with a gradient, and named losses without. Parameters may change in place.
        pictures: examples; all calls must have their shapes.
    """

    def __init__(self, module: nn.Module, pictures: tuple[Tensor, ...]) -> None:
        own = tuple(picture.clone() for picture in pictures)  # a graph reads from where it was recorded
        with warnings.catch_warnings():  # harmless: the recording's stream adds to no gradient
            warnings.filterwarnings("ignore", "The AccumulateGrad node's stream", UserWarning)
            self._replayed: Any = torch.cuda.make_graphed_callables(module, own, allow_unused_input=True)

    def __call__(self, *pictures: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The total and the named losses, as `module` returns them."""
        total, parts = self._replayed(*pictures)
        # Clones, because the next call overwrites the graph's outputs.
        return total.clone(), {name: value.detach().clone() for name, value in parts.items()}
