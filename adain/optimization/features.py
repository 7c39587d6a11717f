"""The frozen networks whose features an optimisation compares, by name.

A model's name stands for its encoder, read from the model's own files. `vgg16` and `torchvision` are further ones. All
take RGB in [0, 1]. Their features differ in scale, so most losses in `adain.optimization.terms` are relative.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TypeAlias, TypeVar

import torch
from torch import Tensor, nn

from adain import registry, weights
from adain.nn import build
from adain.nn.slim import SlimNetwork
from adain.nn.slim_layers import SCALES
from adain.nn.vgg import Encoder
from adain.nn.vgg_networks import VGGNetwork
from adain.optimization.options import OptimizeOptions
from adain.training import loss_files
from adain.training.loss_encoders import BlurPoolVGG16, ShippedEncoder
from adain.training.loss_layers import VGG_LAYERS

__all__ = ["Features", "load", "of_options", "stride"]

_GATYS_CONTENT = "relu4_2"  # of Gatys et al.; also where the style layers are relu1_1 to relu5_1
_VGG_BAND = 112  # px; more than a third of what relu5_1 of VGG-19 sees, and all that changes by more than rounding
_SLIM_BAND = 64  # px

logger = logging.getLogger(__name__)

Maps: TypeAlias = dict[str, Tensor]
Run: TypeAlias = Callable[[Tensor, Sequence[str]], Maps]
Sides: TypeAlias = Callable[[int, str], int]
_N = TypeVar("_N", bound=nn.Module)


@dataclass(frozen=True)
class Features:
    """A frozen feature network.

    Attributes:
        name: as in `OptimizeOptions.features`.
        style_layers: the layers of the style losses.
        content_layers: the layers of the content losses.
        run: pictures (N, 3, H, W) in [0, 1] and names of layers to maps (N, C, h, w) by name.
        sides: length of a map's side for a picture's, at a layer.
        minimum: least side of a picture, in pixels.
        band: width in pixels of the invalid band along the inner edges of a tile.
        bytes_per_pixel: memory of one pass with gradient, per pixel of the picture; measured with vgg16 and adain-slim.
        precision: torch's type that convolutions run in.
    """

    name: str
    style_layers: tuple[str, ...]
    content_layers: tuple[str, ...]
    run: Run
    sides: Sides
    minimum: int
    band: int
    bytes_per_pixel: int
    precision: torch.dtype = torch.float32

    @property
    def sliced_layers(self) -> tuple[str, ...]:
        """The layers whose patches are compared: of strokes, neither of colours nor of whole things."""
        return self.style_layers[1:3] if len(self.style_layers) > 3 else self.style_layers[:2]

    @property
    def multiple(self) -> int:
        """What the positions of tiles are multiples of: the stride of the deepest layer."""
        return max(map(stride, (*self.style_layers, *self.content_layers)))

    def __call__(self, picture: Tensor, layers: Iterable[str]) -> Maps:
        """The maps of a picture (1, 3, H, W), float32, by layer."""
        low = self.precision != torch.float32
        with torch.autocast(picture.device.type, self.precision, enabled=low):
            return {name: x.float() for name, x in self.run(picture, tuple(layers)).items()}


def stride(layer: str) -> int:
    """Pixels of the picture per pixel of a layer: 8 for `relu4_2` and `x8`."""
    return int(layer[1:]) if layer.startswith("x") else 1 << (int(layer[4]) - 1)


def of_options(options: OptimizeOptions, device: torch.device) -> Features:
    """Load the feature network that the options name, as `load` does."""
    return load(options.features, weights_dir=options.weights_dir, precision=options.precision, device=device)


def load(
    name: str | None,
    *,
    weights_dir: str | os.PathLike[str] | None = None,
    precision: str | None = None,
    device: torch.device,
) -> Features:
    """Load a feature network.

    Args:
        name: one of `options.FEATURES`. None: `vgg16` if its package is installed, else the default model's encoder.
        weights_dir: searched first for a model's weights.
        precision: `bf16`, or None for fp32.
        device: where it runs.

    Raises:
        InputError: the name is unknown.
        WeightsError: its weights are missing or do not fit.
        DownloadError: they could not be downloaded.
    """
    if name is None:
        name = "vgg16" if find_spec(loss_files.VGG16_PACKAGE) is not None else registry.DEFAULT
        logger.info("features of %s", name)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    if name == "vgg16":
        file = loss_files.find("vgg16", VGG_LAYERS).by_layer[VGG_LAYERS[-1]]
        return _whole_vgg(name, _frozen(BlurPoolVGG16.load(file, 5), device).named, _blurred, dtype)
    if name == "torchvision":
        from adain.optimization.torchvision_vgg import TorchvisionVGG19  # importing torchvision takes a second

        return _whole_vgg(name, _frozen(TorchvisionVGG19.load(), device).named, _floored, dtype)
    model = registry.get(name)
    network = _frozen(build.load(model, weights.find(model, weights_dir)), device)
    if isinstance(network, SlimNetwork):
        return _slim(name, ShippedEncoder(network.encoder), dtype)
    assert isinstance(network, VGGNetwork)
    return _vgg(name, [each for each in network.encoders if isinstance(each, Encoder)], dtype)


def _frozen(network: _N, device: torch.device) -> _N:
    return network.to(device).to(memory_format=torch.channels_last).requires_grad_(False).eval()


def _whole_vgg(name: str, named: Run, sides: Sides, dtype: torch.dtype) -> Features:
    """A VGG to relu5_1 that gives any of its rectified layers."""
    return Features(name, VGG_LAYERS, (_GATYS_CONTENT,), named, sides, 32, _VGG_BAND, 4300, dtype)


def _blurred(side: int, layer: str) -> int:
    """The side of a map behind the blurs of `BlurPoolVGG16`."""
    for _ in range(int(layer[4]) - 1):
        side = side // 2 + 1
    return side


def _floored(side: int, layer: str) -> int:
    return side // stride(layer)


def _ceiled(side: int, layer: str) -> int:
    return -(-side // stride(layer))


def _slim(name: str, network: ShippedEncoder, dtype: torch.dtype) -> Features:
    layers = {f"x{scale}": scale for scale in SCALES}

    def run(picture: Tensor, wanted: Sequence[str]) -> Maps:
        maps = network.taps(picture, [layers[layer] for layer in wanted])
        return {f"x{scale}": x for scale, x in maps.items()}

    def sides(side: int, layer: str) -> int:
        return -(-side // SCALES[-1]) * SCALES[-1] // layers[layer]

    return Features(name, tuple(layers), (f"x{SCALES[-1]}",), run, sides, 32, _SLIM_BAND, 500, dtype)


def _vgg(name: str, encoders: Sequence[Encoder], dtype: torch.dtype) -> Features:
    """VGG-19 in one encoder, or an encoder per level, each of which gives its deepest layer only."""
    deepest = max(encoder.level for encoder in encoders)
    shared = len(encoders) == 1
    style_layers = VGG_LAYERS[:deepest]
    whole = shared and deepest > 4
    content = _GATYS_CONTENT if whole else style_layers[min(deepest, 4) - 1]

    def run(picture: Tensor, wanted: Sequence[str]) -> Maps:
        if shared:
            return encoders[0].named(picture, wanted)
        return {f"relu{each.level}_1": each(picture) for each in encoders if f"relu{each.level}_1" in wanted}

    return Features(name, style_layers, (content,), run, _ceiled, 32, _VGG_BAND, 4800 if shared else 1600, dtype)
