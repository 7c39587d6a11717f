"""The training objective: the recipe's losses on one batch of contents and styles.

The loss network makes one pass over the result, and one without gradient over content and style. The first samples of a
batch (`identity_fraction`) have their own content as the style; the network should return it unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn

from adain.nn.padding import crop_to, reflected
from adain.nn.strokes import DraftAndRevise
from adain.training import losses, stroke_losses
from adain.training.adversary import Adversary
from adain.training.recipe import LossRecipe

__all__ = ["Features", "Objective", "StyleNetwork", "watched"]

_EVERY = 2  # `stability` is computed on every second sample
_AROUND = 24  # px reflected beyond each side: as far as borders are visible, and a multiple of all strides
T = TypeVar("T", Tensor, losses.Moments)
Loss = Callable[[T, T], Tensor]
Features = Callable[[Tensor, Iterable[str]], dict[str, Tensor]]  # the loss network


class StyleNetwork(Protocol):
    """A network that stylizes by a style code."""

    def encode_style(self, style: Tensor) -> dict[str, Tensor]:
        """Style pictures (N, 3, H, W) in [0, 1] to a code: arrays (N, ...) by name."""

    def __call__(self, content: Tensor, code: Mapping[str, Tensor], alpha: float | Tensor) -> Tensor:
        """Contents (N, 3, H, W) in [0, 1], a code and alpha to pictures (N, 3, H, W), not clipped."""


@dataclass(frozen=True)
class Objective:
    """The weighted sum of the recipe's losses, and each of them.

    Args:
        recipe: the weights and layers.
        features: the loss network.
        heads: 1x1 convolutions by layer; content and style moments of these layers are compared after them.
        adversary: for the adversarial loss, if there is one.
    """

    recipe: LossRecipe
    features: Features
    heads: Mapping[str, nn.Conv2d] = field(default_factory=dict)
    adversary: Adversary | None = None

    def __call__(
        self, network: StyleNetwork, content: Tensor, style: Tensor, noisy: Tensor | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted total, and each loss by name before weighting (detached scalars).

        Args:
            network: the network to train.
            content: (N, 3, H, W) in [0, 1].
            style: (N, 3, H, W) in [0, 1].
            noisy: the `watched` contents with noise (`losses.noisy`), for `stability`.
        """
        own = self.identity_count(content.shape[0])
        style = torch.cat([content[:own], style[own:]])
        code = network.encode_style(style)
        result = network(content, code, 1.0).float()
        parts = self.picture_losses(result, content, style, own)
        parts.update(self.feature_losses(result, content, style, own))
        parts.update(self.stroke_losses(result, content, style, own))
        if self.recipe.stability:
            assert noisy is not None
            watching = {name: watched(array) for name, array in code.items()}
            # The same grain on both sides: only the content's own noise counts.
            wider = network.widened(_AROUND, _EVERY) if isinstance(network, DraftAndRevise) else network
            with_noise = _with_more_around(wider, noisy, watching)
            parts["stability"] = losses.reconstruction_mse(with_noise, watched(result))
        if self.recipe.cycle:
            back = network(result, network.encode_style(content), 1.0)
            parts["cycle"] = losses.reconstruction_l1(back, content)
        if self.adversary is not None:
            parts["adversarial"] = self.adversary.generator_loss(result, style)
        total = torch.stack([getattr(self.recipe, name) * value for name, value in parts.items()]).sum()
        return total, {name: value.detach() for name, value in parts.items()}

    def identity_count(self, batch: int) -> int:
        """Number of samples in a batch that have their own content as the style."""
        return int(self.recipe.identity_fraction * batch + 0.5)

    def picture_losses(self, result: Tensor, content: Tensor, style: Tensor, own: int) -> dict[str, Tensor]:
        """The losses on pixels."""
        parts = {}
        if self.recipe.color:
            parts["color"] = losses.color(result, style)
        if self.recipe.total_variation:
            parts["total_variation"] = losses.total_variation(result)
        if self.recipe.grid:
            parts["grid"] = losses.grid(result)
        if self.recipe.hatching:
            parts["hatching"] = losses.hatching(result, content, style)
        if self.recipe.blocks:
            parts["blocks"] = losses.blocks(result)
        if self.recipe.gamut:
            parts["gamut"] = losses.gamut(result)
        if self.recipe.identity_pixels and own:
            parts["identity_pixels"] = losses.reconstruction_l1(result[:own], content[:own])
        return parts

    def feature_losses(self, result: Tensor, content: Tensor, style: Tensor, own: int) -> dict[str, Tensor]:
        """The losses on features of the loss network."""
        recipe = self.recipe
        identity = bool(recipe.identity_features and own)
        content_layers = recipe.content_layers if recipe.content or recipe.content_cosine else ()
        style_layers = recipe.style_layers if recipe.style or recipe.gram or identity else ()
        style_layers = *style_layers, *recipe.stroke_layers
        with torch.no_grad():
            of_content = self.features(content, content_layers)
            of_style = self.features(style, style_layers)
        found = self.features(result, {*content_layers, *style_layers})
        parts: dict[str, Tensor] = {}
        if recipe.content:
            parts["content"] = self._content(losses.relative_mse, found, of_content)
        if recipe.content_cosine:
            parts["content_cosine"] = self._content(losses.content_cosine, found, of_content)
        if recipe.style:
            parts["style"] = self._style(self._moments_loss, self._moments(found), self._moments(of_style))
        if recipe.gram:
            parts["gram"] = self._style(self._gram_loss, found, of_style)
        if recipe.covariance:
            parts["covariance"] = stroke_losses.over_layers(
                stroke_losses.covariance, found, of_style, recipe.covariance_layers
            )
        if recipe.sliced:
            parts["sliced"] = stroke_losses.over_layers(stroke_losses.sliced, found, of_style, recipe.sliced_layers)
        if identity:
            pairs = [(found[name][:own], of_style[name][:own]) for name in recipe.style_layers]
            parts["identity_features"] = torch.stack([losses.relative_mse(f, t) for f, t in pairs]).mean()
        return parts

    def stroke_losses(self, result: Tensor, content: Tensor, style: Tensor, own: int) -> dict[str, Tensor]:
        """The losses on local contrast, and on the pictures at half their size."""
        parts = {}
        if self.recipe.contrast:
            parts["contrast"] = stroke_losses.contrast(result, style)
        if self.recipe.flat_contrast and own < content.shape[0]:  # a picture in its own style stays as smooth as it is
            parts["flat_contrast"] = stroke_losses.flat_contrast(result[own:], content[own:], style[own:])
        if self.recipe.halo:
            parts["halo"] = stroke_losses.halo(result, content)
        if self.recipe.bareness and own < content.shape[0]:
            parts["bareness"] = stroke_losses.bareness(result[own:], content[own:])
        if self.recipe.half_size:
            parts["half_size"] = self._shrunk(result, style, 2)
        if self.recipe.quarter_size:
            parts["quarter_size"] = self._shrunk(result, style, 4)
        return parts

    def _shrunk(self, result: Tensor, style: Tensor, factor: int) -> Tensor:
        """The weighted style losses of smaller pictures, in which the network's layers see more."""
        result, style = (stroke_losses.shrunk(each, factor) for each in (result, style))
        recipe = self.recipe
        layers = {*(recipe.style_layers if recipe.style else ()), *recipe.stroke_layers}
        with torch.no_grad():
            wanted = self.features(style, layers)
        found = self.features(result, layers)
        total = result.new_zeros(())
        if recipe.style:
            total = total + recipe.style * self._style(self._moments_loss, self._moments(found), self._moments(wanted))
        for names, weight, loss in (
            (recipe.covariance_layers, recipe.covariance, stroke_losses.covariance),
            (recipe.sliced_layers, recipe.sliced, stroke_losses.sliced),
        ):
            if weight:
                total = total + weight * stroke_losses.over_layers(loss, found, wanted, names)
        return total

    def _content(self, loss: Loss[Tensor], found: dict[str, Tensor], wanted: dict[str, Tensor]) -> Tensor:
        found, wanted = self._projected(found), self._projected(wanted)
        return _weighted(loss, found, wanted, self.recipe.content_layers, self.recipe.content_layer_weights)

    def _projected(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The content layers after their heads."""
        layers = {name: features[name].float() for name in self.recipe.content_layers}
        return {name: self.heads[name](f) if name in self.heads else f for name, f in layers.items()}

    def _moments(self, features: Mapping[str, Tensor]) -> dict[str, losses.Moments]:
        """Moments of the style layers after their heads."""
        return {
            name: losses.projected_moments(features[name], self.heads[name])
            if name in self.heads
            else losses.moments(features[name])
            for name in self.recipe.style_layers
        }

    def _style(self, loss: Loss[T], found: Mapping[str, T], wanted: Mapping[str, T]) -> Tensor:
        return _weighted(loss, found, wanted, self.recipe.style_layers, self.recipe.style_layer_weights)

    def _gram_loss(self, found: Tensor, wanted: Tensor) -> Tensor:
        form = losses.gram_mse if self.recipe.style_form == "mse" else losses.gram_relative
        return form(found, wanted)

    def _moments_loss(self, found: losses.Moments, wanted: losses.Moments) -> Tensor:
        if self.recipe.style_form == "mse":
            return losses.style_moments_mse(found, wanted)
        return losses.style_moments_relative(found, wanted, root=self.recipe.style_form == "relative_root")


def _with_more_around(network: StyleNetwork, content: Tensor, code: Mapping[str, Tensor]) -> Tensor:
    """Stylize the content with reflections around it: a network that depends on the border draws a frame."""
    return crop_to(network(reflected(content, _AROUND), code, 1.0), content, _AROUND)


def watched(samples: Tensor) -> Tensor:
    """The half of a batch that `stability` is computed on; the whole batch would cost a fifth of a step."""
    return samples[::_EVERY]


def _weighted(
    loss: Loss[T],
    found: Mapping[str, T],
    wanted: Mapping[str, T],
    layers: tuple[str, ...],
    weights: tuple[float, ...],
) -> Tensor:
    """The weighted mean of a loss over layers; all weights are 1 if none are given."""
    shares = weights or (1.0,) * len(layers)
    parts = [share * loss(found[name], wanted[name]) for share, name in zip(shares, layers, strict=True)]
    return torch.stack(parts).sum() / sum(shares)
