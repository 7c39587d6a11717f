"""A model as stages: what the fusion of each knows of its input picture, taken from parts of it.

A stage's maps are the ones it fuses; their moments are taken where a mask says, so that tiles can overlap and every
pixel still counts once. What is merged from all tiles (`adain.moments`) is put in the place of a tile's own statistics.

Near a tile's inner border maps hold what the padding there made up instead of what lies beyond it. How many pixels
of a map that spoils follows from the layers, one by one: see `convolved`.
"""

from __future__ import annotations

from torch import Tensor

__all__ = ["channel_moments", "convolved", "covariance_moments", "round_up"]

_TINY = 1e-12  # keeps a mask that is all 0 from dividing by 0


def channel_moments(feature: Tensor, weights: Tensor) -> dict[str, Tensor]:
    """Weighted mean and variance per channel.

    Args:
        feature: (N, C, H, W) float32.
        weights: (N, 1, H, W), what each pixel counts for, at least 0.

    Returns:
        `count` (N,), `mean` (N, C), `spread` (N, C), which is divided by `count`.
    """
    count, mean, centred = _centred(feature, weights)
    spread = (centred * centred * weights).sum(dim=(2, 3)) / count.clamp_min(_TINY)[:, None]
    return {"count": count, "mean": mean, "spread": spread}


def covariance_moments(feature: Tensor, weights: Tensor) -> dict[str, Tensor]:
    """As `channel_moments`, but `spread` is the covariance between channels (N, C, C)."""
    count, mean, centred = _centred(feature, weights)
    products = (centred * weights).flatten(2) @ centred.flatten(2).transpose(1, 2)
    return {"count": count, "mean": mean, "spread": products / count.clamp_min(_TINY)[:, None, None]}


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


def _centred(feature: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Count (N,), weighted mean (N, C), and the feature minus that."""
    count = weights.sum(dim=(1, 2, 3))
    mean = (feature * weights).sum(dim=(2, 3)) / count.clamp_min(_TINY)[:, None]
    return count, mean, feature - mean[:, :, None, None]
