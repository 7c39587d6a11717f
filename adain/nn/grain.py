"""The grain of drafts in torch; see `adain.engine.strokes`."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from adain.engine import strokes
from adain.engine.strokes import STEPS

__all__ = ["grain", "stored_tile"]


def grain(height: int, width: int, offset: Tensor) -> Tensor:
    """Noise of cells of 1, 2, 4 and 8 px, mean 0 and standard deviation 1, cut from a tile.

    Args:
        height: of the result.
        width: of the result.
        offset: (2,) or (N, 2) whole numbers, row and column of the tile where it begins.

    Returns:
        (1, 3, height, width), or N of them.
    """
    places = offset.view(-1, 2).long()
    rows = strokes.cells(torch.arange(height, device=offset.device), places[:, :1])  # (N, height)
    columns = strokes.cells(torch.arange(width, device=offset.device), places[:, 1:])  # (N, width)
    return _tile(offset.device)[:, rows[:, :, None], columns[:, None, :]].transpose(0, 1)


def stored_tile() -> Tensor:
    """The tile in steps of 1 / STEPS, (3, TILE, TILE) int8, as graphs store it."""
    return torch.from_numpy(strokes.tile() * STEPS).to(torch.int8)


@lru_cache(maxsize=2)
def _tile(device: torch.device) -> Tensor:
    """The tile, kept on the device: a CUDA graph copies nothing from the processor."""
    with torch.inference_mode(False):  # a training may use it, too
        return torch.from_numpy(strokes.tile().copy()).to(device)
