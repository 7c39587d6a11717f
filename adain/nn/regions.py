"""The fusions by region: each style on its own part of the content, with that part's statistics.

As in the spatial control of Huang & Belongie (2017, arXiv 1703.06868, section 7.2), a style is fitted to the part it
is put on, and every style to the whole of its own picture. What none of the references has: masks are soft, any number
of regions may overlap, and a region may be small or empty. A region's statistics are taken with `PRIOR` pixels' worth
of the whole map's mixed in: that is nothing for a region of common size, it makes a single region over the whole map
exactly the fusion without regions, and what a region of one pixel, which has no variance, or an empty one gets, is
about the whole map's.

Masks are (N, S, h, w) at the resolution of a map, in [0, 1], for S styles; see `shares`. Of a map with a rim, pixels
that are fused with the others, statistics are those of what lies within it.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from adain.nn.fusion import VARIANCE_EPS, MatrixRoots, regularized
from adain.nn.padding import int_max, without_rim

__all__ = ["PRIOR", "adain", "blend", "moments", "scaled", "shares", "statistics", "wct"]

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


def adain(
    feature: Tensor, masks: Tensor, mean: Tensor, std: Tensor, alpha: float | Tensor = 1.0, rim: int = 0
) -> tuple[Tensor, Tensor]:
    """AdaIN by region; see `adain.nn.fusion.adain`.

    Args:
        feature: the content's, (N, C, h, w) float32.
        masks: shares of the styles and of the content, (N, S + 1, h, w).
        mean: of each style, (N, S, C).
        std: of each style, (N, S, C).
        alpha: strength in [0, 1], a number or (N, 1).
        rim: pixels of the map along each side that do not count for statistics.

    Returns:
        The map, (N, C, h, w), and what `statistics` says of it.
    """
    centred, centre = _centred(feature, rim)
    inner = without_rim(centred, rim)
    own_mean, own_std = _mean_std(inner, without_rim(masks, rim))
    new_mean, new_std = _towards(own_mean, own_std, mean - centre[:, None], std, alpha)
    gain = new_std / own_std
    shift = new_mean - own_mean * gain
    gains = torch.cat([gain, torch.ones_like(gain[:, :1])], dim=1)  # the last is the content as it is
    shifts = torch.cat([shift, torch.zeros_like(shift[:, :1])], dim=1)
    fused = centred * blend(gains, masks) + blend(shifts, masks) + centre[:, :, None, None]
    return fused, _side_by_side(inner, centre, new_mean, new_std)


def statistics(
    feature: Tensor, masks: Tensor, mean: Tensor, std: Tensor, alpha: float | Tensor = 1.0, rim: int = 0
) -> Tensor:
    """What each region of a map is given, and last the content: its mean and deviation side by side, (N, S + 1, 2 C).

    Args:
        feature: the content's, before it is fused, (N, C, h, w) float32.
        masks: as for `adain`.
        mean: likewise.
        std: likewise.
        alpha: likewise.
        rim: likewise.
    """
    inner, centre = _centred(without_rim(feature, rim))
    given = _towards(*_mean_std(inner, without_rim(masks, rim)), mean - centre[:, None], std, alpha)
    return _side_by_side(inner, centre, *given)


def blend(values: Tensor, masks: Tensor) -> Tensor:
    """Values of regions as a map: (N, S, C) by masks (N, S, h, w) to (N, C, h, w)."""
    height, width = masks.shape[2:]
    return (values.transpose(1, 2) @ masks.flatten(2)).reshape(-1, values.shape[2], height, width)


def wct(
    feature: Tensor,
    masks: Tensor,
    mean: Tensor,
    coloring: Tensor,
    alpha: float | Tensor,
    roots: MatrixRoots,
    rim: int = 0,
) -> Tensor:
    """WCT by region; see `adain.nn.fusion.wct`.

    Args:
        feature: the content's, (N, C, h, w) float32.
        masks: shares of the styles and of the content, (N, S + 1, h, w).
        mean: of each style, (N, S, C).
        coloring: the root of each style's covariance, (N, S, C, C).
        alpha: strength in [0, 1], a number or (N, 1).
        roots: what takes the roots of covariances.
        rim: as for `adain`.

    Returns:
        (N, C, h, w).
    """
    centred, centre = _centred(feature, rim)
    own_mean, covariance = _covariances(without_rim(centred, rim), without_rim(masks[:, :-1], rim))
    whitening, _ = roots(regularized(covariance.flatten(0, 1)))
    strength = _per_region(alpha)
    new_mean = own_mean + strength * (mean - centre[:, None] - own_mean)
    identity = torch.eye(centred.shape[1], dtype=centred.dtype, device=centred.device)
    colored = coloring @ whitening.view_as(coloring)
    per_matrix = strength[..., None] if isinstance(strength, Tensor) else strength  # (N, 1, 1, 1)
    transform = identity + per_matrix * (colored - identity)  # (N, S, C, C)
    shift = new_mean - (transform @ own_mean[..., None]).squeeze(3)  # (N, S, C)
    pixels, weights = centred.flatten(2), masks.flatten(2)  # (N, C, P), (N, S + 1, P)
    weighted = _weighted(pixels, weights[:, :-1])
    styled = transform.transpose(1, 2).flatten(2) @ weighted.flatten(1, 2)  # (N, C, S * C) by (N, S * C, P)
    fused = styled + shift.transpose(1, 2) @ weights[:, :-1] + pixels * weights[:, -1:]
    return fused.view_as(centred) + centre[:, :, None, None]


def _mean_std(centred: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Of each style's region: mean from the map's mean, and standard deviation, (N, S, C) each."""
    mean, variance = moments(centred, masks[:, :-1])
    return mean, (variance * _unbiased(centred.shape[2] * centred.shape[3]) + VARIANCE_EPS).sqrt()


def _towards(
    own_mean: Tensor, own_std: Tensor, mean: Tensor, std: Tensor, alpha: float | Tensor
) -> tuple[Tensor, Tensor]:
    """From a region's statistics to its style's, (N, S, C) each; means are from the map's mean."""
    strength = _per_region(alpha)
    return own_mean + strength * (mean - own_mean), own_std + strength * (std - own_std)


def _side_by_side(centred: Tensor, centre: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Of each style's region, means from the map's mean `centre` (N, C), and last of the content, (N, S + 1, 2 C)."""
    unbiased = _unbiased(centred.shape[2] * centred.shape[3])
    content_std = ((centred * centred).mean(dim=(2, 3)) * unbiased + VARIANCE_EPS).sqrt()
    styles = torch.cat([mean + centre[:, None], std], dim=2)
    return torch.cat([styles, torch.cat([centre, content_std], dim=1)[:, None]], dim=1)


def _centred(feature: Tensor, rim: int = 0) -> tuple[Tensor, Tensor]:
    """A map minus the mean within its rim, (N, C, h, w), and that mean (N, C)."""
    mean = without_rim(feature, rim).mean(dim=(2, 3), keepdim=True)
    return feature - mean, mean.squeeze((2, 3))


def _per_region(alpha: float | Tensor) -> float | Tensor:
    return alpha[:, :, None] if isinstance(alpha, Tensor) else alpha  # (N, 1, 1)


def _weighted(pixels: Tensor, weights: Tensor) -> Tensor:
    """Pixels (N, C, P) times each region's shares (N, S, P): (N, S, C, P), by far the largest here."""
    return pixels[:, None] * weights[:, :, None]


def _covariances(centred: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Mean from the map's mean (N, S, C) and covariance (N, S, C, C) of each region, of shares (N, S, h, w)."""
    pixels, weights = centred.flatten(2), masks.flatten(2)  # (N, C, P), (N, S, P)
    count = pixels.shape[2]
    transposed = pixels.transpose(1, 2)  # (N, P, C)
    whole = pixels @ transposed / count  # (N, C, C)
    total = weights.sum(dim=2)[..., None] + PRIOR  # (N, S, 1)
    mean = weights @ transposed / total  # (N, S, C)
    products = _weighted(pixels, weights).flatten(1, 2) @ transposed  # (N, S * C, C)
    second = (products.view(*mean.shape, -1) + PRIOR * whole[:, None]) / total[..., None]
    return mean, (second - mean[..., None] * mean[:, :, None]) * _unbiased(count)


def _unbiased(count: int) -> float:
    return count / int_max(count - 1, 1)
