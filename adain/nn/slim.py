"""The small networks this project trains: a fusion at three scales of a narrow encoder, and a decoder told the style.

AdaIN (Huang & Belongie 2017, arXiv 1703.06868) at relu4_1 alone leaves colour and stroke to a deep decoder. Here
every scale of the content, from half to an eighth of the resolution, is given the style's statistics and enters the
decoder as a skip, so detail survives and colour needs no learning. What remains, how strokes look between those
scales, the decoder learns as gains, biases and floors of what it adds up there, computed from means and deviations
(feature-wise modulation, as in Dumoulin et al. 2017, arXiv 1610.07629, but from statistics instead of a style's index).

The finest map, whose channels are colours and edges, is given the whole covariance (WCT: Li et al. 2017, arXiv
1705.08086): by deviations alone, channels stay as correlated as they are in the content, and its colours show through.
On relu1_1 of VGG-19 that brings a picture a fifth closer to the style. At the other scales it brings next to nothing,
and would make a style code 15 times as large.

What more covariances do not bring a second pass does: the result as the content, in the same style. On unseen pairs it
takes an eighth of the distance to the style that is left, before the decoder has learnt to be used twice.

Statistics are those of the picture, not of its margin, where the zeros that maps are padded with tell: they would
depend on the size of the picture, and what was learnt on crops would not hold on larger ones.

Only the encoder's maps are normalised, never the decoder's. Encoding any tiling of a picture, and then decoding it with
the statistics of all tiles, therefore gives what the whole picture at once gives.

Alpha mixes the content's own statistics in, as if the content were one more style; alpha = 0 asks for the content
itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import torch
from torch import Tensor

from adain.engine.backend import Reach
from adain.nn import regions
from adain.nn.fusion import MatrixRoots, eigh_roots
from adain.nn.models import StyleTransfer
from adain.nn.padding import crop_to, pad_to, reflected, without_rim
from adain.nn.slim_fusions import Covariances, Deviations, MapFusion
from adain.nn.slim_layers import MARGIN, SCALES, Skip, SlimDecoder, SlimEncoder, SpaceToDepthConv
from adain.nn.stages import per_pixel, round_up

__all__ = ["SMALLEST_SIDE", "SlimNetwork"]

SMALLEST_SIDE = 48  # pixels; of fewer than 6 x 6 positions a channel hardly varies, and is magnified beyond measure


class SlimNetwork(StyleTransfer):
    """Encoder, a fusion of every map, decoder; 18,400 multiply-accumulates per pixel of content and margin.

    Args:
        encoder: of the maps that are fused.
        decoder: of as many channels.
        covariances: the scales, out of `SCALES`, whose maps are given the whole covariance; the others are given
            deviations.
        passes: how often a picture goes through all that.
        roots: what takes the roots of covariances.
    """

    def __init__(
        self,
        encoder: SlimEncoder,
        decoder: SlimDecoder,
        covariances: Collection[int],
        passes: int = 1,
        roots: MatrixRoots = eigh_roots,
    ) -> None:
        super().__init__()
        self.passes = passes
        self.encoder = encoder
        self.decoder = decoder
        self.widths = encoder.widths
        self.fusions: dict[int, MapFusion] = {
            scale: Covariances(roots) if scale in covariances else Deviations() for scale in SCALES
        }

    @property
    def code_shapes(self) -> dict[str, tuple[int, ...]]:
        """`x2.mean`, `x2.std`, perhaps `x2.coloring` and so on for each scale; see `MapFusion.code_shapes`."""
        return {
            f"x{s}.{name}": shape
            for s, width in zip(SCALES, self.widths, strict=True)
            for name, shape in self.fusions[s].code_shapes(width).items()
        }

    def encode_style(self, style: Tensor) -> dict[str, Tensor]:
        """The statistics of the maps at every scale; see `StyleTransfer.encode_style`."""
        return {
            f"x{s}.{name}": value
            for s, x in zip(SCALES, self.encoder(self._framed(self._fit(style))), strict=True)
            for name, value in self.fusions[s].style_statistics(_inside(x, s).float()).items()
        }

    def forward(self, content: Tensor, code: Mapping[str, Tensor], alpha: float | Tensor) -> Tensor:
        """See `StyleTransfer.forward`."""

        def once(picture: Tensor, stage: str) -> Tensor:
            maps = self.features(self._framed(picture), stage)
            own = {
                f"x{s}.{name}": value
                for s in SCALES
                for name, value in self.fusions[s].content_statistics(_inside(maps[f"x{s}"], s).float()).items()
            }
            return self.decode(maps, stage, own, code, alpha)

        return self._passes(content, once)

    @property
    def stages(self) -> tuple[str, ...]:
        """The same for every pass, by the name of the deepest map."""
        return (f"x{SCALES[-1]}",) * self.passes

    def reach(self, stage: str) -> Reach:
        """See `StyleTransfer.reach`."""
        multiple = SCALES[-1]
        return Reach(
            multiple=multiple,
            minimum=SMALLEST_SIDE,
            encode=round_up(max(s * rows for s, rows in zip(SCALES, self.encoder.spoiled(), strict=True)), multiple),
            decode=round_up(self.decoder.spoiled(), multiple),
            margin=MARGIN,
            rim=SpaceToDepthConv.rim,
        )

    def features(self, image: Tensor, stage: str) -> dict[str, Tensor]:
        """See `StyleTransfer.features`. What one pass leaves outside [0, 1] does not reach the next."""
        image = image.clamp(0, 1) if self.passes > 1 else image
        return {f"x{s}": x for s, x in zip(SCALES, self.encoder(image), strict=True)}

    def moments(self, maps: Mapping[str, Tensor], stage: str, mask: Tensor) -> dict[str, Tensor]:
        """See `StyleTransfer.moments`."""
        return {
            f"x{s}.{name}": value
            for s in SCALES
            for name, value in self.fusions[s].moments(maps[f"x{s}"].float(), per_pixel(mask, SCALES[-1] // s)).items()
        }

    def decode(
        self,
        maps: Mapping[str, Tensor],
        stage: str,
        own: Mapping[str, Tensor],
        code: Mapping[str, Tensor],
        alpha: float | Tensor,
    ) -> Tensor:
        """See `StyleTransfer.decode`."""
        fused, flat = [], []
        for s in SCALES:
            mine, style = _of_map(own, s), _of_map(code, s)
            fused.append(self.fusions[s].fuse(maps[f"x{s}"], mine, style, alpha))
            flat += [mine[name] + alpha * (style[name] - mine[name]) for name in ("mean", "std")]
        picture: Tensor = self.decoder(fused, self.decoder.modulation(torch.cat(flat, dim=1)))
        return picture

    def forward_regions(
        self, content: Tensor, codes: Mapping[str, Tensor], masks: Tensor, alpha: float | Tensor
    ) -> Tensor:
        """Each region also modulates the decoder where it is; see `StyleTransfer.forward_regions`."""
        shares = regions.shares(self._reflected(self._fit(masks), MARGIN))
        scaled = {scale: regions.scaled(shares, scale) for scale in SCALES}

        def once(picture: Tensor, stage: str) -> Tensor:
            fused, flat = [], []
            for s, x in zip(SCALES, self.features(self._framed(picture), stage).values(), strict=True):
                here = x.float(), scaled[s], _of_map(codes, s), alpha
                styled, statistics = self.fusions[s].fuse_regions(*here, rim=MARGIN // s)
                fused.append(_skip(styled))
                flat.append(statistics)
            decoded: Tensor = self.decoder(fused, self._regional_modulation(torch.cat(flat, dim=2), scaled))
            return decoded

        return self._passes(content, once)

    def _regional_modulation(self, flat: Tensor, shares: Mapping[int, Tensor]) -> dict[str, Tensor]:
        """Gains, biases and floors per pixel, from a flat code per region (N, S + 1, D)."""
        count = flat.shape[1]
        per_region = self.decoder.modulation(flat.flatten(0, 1))  # (N * (S + 1), C, 1, 1) each
        return {name: _blend(values, count, shares[_scale(name)]) for name, values in per_region.items()}

    def _passes(self, content: Tensor, once: Callable[[Tensor, str], Tensor]) -> Tensor:
        """Take a content through all stages, each from a picture that fits to one with a margin."""
        picture = self._fit(content)
        for stage in self.stages[:-1]:
            picture = self._crop(once(picture, stage), picture, MARGIN)
        return self._crop(once(picture, self.stages[-1]), content, MARGIN)

    def _framed(self, image: Tensor) -> Tensor:
        """See `adain.engine.backend.framed`; of a picture that fits."""
        return self._reflected(image, MARGIN + SpaceToDepthConv.rim)

    def _fit(self, image: Tensor) -> Tensor:
        return pad_to(image, multiple=SCALES[-1], minimum=SMALLEST_SIDE)

    def _reflected(self, image: Tensor, rim: int) -> Tensor:
        return reflected(image, rim)

    def _crop(self, image: Tensor, like: Tensor, margin: int = 0) -> Tensor:
        return crop_to(image, like, margin)


def _inside(x: Tensor, scale: int) -> Tensor:
    """Of the map of a scale, that of the picture without its margin."""
    return without_rim(x, MARGIN // scale)


def _of_map(arrays: Mapping[str, Tensor], scale: int) -> dict[str, Tensor]:
    """Those of the map of a scale, by what follows its name."""
    prefix = f"x{scale}."
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _skip(fused: Tensor) -> Skip:
    return lambda scale: (fused * scale, 0.0)


def _blend(values: Tensor, count: int, shares: Tensor) -> Tensor:
    """(N * count, C, 1, 1), by the shares (N, count, h, w) of `count` regions, to (N, C, h, w)."""
    return regions.blend(values.reshape(-1, count, values.shape[1]), shares)


def _scale(name: str) -> int:
    """Of the map that is modulated: 4 for `gain_skip_quarter` and `bias_from_quarter`."""
    return {"half": 2, "quarter": 4, "eighth": 8}[name.split("_")[-1]]
