"""The loss of one training step: the objective of its phase, and the discriminator of the adversarial loss."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from adain.engine.strokes import TILE
from adain.nn.strokes import DraftAndRevise, Strokes
from adain.training import losses
from adain.training.adversary import Adversary
from adain.training.loss_network import QUICK
from adain.training.objective import Features, Objective, watched
from adain.training.precision import MixedNetwork
from adain.training.recipe import LossRecipe, Phase, Precision, Recipe
from adain.training.recorded import Recorded
from adain.training.schedule import phase_index

__all__ = ["StepLoss", "strokes_of"]


class StepLoss:
    """The losses of a recipe as a function of the step.

    Args:
        recipe: the losses of each phase.
        features: the loss network.
        heads: 1x1 convolutions by layer; see `Objective`.
        device: where the network trains.
    """

    def __init__(
        self, recipe: Recipe, features: Features, heads: Mapping[str, nn.Conv2d], device: torch.device
    ) -> None:
        self._device, self._precision = device, recipe.optimizer.precision
        self._seed, self._phases = recipe.seed, recipe.phases
        self._strokes = strokes_of(recipe)
        self._adversary: Adversary | None = None
        if recipe.losses.adversarial:
            rate = recipe.optimizer.discriminator_learning_rate
            self._adversary = Adversary(rate, seed=recipe.seed, device=device)
        self._objectives = [
            Objective(_losses_of(recipe, phase), features, heads, self._adversary) for phase in recipe.phases
        ]
        self._recorded: tuple[int, Recorded] | None = None  # the current phase's graphs

    def __call__(
        self, network: nn.Module, content: Tensor, style: Tensor, step: int
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted total of a batch, with its graph, and each loss by name, detached.

        Args:
            network: the style network.
            content: (N, 3, H, W) in [0, 1].
            style: (N, 3, H, W) in [0, 1].
            step: the step's number from 0; it decides the phase and the noise.
        """
        torch.manual_seed(self._seed + step)  # of the filters of `sliced`
        phase = phase_index(self._phases, step)
        drafting = partial(DraftAndRevise, strokes=self._strokes)
        whole = _NetworkAndLosses(network, self._objectives[phase], self._device, self._precision, drafting)
        pictures: tuple[Tensor, ...] = content, style, _offsets(content, self._seed + step)
        if whole.objective.recipe.stability:
            pictures = *pictures, losses.noisy(watched(content), self._seed + step)
        if self._device.type != "cuda" or self._adversary is not None:  # a discriminator learns between the steps
            total, parts = whole(*pictures)
            return total, parts
        if self._recorded is None or self._recorded[0] != phase:
            self._recorded = phase, Recorded(whole, pictures)
        return self._recorded[1](*pictures)

    def after_step(self) -> dict[str, Tensor]:
        """Train the discriminator, if there is one, after the network's own step; return its loss by name."""
        return {} if self._adversary is None else {"discriminator": self._adversary.step()}

    def state_dict(self) -> dict[str, Any]:
        """The discriminator's state for a checkpoint; empty without one."""
        return {} if self._adversary is None else self._adversary.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        if self._adversary is not None:
            self._adversary.load_state_dict(state)


class _NetworkAndLosses(nn.Module):
    """The network and its losses as one module from pictures to losses, as CUDA graphs need it."""

    def __init__(
        self,
        network: nn.Module,
        objective: Objective,
        device: torch.device,
        precision: Precision,
        drafting: Callable[..., DraftAndRevise],
    ) -> None:
        super().__init__()
        self.network, self.objective, self._drafting = network, objective, drafting
        self._device, self._precision = device, precision

    def forward(
        self, content: Tensor, style: Tensor, offset: Tensor, *noisy: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """See `Objective`; `offset` (N, 2) is where each picture's grain begins."""
        network = MixedNetwork(self.network, self._device, self._precision)
        return self.objective(self._drafting(network, offset=offset), content, style, *noisy)


def strokes_of(recipe: Recipe) -> Strokes:
    """Draft and revision as a recipe asks for them."""
    up, down = recipe.strokes.scale
    return Strokes((up, down), recipe.strokes.detail, recipe.strokes.grain, recipe.strokes.drafts)


def _offsets(pictures: Tensor, seed: int) -> Tensor:
    generator = torch.Generator(pictures.device).manual_seed(seed)
    return torch.randint(TILE, (pictures.shape[0], 2), generator=generator, device=pictures.device)


def _losses_of(recipe: Recipe, phase: Phase) -> LossRecipe:
    """The losses of a phase, on the quick layers if the phase is a quick one."""
    losses_of_phase = recipe.losses_in(phase)
    if not phase.quick:
        return losses_of_phase
    names = ("style_layers", "content_layers", "covariance_layers", "sliced_layers")
    quick: dict[str, Any] = {name: tuple(QUICK + layer for layer in getattr(losses_of_phase, name)) for name in names}
    return dataclasses.replace(losses_of_phase, **quick)
