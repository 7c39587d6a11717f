"""The quality of a stylization: its distances to the style and to the content, and its structural similarity.

`Judge` compares features of fixed networks: the exact normalised VGG-19 to relu3_1 (Simonyan & Zisserman 2014,
arXiv:1409.1556, as released with WCT) and, for the deep layers, the distilled encoders of Collaborative Distillation
(Wang et al. 2020, arXiv:2003.08436). The distilled features are compared twice: after the 1x1 heads that map them to
VGG-19's channels, and without them, as WCT on these networks and a training with them as losses see them. The formulas
are in `distances.py` and `adain.metrics`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import distances
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from adain import metrics
from adain.errors import InputError, WeightsError
from adain.metrics import Moments
from adain.metrics_strokes import luminance
from adain.training import loss_files, loss_network
from adain.training.loss_network import LossNetwork

__all__ = ["LAYERS", "Judge", "Measurement", "Traits"]

SHALLOW = ("relu1_1", "relu2_1", "relu3_1")
DEEP = ("relu4_1", "relu5_1")
SLIM = ("slim_relu4_1", "slim_relu5_1")  # the same without the heads
LAYERS = SHALLOW + DEEP + SLIM
DECIBELS = 10 / math.log(10)  # a natural logarithm of power
STRUCTURE, SLIM_STRUCTURE = "relu4_1", "slim_relu4_1"  # instance-normalised, they stand for the content


@dataclass(frozen=True)
class Traits:
    """Everything about one picture that the distances need, so that a picture is looked at once.

    Attributes:
        moments: statistics per layer.
        structure: the instance-normalised relu4_1 with and without its head, (1, C, H/8, W/8) each.
        luminance: (1, 1, H, W) in [0, 1].
        colors: mean and deviation of the colours in several directions.
        frequencies: by how much each stands out, (1, 3, 32, 32).
    """

    moments: Mapping[str, Moments]
    structure: Mapping[str, Tensor]
    luminance: Tensor
    colors: Moments
    frequencies: Tensor


@dataclass(frozen=True)
class Measurement:
    """The quality of one stylization.

    Attributes:
        style: style distance per layer; 0 is the style's own statistics.
        color: distance of the colours, of which 1 is from black to pure red; 0 is the style's own.
        content: content distance through the head; 0 is the content's own structure.
        content_slim: content distance without it.
        ssim: structural similarity to the content; 1 is the content.
        grid: how far a checkerboard or screen stands out, in decibels.
        blocks: how much more it changes at some places of a lattice of 8 px than at others, in per cent.
        hatching: how far frequencies stand out that do so in neither content nor style, in decibels.
    """

    style: Mapping[str, float]
    color: float
    content: float
    content_slim: float
    ssim: float
    grid: float
    blocks: float
    hatching: float

    @property
    def style_vgg(self) -> float:
        """The mean style distance over relu1_1, relu2_1 and relu3_1."""
        return self._mean(SHALLOW)

    @property
    def style_deep(self) -> float:
        """The mean style distance over relu4_1 and relu5_1, through their heads."""
        return self._mean(DEEP)

    @property
    def style_slim(self) -> float:
        """The mean style distance over relu4_1 and relu5_1, without their heads."""
        return self._mean(SLIM)

    def _mean(self, layers: Iterable[str]) -> float:
        return fmean(self.style[layer] for layer in layers)


class Judge:
    """Measures stylizations through fixed networks.

    Args:
        network: gives relu1_1 to relu5_1.
        heads: what maps relu4_1 and relu5_1 to VGG-19's channels.
        device: where they run.

    Raises:
        InputError: the network lacks a layer.
    """

    def __init__(
        self, network: LossNetwork, heads: Mapping[str, nn.Module], *, device: str | torch.device = "cpu"
    ) -> None:
        missing = sorted({*SHALLOW, *DEEP} - set(network.layers))
        if missing:
            raise InputError(f"the network has no {', '.join(missing)}; it has {', '.join(network.layers)}")
        self._device = torch.device(device)
        # Channels last is 1.4 times as fast on CPUs and changes no number beyond rounding.
        self.network = network.to(self._device).to(memory_format=torch.channels_last)
        self._heads = {layer: heads[layer].to(self._device) for layer in DEEP}

    @classmethod
    def open(cls, folder: Path, *, device: str | torch.device = "cpu") -> Judge:
        """Build the judge whose numbers are published.

        Args:
            folder: holds `vgg19_normalised_to_relu3_1` and `collab_distill_encoder_relu{4,5}_1` (safetensors).
            device: where the networks run.

        Raises:
            WeightsError: a file is missing or does not fit, or is the whole VGG-19: numbers measured with that
                do not compare with the published ones.
        """
        network = loss_network.load(loss_files.find_vgg19(SHALLOW + DEEP, folder), heads=True)
        if len(network.files) != 1 + len(DEEP):
            raise WeightsError(f"{folder} holds the whole VGG-19; the judge takes it only to relu3_1")
        return cls(network, network.heads, device=device)

    @torch.inference_mode()
    def see(self, rgb: NDArray[np.uint8]) -> tuple[Tensor, dict[str, Tensor]]:
        """A picture, uint8 sRGB (H, W, 3) of at least 17 px a side, as (1, 3, H, W) in [0, 1], and its features."""
        image = torch.tensor(rgb, device=self._device).permute(2, 0, 1)[None].float() / 255
        return image, self.network(image, SHALLOW + DEEP)

    @torch.inference_mode()
    def look(self, image: Tensor, features: Mapping[str, Tensor]) -> Traits:
        """Reduce what `see` gave to what the distances need."""
        features = dict(features)
        for layer, slim in zip(DEEP, SLIM, strict=True):
            features[slim] = features[layer]
            features[layer] = self._heads[layer](features[slim])
        return Traits(
            moments={layer: distances.moments(features[layer]) for layer in LAYERS},
            structure={layer: distances.instance_normalize(features[layer]) for layer in (STRUCTURE, SLIM_STRUCTURE)},
            luminance=luminance(image),
            colors=metrics.color_moments(image),
            frequencies=metrics.standing_out(image),
        )

    @torch.inference_mode()
    def compare(self, stylized: Traits, content: Traits, style: Traits) -> Measurement:
        """Measure a stylization.

        Args:
            stylized: the result, of the content's size.
            content: the picture that was stylized.
            style: the picture whose style it was given, of any size.

        Raises:
            InputError: the result is not of the content's size.
        """
        content_distances = {
            layer: distances.content_distance(structure, content.structure[layer]).item()
            for layer, structure in stylized.structure.items()
        }
        return Measurement(
            style={
                layer: distances.style_distance(stylized.moments[layer], style.moments[layer]).item()
                for layer in LAYERS
            },
            color=metrics.color_distance(stylized.colors, style.colors).item(),
            content=content_distances[STRUCTURE],
            content_slim=content_distances[SLIM_STRUCTURE],
            ssim=distances.ssim(stylized.luminance, content.luminance).item(),
            grid=distances.grid(stylized.luminance).item(),
            blocks=100 * metrics.blocks(stylized.luminance).sqrt().item(),
            hatching=DECIBELS * metrics.hatching(*(t.frequencies for t in (stylized, content, style))).sqrt().item(),
        )
