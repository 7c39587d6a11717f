"""Everything the quality reports measure of a stylization, by two judges that look at each picture once.

`Judge` compares moments and structure with the style's and the content's. `StrokeJudge` tells whether a result is
painted or tinted; the formulas are in `adain.metrics_strokes`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean

import click
import numpy as np
import torch
from exhibits import Exhibit
from judge import Judge, Traits
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from adain import metrics_strokes
from adain.errors import AdainError
from adain.training.loss_network import LossNetwork

__all__ = ["Jury", "Looks", "StrokeJudge", "alexnet"]

MOMENTS = (
    *("style_vgg", "style_deep", "style_slim", "color"),
    *("content", "content_slim", "ssim"),
    *("grid", "blocks", "hatching"),
)
VGG = ("relu2_1", "relu3_1")
Features = Callable[[Tensor], Sequence[Tensor]]


@dataclass(frozen=True)
class Paint:
    """What the stroke measures need of a picture.

    Attributes:
        picture: (1, 3, H, W) in [0, 1].
        contrasts: local contrast per band.
        patches: network to its filters' sorted responses (1, filters, pixels), per scale and layer.
    """

    picture: Tensor
    contrasts: Sequence[Tensor]
    patches: Mapping[str, Sequence[Tensor]]


class StrokeJudge:
    """Looks at pictures through VGG-19 and through a network that no loss uses, at three scales.

    Args:
        vgg: gives relu2_1 and relu3_1.
        unseen: the other network.
    """

    def __init__(self, vgg: LossNetwork, unseen: Features) -> None:
        self._vgg, self._unseen = vgg, unseen
        self._filters: dict[int, Tensor] = {}

    @torch.inference_mode()
    def look(self, picture: Tensor, features: Mapping[str, Tensor]) -> Paint:
        """Reduce a picture.

        Args:
            picture: (1, 3, H, W) in [0, 1], of at least 128 px a side.
            features: its relu2_1 and relu3_1 of `vgg`.
        """
        layers: dict[str, list[Tensor]] = {"patches": [], "patches_unseen": []}
        for scale in (1, 2, 4):
            copy = F.avg_pool2d(picture, scale)
            seen = features if scale == 1 else self._vgg(copy, VGG)
            layers["patches"] += [seen[layer].contiguous() for layer in VGG]
            layers["patches_unseen"] += self._unseen(copy)
        patches = {name: [self._responses(layer) for layer in found] for name, found in layers.items()}
        return Paint(picture, metrics_strokes.band_contrasts(picture), patches)

    def _responses(self, layer: Tensor) -> Tensor:
        """Of the filters to a layer, sorted: by numpy, which takes a fifth of torch's time."""
        filters = self._filters.setdefault(layer.shape[1], metrics_strokes.slices(layer.shape[1]))
        return torch.from_numpy(np.sort(F.conv2d(layer, filters).flatten(2).numpy()))

    @torch.inference_mode()
    def distance(self, picture: Paint, style: Paint) -> dict[str, float]:
        """How far a picture's paint is from a style's; what each number means: `benchmarks/README.md`."""
        found = {name: _distances(picture.patches[name], style.patches[name]) for name in picture.patches}
        return {
            "contrast": metrics_strokes.contrast_distance(picture.contrasts, style.contrasts).item(),
            **{name: fmean(distances) for name, distances in found.items()},
            "shapes": fmean(found["patches"][-len(VGG) :]),  # of the copy at a quarter
        }

    @torch.inference_mode()
    def compare(self, stylized: Paint, content: Paint, style: Paint) -> dict[str, float]:
        """The stroke measures of a result."""
        flat = metrics_strokes.flatness(content.picture)
        return self.distance(stylized, style) | {
            "fill": metrics_strokes.fill(stylized.contrasts, style.contrasts, flat).item(),
            "halo": metrics_strokes.halo(stylized.picture, content.picture).item(),
            "bareness": metrics_strokes.bareness(_in_fours(stylized.picture), _in_fours(content.picture)).item(),
        }


def _distances(found: Sequence[Tensor], wanted: Sequence[Tensor]) -> list[float]:
    return [metrics_strokes.sorted_response_distance(f, w).item() for f, w in zip(found, wanted, strict=True)]


def _in_fours(picture: Tensor) -> Tensor:
    return picture[..., : picture.shape[2] // 4 * 4, : picture.shape[3] // 4 * 4]


def alexnet() -> Features:
    """The second and third layer of the shift-tolerant AlexNet in the package stlpips-pytorch (BSD-2).

    Raises:
        ClickException: the package is missing.
    """
    found = find_spec("stlpips_pytorch")
    if found is None or not found.submodule_search_locations:
        raise click.ClickException("the unseen network's weights are missing: pip install stlpips-pytorch")
    file = Path(found.submodule_search_locations[0]) / "weights/vST0.0/alex_shift_tolerant.pth"
    w = torch.load(file, map_location="cpu", weights_only=True)

    def blurred(x: Tensor) -> Tensor:
        row = x.new_tensor([1.0, 2.0, 1.0]) / 4
        kernel = (row[:, None] * row).expand(x.shape[1], 1, 3, 3)
        return F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), kernel, stride=2, groups=x.shape[1])

    def convolved(x: Tensor, name: str, padding: int) -> Tensor:
        return F.conv2d(x, w[f"net.{name}.weight"], w[f"net.{name}.bias"], padding=padding)

    def see(picture: Tensor) -> list[Tensor]:
        x = (2 * picture - 1 - w["scaling_layer.shift"]) / w["scaling_layer.scale"]
        x = torch.relu(blurred(convolved(x, "slice1.0", 2)))
        second = torch.relu(convolved(blurred(F.max_pool2d(x, 3, stride=1)), "slice2.5", 2))
        third = torch.relu(convolved(blurred(F.max_pool2d(second, 3, stride=1)), "slice3.9", 1))
        return [second, third]

    return see


@dataclass(frozen=True)
class Looks:
    """What both judges need of a picture."""

    traits: Traits
    paint: Paint


@dataclass
class Jury:
    """Both judges; they look at each original once."""

    judge: Judge
    strokes: StrokeJudge
    _originals: dict[str, Looks] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path) -> Jury:
        """Build the jury whose numbers are published.

        Args:
            folder: holds the networks of `Judge.open`.

        Raises:
            ClickException: a network is missing or does not fit.
        """
        try:
            judge = Judge.open(folder)
        except AdainError as error:
            raise click.ClickException(f"--networks: {error}") from error
        return cls(judge, StrokeJudge(judge.network, alexnet()))

    def look(self, rgb: NDArray[np.uint8]) -> Looks:
        """Look at a picture (H, W, 3) uint8 of at least 128 px a side."""
        picture, features = self.judge.see(rgb)
        return Looks(self.judge.look(picture, features), self.strokes.look(picture, features))

    def original(self, exhibit: Exhibit) -> Looks:
        """Look at a content or a style, or remember it."""
        if exhibit.digest not in self._originals:
            self._originals[exhibit.digest] = self.look(exhibit.rgb)
        return self._originals[exhibit.digest]

    def compare(self, stylized: Looks, content: Looks, style: Looks) -> dict[str, float]:
        """Every number of a stylization; what each means: `benchmarks/README.md`.

        Raises:
            InputError: the result is not of the content's size.
        """
        measured = self.judge.compare(stylized.traits, content.traits, style.traits)
        moments = {name: float(getattr(measured, name)) for name in MOMENTS}
        layers = {f"style_{layer}": distance for layer, distance in measured.style.items()}
        return self.strokes.compare(stylized.paint, content.paint, style.paint) | moments | layers
