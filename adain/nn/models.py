"""Whole models: pictures and style codes in, pictures out.

Every model is a `StyleTransfer`: `encode_style` turns a style into named arrays, `forward` gives a content
those arrays' look. Content of every size from 1 x 1 up comes back at that size: its edges are repeated up to
a multiple of the network's stride and cropped away again, and fused statistics are those of the padded map. A
style is encoded at its own size and only ever padded to the least the network takes.

Everything has a leading batch dimension, nothing branches on data, and the one operation ONNX lacks, the
roots of covariances, is an argument.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from adain.engine.backend import Reach
from adain.nn import fusion, regions
from adain.nn.fusion import MatrixRoots, eigh_roots
from adain.nn.padding import crop_to, pad_to
from adain.nn.stages import channel_moments, covariance_moments, per_pixel, round_up
from adain.nn.vgg import Decoder, Encoder, tap

__all__ = ["AdaINModel", "StyleTransfer", "WCTModel", "smallest_side", "stride"]


def stride(level: int) -> int:
    """Pixels of the picture per pixel of relu{level}_1, along each side."""
    return 1 << (level - 1)


def smallest_side(level: int) -> int:
    """The least height and width an encoder takes: reflection by 1 needs 2 pixels on the deepest map."""
    return stride(level) + 1


class StyleTransfer(nn.Module, ABC):
    """What every model offers, whatever its family."""

    @property
    @abstractmethod
    def code_shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of a style code's arrays, without the batch dimension."""

    @abstractmethod
    def encode_style(self, style: Tensor) -> dict[str, Tensor]:
        """The style code of a picture.

        Args:
            style: (N, 3, H, W) float, RGB in [0, 1], H and W at least 1.

        Returns:
            The arrays named in `code_shapes`, with a batch dimension N in front.
        """

    @abstractmethod
    def forward(self, content: Tensor, code: Mapping[str, Tensor], alpha: float | Tensor) -> Tensor:
        """The content in the style.

        Args:
            content: (N, 3, H, W) float, RGB in [0, 1], H and W at least 1.
            code: what `encode_style` returned, batch N or 1; or a convex mix of several.
            alpha: strength in [0, 1], a number or (N, 1). 0 gives the content's own reconstruction.

        Returns:
            (N, 3, H, W), about [0, 1], not clipped.
        """

    @property
    @abstractmethod
    def stages(self) -> tuple[str, ...]:
        """See `adain.engine.backend.Backend`; `forward` is all of them."""

    @abstractmethod
    def reach(self, stage: str) -> Reach:
        """See `adain.engine.backend.Backend.reach`."""

    @abstractmethod
    def features(self, image: Tensor, stage: str) -> dict[str, Tensor]:
        """The maps that a stage fuses, by name.

        Args:
            image: (N, 3, H, W) float, RGB in [0, 1], framed as `reach` says; see `adain.engine.backend.framed`.
            stage: one of `stages`.

        Returns:
            (N, C, h, w) each.
        """

    @abstractmethod
    def moments(self, maps: Mapping[str, Tensor], stage: str, mask: Tensor) -> dict[str, Tensor]:
        """The moments of maps where a mask says.

        Args:
            maps: what `features` returned.
            stage: likewise.
            mask: (N, 1, H / m, W / m), what each m x m pixels of that image without its rim count for, at least 0; m
                is the `multiple` of `reach`.

        Returns:
            `{map}.count` (N,), `{map}.mean` (N, C), `{map}.spread` (N, C), or for WCT (N, C, C), for each map; see
            `adain.engine.moments.MapMoments`.
        """

    @abstractmethod
    def decode(
        self,
        maps: Mapping[str, Tensor],
        stage: str,
        own: Mapping[str, Tensor],
        code: Mapping[str, Tensor],
        alpha: float | Tensor,
    ) -> Tensor:
        """The rest of a stage, with given statistics in the place of the maps' own.

        Args:
            maps: what `features` returned.
            stage: one of `stages`.
            own: the arrays of `adain.engine.moments.Moments.arrays`, with a batch dimension N or 1 in front.
            code: as for `forward`.
            alpha: as for `forward`.

        Returns:
            (N, 3, H, W) of the image without its rim, about [0, 1], not clipped.
        """

    @abstractmethod
    def forward_regions(
        self, content: Tensor, codes: Mapping[str, Tensor], masks: Tensor, alpha: float | Tensor
    ) -> Tensor:
        """The content with a style on each region; see `adain.nn.regions`.

        Args:
            content: (N, 3, H, W) float, RGB in [0, 1], H and W at least 1.
            codes: arrays as in `forward`, of S styles: (N, S, ...).
            masks: how much each style counts at each pixel, (N, S, H, W) float, at least 0.
            alpha: strength in [0, 1], a number or (N, 1).

        Returns:
            (N, 3, H, W), about [0, 1], not clipped.
        """


class AdaINModel(StyleTransfer):
    """Encoder, AdaIN at its deepest feature map, decoder (Huang & Belongie 2017)."""

    def __init__(self, encoder: Encoder, decoder: Decoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.level = encoder.level

    @property
    def code_shapes(self) -> dict[str, tuple[int, ...]]:
        """`relu4_1.mean` and `relu4_1.std`, (C,) each, for an encoder to relu4_1."""
        channels = self.encoder.widths[self.level - 1]
        return {f"{tap(self.level)}.mean": (channels,), f"{tap(self.level)}.std": (channels,)}

    def encode_style(self, style: Tensor) -> dict[str, Tensor]:
        """Mean and standard deviation per channel; see `StyleTransfer.encode_style`."""
        feature = self.encoder(pad_to(style, minimum=smallest_side(self.level)))
        mean, std = fusion.mean_std(feature)
        return {f"{tap(self.level)}.mean": mean, f"{tap(self.level)}.std": std}

    def forward(self, content: Tensor, code: Mapping[str, Tensor], alpha: float | Tensor) -> Tensor:
        """See `StyleTransfer.forward`."""
        mean, std = code[f"{tap(self.level)}.mean"], code[f"{tap(self.level)}.std"]
        fused = fusion.adain(self.encoder(self._fit(content)), mean, std, alpha)
        return crop_to(self.decoder(fused), content)

    def forward_regions(
        self, content: Tensor, codes: Mapping[str, Tensor], masks: Tensor, alpha: float | Tensor
    ) -> Tensor:
        """See `StyleTransfer.forward_regions`."""
        shares = regions.scaled(regions.shares(self._fit(masks)), stride(self.level))
        mean, std = codes[f"{tap(self.level)}.mean"], codes[f"{tap(self.level)}.std"]
        fused, _ = regions.adain(self.encoder(self._fit(content)), shares, mean, std, alpha)
        return crop_to(self.decoder(fused), content)

    @property
    def stages(self) -> tuple[str, ...]:
        """The one level."""
        return (tap(self.level),)

    def reach(self, stage: str) -> Reach:
        """See `StyleTransfer.reach`."""
        return _reach(self.encoder, self.decoder, self.level, deepest=self.level)

    def features(self, image: Tensor, stage: str) -> dict[str, Tensor]:
        """See `StyleTransfer.features`."""
        return {stage: self.encoder(image)}

    def moments(self, maps: Mapping[str, Tensor], stage: str, mask: Tensor) -> dict[str, Tensor]:
        """See `StyleTransfer.moments`."""
        found = channel_moments(maps[stage].float(), mask)
        return {f"{stage}.{name}": value for name, value in found.items()}

    def decode(
        self,
        maps: Mapping[str, Tensor],
        stage: str,
        own: Mapping[str, Tensor],
        code: Mapping[str, Tensor],
        alpha: float | Tensor,
    ) -> Tensor:
        """See `StyleTransfer.decode`."""
        arrays = (own[f"{stage}.mean"], own[f"{stage}.std"], code[f"{stage}.mean"], code[f"{stage}.std"])
        decoded: Tensor = self.decoder(fusion.adain_with(maps[stage], *arrays, alpha))
        return decoded

    def _fit(self, image: Tensor) -> Tensor:
        return pad_to(image, multiple=stride(self.level), minimum=smallest_side(self.level))


class WCTModel(StyleTransfer):
    """Whitening and coloring through several levels, each encoding the last one's picture (Li et al. 2017).

    Args:
        encoders: one per level, or a single one that reaches the deepest level and serves all.
        decoders: one per level, in the order of `levels`.
        levels: the levels to go through, in this order; 5 to 1 in the paper.
        roots: what takes the roots of regularised covariances, for both content and style.
    """

    def __init__(
        self,
        encoders: Sequence[Encoder],
        decoders: Sequence[Decoder],
        levels: Sequence[int] = (5, 4, 3, 2, 1),
        roots: MatrixRoots = eigh_roots,
    ) -> None:
        super().__init__()
        self.levels = tuple(levels)
        self.shared = len(encoders) == 1
        self.encoders = nn.ModuleList(encoders)
        self.decoders = nn.ModuleList(decoders)
        self.roots = roots

    @property
    def code_shapes(self) -> dict[str, tuple[int, ...]]:
        """Per level `relu{k}_1.mean` (C,) and `relu{k}_1.coloring` (C, C), the root of the covariance."""
        shapes: dict[str, tuple[int, ...]] = {}
        for position, level in enumerate(self.levels):
            channels = self._encoder(position).widths[level - 1]
            shapes[f"{tap(level)}.mean"] = (channels,)
            shapes[f"{tap(level)}.coloring"] = (channels, channels)
        return shapes

    def encode_style(self, style: Tensor) -> dict[str, Tensor]:
        """Mean and coloring matrix per level, of the style itself; see `StyleTransfer.encode_style`."""
        code: dict[str, Tensor] = {}
        for level, feature in self._style_features(style).items():
            mean, covariance = fusion.mean_covariance(feature)
            _, coloring = self.roots(fusion.regularized(covariance))
            code[f"{tap(level)}.mean"] = mean
            code[f"{tap(level)}.coloring"] = coloring
        return code

    def forward(self, content: Tensor, code: Mapping[str, Tensor], alpha: float | Tensor) -> Tensor:
        """`alpha` holds at every level; see `StyleTransfer.forward`."""
        image = self._fit(content)
        for position, level in enumerate(self.levels):
            mean, coloring = code[f"{tap(level)}.mean"], code[f"{tap(level)}.coloring"]
            feature = self._encoder(position)(image, level)
            image = self.decoders[position](fusion.wct(feature, mean, coloring, alpha, self.roots))
        return crop_to(image, content)

    def forward_regions(
        self, content: Tensor, codes: Mapping[str, Tensor], masks: Tensor, alpha: float | Tensor
    ) -> Tensor:
        """See `StyleTransfer.forward_regions`."""
        image, shares = self._fit(content), regions.shares(self._fit(masks))
        for position, level in enumerate(self.levels):
            mean, coloring = codes[f"{tap(level)}.mean"], codes[f"{tap(level)}.coloring"]
            feature, scaled = self._encoder(position)(image, level), regions.scaled(shares, stride(level))
            image = self.decoders[position](regions.wct(feature, scaled, mean, coloring, alpha, self.roots))
        return crop_to(image, content)

    @property
    def stages(self) -> tuple[str, ...]:
        """One per level, in their order."""
        return tuple(tap(level) for level in self.levels)

    def reach(self, stage: str) -> Reach:
        """See `StyleTransfer.reach`."""
        position = self.stages.index(stage)
        decoder = self.decoders[position]
        assert isinstance(decoder, Decoder)
        return _reach(self._encoder(position), decoder, self.levels[position], deepest=max(self.levels))

    def features(self, image: Tensor, stage: str) -> dict[str, Tensor]:
        """See `StyleTransfer.features`."""
        position = self.stages.index(stage)
        return {stage: self._encoder(position)(image, self.levels[position])}

    def moments(self, maps: Mapping[str, Tensor], stage: str, mask: Tensor) -> dict[str, Tensor]:
        """See `StyleTransfer.moments`."""
        level = self.levels[self.stages.index(stage)]
        found = covariance_moments(maps[stage].float(), per_pixel(mask, stride(max(self.levels)) // stride(level)))
        return {f"{stage}.{name}": value for name, value in found.items()}

    def decode(
        self,
        maps: Mapping[str, Tensor],
        stage: str,
        own: Mapping[str, Tensor],
        code: Mapping[str, Tensor],
        alpha: float | Tensor,
    ) -> Tensor:
        """See `StyleTransfer.decode`."""
        statistics = (own[f"{stage}.mean"], own[f"{stage}.whitening"])
        target = (code[f"{stage}.mean"], code[f"{stage}.coloring"])
        fused = fusion.wct_with(maps[stage], *statistics, *target, alpha)
        decoded: Tensor = self.decoders[self.stages.index(stage)](fused)
        return decoded

    def _fit(self, image: Tensor) -> Tensor:
        deepest = max(self.levels)
        return pad_to(image, multiple=stride(deepest), minimum=smallest_side(deepest))

    def _encoder(self, position: int) -> Encoder:
        encoder = self.encoders[0 if self.shared else position]
        assert isinstance(encoder, Encoder)
        return encoder

    def _style_features(self, style: Tensor) -> dict[int, Tensor]:
        if self.shared:
            return self._encoder(0).taps(pad_to(style, minimum=smallest_side(max(self.levels))), self.levels)
        return {
            level: self._encoder(position)(pad_to(style, minimum=smallest_side(level)), level)
            for position, level in enumerate(self.levels)
        }


def _reach(encoder: Encoder, decoder: Decoder, level: int, *, deepest: int) -> Reach:
    """Of a stage of a model whose pictures are padded for the level `deepest`."""
    multiple = stride(deepest)
    return Reach(
        multiple=multiple,
        minimum=round_up(smallest_side(deepest), multiple),
        encode=round_up(encoder.spoiled(level) * stride(level), multiple),
        decode=round_up(decoder.spoiled(), multiple),
    )
