"""Bicubic resizing by a ratio of small whole numbers, as Pillow does it, with matrix products of blocks of pixels.

No weight depends on a size, so training and all graphs share it.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

__all__ = ["resized", "weights", "weights_on"]

_KEYS = -0.5  # Keys 1981: the cubic convolution of Pillow, and of torch where it shrinks


def resized(picture: Tensor, weights: Tensor) -> Tensor:
    """Resize pictures or masks, antialiased where they shrink.

    Args:
        picture: (N, C, H, W), H and W multiples of `down`.
        weights: from `weights`.

    Returns:
        (N, C, H * up / down, W * up / down) float32, edges repeated beyond the picture.
    """
    with torch.autocast(picture.device.type, enabled=False):
        columns = _along_rows(picture.float().transpose(2, 3), weights)  # (N, C, W, h)
        return _along_rows(columns.transpose(2, 3), weights)


def weights(up: int, down: int) -> Tensor:
    """The weight of each pixel for the `up` outputs of a block of `down` pixels, (2 * reach + 1, down, up).

    The pixels are those of the block itself and of the `reach` blocks before and behind it.
    """
    wide = max(1.0, down / up)
    centres = [(phase + 0.5) * down / up - 0.5 for phase in range(up)]
    reach = math.ceil((2 * wide - centres[0]) / down)
    taps = range(-reach * down, (reach + 1) * down)
    table = torch.tensor([[_cubic((tap - centre) / wide) for centre in centres] for tap in taps])
    return (table / table.sum(0)).view(2 * reach + 1, down, up)


@lru_cache(maxsize=8)
def weights_on(up: int, down: int, device: torch.device) -> Tensor:
    """As `weights`, kept on the device: a CUDA graph copies nothing from the processor."""
    with torch.inference_mode(False):  # a training may use them, too
        return weights(up, down).to(device)


def _along_rows(x: Tensor, weights: Tensor) -> Tensor:
    """Resize the last axis."""
    count, down, _ = weights.shape
    blocks = x.reshape(*x.shape[:3], -1, down)  # (N, C, H, blocks, down)
    ones = torch.ones(count // 2, down, dtype=x.dtype, device=x.device)
    around = torch.cat([blocks[..., :1, :1] * ones, blocks, blocks[..., -1:, -1:] * ones], dim=3)
    seen = [around[..., first : first + 1 - count or None, :] for first in range(count)]  # ends that need no size
    return (torch.cat(seen, dim=4) @ weights.flatten(0, 1)).flatten(3)


def _cubic(x: float) -> float:
    x = abs(x)
    if x < 1:
        return (_KEYS + 2) * x**3 - (_KEYS + 3) * x**2 + 1
    return _KEYS * (x**3 - 5 * x**2 + 8 * x - 4) if x < 2 else 0.0
