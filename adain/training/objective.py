"""What an AdaIN network is trained for: the recipe's losses on one batch of contents and styles.

One pass of the loss network on the result, one without gradient on content and style. The first samples of a
batch (`identity_fraction`) take their own content as the style; the network should give it back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from adain.training import losses
from adain.training.adversary import Adversary
from adain.training.recipe import LossRecipe

__all__ = ["Features", "Objective", "StyleNetwork", "loss_layers", "weighted"]

Features = Callable[[Tensor, Iterable[str]], dict[str, Tensor]]  # the loss network


class StyleNetwork(Protocol):
    """A network with one style code per picture."""

    def encode_style(self, style: Tensor) -> dict[str, Tensor]:
        """Style pictures (N, 3, H, W) in [0, 1] to arrays (N, ...)."""

    def __call__(self, content: Tensor, code: Mapping[str, Tensor], alpha: float | Tensor) -> Tensor:
        """Contents (N, 3, H, W) in [0, 1], a code and alpha to pictures (N, 3, H, W), not clipped."""


@dataclass(frozen=True)
class Objective:
    """The weighted sum of the recipe's losses, and each of them.

    Args:
        recipe: the weights.
        features: the loss network.
        adversary: for the adversarial loss; None without one.
    """

    recipe: LossRecipe
    features: Features
    adversary: Adversary | None = None

    def __call__(self, network: StyleNetwork, content: Tensor, style: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The total, and the losses by name (detached scalars) before weighting; pictures as everywhere."""
        own = self.identity_count(content.shape[0])
        style = torch.cat([content[:own], style[own:]])
        result = network(content, network.encode_style(style), 1.0).float()
        parts = self.picture_losses(result, content, own)
        parts.update(self.feature_losses(result, content, style, own))
        if self.recipe.cycle:
            back = network(result, network.encode_style(content), 1.0)
            parts["cycle"] = losses.reconstruction_l1(back, content)
        if self.adversary is not None:
            parts["adversarial"] = self.adversary.generator_loss(result, style)
        total = torch.stack([getattr(self.recipe, name) * value for name, value in parts.items()]).sum()
        return total, {name: value.detach() for name, value in parts.items()}

    def identity_count(self, batch: int) -> int:
        """How many samples of a batch have their own content as the style."""
        return round(self.recipe.identity_fraction * batch)

    def picture_losses(self, result: Tensor, content: Tensor, own: int) -> dict[str, Tensor]:
        """Losses on pixels alone."""
        parts = {}
        if self.recipe.total_variation:
            parts["total_variation"] = losses.total_variation(result)
        if self.recipe.gamut:
            parts["gamut"] = losses.gamut(result)
        if self.recipe.identity_pixels and own:
            parts["identity_pixels"] = losses.reconstruction_l1(result[:own], content[:own])
        return parts

    def feature_losses(self, result: Tensor, content: Tensor, style: Tensor, own: int) -> dict[str, Tensor]:
        """Losses through the loss network."""
        recipe = self.recipe
        identity = bool(recipe.identity_features and own)
        content_layers = recipe.content_layers if recipe.content or recipe.content_cosine else ()
        style_layers = recipe.style_layers if recipe.style or recipe.gram or identity else ()
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
            parts["style"] = self._style(self._moments_loss, found, of_style)
        if recipe.gram:
            parts["gram"] = self._style(losses.gram_mse, found, of_style)
        if identity:
            pairs = [(found[name][:own], of_style[name][:own]) for name in style_layers]
            parts["identity_features"] = torch.stack([losses.relative_mse(f, t) for f, t in pairs]).mean()
        return parts

    def _content(self, loss: Loss, found: dict[str, Tensor], wanted: dict[str, Tensor]) -> Tensor:
        return weighted(loss, found, wanted, self.recipe.content_layers, self.recipe.content_layer_weights)

    def _style(self, loss: Loss, found: dict[str, Tensor], wanted: dict[str, Tensor]) -> Tensor:
        return weighted(loss, found, wanted, self.recipe.style_layers, self.recipe.style_layer_weights)

    def _moments_loss(self, found: Tensor, wanted: Tensor) -> Tensor:
        f, w = losses.moments(found), losses.moments(wanted)
        if self.recipe.style_form == "mse":
            return losses.style_moments_mse(f, w)
        return losses.style_moments_relative(f, w, root=self.recipe.style_form == "relative_root")


Loss = Callable[[Tensor, Tensor], Tensor]


def weighted(
    loss: Loss,
    found: Mapping[str, Tensor],
    wanted: Mapping[str, Tensor],
    layers: tuple[str, ...],
    weights: tuple[float, ...],
) -> Tensor:
    """The weighted mean of a loss over layers; no weights: all 1."""
    shares = weights or (1.0,) * len(layers)
    parts = [share * loss(found[name], wanted[name]) for share, name in zip(shares, layers, strict=True)]
    return torch.stack(parts).sum() / sum(shares)


def loss_layers(recipe: LossRecipe) -> tuple[str, ...]:
    """The layers of the loss network that the recipe's losses need."""
    return tuple(sorted({*recipe.content_layers, *recipe.style_layers}))
