"""A maximum with a cheap gradient, for the floors of the decoder."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = ["at_least"]


def at_least(x: Tensor, floor: Tensor) -> Tensor:
    """`torch.maximum` with a gradient that keeps channels last; where x equals the floor, the floor gets all of it.

    Args:
        x: (N, C, H, W).
        floor: (N, C, 1, 1).

    Returns:
        (N, C, H, W).
    """
    greater: Tensor = _AtLeast.apply(x, floor)
    return greater


class _AtLeast(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, floor: Tensor) -> Tensor:
        ctx.save_for_backward(x, floor)
        return torch.maximum(x, floor)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        x, floor = ctx.saved_tensors
        to_x = gradient * (x > floor)
        return to_x, (gradient - to_x).sum((2, 3), keepdim=True)
