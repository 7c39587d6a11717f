"""A model as stages: what the fusion of each knows of its input picture, taken from parts of it.

A stage's maps are the ones it fuses; their moments are taken where a mask says, so that tiles can overlap and every
pixel still counts once. What is merged from all tiles (`merge`) is put in the place of a tile's own statistics.

Near a tile's inner border maps hold what the padding there made up instead of what lies beyond it. How many pixels
of a map that spoils follows from the layers, one by one: see `convolved`.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

__all__ = ["channel_moments", "convolved", "covariance_moments", "per_pixel", "round_up"]

_TINY = 1e-12  # keeps a mask that is all 0 from dividing by 0


def per_pixel(mask: Tensor, blocks: int) -> Tensor:
    """A mask (N, 1, h, w) for the pixels of a map, of which `blocks` x `blocks` are one of the mask's."""
    return mask if blocks == 1 else F.interpolate(mask, scale_factor=float(blocks), mode="nearest")


def channel_moments(feature: Tensor, weights: Tensor) -> dict[str, Tensor]:
    """Weighted mean and variance per channel.

    Args:
        feature: (N, C, H, W) float32.
        weights: (N, 1, H, W), what each pixel counts for, at least 0.

    Returns:
        `count` (N,), `mean` (N, C), `spread` (N, C), which is divided by `count`.
    """
    count = weights.sum(dim=(1, 2, 3))
    share = (weights / count.clamp_min(_TINY)[:, None, None, None]).flatten(2).transpose(1, 2)  # (N, H*W, 1)
    mean = feature.flatten(2) @ share  # (N, C, 1); as a product there is no weighted map in memory
    centred = feature.flatten(2) - mean
    spread = (centred * centred) @ share
    return {"count": count, "mean": mean.squeeze(2), "spread": spread.squeeze(2)}


def covariance_moments(feature: Tensor, weights: Tensor) -> dict[str, Tensor]:
    """As `channel_moments`, but `spread` is the covariance between channels (N, C, C)."""
    count = weights.sum(dim=(1, 2, 3))
    each = count.clamp_min(_TINY)
    mean = (feature * weights).sum(dim=(2, 3)) / each[:, None]  # whitening magnifies what a product would round
    centred = feature - mean[:, :, None, None]
    products = (centred * weights).flatten(2) @ centred.flatten(2).transpose(1, 2)
    return {"count": count, "mean": mean, "spread": products / each[:, None, None]}


def convolved(spoiled: int, stride: int = 1) -> int:
    """How many rows (or columns) along an inner border are spoiled behind a 3x3 convolution.

    Args:
        spoiled: of the map before it.
        stride: of the convolution.
    """
    return -(-(spoiled + 1) // stride)


def round_up(value: int, multiple: int) -> int:
    """The least multiple that is no less."""
    return -(-value // multiple) * multiple
