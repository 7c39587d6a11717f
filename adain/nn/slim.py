"""The small networks this project trains: a fusion at four scales of a narrow encoder, and a decoder told the style.

AdaIN (Huang & Belongie 2017, arXiv 1703.06868) at relu4_1 alone leaves colour and stroke to a deep decoder. Here
every scale of the content, from half to a sixteenth of the resolution, is given the style's statistics and enters the
decoder as a skip, so detail survives and colour needs no learning. What remains, how strokes look between those
scales, each decoder layer learns as a gain and a bias computed from means and deviations (feature-wise modulation, as
in Dumoulin et al. 2017, arXiv 1610.07629, but from statistics instead of a style's index).

Only the encoder's maps are normalised, never the decoder's. Two passes over any tiling of a picture therefore give what
one pass over the whole picture gives.

Alpha mixes the content's own statistics in, as if the content were one more style; alpha = 0 asks for the content
itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from adain.backend import Reach
from adain.nn import regions
from adain.nn.fusion import (
    VARIANCE_EPS,
    MatrixRoots,
    eigh_roots,
    mean_covariance,
    mean_std,
    regularized,
    wct_with,
)
from adain.nn.models import StyleTransfer
from adain.nn.padding import crop_to, pad_to
from adain.nn.slim_layers import SCALES, Fusion, SlimDecoder, SlimEncoder
from adain.nn.stages import channel_moments, covariance_moments, round_up

__all__ = ["SMALLEST_SIDE", "AdaINSlim", "SlimNetwork", "WCTSlim"]

SMALLEST_SIDE = 32  # pixels: reflection by 1 needs 2 on the deepest map

Statistics: TypeAlias = Mapping[str, Tensor]
"""Of one map, by name: `mean` (N, C) and so on, as a style code has them behind the map's name."""


class SlimNetwork(StyleTransfer, ABC):
    """Encoder, a fusion of every map, decoder; 19,600 multiply-accumulates per pixel of the content.

    Args:
        encoder: of the maps that are fused.
        decoder: of as many channels.
    """

    def __init__(self, encoder: SlimEncoder, decoder: SlimDecoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.widths = encoder.widths

    @abstractmethod
    def style_statistics(self, x: Tensor) -> dict[str, Tensor]:
        """What a style code holds of a style's map (N, C, h, w) float32; `mean` and `std` always."""

    @abstractmethod
    def content_statistics(self, x: Tensor) -> dict[str, Tensor]:
        """What the fusion needs of a content's map, as `style_statistics`."""

    @abstractmethod
    def map_moments(self, x: Tensor, weights: Tensor) -> dict[str, Tensor]:
        """The moments of a map where the weights (N, 1, h, w) say; see `adain.nn.stages`."""

    @abstractmethod
    def fuse(self, x: Tensor, own: Statistics, style: Statistics, alpha: float | Tensor) -> tuple[Tensor, Fusion]:
        """A content's map, and what gives it the style's statistics."""

    @abstractmethod
    def fuse_regions(
        self, x: Tensor, shares: Tensor, styles: Statistics, alpha: float | Tensor
    ) -> tuple[Tensor, Tensor]:
        """A content's map with a style (N, S, ...) on each region, and `adain.nn.regions.statistics`."""

    def encode_style(self, style: Tensor) -> dict[str, Tensor]:
        """The statistics of the maps at every scale; see `StyleTransfer.encode_style`."""
        maps = zip(SCALES, self.encoder(self._fit(style)), strict=True)
        return {f"x{s}.{name}": value for s, x in maps for name, value in self.style_statistics(x.float()).items()}

    def forward(self, content: Tensor, code: Mapping[str, Tensor], alpha: float | Tensor) -> Tensor:
        """See `StyleTransfer.forward`."""
        maps = self.encoder(self._fit(content))
        return self._decode(content, maps, [self.content_statistics(x.float()) for x in maps], code, alpha)

    @property
    def stages(self) -> tuple[str, ...]:
        """One, by the name of the deepest map."""
        return (f"x{SCALES[-1]}",)

    def reach(self, stage: str) -> Reach:
        """See `StyleTransfer.reach`."""
        spoiled = self.encoder.spoiled()
        multiple = SCALES[-1]
        return Reach(
            multiple=multiple,
            minimum=SMALLEST_SIDE,
            statistics=round_up(max(s * rows for s, rows in zip(SCALES, spoiled, strict=True)), multiple),
            apply=round_up(self.decoder.spoiled(spoiled), multiple),
        )

    def moments(self, image: Tensor, stage: str, mask: Tensor) -> dict[str, Tensor]:
        """See `StyleTransfer.moments`."""
        weights = self._fit(mask)
        maps = zip(SCALES, self.encoder(self._fit(image)), strict=True)
        return {
            f"x{s}.{name}": value
            for s, x in maps
            for name, value in self.map_moments(x.float(), regions.scaled(weights, s)).items()
        }

    def forward_with(
        self, image: Tensor, stage: str, own: Mapping[str, Tensor], code: Mapping[str, Tensor], alpha: float | Tensor
    ) -> Tensor:
        """See `StyleTransfer.forward_with`."""
        return self._decode(image, self.encoder(self._fit(image)), [_of_map(own, s) for s in SCALES], code, alpha)

    def _decode(
        self,
        content: Tensor,
        maps: Sequence[Tensor],
        own: Sequence[Statistics],
        code: Mapping[str, Tensor],
        alpha: float | Tensor,
    ) -> Tensor:
        """Maps with the statistics `own` to a picture."""
        styles = [_of_map(code, s) for s in SCALES]
        *finer, (deepest, fusion) = [
            self.fuse(x, mine, style, alpha) for x, mine, style in zip(maps, own, styles, strict=True)
        ]
        if fusion is not None:
            deepest = deepest * fusion[0] + fusion[1]
        flat = [
            mine[name] + alpha * (style[name] - mine[name])
            for mine, style in zip(own, styles, strict=True)
            for name in ("mean", "std")
        ]
        return self._crop(self.decoder(deepest, finer, self.decoder.modulation(torch.cat(flat, dim=1))), content)

    def forward_regions(
        self, content: Tensor, codes: Mapping[str, Tensor], masks: Tensor, alpha: float | Tensor
    ) -> Tensor:
        """Each region also modulates the decoder's layers where it is; see `StyleTransfer.forward_regions`."""
        shares = regions.shares(self._fit(masks))
        scaled = {scale: regions.scaled(shares, scale) for scale in SCALES}
        fused, flat = [], []
        for s, x in zip(SCALES, self.encoder(self._fit(content)), strict=True):
            styled, statistics = self.fuse_regions(x.float(), scaled[s], _of_map(codes, s), alpha)
            fused.append(styled)
            flat.append(statistics)
        *finer, deepest = fused
        modulation = self._regional_modulation(torch.cat(flat, dim=2), scaled)
        return self._crop(self.decoder(deepest, [(x, None) for x in finer], modulation), content)

    def _regional_modulation(self, flat: Tensor, shares: Mapping[int, Tensor]) -> list[tuple[Tensor, Tensor]]:
        """A gain and a bias per pixel of each decoder layer, from a flat code per region (N, S + 1, D)."""
        count = flat.shape[1]
        per_region = self.decoder.modulation(flat.flatten(0, 1))  # (N * (S + 1), C, 1, 1) twice per layer
        return [
            (_blend(gain, count, shares[_scale(name)]), _blend(bias, count, shares[_scale(name)]))
            for name, (gain, bias) in zip(self.decoder.names, per_region, strict=True)
        ]

    def _fit(self, image: Tensor) -> Tensor:
        return pad_to(image, multiple=SCALES[-1], minimum=SMALLEST_SIDE)

    def _crop(self, image: Tensor, like: Tensor) -> Tensor:
        return crop_to(image, like)


class AdaINSlim(SlimNetwork):
    """A `SlimNetwork` that gives maps the style's mean and standard deviation per channel."""

    @property
    def code_shapes(self) -> dict[str, tuple[int, ...]]:
        """`x2.mean`, `x2.std` and so on for each scale, (C,) each."""
        return {f"x{s}.{name}": (width,) for s, width in zip(SCALES, self.widths, strict=True) for name in _MEAN_STD}

    def style_statistics(self, x: Tensor) -> dict[str, Tensor]:
        """See `SlimNetwork.style_statistics`."""
        return dict(zip(_MEAN_STD, mean_std(x), strict=True))

    def content_statistics(self, x: Tensor) -> dict[str, Tensor]:
        """The same as of a style."""
        return self.style_statistics(x)

    def map_moments(self, x: Tensor, weights: Tensor) -> dict[str, Tensor]:
        """See `SlimNetwork.map_moments`."""
        return channel_moments(x, weights)

    def fuse(self, x: Tensor, own: Statistics, style: Statistics, alpha: float | Tensor) -> tuple[Tensor, Fusion]:
        """See `SlimNetwork.fuse`."""
        mean, std = (own[name] + alpha * (style[name] - own[name]) for name in _MEAN_STD)
        gain = std / own["std"]
        return x, (gain[:, :, None, None], (mean - own["mean"] * gain)[:, :, None, None])

    def fuse_regions(
        self, x: Tensor, shares: Tensor, styles: Statistics, alpha: float | Tensor
    ) -> tuple[Tensor, Tensor]:
        """See `SlimNetwork.fuse_regions`."""
        return regions.adain(x, shares, styles["mean"], styles["std"], alpha)


class WCTSlim(SlimNetwork):
    """A `SlimNetwork` that gives maps the style's whole covariance, by whitening and coloring.

    WCT (Li et al. 2017, arXiv 1705.08086) in one pass instead of five: the maps of all scales are fused at once, and
    one decoder makes the picture of them.

    Args:
        encoder: as of `SlimNetwork`.
        decoder: likewise.
        roots: what takes the roots of covariances.
    """

    def __init__(self, encoder: SlimEncoder, decoder: SlimDecoder, roots: MatrixRoots = eigh_roots) -> None:
        super().__init__(encoder, decoder)
        self.roots = roots

    @property
    def code_shapes(self) -> dict[str, tuple[int, ...]]:
        """`x2.mean` and `x2.std`, (C,) each, and `x2.coloring`, (C, C); and so on for each scale."""
        return {
            f"x{s}.{name}": shape
            for s, width in zip(SCALES, self.widths, strict=True)
            for name, shape in (("mean", (width,)), ("std", (width,)), ("coloring", (width, width)))
        }

    def style_statistics(self, x: Tensor) -> dict[str, Tensor]:
        """See `SlimNetwork.style_statistics`."""
        mean, std, covariance = self.covariance(x)
        return {"mean": mean, "std": std, "coloring": self.roots(regularized(covariance))[1]}

    def content_statistics(self, x: Tensor) -> dict[str, Tensor]:
        """See `SlimNetwork.content_statistics`."""
        mean, std, covariance = self.covariance(x)
        return {"mean": mean, "std": std, "whitening": self.roots(regularized(covariance))[0]}

    def covariance(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mean and standard deviation per channel, (N, C) each, and the covariance between channels, (N, C, C)."""
        with torch.autocast(x.device.type, enabled=False):  # a covariance is a small difference of large numbers
            mean, covariance = mean_covariance(x)
        return mean, (covariance.diagonal(dim1=1, dim2=2) + VARIANCE_EPS).sqrt(), covariance

    def map_moments(self, x: Tensor, weights: Tensor) -> dict[str, Tensor]:
        """See `SlimNetwork.map_moments`."""
        return covariance_moments(x, weights)

    def fuse(self, x: Tensor, own: Statistics, style: Statistics, alpha: float | Tensor) -> tuple[Tensor, Fusion]:
        """See `SlimNetwork.fuse`."""
        with torch.autocast(x.device.type, enabled=False):  # what is small in some direction whitening makes large
            fused = wct_with(x.float(), own["mean"], own["whitening"], style["mean"], style["coloring"], alpha)
        return fused, None

    def fuse_regions(
        self, x: Tensor, shares: Tensor, styles: Statistics, alpha: float | Tensor
    ) -> tuple[Tensor, Tensor]:
        """See `SlimNetwork.fuse_regions`."""
        fused = regions.wct(x, shares, styles["mean"], styles["coloring"], alpha, self.roots)
        return fused, regions.statistics(x, shares, styles["mean"], styles["std"], alpha)


_MEAN_STD = ("mean", "std")


def _of_map(arrays: Mapping[str, Tensor], scale: int) -> dict[str, Tensor]:
    """Those of the map of a scale, by what follows its name."""
    prefix = f"x{scale}."
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _blend(values: Tensor, count: int, shares: Tensor) -> Tensor:
    """(N * count, C, 1, 1), by the shares (N, count, h, w) of `count` regions, to (N, C, h, w)."""
    return regions.blend(values.reshape(-1, count, values.shape[1]), shares)


def _scale(layer: str) -> int:
    """Of the map that a decoder layer makes: 4 for `at_quarter_1` and `from_quarter`."""
    return {"half": 2, "quarter": 4, "eighth": 8, "sixteenth": 16}[layer.split("_")[1]]
