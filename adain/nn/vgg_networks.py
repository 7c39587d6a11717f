"""AdaIN (Huang & Belongie 2017, arXiv 1703.06868) and WCT (Li et al. 2017, arXiv 1705.08086) on VGG-19-like networks.

Each level encodes the previous level's picture to relu{k}_1, fuses that map, and decodes it. AdaIN has one level; WCT
has five, from coarse to fine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor, nn

from adain.engine.framing import Framing
from adain.nn.borders import round_up
from adain.nn.fusions import Transfer
from adain.nn.network import Arrays, Maps, StyleTransfer
from adain.nn.operators import Operators
from adain.nn.vgg import Decoder, Encoder, smallest_side, stride
from adain.registry import Stage

__all__ = ["VGGNetwork"]


class VGGNetwork(StyleTransfer):
    """Encoders and decoders of several levels.

    Args:
        encoders: one per level, or a single one of the deepest level for all.
        decoders: one per level, in the order of the stages.
        stages: one per level.
        operators: implementations of the fusions' operations.
    """

    def __init__(
        self, encoders: Sequence[Encoder], decoders: Sequence[Decoder], stages: Sequence[Stage], operators: Operators
    ) -> None:
        super().__init__(stages, operators)
        self.levels = tuple(decoder.level for decoder in decoders)
        self.shared = len(encoders) == 1
        self.encoders = nn.ModuleList(encoders)
        self.decoders = nn.ModuleList(decoders)
        self._positions = {stage.name: position for position, stage in enumerate(self.stages)}
        self._framings = [self._framed(position) for position in range(len(self.stages))]

    def framing(self, stage: Stage) -> Framing:
        """See `StyleTransfer.framing`."""
        return self._framings[self._positions[stage.name]]

    def features(self, image: Tensor, stage: Stage) -> dict[str, Tensor]:
        """See `StyleTransfer.features`."""
        position = self._positions[stage.name]
        return {stage.name: self._encoder(position)(image, self.levels[position])}

    def style_features(self, style: Tensor) -> dict[str, Tensor]:
        """See `StyleTransfer.style_features`."""
        names = {level: stage.name for level, stage in zip(self.levels, self.stages, strict=True)}
        if self.shared:
            image = self.operators.fit(style, minimum=smallest_side(max(self.levels)))
            taps = self._encoder(0).taps(image, self.levels)
            return {name: taps[level].float() for level, name in names.items()}
        return {
            name: self._encoder(position)(self.operators.fit(style, minimum=smallest_side(level)), level).float()
            for position, (level, name) in enumerate(names.items())
        }

    def decoded(self, maps: Maps, stage: Stage, transfers: Mapping[str, Transfer], target: Arrays) -> Tensor:
        """See `StyleTransfer.decoded`."""
        picture: Tensor = self.decoders[self._positions[stage.name]](transfers[stage.name](maps[stage.name].float()))
        return picture

    def decoded_regions(self, fused: Maps, stage: Stage, given: Arrays, shares: Callable[[int], Tensor]) -> Tensor:
        """See `StyleTransfer.decoded_regions`."""
        picture: Tensor = self.decoders[self._positions[stage.name]](fused[stage.name])
        return picture

    def _encoder(self, position: int) -> Encoder:
        encoder = self.encoders[0 if self.shared else position]
        assert isinstance(encoder, Encoder)
        return encoder

    def _framed(self, position: int) -> Framing:
        """The framing of one level; pictures of all levels fit the deepest one."""
        level, deepest = self.levels[position], max(self.levels)
        multiple, decoder = stride(deepest), self.decoders[position]
        assert isinstance(decoder, Decoder)
        return Framing(
            multiple=multiple,
            minimum=round_up(smallest_side(deepest), multiple),
            encoder_band=round_up(self._encoder(position).band(level) * stride(level), multiple),
            decoder_band=round_up(decoder.band(), multiple),
        )
