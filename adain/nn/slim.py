"""The small networks of this project (`adain-slim`, `wct-slim`): a narrow encoder, fusion at three scales, a decoder.

AdaIN (Huang & Belongie 2017, arXiv 1703.06868) fuses relu4_1 only and leaves colours and strokes to a deep decoder.
Here the content's maps at a half, a quarter and an eighth of the resolution are all given the style's statistics, and
enter the decoder as skips. So detail survives, and colours need no learning. The decoder learns how strokes look
between those scales: it scales, shifts and rectifies its sums by gains, biases and floors that are computed from means
and deviations (feature-wise modulation, as in Dumoulin et al. 2017, arXiv 1610.07629, but from statistics instead of a
style's index).

The channels of the finest map are colours and edges. It is given the whole covariance (WCT: Li et al. 2017, arXiv
1705.08086). With deviations alone, channels stay as correlated as in the content, and its colours show through. On
relu1_1 of VGG-19, the covariance brings a picture a fifth closer to the style. At the other scales it brings next to
nothing, and would make a style code 15 times as large.

A second pass helps more than further covariances. It takes the result as content, with the same style. On unseen pairs
it removes an eighth of the remaining distance to the style, before the decoder has learnt to be used twice.

Statistics are computed without the margin, because the zeros that maps are padded with affect it. Otherwise they would
depend on the size of the picture, and training on crops would not carry over to larger pictures.

Only the encoder's maps are normalised, never the decoder's. So tiles that are decoded with the merged statistics of all
tiles give the same result as the whole picture.

Alpha mixes in the content's own statistics, as if the content were one more style. Alpha 0 reconstructs the content.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from adain.engine.framing import Framing
from adain.nn.borders import round_up
from adain.nn.fusions import Transfer
from adain.nn.network import Arrays, Maps, StyleTransfer
from adain.nn.operators import Operators
from adain.nn.slim_layers import MARGIN, SCALES, SlimDecoder, SlimEncoder, SpaceToDepthConv
from adain.registry import Stage

__all__ = ["SMALLEST_SIDE", "SlimNetwork"]

SMALLEST_SIDE = 48  # pixels; over fewer than 6 x 6 positions a channel hardly varies, and fusion magnifies it too much


class SlimNetwork(StyleTransfer):
    """Encoder, a fusion of every map, decoder; 18,400 multiply-accumulates per pixel of content and margin.

    Args:
        encoder: computes the maps that are fused.
        decoder: has the same widths.
        stages: the same stage once per pass.
        operators: implementations of the fusions' and the decoder's operations.
    """

    def __init__(
        self, encoder: SlimEncoder, decoder: SlimDecoder, stages: Sequence[Stage], operators: Operators
    ) -> None:
        super().__init__(stages, operators)
        self.encoder = encoder
        self.decoder = decoder
        self.widths = encoder.widths

    def framing(self, stage: Stage) -> Framing:
        """See `StyleTransfer.framing`."""
        multiple = SCALES[-1]
        bands = (scale * band for scale, band in zip(SCALES, self.encoder.bands(), strict=True))
        return Framing(
            multiple=multiple,
            minimum=SMALLEST_SIDE,
            encoder_band=round_up(max(bands), multiple),
            decoder_band=round_up(self.decoder.band(), multiple),
            margin=MARGIN,
            context=SpaceToDepthConv.context,
        )

    def features(self, image: Tensor, stage: Stage) -> dict[str, Tensor]:
        """See `StyleTransfer.features`. Between two passes the picture is clipped to [0, 1]."""
        image = image.clamp(0, 1) if len(self.stages) > 1 else image
        return {f"x{scale}": x for scale, x in zip(SCALES, self.encoder(image), strict=True)}

    def style_features(self, style: Tensor) -> dict[str, Tensor]:
        """See `StyleTransfer.style_features`."""
        stage = self.stages[0]
        framing = self.framing(stage)
        maps = self.encoder(self._reflected(self._fit(style, framing), framing.margin + framing.context))
        named = {f"x{scale}": x for scale, x in zip(SCALES, maps, strict=True)}
        return {each.name: self._inside(named, each, stage) for each in stage.maps}

    def decoded(self, maps: Maps, stage: Stage, transfers: Mapping[str, Transfer], target: Arrays) -> Tensor:
        """See `StyleTransfer.decoded`."""
        skips = [_skip(transfers[each.name], maps[each.name]) for each in stage.maps]
        modulation = self.decoder.modulation(torch.cat([target[name] for name in _told(stage)], dim=1))
        picture: Tensor = self.decoder(skips, modulation, self.operators.at_least)
        return picture

    def decoded_regions(self, fused: Maps, stage: Stage, given: Arrays, shares: Callable[[int], Tensor]) -> Tensor:
        """See `StyleTransfer.decoded_regions`. Each region modulates the decoder inside its own mask."""
        flat = torch.cat([given[name] for name in _told(stage)], dim=2)  # (N, S + 1, D)
        modulation = {
            name: self.operators.blend(values, shares(_stride(name)))
            for name, values in self.decoder.modulation.of_regions(flat).items()
        }
        picture: Tensor = self.decoder(
            [_scaled(fused[each.name]) for each in stage.maps], modulation, self.operators.at_least
        )
        return picture


def _told(stage: Stage) -> list[str]:
    """Names of the statistics that the decoder's modulation reads, in its order."""
    return [f"{each.name}.{array}" for each in stage.maps for array in ("mean", "std")]


def _skip(transfer: Transfer, x: Tensor) -> Callable[[Tensor], tuple[Tensor, Tensor | float]]:
    return lambda scale: transfer.scaled(x, scale)


def _scaled(fused: Tensor) -> Callable[[Tensor], tuple[Tensor, Tensor | float]]:
    return lambda scale: (fused * scale, 0.0)


def _stride(name: str) -> int:
    """The stride of the map that is modulated: 4 for `gain_skip_quarter` and `bias_from_quarter`."""
    return {"half": 2, "quarter": 4, "eighth": 8}[name.split("_")[-1]]
