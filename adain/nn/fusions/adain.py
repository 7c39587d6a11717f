"""Adaptive instance normalisation (Huang & Belongie 2017, arXiv 1703.06868).

Each channel is given the style's mean and standard deviation. As in pytorch-AdaIN, the deviation is the root of the
unbiased variance plus 1e-5. Alpha is folded into the transfer. That is exact, because
`alpha * fused + (1 - alpha) * feature` is affine in the feature, as fusing is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from adain.engine.moments import PRIOR, VARIANCE_EPS
from adain.nn.fusions.base import MapFusion, Statistics, Transfer, per_channel, with_content

__all__ = ["AdaIN", "region_moments"]


@dataclass(frozen=True, eq=False)
class _Affine(Transfer):
    """`(x - own_mean) * gain + mean`, each (N, C)."""

    own_mean: Tensor
    gain: Tensor
    mean: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        return (x - per_channel(self.own_mean)) * per_channel(self.gain) + per_channel(self.mean)

    def scaled(self, x: Tensor, scale: Tensor) -> tuple[Tensor, Tensor | float]:
        shift = per_channel(self.mean - self.own_mean * self.gain)
        return x * (scale * per_channel(self.gain)), scale * shift


class AdaIN(MapFusion):
    """Mean and standard deviation per channel: `mean` and `std`, (N, C) each."""

    def style(self, x: Tensor) -> dict[str, Tensor]:
        """See `MapFusion.style`."""
        mean, std = self.operators.mean_std(x)
        return {"mean": mean, "std": std}

    def content(self, x: Tensor) -> dict[str, Tensor]:
        """See `MapFusion.content`; the same as `style`."""
        return self.style(x)

    def moments(self, x: Tensor, masks: Tensor) -> dict[str, Tensor]:
        """See `MapFusion.moments`."""
        return dict(zip(("count", "mean", "spread"), self.operators.variances(x, masks), strict=True))

    def regions(self, moments: Statistics) -> dict[str, Tensor]:
        """See `MapFusion.regions`."""
        mean, variance = region_moments(moments, torch.square)
        return {"mean": mean, "std": (variance.clamp_min(0.0) + VARIANCE_EPS).sqrt()}

    def transfer(self, content: Statistics, style: Statistics, target: Statistics, alpha: float | Tensor) -> Transfer:
        """See `MapFusion.transfer`."""
        return _Affine(content["mean"], target["std"] / content["std"], target["mean"])

    def fuse_regions(
        self,
        x: Tensor,
        content: Statistics,
        styles: Statistics,
        target: Statistics,
        shares: Tensor,
        alpha: float | Tensor,
    ) -> Tensor:
        """See `MapFusion.fuse_regions`."""
        own_mean, own_std = content["mean"][:, :-1], content["std"][:, :-1]
        centre = content["mean"][:, -1:]  # subtracting the whole map's mean keeps more digits
        gain = target["std"] / own_std
        shift = (target["mean"] - centre) - (own_mean - centre) * gain
        blend = self.operators.blend
        gains, shifts = blend(with_content(gain, 1.0), shares), blend(with_content(shift, 0.0), shares)
        middle = per_channel(centre.squeeze(1))
        return (x - middle) * gains + shifts + middle


def region_moments(moments: Statistics, square: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """Means and unbiased spreads of regions, with `PRIOR` pixels of the whole map mixed in.

    Args:
        moments: of R regions; the last one is the whole map.
        square: squares means (N, R, C) to the shape of the spreads, (N, R, C) or (N, R, C, C).

    Returns:
        Means (N, R, C), and spreads in their own shape.
    """
    count, spread = moments["count"], moments["spread"]
    whole = moments["mean"][:, -1:]
    away = moments["mean"] - whole  # subtracting the whole map's mean keeps more digits
    share = torch.cat([count[:, :-1] / (count[:, :-1] + PRIOR), torch.ones_like(count[:, -1:])], dim=1)  # (N, R)
    of_spread = share.reshape(*share.shape, *[1] * (spread.dim() - 2))
    mixed = share[..., None] * away
    second = of_spread * (spread + square(away)) + (1 - of_spread) * spread[:, -1:]
    pixels = count[:, -1:].reshape(-1, *[1] * (spread.dim() - 1))
    unbiased = pixels / (pixels - 1).clamp_min(1.0)
    return mixed + whole, (second - square(mixed)) * unbiased
