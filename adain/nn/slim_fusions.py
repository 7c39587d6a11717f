"""How a `SlimNetwork` gives a map the style's statistics: by deviations as in AdaIN, or whole covariances as in WCT."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TypeAlias

import torch
from torch import Tensor

from adain.nn import regions
from adain.nn.fusion import VARIANCE_EPS, MatrixRoots, diagonal, mean_covariance, mean_std, regularized, wct_transform
from adain.nn.slim_layers import Skip
from adain.nn.stages import channel_moments, covariance_moments

__all__ = ["Covariances", "Deviations", "MapFusion", "Statistics"]

Statistics: TypeAlias = Mapping[str, Tensor]
"""Of one map, by name: `mean` (N, C) and so on, as a style code has them behind the map's name."""


class MapFusion(ABC):
    """What is done to one map."""

    @abstractmethod
    def code_shapes(self, channels: int) -> dict[str, tuple[int, ...]]:
        """Names and shapes of what a style code holds of a map; `mean` and `std` always."""

    @abstractmethod
    def style_statistics(self, x: Tensor) -> dict[str, Tensor]:
        """That of a style's map (N, C, h, w) float32."""

    @abstractmethod
    def content_statistics(self, x: Tensor) -> dict[str, Tensor]:
        """What `fuse` needs of a content's map, likewise."""

    @abstractmethod
    def moments(self, x: Tensor, weights: Tensor) -> dict[str, Tensor]:
        """The moments of a map where the weights (N, 1, h, w) say; see `adain.nn.stages`."""

    @abstractmethod
    def fuse(self, x: Tensor, own: Statistics, style: Statistics, alpha: float | Tensor) -> Skip:
        """A content's map with the style's statistics."""

    @abstractmethod
    def fuse_regions(
        self, x: Tensor, shares: Tensor, styles: Statistics, alpha: float | Tensor, rim: int
    ) -> tuple[Tensor, Tensor]:
        """A content's map with a style (N, S, ...) on each region, and `adain.nn.regions.statistics` within a rim."""


class Deviations(MapFusion):
    """AdaIN: mean and standard deviation per channel."""

    def code_shapes(self, channels: int) -> dict[str, tuple[int, ...]]:
        """`mean` and `std`, (C,) each."""
        return dict.fromkeys(_MEAN_STD, (channels,))

    def style_statistics(self, x: Tensor) -> dict[str, Tensor]:
        """See `MapFusion.style_statistics`."""
        return dict(zip(_MEAN_STD, mean_std(x), strict=True))

    def content_statistics(self, x: Tensor) -> dict[str, Tensor]:
        """The same as of a style."""
        return self.style_statistics(x)

    def moments(self, x: Tensor, weights: Tensor) -> dict[str, Tensor]:
        """See `MapFusion.moments`."""
        return channel_moments(x, weights)

    def fuse(self, x: Tensor, own: Statistics, style: Statistics, alpha: float | Tensor) -> Skip:
        """See `MapFusion.fuse`."""
        mean, std = (own[name] + alpha * (style[name] - own[name]) for name in _MEAN_STD)
        gain = std / own["std"]
        by, shift = gain[:, :, None, None], (mean - own["mean"] * gain)[:, :, None, None]
        return lambda scale: (x * (scale * by), scale * shift)

    def fuse_regions(
        self, x: Tensor, shares: Tensor, styles: Statistics, alpha: float | Tensor, rim: int
    ) -> tuple[Tensor, Tensor]:
        """See `MapFusion.fuse_regions`."""
        return regions.adain(x, shares, styles["mean"], styles["std"], alpha, rim)


class Covariances(MapFusion):
    """WCT: mean and whole covariance, by whitening and coloring.

    Args:
        roots: what takes the roots of covariances.
    """

    def __init__(self, roots: MatrixRoots) -> None:
        self.roots = roots

    def code_shapes(self, channels: int) -> dict[str, tuple[int, ...]]:
        """`mean` and `std`, (C,) each, and `coloring`, (C, C)."""
        return {**dict.fromkeys(_MEAN_STD, (channels,)), "coloring": (channels, channels)}

    def style_statistics(self, x: Tensor) -> dict[str, Tensor]:
        """See `MapFusion.style_statistics`."""
        mean, std, covariance = self.covariance(x)
        return {"mean": mean, "std": std, "coloring": self.roots(regularized(covariance))[1]}

    def content_statistics(self, x: Tensor) -> dict[str, Tensor]:
        """With `whitening` in the place of `coloring`."""
        mean, std, covariance = self.covariance(x)
        return {"mean": mean, "std": std, "whitening": self.roots(regularized(covariance))[0]}

    def covariance(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mean and standard deviation per channel, (N, C) each, and the covariance between channels, (N, C, C)."""
        with torch.autocast(x.device.type, enabled=False):  # a covariance is a small difference of large numbers
            mean, covariance = self.mean_covariance(x)
        return mean, (diagonal(covariance) + VARIANCE_EPS).sqrt(), covariance

    def mean_covariance(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `adain.nn.fusion.mean_covariance`."""
        return mean_covariance(x)

    def moments(self, x: Tensor, weights: Tensor) -> dict[str, Tensor]:
        """See `MapFusion.moments`."""
        return covariance_moments(x, weights)

    def fuse(self, x: Tensor, own: Statistics, style: Statistics, alpha: float | Tensor) -> Skip:
        """See `MapFusion.fuse`; what is small in some direction whitening makes large, so all of it is float32."""
        with torch.autocast(x.device.type, enabled=False):
            transform = wct_transform(own["whitening"], style["coloring"], alpha)
            mean = own["mean"] + alpha * (style["mean"] - own["mean"])
            shift = mean[:, :, None] - transform @ own["mean"][:, :, None]  # (N, C, 1)

        def scaled(scale: Tensor) -> tuple[Tensor, Tensor]:
            with torch.autocast(x.device.type, enabled=False):
                gain = scale.float().squeeze(3)  # (N, C, 1)
                return self.mix_channels(gain * transform, x.float()), (gain * shift)[..., None]

        return scaled

    def mix_channels(self, matrix: Tensor, x: Tensor) -> Tensor:
        """(N, C, C) times each pixel of (N, C, H, W); channels last if those are."""
        if not x.is_contiguous(memory_format=torch.channels_last):
            return (matrix @ x.flatten(2)).view_as(x)
        pixels, transposed = x.permute(0, 2, 3, 1), matrix.transpose(1, 2)  # (N, H, W, C)
        if x.is_cuda:  # a product per row, for the derivative's sake: see `mean_covariance`
            return (pixels @ transposed[:, None]).permute(0, 3, 1, 2)
        return (pixels.flatten(1, 2) @ transposed).view_as(pixels).permute(0, 3, 1, 2)

    def fuse_regions(
        self, x: Tensor, shares: Tensor, styles: Statistics, alpha: float | Tensor, rim: int
    ) -> tuple[Tensor, Tensor]:
        """See `MapFusion.fuse_regions`."""
        fused = regions.wct(x, shares, styles["mean"], styles["coloring"], alpha, self.roots, rim)
        return fused, regions.statistics(x, shares, styles["mean"], styles["std"], alpha, rim)


_MEAN_STD = ("mean", "std")
