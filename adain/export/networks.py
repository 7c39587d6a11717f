"""Each family of networks in the form it is exported in: a `StyleTransfer` that computes what the network does.

The same parameters, the same style code, the same picture but for rounding (a test holds every family to it),
with the layers of `adain.export.layers` and the operations of `adain.export.operators`. A new family is one more
class here and one more line in `_FAMILIES`.
"""

from __future__ import annotations

import copy
from abc import ABC
from collections.abc import Callable, Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from adain.engine.backend import Reach
from adain.errors import InputError
from adain.export.layers import Form, GraphDecoder, GraphEncoder, exchange
from adain.export.operators import Operators
from adain.nn import fusion, regions
from adain.nn.fusion import MatrixRoots
from adain.nn.models import AdaINModel, StyleTransfer, WCTModel, smallest_side, stride
from adain.nn.slim import SMALLEST_SIDE, SlimNetwork
from adain.nn.slim_fusions import Covariances, Deviations, MapFusion
from adain.nn.slim_layers import SCALES
from adain.nn.stages import channel_moments, covariance_moments, per_pixel
from adain.nn.vgg import Decoder, Encoder, tap

__all__ = ["ExportNetwork", "exportable"]


class ExportNetwork(StyleTransfer, ABC):
    """A network in the form it is exported in.

    Attributes:
        form: that form.
        operators: the form's.
        multiple: pixels; what it pads the sides of a content to a multiple of.
        minimum: pixels; the least side of a picture that it does not pad, such a multiple.
        kept: of maps that leave a graph and enter another.
    """

    form: Form
    operators: Operators
    multiple: int
    minimum: int
    kept: ClassVar[torch.dtype] = torch.float16

    def _set(self, form: Form, *, multiple: int, minimum: int) -> None:
        self.form, self.operators, self.multiple = form, form.operators, multiple
        self.minimum = -(-minimum // multiple) * multiple

    def _fit(self, image: Tensor) -> Tensor:
        return self.operators.fit(image, multiple=self.multiple, minimum=self.minimum)

    def _crop(self, image: Tensor, like: Tensor, margin: int = 0) -> Tensor:
        return self.operators.crop(image, like, margin)


def exportable(network: StyleTransfer, form: Form) -> ExportNetwork:
    """A copy of a network in the form it is to be exported in.

    Raises:
        InputError: networks of its family have no such form.
    """
    for family, make in _FAMILIES.items():
        if isinstance(network, family):
            return make(copy.deepcopy(network), form).eval()
    families = ", ".join(family.__name__ for family in _FAMILIES)
    raise InputError(f"a {type(network).__name__} cannot be exported; families that can: {families}")


class _AdaIN(ExportNetwork):
    def __init__(self, network: AdaINModel, form: Form) -> None:
        super().__init__()
        self.encoder = GraphEncoder(network.encoder, form)
        self.decoder = GraphDecoder(network.decoder, form)
        self.shapes, self.tap = network.code_shapes, tap(network.level)
        self.reaches = {stage: network.reach(stage) for stage in network.stages}
        self.smallest = smallest_side(network.level)
        self._set(form, multiple=stride(network.level), minimum=self.smallest)

    @property
    def code_shapes(self) -> dict[str, tuple[int, ...]]:
        return self.shapes

    def encode_style(self, style: Tensor) -> dict[str, Tensor]:
        image = self.operators.fit(style, minimum=self.smallest)
        _, mean, std = self.operators.moments(self._feature(image))
        return {f"{self.tap}.mean": _values(mean), f"{self.tap}.std": _values(std)}

    def forward(self, content: Tensor, code: Mapping[str, Tensor], alpha: float | Tensor) -> Tensor:
        centred, mean, std = self.operators.moments(self._feature(self._fit(content)))
        new_mean = _towards(mean, code[f"{self.tap}.mean"], alpha)
        gain = _towards(std, code[f"{self.tap}.std"], alpha) / std
        return self._crop(self._decode(centred * gain + new_mean), content)

    def forward_regions(
        self, content: Tensor, codes: Mapping[str, Tensor], masks: Tensor, alpha: float | Tensor
    ) -> Tensor:
        shares = regions.scaled(regions.shares(self._fit(masks)), self.multiple)
        mean, std = codes[f"{self.tap}.mean"], codes[f"{self.tap}.std"]
        fused, _ = regions.adain(self._feature(self._fit(content)), shares, mean, std, alpha)
        return self._crop(self._decode(fused), content)

    @property
    def stages(self) -> tuple[str, ...]:
        return (self.tap,)

    def reach(self, stage: str) -> Reach:
        return self.reaches[stage]

    def features(self, image: Tensor, stage: str) -> dict[str, Tensor]:
        return {stage: self._feature(image)}

    def moments(self, maps: Mapping[str, Tensor], stage: str, mask: Tensor) -> dict[str, Tensor]:
        found = channel_moments(maps[stage], mask)
        return {f"{stage}.{name}": value for name, value in found.items()}

    def decode(
        self,
        maps: Mapping[str, Tensor],
        stage: str,
        own: Mapping[str, Tensor],
        code: Mapping[str, Tensor],
        alpha: float | Tensor,
    ) -> Tensor:
        mean, std = _maps(own[f"{stage}.mean"]), _maps(own[f"{stage}.std"])
        gain = _towards(std, code[f"{stage}.std"], alpha) / std
        return self._decode((maps[stage] - mean) * gain + _towards(mean, code[f"{stage}.mean"], alpha))

    def _decode(self, fused: Tensor) -> Tensor:
        decoded: Tensor = self.decoder(fused.to(self.form.dtype))
        return decoded.float()

    def _feature(self, image: Tensor) -> Tensor:
        feature: Tensor = self.encoder(image.to(self.form.dtype))
        return feature.float()


class _WCT(ExportNetwork):
    kept = torch.float32  # level by level, whitening makes large what is small

    def __init__(self, network: WCTModel, form: Form) -> None:
        super().__init__()
        self.shapes, self.levels, self.shared = network.code_shapes, network.levels, network.shared
        self.roots = network.roots
        self.reaches = {stage: network.reach(stage) for stage in network.stages}
        encoders = [part for part in network.encoders if isinstance(part, Encoder)]
        decoders = [part for part in network.decoders if isinstance(part, Decoder)]
        self.encoders = nn.ModuleList(GraphEncoder(part, form) for part in encoders)
        self.decoders = nn.ModuleList(GraphDecoder(part, form) for part in decoders)
        self._set(form, multiple=stride(max(self.levels)), minimum=smallest_side(max(self.levels)))

    @property
    def code_shapes(self) -> dict[str, tuple[int, ...]]:
        return self.shapes

    def encode_style(self, style: Tensor) -> dict[str, Tensor]:
        code: dict[str, Tensor] = {}
        for level, feature in self._style_features(style).items():
            mean = feature.mean(dim=(2, 3), keepdim=True)
            _, coloring = self.roots(fusion.regularized(self.operators.covariance(feature - mean)))
            code[f"{tap(level)}.mean"] = _values(mean)
            code[f"{tap(level)}.coloring"] = coloring
        return code

    def forward(self, content: Tensor, code: Mapping[str, Tensor], alpha: float | Tensor) -> Tensor:
        image = self._fit(content)
        for position, level in enumerate(self.levels):
            feature = self._encoder(position)(image.to(self.form.dtype), level).float()
            fused = self._fuse(feature, code[f"{tap(level)}.mean"], code[f"{tap(level)}.coloring"], alpha)
            image = self.decoders[position](fused.to(self.form.dtype)).float()
        return self._crop(image, content)

    def forward_regions(
        self, content: Tensor, codes: Mapping[str, Tensor], masks: Tensor, alpha: float | Tensor
    ) -> Tensor:
        image, shares = self._fit(content), regions.shares(self._fit(masks))
        for position, level in enumerate(self.levels):
            feature = self._encoder(position)(image.to(self.form.dtype), level).float()
            mean, coloring = codes[f"{tap(level)}.mean"], codes[f"{tap(level)}.coloring"]
            fused = regions.wct(feature, regions.scaled(shares, stride(level)), mean, coloring, alpha, self.roots)
            image = self.decoders[position](fused.to(self.form.dtype)).float()
        return self._crop(image, content)

    @property
    def stages(self) -> tuple[str, ...]:
        return tuple(tap(level) for level in self.levels)

    def reach(self, stage: str) -> Reach:
        return self.reaches[stage]

    def features(self, image: Tensor, stage: str) -> dict[str, Tensor]:
        position = self.stages.index(stage)
        feature: Tensor = self._encoder(position)(image.to(self.form.dtype), self.levels[position])
        return {stage: feature.float()}

    def moments(self, maps: Mapping[str, Tensor], stage: str, mask: Tensor) -> dict[str, Tensor]:
        level = self.levels[self.stages.index(stage)]
        found = covariance_moments(maps[stage], per_pixel(mask, self.multiple // stride(level)))
        return {f"{stage}.{name}": value for name, value in found.items()}

    def decode(
        self,
        maps: Mapping[str, Tensor],
        stage: str,
        own: Mapping[str, Tensor],
        code: Mapping[str, Tensor],
        alpha: float | Tensor,
    ) -> Tensor:
        own_mean = _maps(own[f"{stage}.mean"])
        target = (code[f"{stage}.mean"], code[f"{stage}.coloring"])
        fused = self._colored(maps[stage] - own_mean, own_mean, own[f"{stage}.whitening"], *target, alpha)
        decoded: Tensor = self.decoders[self.stages.index(stage)](fused.to(self.form.dtype))
        return decoded.float()

    def _fuse(self, feature: Tensor, mean: Tensor, coloring: Tensor, alpha: float | Tensor) -> Tensor:
        own_mean = feature.mean(dim=(2, 3), keepdim=True)
        centred = feature - own_mean
        whitening, _ = self.roots(fusion.regularized(self.operators.covariance(centred)))
        return self._colored(centred, own_mean, whitening, mean, coloring, alpha)

    def _colored(
        self,
        centred: Tensor,
        own_mean: Tensor,
        whitening: Tensor,
        mean: Tensor,
        coloring: Tensor,
        alpha: float | Tensor,
    ) -> Tensor:
        transform = fusion.wct_transform(whitening, coloring, alpha)
        return self.operators.mix_channels(transform, centred) + _towards(own_mean, mean, alpha)

    def _style_features(self, style: Tensor) -> dict[int, Tensor]:
        def fitted(level: int) -> Tensor:
            return self.operators.fit(style, minimum=smallest_side(level)).to(self.form.dtype)

        if self.shared:
            features = self._encoder(0).taps(fitted(max(self.levels)), self.levels)
        else:
            positions = enumerate(self.levels)
            features = {level: self._encoder(index)(fitted(level), level) for index, level in positions}
        return {level: feature.float() for level, feature in features.items()}

    def _encoder(self, position: int) -> GraphEncoder:
        encoder = self.encoders[0 if self.shared else position]
        assert isinstance(encoder, GraphEncoder)
        return encoder


class _Slim(SlimNetwork, ExportNetwork):
    def __init__(self, network: SlimNetwork, form: Form) -> None:
        nn.Module.__init__(self)
        vars(self).update(vars(network))  # whatever its constructor was called with
        self.fusions = {scale: _over(form.operators, each) for scale, each in network.fusions.items()}
        exchange(self, form)
        self.decoder.at_least = form.operators.at_least
        self._set(form, multiple=SCALES[-1], minimum=SMALLEST_SIDE)

    def _fit(self, image: Tensor) -> Tensor:
        return ExportNetwork._fit(self, image)

    def _crop(self, image: Tensor, like: Tensor, margin: int = 0) -> Tensor:
        return ExportNetwork._crop(self, image, like, margin)

    def _reflected(self, image: Tensor, rim: int) -> Tensor:
        return self.operators.reflect(image, rim)


class _Deviations(Deviations):
    def __init__(self, operators: Operators) -> None:
        self.operators = operators

    def style_statistics(self, x: Tensor) -> dict[str, Tensor]:
        _, mean, std = self.operators.moments(x)
        return {"mean": _values(mean), "std": _values(std)}


class _Covariances(Covariances):
    def __init__(self, operators: Operators, roots: MatrixRoots) -> None:
        super().__init__(roots)
        self.operators = operators

    def mean_covariance(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean = x.mean(dim=(2, 3), keepdim=True)
        return _values(mean), self.operators.covariance(x - mean)

    def mix_channels(self, matrix: Tensor, x: Tensor) -> Tensor:
        return self.operators.mix_channels(matrix, x)


def _over(operators: Operators, fusion: MapFusion) -> MapFusion:
    """The same fusion in these operators."""
    return _Covariances(operators, fusion.roots) if isinstance(fusion, Covariances) else _Deviations(operators)


def _maps(values: Tensor) -> Tensor:
    return values[:, :, None, None]  # (N, C, 1, 1)


def _values(maps: Tensor) -> Tensor:
    return maps.squeeze((2, 3))  # (N, C)


def _towards(own: Tensor, other: Tensor, alpha: float | Tensor) -> Tensor:
    """From the content's statistics (N, C, 1, 1) to the style's (N, C)."""
    strength = _maps(alpha) if isinstance(alpha, Tensor) else alpha
    return own + strength * (_maps(other) - own)


_FAMILIES: Mapping[type[StyleTransfer], Callable[..., ExportNetwork]] = {
    AdaINModel: _AdaIN,
    WCTModel: _WCT,
    SlimNetwork: _Slim,
}
