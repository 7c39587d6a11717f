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

SMALLEST_SIDE = 48  # pixels; of fewer than 6 x 6 positions a channel hardly varies, and is magnified beyond measure


class SlimNetwork(StyleTransfer):
    """Encoder, a fusion of every map, decoder; 18,400 multiply-accumulates per pixel of content and margin.

    Args:
        encoder: of the maps that are fused.
        decoder: of as many channels.
        stages: the same one for each time that a picture goes through all that.
        operators: what the fusions and the decoder compute with.
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
        """See `StyleTransfer.features`. Values outside [0, 1] that one pass leaves do not reach the next."""
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
        """See `StyleTransfer.decoded_regions`. Each region modulates the decoder where it is."""
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
    """The statistics that the decoder's modulation sees, in its order."""
    return [f"{each.name}.{array}" for each in stage.maps for array in ("mean", "std")]


def _skip(transfer: Transfer, x: Tensor) -> Callable[[Tensor], tuple[Tensor, Tensor | float]]:
    return lambda scale: transfer.scaled(x, scale)


def _scaled(fused: Tensor) -> Callable[[Tensor], tuple[Tensor, Tensor | float]]:
    return lambda scale: (fused * scale, 0.0)


def _stride(name: str) -> int:
    """Of the map that is modulated: 4 for `gain_skip_quarter` and `bias_from_quarter`."""
    return {"half": 2, "quarter": 4, "eighth": 8}[name.split("_")[-1]]
