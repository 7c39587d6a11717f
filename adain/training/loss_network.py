"""The frozen network whose features the losses compare.

Three networks can be it, by `losses.network` of a recipe; see `adain.training.loss_layers`. The default is the
normalised VGG-19. Its file may end at relu3_1. Then the deeper layers come from the encoders of Collaborative
Distillation (Wang et al. 2020, arXiv:2003.08436), a separate one per layer, which imitate VGG-19 at a quarter of its
width. Their features are 3 to 10 times larger, so losses on them should be relative, or compare them after 1x1
convolutions ("heads") to VGG-19's channels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from adain.nn import checkpoints
from adain.nn.vgg import VGG19_WIDTHS, Encoder
from adain.training.loss_encoders import BlurPoolVGG16, ShippedEncoder
from adain.training.loss_files import LossFiles

__all__ = ["QUICK", "LossNetwork", "load"]

DISTILLED_WIDTHS = (16, 32, 64, 128, 128)
QUICK = "quick_"  # prefix of a layer that comes from the deepest encoder, even where an exact one is there


@runtime_checkable
class LossEncoder(Protocol):
    """Gives several feature maps of a picture in one pass."""

    def taps(self, picture: Tensor, levels: Sequence[int]) -> dict[int, Tensor]:
        """Feature maps of pictures (N, 3, H, W) in [0, 1] by level: 4 is relu4_1 of VGG, or x4 of `adain-slim`."""


class LossNetwork(nn.Module):
    """Features by layer name from frozen encoders. Gradients reach the picture, not the weights.

    Args:
        encoders: each encoder with the layers that are taken from it.
        heads: 1x1 convolutions by layer, from its features to VGG-19's channels. The losses apply them, because moments
            of the convolved features follow from a covariance at less cost than the convolution.
        files: sha256 of the weights by file name.
    """

    def __init__(
        self,
        encoders: Iterable[tuple[nn.Module, Sequence[str]]],
        heads: Mapping[str, nn.Conv2d] | None = None,
        files: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        pairs = list(encoders)
        self.encoders = nn.ModuleList(encoder for encoder, _ in pairs)
        self.heads: Mapping[str, nn.Conv2d] = dict(heads or {})
        self._heads = nn.ModuleList(self.heads.values())  # registered, to be moved and frozen with the rest
        self.files = dict(files or {})
        self._layers = [tuple(layers) for _, layers in pairs]
        self.requires_grad_(False).eval()

    @property
    def layers(self) -> tuple[str, ...]:
        """All layers it can give."""
        return tuple(layer for layers in self._layers for layer in layers)

    def forward(self, picture: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Features of a picture.

        Args:
            picture: (N, 3, H, W), RGB in [0, 1]; sides of at least 17 pixels for VGG-19, else 32.
            layers: some of `self.layers`.

        Returns:
            (N, C, h, w) by layer. Encoders that no wanted layer needs do not run.
        """
        wanted = set(layers)
        found: dict[str, Tensor] = {}
        for encoder, own in zip(self.encoders, self._layers, strict=True):
            names = {_level(layer): layer for layer in own if layer in wanted}
            if names:
                assert isinstance(encoder, LossEncoder)
                maps = encoder.taps(picture, list(names))
                found.update({names[level]: feature for level, feature in maps.items()})
        return found


def _level(layer: str) -> int:
    """4 for `relu4_1`, `quick_relu4_1` and `x4`."""
    return int(layer.removeprefix(QUICK).removeprefix("relu").removeprefix("x").split("_")[0])


def load(files: LossFiles, *, heads: bool = False, quick: bool = False) -> LossNetwork:
    """Build the loss network from its files.

    Args:
        files: the file of each layer, as `loss_files.find` returns them.
        heads: also load the 1x1 convolutions from distilled features to VGG-19's channels.
        quick: also give all layers from the deepest encoder alone, as `quick_relu1_1` and so on. If that is a distilled
            one, a step with these costs a quarter.

    Raises:
        WeightsError: a file cannot be read or does not fit.
    """
    layers_of: dict[Path, list[str]] = {}
    for layer in sorted(files.by_layer, key=_level):
        layers_of.setdefault(files.by_layer[layer], []).append(layer)
    encoders: list[tuple[nn.Module, Sequence[str]]] = []
    head_files: dict[str, Path] = {}
    for path, layers in layers_of.items():
        encoder = _encoder(files.network, path, _level(layers[-1]))
        if _is_distilled(encoder):
            head_files.update(dict.fromkeys(layers, path))
        encoders.append((encoder, layers))
    if quick:
        also = [QUICK + layer for layer in files.by_layer]
        encoders.append((encoder, also))
        if _is_distilled(encoder):
            head_files.update(dict.fromkeys(also, path))
    loaded_heads = {layer: _head(path, _level(layer)) for layer, path in head_files.items()} if heads else None
    return LossNetwork(encoders, loaded_heads, {path.name: _sha256(path) for path in layers_of})


def _encoder(network: str, path: Path, level: int) -> nn.Module:
    if network == "vgg16":
        return BlurPoolVGG16.load(path, level)
    if network == "shipped":
        return ShippedEncoder.load(path)
    distilled = "conv11.weight" in checkpoints.read(path)
    encoder = Encoder(DISTILLED_WIDTHS if distilled else VGG19_WIDTHS, level)
    checkpoints.load_into(encoder, path, "layer" if distilled else "index")
    return encoder


def _is_distilled(encoder: nn.Module) -> bool:
    return isinstance(encoder, Encoder) and encoder.widths == DISTILLED_WIDTHS


def _head(path: Path, level: int) -> nn.Conv2d:
    head = nn.Conv2d(DISTILLED_WIDTHS[level - 1], VGG19_WIDTHS[level - 1], 1)
    tensors = checkpoints.read(path)
    head.load_state_dict({kind: tensors[f"conv{level}1_aux.{kind}"] for kind in ("weight", "bias")})
    return head


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
