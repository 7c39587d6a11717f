"""The layers that each loss network gives, and those that the losses take by default. Data only.

- `vgg19`: the normalised VGG-19 of AdaIN and WCT, a download.
- `vgg16`: the VGG-16 with anti-aliased pooling of ST-LPIPS (Ghildyal & Liu 2022, arXiv:2207.13686), from PyPI.
- `shipped`: the encoder of `adain-slim`, which comes with this package; its maps have 1/2, 1/4 and 1/8 of the
  picture's resolution.

The features of these networks differ in scale, so only losses relative to the style's or content's own size
(`losses.style_form` "relative" or "relative_root", `losses.content`, `losses.content_cosine`) carry over from one to
another.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["LOSS_LAYERS", "VGG_LAYERS", "LossLayers"]

VGG_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


class LossLayers(NamedTuple):
    """The default layers of the style losses, which are all the network gives, and of the content losses."""

    style: tuple[str, ...]
    content: tuple[str, ...]


LOSS_LAYERS: Mapping[str, LossLayers] = {
    "vgg19": LossLayers(style=VGG_LAYERS, content=("relu4_1",)),
    "vgg16": LossLayers(style=VGG_LAYERS, content=("relu4_1",)),
    "shipped": LossLayers(style=("x2", "x4", "x8"), content=("x8",)),
}
