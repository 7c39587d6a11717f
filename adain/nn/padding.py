"""Pads pictures of any size to fit a network, and crops the result."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

__all__ = ["crop_to", "pad_to", "reflected", "reflected_by_one", "without_edges"]


def pad_to(image: Tensor, *, multiple: int = 1, minimum: int = 1) -> Tensor:
    """Repeat the last row and column until both sides are multiples of `multiple` and at least `minimum`.

    It exports to ONNX with dynamic sides, because no size is compared in Python.

    Args:
        image: (N, C, H, W), H and W at least 1.
        multiple: divides the padded sides, in pixels.
        minimum: smallest padded side, in pixels.

    Returns:
        (N, C, H', W'), the picture in its upper left corner.
    """
    height, width = image.shape[-2:]
    bottom = _target(height, multiple, minimum) - height
    right = _target(width, multiple, minimum) - width
    return F.pad(image, (0, right, 0, bottom), mode="replicate")


def reflected(image: Tensor, width: int) -> Tensor:
    """Pad an image (N, C, H, W) by reflection, `width` pixels on each side; H and W must be larger than `width`."""
    return F.pad(image, (width, width, width, width), mode="reflect")


def without_edges(x: Tensor, width: int) -> Tensor:
    """(..., H, W) without `width` pixels along each side."""
    return x[..., width:-width, width:-width] if width else x


def reflected_by_one(x: Tensor) -> Tensor:
    """Pad by reflection, 1 pixel on each side, as each layer of VGG-19 is padded.

    On CUDA, torch's own padding turns channels-last maps into channels first, and sums gradients with atomics.
    """
    if x.is_cuda and x.is_contiguous(memory_format=torch.channels_last):
        padded: Tensor = _Reflected.apply(x)
        return padded
    return reflected(x, 1)


class _Reflected(torch.autograd.Function):
    """Reflection by 1 for channels-last maps."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        count, channels, height, width = x.shape
        y = x.new_empty(count, height + 2, width + 2, channels).permute(0, 3, 1, 2)  # channels last
        y[..., 1:-1, 1:-1] = x
        y[..., 1:-1, 0], y[..., 1:-1, -1] = x[..., 1], x[..., -2]
        y[..., 0, :], y[..., -1, :] = y[..., 2, :], y[..., -3, :]
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        total[..., 2, :] += total[..., 0, :]
        total[..., -3, :] += total[..., -1, :]
        total[..., 2] += total[..., 0]
        total[..., -3] += total[..., -1]
        return total[..., 1:-1, 1:-1]


def crop_to(image: Tensor, like: Tensor, margin: int = 0) -> Tensor:
    """Crop an image (N, C, H', W') to the size of `like` (..., H, W), starting `margin` pixels from the upper left."""
    height, width = like.shape[-2:]
    return image[..., margin : margin + height, margin : margin + width]


def _target(side: int, multiple: int, minimum: int) -> int:
    tiles = (side + multiple - 1) // multiple
    least = (minimum + multiple - 1) // multiple
    return int_max(tiles, least) * multiple


def int_max(a: int, b: int) -> int:
    """`max` that also works for the symbolic sizes of an export, which the built-in would turn into a condition.

    Plain ints do not go to `torch.sym_max`, because it breaks the graph in older versions of `torch.compile`.
    """
    return max(a, b) if isinstance(a, int) and isinstance(b, int) else cast(int, torch.sym_max(a, b))
