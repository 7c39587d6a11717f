"""What WCT's autoencoders are trained for: one encoder that imitates VGG-19, and a decoder per level.

The decoders learn to reconstruct pixels and features, as in WCT's paper (Li et al. 2017, arXiv:1705.08086).
What differs:

- The encoder is learnt in the same run: a 1x1 head per layer has to tell the loss network's features from its
  own (knowledge distillation, as in Wang et al. 2020, arXiv:2003.08436). One encoder serves all levels, so a
  step runs it once. The heads are not part of the result.
- Contents and styles are reconstructed alike: WCT's finer levels are given the paintings of the coarser ones.
- A reconstruction of level k is compared on all layers of the loss network up to relu{k}_1. That is most of
  the work, so only a few levels are drawn for it in each step.
- A decoder may also be trained on what WCT will give it: a content's features whitened and colored with a
  style's statistics. Encoded again, its picture should give those features, and in the loss network it should
  have the style's moments, or those between the content's and the style's where alpha is below 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from adain.nn import fusion
from adain.nn.vgg import Decoder, Encoder
from adain.training import losses
from adain.training.objective import Features, weighted
from adain.training.recipe import WCTRecipe

__all__ = ["Autoencoding", "wct_layers"]

_DRAWS = 2  # the random stream of this module, beside those of adain.training.data


@dataclass(frozen=True)
class Draw:
    """What is random in a step."""

    levels: tuple[int, ...]  # of the losses through the loss network; the first is stylized as well
    alpha: Tensor  # (N, 1)
    offset: int  # where a thinned map begins


@dataclass(frozen=True)
class Autoencoding:
    """The weighted sum of the recipe's losses, and each of them.

    Args:
        recipe: the weights.
        seed: of what is drawn in each step.
        features: the loss network.
        heads: a `Head` by layer.
        autocast: makes the context in which the trained networks run.
    """

    recipe: WCTRecipe
    seed: int
    features: Features
    heads: nn.ModuleDict
    autocast: Callable[[], AbstractContextManager[object]]

    def __call__(
        self, network: nn.ModuleDict, content: Tensor, style: Tensor, step: int
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The total and the losses by name (detached scalars) before weighting.

        Args:
            network: `encoder` and any of `decoder1` to `decoder5`.
            content: (N, 3, H, W) in [0, 1].
            style: likewise.
            step: which step of the run it is.
        """
        encoder, decoders = self._members(network)
        draw = self.draw(step, content, tuple(decoders))
        pictures = torch.cat([content, style])  # (2N, 3, H, W)
        levels = {*decoders, *(int(name[4]) for name in self.heads)}
        with self.autocast():
            maps = encoder.taps(pictures, sorted(levels))
        with torch.no_grad():
            wanted = self.features(pictures, self._layers(draw.levels))
        parts: dict[str, Tensor] = {}
        details: dict[str, Tensor] = {}
        if self.heads:
            details = self._distillation(maps, wanted, draw)
            weights = self.recipe.distillation_layer_weights or (1.0,) * len(details)
            parts["distillation"] = _mean(details.values(), weights)
        if decoders:
            parts.update(self._reconstruction(decoders, maps, pictures, wanted, draw))
        if draw.levels and self._stylizes:
            level = draw.levels[0]
            parts.update(self._stylization(encoder, decoders[level], maps[level], wanted, draw))
        total = torch.stack([getattr(self.recipe, name) * value for name, value in parts.items()]).sum()
        logged = {**parts, **{f"distillation/{name}": value for name, value in details.items()}}
        return total, {name: value.detach() for name, value in logged.items()}

    def draw(self, step: int, content: Tensor, levels: Sequence[int]) -> Draw:
        """What is drawn for `step`: nothing but the seed and the step decides it."""
        random = np.random.default_rng((self.seed, _DRAWS, step))
        chosen: list[int] = []
        if self.recipe.features or self._stylizes:
            count = min(self.recipe.feature_levels, len(levels))
            chosen = [int(level) for level in random.permutation(sorted(levels))[:count]]
        low, high = self.recipe.stylized_alpha
        alpha = torch.from_numpy(random.uniform(low, high, (content.shape[0], 1)))
        return Draw(tuple(chosen), alpha.float().to(content.device), int(random.integers(4)))

    @property
    def _stylizes(self) -> bool:
        return bool(self.recipe.stylized_features or self.recipe.stylized_style)

    def _members(self, network: nn.ModuleDict) -> tuple[Encoder, dict[int, Decoder]]:
        encoder = network["encoder"]
        assert isinstance(encoder, Encoder)
        decoders = [part for part in network.values() if isinstance(part, Decoder)]
        weights = self.recipe.level_weights
        return encoder, {decoder.level: decoder for decoder in decoders if weights[decoder.level - 1]}

    def _layers(self, levels: Sequence[int]) -> set[str]:
        """The layers of the loss network that a step needs."""
        return {*self.heads, *(layer for level in levels for layer in self._layers_to(level))}

    def _layers_to(self, level: int) -> tuple[str, ...]:
        return tuple(layer for layer in self.recipe.feature_layers if int(layer[4]) <= level)

    def _distillation(self, maps: Mapping[int, Tensor], wanted: Mapping[str, Tensor], draw: Draw) -> dict[str, Tensor]:
        found = {}
        for name, head in self.heads.items():
            level = int(name[4])
            student, teacher = (_thinned(f, level, draw.offset) for f in (maps[level], wanted[name]))
            with self.autocast():
                found[name] = losses.distillation(student, teacher, head)
        return found

    def _reconstruction(
        self,
        decoders: Mapping[int, Decoder],
        maps: Mapping[int, Tensor],
        pictures: Tensor,
        wanted: Mapping[str, Tensor],
        draw: Draw,
    ) -> dict[str, Tensor]:
        recipe = self.recipe
        weights = {level: recipe.level_weights[level - 1] / len(decoders) for level in decoders}
        pixel_loss = losses.reconstruction_l1 if recipe.pixels_form == "l1" else losses.reconstruction_mse
        needed = decoders if recipe.pixels else draw.levels
        results = {level: self._decoded(decoders[level], maps[level]) for level in needed}
        parts = {}
        if recipe.pixels:
            pixels = [weights[level] * pixel_loss(result, pictures) for level, result in results.items()]
            parts["pixels"] = torch.stack(pixels).sum()
        if recipe.features:
            share = len(decoders) / len(draw.levels)  # the drawn levels stand for all
            features = [
                weights[level] * share * self._features_error(results[level], wanted, self._layers_to(level))
                for level in draw.levels
            ]
            parts["features"] = torch.stack(features).sum()
        return parts

    def _decoded(self, decoder: Decoder, feature: Tensor) -> Tensor:
        with self.autocast():
            picture: Tensor = decoder(feature.detach() if self.recipe.detach else feature)
        return picture.float()

    def _features_error(self, picture: Tensor, wanted: Mapping[str, Tensor], layers: tuple[str, ...]) -> Tensor:
        if not layers:
            return picture.new_zeros(())
        return weighted(losses.relative_mse, self.features(picture, layers), wanted, layers, ())

    def _stylization(
        self, encoder: Encoder, decoder: Decoder, feature: Tensor, wanted: Mapping[str, Tensor], draw: Draw
    ) -> dict[str, Tensor]:
        recipe, level = self.recipe, decoder.level
        target = _transformed(feature, draw.alpha)  # (N, C, h, w)
        picture = self._decoded(decoder, target)
        parts = {}
        if recipe.stylized_features:
            fixed = {name: tensor.detach() for name, tensor in encoder.named_parameters()}
            with self.autocast():
                again = functional_call(encoder, fixed, (picture, level))
            parts["stylized_features"] = losses.relative_mse(again, target)
        layers = self._layers_to(level)
        if recipe.stylized_style and layers:
            found = self.features(picture, layers)
            errors = [
                losses.style_moments_relative(
                    losses.moments(found[name]), _between(losses.moments(wanted[name]), draw.alpha)
                )
                for name in layers
            ]
            parts["stylized_style"] = torch.stack(errors).mean()
        return parts


@torch.no_grad()
def _transformed(feature: Tensor, alpha: Tensor) -> Tensor:
    """Contents' features (the first half of 2N) with the styles' (the second half) statistics, in float32."""
    content, style = feature.detach().float().chunk(2)
    mean, covariance = fusion.mean_covariance(style)
    _, coloring = fusion.eigh_roots(fusion.regularized(covariance))
    return fusion.wct(content, mean, coloring, alpha)


def _between(moments: losses.Moments, alpha: Tensor) -> losses.Moments:
    (mean, mean_of_style), (std, std_of_style) = (statistic.chunk(2) for statistic in moments)
    return torch.lerp(mean, mean_of_style, alpha), torch.lerp(std, std_of_style, alpha)


def _thinned(feature: Tensor, level: int, offset: int) -> Tensor:
    """Every 4th, at level 2 every 2nd pixel each way: shallow maps are large and neighbours much the same."""
    stride = {1: 4, 2: 2}.get(level, 1)
    start = offset % stride
    return feature[:, :, start::stride, start::stride]


def _mean(values: Iterable[Tensor], weights: Sequence[float]) -> Tensor:
    stacked = torch.stack(list(values))
    shares = torch.tensor(weights, device=stacked.device)
    return (stacked * shares).sum() / shares.sum()


def wct_layers(recipe: WCTRecipe) -> tuple[str, ...]:
    """The layers of the loss network that the recipe's losses need."""
    distilled = recipe.distillation_layers if recipe.distillation else ()
    return tuple(sorted({*distilled, *recipe.feature_layers}))
