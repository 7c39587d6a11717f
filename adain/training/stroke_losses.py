"""The losses that see strokes: covariances and patches of features, local contrast, paint in smooth areas.

What they are on a picture is in `adain.metrics_strokes`. All are means over the batch, in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from adain import metrics_strokes
from adain.nn.operators import Operators

__all__ = ["bareness", "contrast", "covariance", "flat_contrast", "halo", "over_layers", "shrunk", "sliced"]

_OPERATORS = Operators()
_BANDS = 4  # 1 to 8 px: a crop holds few pixels of wider ones
_FLAT_BANDS = slice(1, 4)  # 2 to 8 px
_FLAT_SHARE = 0.25
_ENOUGH = 0.3  # octaves
_EPS = 1e-6  # under a root, whose slope at 0 is infinite


def covariance(features: Tensor, style: Tensor) -> Tensor:
    """|C - C_s| / |C_s| of the covariances between channels, (N, C, h, w) each."""
    with torch.autocast(features.device.type, enabled=False):
        found, wanted = (_OPERATORS.mean_covariance(x.float())[1].flatten(1) for x in (features, style))
    ratio = (found - wanted).square().sum(1) / wanted.square().sum(1).clamp_min(_EPS)
    return (ratio + _EPS).sqrt().mean()


def sliced(features: Tensor, style: Tensor) -> Tensor:
    """Sliced Wasserstein distance of 3 x 3 patches, (N, C, h, w) each: `metrics_strokes.sliced_distance`.

    Its filters are drawn anew at each call, from torch's own generator: a fixed few can be pleased without the rest.
    """
    with torch.autocast(features.device.type, enabled=False):
        filters = metrics_strokes.slices(features.shape[1], seed=None, device=features.device)
        return metrics_strokes.sliced_distance(features.float(), style.float(), filters).mean()


def contrast(picture: Tensor, style: Tensor) -> Tensor:
    """How far local contrast is from the style's, as distributions over the picture, band by band."""
    found, wanted = (metrics_strokes.band_contrasts(x.float(), _BANDS) for x in (picture, style))
    return metrics_strokes.contrast_distance(found, wanted).mean()


def flat_contrast(picture: Tensor, content: Tensor, style: Tensor) -> Tensor:
    """How far the mean local contrast where a content is smooth is below the style's mean, over bands of 2 to 8 px.

    Up to `_ENOUGH` below it is no loss: the style has its own smooth areas, which `contrast` wants to see.
    """
    flat = metrics_strokes.flatness(content.float(), _FLAT_SHARE)
    found, wanted = (metrics_strokes.band_contrasts(x.float(), _BANDS)[_FLAT_BANDS] for x in (picture, style))
    differences = []
    for band, of_style in zip(found, wanted, strict=True):
        share = F.adaptive_avg_pool2d(flat, (band.shape[1], band.shape[2]))[:, 0]
        mean = (band * share).sum((1, 2)) / share.sum((1, 2)).clamp_min(_EPS)
        differences.append(torch.relu(of_style.mean((1, 2)) - _ENOUGH - mean))
    return torch.stack(differences).mean()


def halo(picture: Tensor, content: Tensor) -> Tensor:
    """A light or dark rim that a content does not have: `metrics_strokes.halo` at a quarter of the size, in [0, 1].

    Args:
        picture: (N, 3, H, W), the result.
        content: (N, 3, H, W) in [0, 1].
    """
    with torch.autocast(picture.device.type, enabled=False):
        return metrics_strokes.quick_halo(picture.float(), content.float()).mean()


def bareness(picture: Tensor, content: Tensor) -> Tensor:
    """A rim without paint around things, in octaves: `metrics_strokes.bareness`. Arguments: `halo`."""
    with torch.autocast(picture.device.type, enabled=False):
        return metrics_strokes.bareness(picture.float(), content.float()).mean()


def over_layers(
    loss: Callable[[Tensor, Tensor], Tensor],
    found: Mapping[str, Tensor],
    wanted: Mapping[str, Tensor],
    layers: tuple[str, ...],
) -> Tensor:
    """The mean of a loss over layers."""
    return torch.stack([loss(found[name], wanted[name]) for name in layers]).mean()


def shrunk(picture: Tensor, factor: int) -> Tensor:
    """A picture (N, 3, H, W), its sides divided by `factor`."""
    return F.avg_pool2d(picture, factor)
