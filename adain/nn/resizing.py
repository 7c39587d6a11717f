"""`adain.engine.resizing` in torch, for training and for graphs."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from adain.engine import resizing

__all__ = ["resized", "weights", "weights_on"]


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
    """`adain.engine.resizing.weights` for torch."""
    return torch.tensor(resizing.weights(up, down))


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
