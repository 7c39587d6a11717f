"""The fusions by region: each style on its own part of the content, with that part's statistics.

As in the spatial control of Huang & Belongie (2017, arXiv 1703.06868, section 7.2), a style is fitted to the part it
is put on, and every style to the whole of its own picture. What none of the references has: masks are soft, any number
of regions may overlap, and a region may be small or empty. A region's statistics are taken with `PRIOR` pixels' worth
of the whole map's mixed in: that is nothing for a region of common size, it makes a single region over the whole map
exactly the fusion without regions, and what a region of one pixel, which has no variance, or an empty one gets, is
about the whole map's.

Masks are (N, S, h, w) at the resolution of a map, in [0, 1], for S styles; see `shares`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from adain.nn.fusion import VARIANCE_EPS, MatrixRoots, regularized
from adain.nn.padding import int_max

__all__ = ["PRIOR", "Target", "adain_gains", "blend", "moments", "scaled", "shares", "wct"]

PRIOR = 4.0  # pixels of a feature map


def shares(masks: Tensor) -> Tensor:
    """How much each style counts at each pixel, and last how much the content itself does.

    Args:
        masks: (N, S, H, W), at least 0. Where they sum to more than 1, they are divided by their sum; what they lack
            of 1 is the content's.

    Returns:
        (N, S + 1, H, W), sums of 1.
    """
    total = masks.sum(dim=1, keepdim=True)
    styles = masks / total.clamp_min(1.0)
    return torch.cat([styles, (1 - total).clamp_min(0.0)], dim=1)


def scaled(masks: Tensor, stride: int) -> Tensor:
    """Masks at the resolution of a map: (N, S, H, W) to (N, S, H / stride, W / stride), means of squares."""
    return masks if stride == 1 else F.avg_pool2d(masks, stride)


def moments(centred: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of each region, before what makes a variance unbiased.

    Args:
        centred: a map minus its mean, (N, C, h, w) float32.
        masks: (N, S, h, w).

    Returns:
        Means from the map's mean, and variances, (N, S, C) each.
    """
    weights, pixels = masks.flatten(2), centred.flatten(2).transpose(1, 2)  # (N, S, P), (N, P, C)
    total = weights.sum(dim=2, keepdim=True) + PRIOR  # (N, S, 1)
    squares = pixels * pixels
    mean = weights @ pixels / total
    square = (weights @ squares + PRIOR * squares.mean(dim=1, keepdim=True)) / total
    return mean, (square - mean * mean).clamp_min(0.0)


class Target(NamedTuple):
    """The statistics that regions are to have, (N, S, C) each; means are from the map's mean."""

    mean: Tensor
    std: Tensor


def adain_gains(
    mean: Tensor, variance: Tensor, new_mean: Tensor, new_std: Tensor, alpha: float | Tensor, unbiased: float | Tensor
) -> tuple[Tensor, Tensor, Target]:
    """AdaIN by region as a gain and a shift of the centred map.

    Args:
        mean: of each region, from the map's mean (N, S, C).
        variance: of each region, (N, S, C); see `moments`.
        new_mean: of each style, from the map's mean, (N, S, C).
        new_std: of each style, (N, S, C).
        alpha: strength in [0, 1], a number or (N, 1, 1).
        unbiased: n / (n - 1) for the map's n pixels.

    Returns:
        Gain and shift, (N, S + 1, C) each, of which the last is the content as it is; and the target.
    """
    std = (variance * unbiased + VARIANCE_EPS).sqrt()
    target = Target(mean + alpha * (new_mean - mean), std + alpha * (new_std - std))
    gain = target.std / std
    shift = target.mean - mean * gain
    gains = torch.cat([gain, torch.ones_like(gain[:, :1])], dim=1)
    return gains, torch.cat([shift, torch.zeros_like(shift[:, :1])], dim=1), target


def blend(values: Tensor, masks: Tensor) -> Tensor:
    """Values of regions as a map: (N, S, C) by masks (N, S, h, w) to (N, C, h, w)."""
    height, width = masks.shape[2:]
    return (values.transpose(1, 2) @ masks.flatten(2)).reshape(-1, values.shape[2], height, width)


def wct(
    centred: Tensor, masks: Tensor, new_mean: Tensor, coloring: Tensor, alpha: float | Tensor, roots: MatrixRoots
) -> Tensor:
    """WCT by region of a centred map, minus the map's mean.

    Args:
        centred: a map minus its mean, (N, C, h, w) float32.
        masks: shares of the styles and of the content, (N, S + 1, h, w).
        new_mean: of each style, from the map's mean, (N, S, C).
        coloring: the root of each style's covariance, (N, S, C, C).
        alpha: strength in [0, 1], a number or (N, 1, 1).
        roots: what takes the roots of covariances.

    Returns:
        (N, C, h, w).
    """
    mean, covariance = _covariances(centred, masks[:, :-1])
    whitening, _ = roots(regularized(covariance.flatten(0, 1)))
    strength = alpha[..., None] if isinstance(alpha, Tensor) else alpha  # (N, 1, 1, 1)
    identity = torch.eye(centred.shape[1], dtype=centred.dtype, device=centred.device)
    transform = identity + strength * (coloring @ whitening.view_as(coloring) - identity)  # (N, S, C, C)
    shift = mean + alpha * (new_mean - mean) - (transform @ mean[..., None]).squeeze(3)  # (N, S, C)
    pixels = centred.flatten(2)[:, None]  # (N, 1, C, P)
    weights = masks.flatten(2)[:, :, None]  # (N, S + 1, 1, P)
    styled = ((transform @ pixels + shift[..., None]) * weights[:, :-1]).sum(dim=1)
    return (styled + pixels[:, 0] * weights[:, -1]).view_as(centred)


def _covariances(centred: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Mean from the map's mean (N, S, C) and covariance (N, S, C, C) of each region."""
    weights, pixels = masks.flatten(2)[:, :, None], centred.flatten(2)[:, None]  # (N, S, 1, P), (N, 1, C, P)
    count = centred.shape[2] * centred.shape[3]
    whole = pixels @ pixels.transpose(2, 3) / count  # (N, 1, C, C)
    total = weights.sum(dim=3, keepdim=True) + PRIOR  # (N, S, 1, 1)
    mean = (weights * pixels).sum(dim=3, keepdim=True) / total  # (N, S, C, 1)
    second = ((weights * pixels) @ pixels.transpose(2, 3) + PRIOR * whole) / total
    return mean.squeeze(3), (second - mean @ mean.transpose(2, 3)) * _unbiased(count)


def _unbiased(count: int) -> float:
    return count / int_max(count - 1, 1)
