"""What a stylization is worth: its distance to the style, to the content, and its structural similarity.

`Judge` looks through networks that are never those of the model it judges: the exact normalised VGG-19 to
relu3_1 (Simonyan & Zisserman 2014, arXiv:1409.1556, as released with WCT) and, for the deep layers, the
distilled encoders of Collaborative Distillation (Wang et al. 2020, arXiv:2003.08436), whose raw slim features
are used. The formulas are in `adain.metrics`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from adain import metrics
from adain.metrics import Moments
from adain.training.loss_network import LossNetwork, required

__all__ = ["LAYERS", "Judge", "Measurement", "Traits"]

SHALLOW = ("relu1_1", "relu2_1", "relu3_1")
DEEP = ("relu4_1", "relu5_1")
LAYERS = SHALLOW + DEEP
STRUCTURE = "relu4_1"  # the layer whose instance-normalised features stand for the content


@dataclass(frozen=True)
class Traits:
    """Everything about one picture that the distances need, so that a picture is looked at once.

    Attributes:
        moments: statistics per layer.
        structure: (1, C, H/8, W/8), the instance-normalised relu4_1.
        luminance: (1, 1, H, W) in [0, 1].
    """

    moments: Mapping[str, Moments]
    structure: Tensor
    luminance: Tensor


@dataclass(frozen=True)
class Measurement:
    """The quality of one stylization.

    Attributes:
        style: style distance per layer; 0 is the style's own statistics.
        content: content distance; 0 is the content's own structure.
        ssim: structural similarity to the content; 1 is the content.
        grid: how far a checkerboard or screen stands out, in decibels.
    """

    style: Mapping[str, float]
    content: float
    ssim: float
    grid: float

    @property
    def style_vgg(self) -> float:
        """The mean style distance over relu1_1, relu2_1 and relu3_1."""
        return self._mean(SHALLOW)

    @property
    def style_deep(self) -> float:
        """The mean style distance over relu4_1 and relu5_1."""
        return self._mean(DEEP)

    def _mean(self, layers: Iterable[str]) -> float:
        return fmean(self.style[layer] for layer in layers)


class Judge:
    """Measures stylizations through a fixed network.

    Args:
        network: gives relu1_1 to relu5_1.
        device: where it runs.

    Raises:
        InputError: the network lacks a layer.
    """

    def __init__(self, network: LossNetwork, *, device: str | torch.device = "cpu") -> None:
        required(LAYERS, network)
        self._device = torch.device(device)
        # Channels last is 1.4 times as fast on CPUs and changes no number beyond rounding.
        self._network = network.to(self._device).to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def look(self, rgb: NDArray[np.uint8]) -> Traits:
        """Reduce a picture, uint8 sRGB (H, W, 3) of at least 17 px a side, to what the distances need."""
        image = torch.tensor(rgb, device=self._device).permute(2, 0, 1)[None].float() / 255  # (1, 3, H, W)
        features = self._network(image, LAYERS)
        return Traits(
            moments={layer: metrics.moments(features[layer]) for layer in LAYERS},
            structure=metrics.instance_normalize(features[STRUCTURE]),
            luminance=metrics.luminance(image),
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
        return Measurement(
            style={
                layer: metrics.style_distance(stylized.moments[layer], style.moments[layer]).item() for layer in LAYERS
            },
            content=metrics.content_distance(stylized.structure, content.structure).item(),
            ssim=metrics.ssim(stylized.luminance, content.luminance).item(),
            grid=metrics.grid(stylized.luminance).item(),
        )
