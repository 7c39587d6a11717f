"""The frozen network the losses look through: normalised VGG-19, its deep layers possibly distilled ones.

The exact VGG-19 gives all layers its file holds. Where that file ends early, the deeper layers come from the
encoders of Collaborative Distillation (Wang et al. 2020, arXiv:2003.08436), a separate one per level, which
imitate it at a quarter of the width. Their features are 3 to 10 times larger, so losses on them should be
relative ones, or go through the 1x1 heads that map them to VGG-19's channels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from adain.errors import InputError, WeightsError
from adain.nn.vgg import Conv, Encoder, encoder_layers

__all__ = ["LossNetwork", "load"]

VGG_WIDTHS = (64, 128, 256, 512, 512)
SLIM_WIDTHS = (16, 32, 64, 128, 128)
# Module indices of the convolutions in the published Sequential `vgg_normalised.pth`, in order.
VGG_INDICES = (0, 2, 5, 9, 12, 16, 19, 22, 25, 29, 32, 35, 38, 42)
FULL_FILES = ("vgg_normalised.pth", "vgg_normalised.safetensors")
SHALLOW_FILE = "vgg19_normalised_to_relu3_1.safetensors"
QUICK = "quick_"  # before a layer's name: that layer of a distilled encoder, even where the exact one is there
DISTILLED_FILE = "collab_distill_encoder_relu{level}_1.safetensors"


class LossNetwork(nn.Module):
    """Features by layer name, from several frozen encoders; gradients flow to the picture only.

    Args:
        encoders: each with the layers that are taken from it.
        heads: 1x1 convolutions from a layer's features to VGG-19's channels, for the losses to apply: moments behind
            one cost less than the convolution.
        files: where the weights come from, `{file name: sha256}`.
    """

    def __init__(
        self,
        encoders: Iterable[tuple[Encoder, tuple[str, ...]]],
        heads: Mapping[str, nn.Conv2d] | None = None,
        files: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        pairs = list(encoders)
        self.encoders = nn.ModuleList(encoder for encoder, _ in pairs)
        self.heads: Mapping[str, nn.Conv2d] = dict(heads or {})
        self._heads = nn.ModuleList(self.heads.values())  # moved and frozen with the rest
        self.files = dict(files or {})
        self._layers = [layers for _, layers in pairs]
        self.requires_grad_(False).eval()

    @property
    def layers(self) -> tuple[str, ...]:
        """All layers it can give."""
        return tuple(layer for layers in self._layers for layer in layers)

    def forward(self, picture: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Features of a picture.

        Args:
            picture: (N, 3, H, W), RGB in [0, 1]; sides of at least 17 pixels.
            layers: out of `layers`.

        Returns:
            Layer name to (N, C, h, w); encoders that no wanted layer needs are not run.
        """
        wanted = set(layers)
        found: dict[str, Tensor] = {}
        for encoder, own in zip(self.encoders, self._layers, strict=True):
            names = {_level(layer): layer for layer in own if layer in wanted}
            if names:
                assert isinstance(encoder, Encoder)
                taps = encoder.taps(picture, list(names))
                found.update({names[level]: feature for level, feature in taps.items()})
        return found


def _level(layer: str) -> int:
    return int(layer.removeprefix(QUICK)[4])


def load(path: Path, layers: Iterable[str], *, heads: bool = False, quick: bool = False) -> LossNetwork:
    """The loss network for `layers` from weight files.

    Args:
        path: the full `vgg_normalised.pth`, or a folder that holds it, or a folder with VGG-19 to relu3_1 and
            distilled encoders.
        layers: `relu1_1` to `relu5_1`.
        heads: also give the 1x1 convolutions that map distilled features to VGG-19's channels.
        quick: also give all of `layers` from the deepest encoder alone, as `quick_relu1_1` and so on; where that
            is a distilled one, a step with these costs a quarter.

    Raises:
        WeightsError: a file is missing or does not fit.
    """
    wanted = sorted(set(layers))
    deepest = int(wanted[-1][4])
    full = path if path.is_file() else next((path / name for name in FULL_FILES if (path / name).is_file()), None)
    also = tuple(QUICK + layer for layer in wanted) if quick else ()
    if full is not None:
        vgg = _vgg(full, deepest)
        return LossNetwork([(vgg, tuple(wanted)), (vgg, also)], files={full.name: _sha256(full)})
    shallow = path / SHALLOW_FILE
    if not shallow.is_file():
        raise WeightsError(
            f"no loss network in {path}: it needs {FULL_FILES[0]} (the full normalised VGG-19), "
            f"or {SHALLOW_FILE} with {DISTILLED_FILE.format(level='4')}; name the folder with --teachers"
        )
    exact = tuple(layer for layer in wanted if int(layer[4]) <= 3)
    files = {shallow.name: _sha256(shallow)}
    encoders = [(_vgg(shallow, int(exact[-1][4])), exact)] if exact else []
    found_heads: dict[str, nn.Conv2d] = {}
    for layer in wanted[len(exact) :]:
        file = path / DISTILLED_FILE.format(level=layer[4])
        encoder = _distilled(file, int(layer[4]))
        encoders.append((encoder, (layer,)))
        files[file.name] = _sha256(file)
        if heads:
            found_heads[layer] = _head(file, int(layer[4]))
    if heads and wanted[len(exact) :]:  # the deepest file has a head for every layer
        found_heads |= {name: _head(file, _level(name)) for name in also}
    encoders.append((encoders[-1][0], also))
    return LossNetwork(encoders, found_heads if heads else None, files)


def _vgg(path: Path, level: int) -> Encoder:
    layers = [layer for layer in encoder_layers(VGG_WIDTHS, level) if isinstance(layer, Conv)]
    names = {layer.name: str(index) for layer, index in zip(layers, VGG_INDICES, strict=False)}
    return _fill(Encoder(VGG_WIDTHS, level), _tensors(path), names, path)


def _distilled(path: Path, level: int) -> Encoder:
    layers = [layer for layer in encoder_layers(SLIM_WIDTHS, level) if isinstance(layer, Conv)]
    names = {layer.name: layer.name.replace("_", "") for layer in layers}
    tensors = _tensors(path)
    return _fill(Encoder(SLIM_WIDTHS, level), tensors, names, path)


def _head(path: Path, level: int) -> nn.Conv2d:
    head = nn.Conv2d(SLIM_WIDTHS[level - 1], VGG_WIDTHS[level - 1], 1)
    tensors = _tensors(path)
    head.load_state_dict({kind: tensors[f"conv{level}1_aux.{kind}"] for kind in ("weight", "bias")})
    return head


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        tensors: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, SafetensorError, RuntimeError, ValueError) as error:
        raise WeightsError(f"cannot read weights {path}: {error}") from error
    return tensors


def _fill(encoder: Encoder, tensors: Mapping[str, Tensor], names: Mapping[str, str], path: Path) -> Encoder:
    """Load `encoder` from tensors called `names[own name]`; what lies deeper in the file is ignored."""
    own = {}
    for name, expected in encoder.state_dict().items():
        module, kind = name.rsplit(".", 1)
        key = f"{names[module]}.{kind}"
        if key not in tensors or tensors[key].shape != expected.shape:
            got = tuple(tensors[key].shape) if key in tensors else "nothing"
            raise WeightsError(f"{path}: '{key}' must have shape {tuple(expected.shape)}, got {got}")
        own[name] = tensors[key].float()
    encoder.load_state_dict(own)
    return encoder


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def required(layers: Iterable[str], network: LossNetwork) -> None:
    """Check that `network` gives `layers`.

    Raises:
        InputError: it does not.
    """
    missing = sorted(set(layers) - set(network.layers))
    if missing:
        raise InputError(f"the loss network has no {', '.join(missing)}; it has {', '.join(network.layers)}")
