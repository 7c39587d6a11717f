"""Every picture from 1 x 1 up fits a network: edges repeated before it, cropped away after it."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["crop_to", "pad_to", "reflected"]


def pad_to(image: Tensor, *, multiple: int = 1, minimum: int = 1) -> Tensor:
    """Repeat the last row and column until both sides are multiples of `multiple` and at least `minimum`.

    Exports to ONNX with dynamic sides: no size is compared in Python.

    Args:
        image: (N, C, H, W), H and W at least 1.
        multiple: what the sides are to be divisible by, in pixels.
        minimum: the least side, in pixels.

    Returns:
        (N, C, H', W'), the picture in its upper left corner.
    """
    height, width = image.shape[-2:]
    bottom = _target(height, multiple, minimum) - height
    right = _target(width, multiple, minimum) - width
    return F.pad(image, (0, right, 0, bottom), mode="replicate")


def reflected(image: Tensor, rim: int) -> Tensor:
    """`image` (N, C, H, W) continued by `rim` pixels beyond each side by reflection; sides longer than that."""
    return F.pad(image, (rim, rim, rim, rim), mode="reflect")


def crop_to(image: Tensor, like: Tensor, margin: int = 0) -> Tensor:
    """Of `image` (N, C, H', W'), the height and width of `like` (..., H, W), `margin` pixels from the upper left."""
    height, width = like.shape[-2:]
    return image[..., margin : margin + height, margin : margin + width]


def _target(side: int, multiple: int, minimum: int) -> int:
    tiles = (side + multiple - 1) // multiple
    least = (minimum + multiple - 1) // multiple
    return int_max(tiles, least) * multiple


def int_max(a: int, b: int) -> int:
    """`max`, also for the symbolic sizes of an export, which `max` would turn into a condition.

    Not `torch.sym_max` of plain ones: where older versions of `torch.compile` meet that, they end a graph.
    """
    return max(a, b) if isinstance(a, int) and isinstance(b, int) else cast(int, torch.sym_max(a, b))
