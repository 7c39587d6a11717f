"""The VGG-19 family of encoders and decoders, from one description of the layers.

The encoder is VGG-19 (Simonyan & Zisserman 2014, arXiv 1409.1556) in the normalised form of AdaIN (Huang & Belongie
2017, arXiv 1703.06868) and WCT (Li et al. 2017, arXiv 1705.08086). A 1x1 convolution turns RGB in [0, 1] into the
network's own colours. Every 3x3 convolution is padded by reflection and followed by a ReLU. Pooling keeps the last odd
row and column. A decoder of level k has the encoder's layers up to relu{k}_1 in reverse order, without the 1x1
convolution, and with nearest upsampling instead of pooling. Other widths give the networks of Collaborative
Distillation (Wang et al. 2020, arXiv 2003.08436); its own code drops an odd last row and column instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adain.nn.borders import convolved
from adain.nn.padding import reflected_by_one

__all__ = [
    "VGG19_WIDTHS",
    "Conv",
    "Decoder",
    "Encoder",
    "Layer",
    "decoder_layers",
    "encoder_layers",
    "smallest_side",
    "stride",
    "vgg_layers",
]

VGG19_WIDTHS = (64, 128, 256, 512, 512)
CONVOLUTIONS_PER_BLOCK = (2, 2, 4, 4, 4)


@dataclass(frozen=True)
class Conv:
    """One convolution: name in our state dicts, channels, kernel size, and whether a ReLU follows."""

    name: str
    inputs: int
    outputs: int
    kernel: int = 3
    relu: bool = True


Layer = Conv | Literal["pool", "up"]


def stride(level: int) -> int:
    """Pixels of the picture per pixel of relu{level}_1, along each side."""
    return 1 << (level - 1)


def smallest_side(level: int) -> int:
    """The smallest height and width that an encoder takes: reflection by 1 needs 2 pixels on the deepest map."""
    return stride(level) + 1


def vgg_layers(widths: Sequence[int]) -> tuple[Layer, ...]:
    """All layers from the picture to relu5_4; `widths` are the channels of the blocks, up to five."""
    layers: list[Layer] = [Conv("conv0", 3, 3, kernel=1, relu=False)]
    channels = 3
    for block, (width, count) in enumerate(zip(widths, CONVOLUTIONS_PER_BLOCK, strict=False), start=1):
        if block > 1:
            layers.append("pool")
        for index in range(1, count + 1):
            layers.append(Conv(f"conv{block}_{index}", channels, width))
            channels = width
    return tuple(layers)


def encoder_layers(widths: Sequence[int], level: int) -> tuple[Layer, ...]:
    """The layers from the picture to relu{level}_1."""
    layers = vgg_layers(widths)
    names = [layer.name if isinstance(layer, Conv) else layer for layer in layers]
    return layers[: names.index(f"conv{level}_1") + 1]


def decoder_layers(widths: Sequence[int], level: int, *, output_relu: bool) -> tuple[Layer, ...]:
    """The layers from relu{level}_1 back to the picture; each convolution is named after the one it inverts."""
    layers: list[Layer] = []
    for layer in reversed(encoder_layers(widths, level)[1:]):
        if isinstance(layer, Conv):
            relu = output_relu or layer.name != "conv1_1"
            layers.append(Conv(layer.name, layer.outputs, layer.inputs, relu=relu))
        else:
            layers.append("up")
    return tuple(layers)


class _Stack(nn.Module):
    """A sequence of layers; the parameters are `{conv.name}.weight` and `{conv.name}.bias`."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        super().__init__()
        self.layers = tuple(layers)
        for layer in self.layers:
            if isinstance(layer, Conv):
                self.add_module(layer.name, nn.Conv2d(layer.inputs, layer.outputs, layer.kernel))

    def step(self, layer: Layer, x: Tensor) -> Tensor:
        """Run one layer; (N, C, H, W) to (N, C', H', W')."""
        if layer == "pool":
            return F.max_pool2d(x, 2, ceil_mode=True)
        if layer == "up":
            return F.interpolate(x, scale_factor=2.0, mode="nearest")
        if layer.kernel == 3:
            x = reflected_by_one(x)
        x = self.get_submodule(layer.name)(x)
        return torch.relu(x) if layer.relu else x

    def _band(self, layers: Sequence[Layer]) -> int:
        """Width of the invalid band behind these layers; see `adain.nn.borders`."""
        band = 0
        for layer in layers:
            if layer == "pool":
                band = -(-band // 2)
            elif layer == "up":
                band *= 2
            elif layer.kernel == 3:
                band = convolved(band)
        return band


class Encoder(_Stack):
    """VGG-19 from a picture to relu{level}_1.

    Args:
        widths: channels of the blocks, (64, 128, 256, 512, 512) for VGG-19.
        level: 1 to 5.
    """

    def __init__(self, widths: Sequence[int], level: int) -> None:
        super().__init__(encoder_layers(widths, level))
        self.level = level
        self.widths = tuple(widths)

    def forward(self, image: Tensor, level: int | None = None) -> Tensor:
        """The feature map of one level.

        Args:
            image: (N, 3, H, W) float, RGB in [0, 1]; at least 2 ** (level - 1) + 1 pixels a side.
            level: 1 to the encoder's own level, which is the default.

        Returns:
            (N, C, ceil(H / s), ceil(W / s)) with s = 2 ** (level - 1).
        """
        level = self.level if level is None else level
        return self.taps(image, (level,))[level]

    def taps(self, image: Tensor, levels: Sequence[int]) -> dict[int, Tensor]:
        """The feature maps of several levels in one pass, which stops at the deepest; `image` as in `forward`."""
        maps = self.named(image, [f"relu{level}_1" for level in levels])
        return {int(name[4]): x for name, x in maps.items()}

    def named(self, image: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """The maps of any rectified layers, such as `relu4_2`, by name; otherwise as `taps`."""
        found: dict[str, Tensor] = {}
        names = {f"conv{layer.removeprefix('relu')}": layer for layer in layers}
        x = image
        for layer in self.layers:
            x = self.step(layer, x)
            if isinstance(layer, Conv) and layer.name in names:
                found[names[layer.name]] = x
                if len(found) == len(names):
                    break
        return found

    def band(self, level: int) -> int:
        """Width of the invalid band of relu{level}_1 along a tile's inner edge."""
        return self._band(encoder_layers(self.widths, level))


class Decoder(_Stack):
    """Decodes relu{level}_1 to a picture.

    Args:
        widths: channels of the blocks of the encoder it inverts.
        level: 1 to 5.
        output_relu: whether a ReLU follows the last convolution; only Collaborative Distillation has one.
    """

    def __init__(self, widths: Sequence[int], level: int, *, output_relu: bool = False) -> None:
        super().__init__(decoder_layers(widths, level, output_relu=output_relu))
        self.level = level
        self.widths = tuple(widths)

    def forward(self, feature: Tensor) -> Tensor:
        """(N, C, h, w) to (N, 3, s*h, s*w) with s = 2 ** (level - 1); about [0, 1], not clipped."""
        x = feature
        for layer in self.layers:
            x = self.step(layer, x)
        return x

    def band(self) -> int:
        """Width of the invalid band of the picture along a tile's inner edge."""
        return self._band(self.layers)
