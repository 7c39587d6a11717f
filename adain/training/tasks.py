"""The tasks a recipe can name, each behind one protocol, so that the training loop is the same for all."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from adain.errors import InputError
from adain.nn.build import wct_model
from adain.training import losses
from adain.training.adversary import Adversary
from adain.training.autoencoding import Autoencoding, wct_layers
from adain.training.heads import make_heads
from adain.training.loss_network import QUICK
from adain.training.objective import Features, Objective, StyleNetwork, loss_layers, watched
from adain.training.precision import MixedNetwork, autocast
from adain.training.recipe import LossRecipe, Phase, Precision, Recipe
from adain.training.recorded import Recorded
from adain.training.schedule import phase_index

__all__ = ["AdaINTask", "AutoencoderTask", "Task", "layers", "make"]

WCT_ALPHA = 0.6  # of the sample grids, at every level: the WCT paper's


class Task(Protocol):
    """What the training loop asks of a task."""

    @property
    def trained(self) -> list[nn.Parameter]:
        """Parameters trained along with the network's and left out of the result."""

    def loss(self, network: nn.Module, content: Tensor, style: Tensor, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """The total of a batch, with its graph, and named losses without one; names with / are details."""

    def after_step(self) -> dict[str, Tensor]:
        """What is to be done after the network's step; more named losses."""

    def stylizer(self, network: nn.Module) -> tuple[StyleNetwork, float] | None:
        """What draws the sample grid with `network`, and its alpha; None if it cannot draw."""

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint needs beside the network; empty if nothing."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The reverse."""


class AdaINTask:
    """A style network trained by `losses`, against a discriminator if `losses.adversarial` asks for one."""

    def __init__(
        self, recipe: Recipe, features: Features, heads: Mapping[str, nn.Conv2d], device: torch.device
    ) -> None:
        self._device, self._precision = device, recipe.optimizer.precision
        self._seed = recipe.seed
        self._adversary: Adversary | None = None
        if recipe.losses.adversarial:
            rate = recipe.optimizer.discriminator_learning_rate
            self._adversary = Adversary(rate, seed=recipe.seed, device=device)
        self._phases = recipe.phases
        self._objectives = [
            Objective(_seen_in(recipe, phase), features, heads, self._adversary) for phase in recipe.phases
        ]
        self._recorded: tuple[int, Recorded] | None = None  # of the phase under way
        self.trained: list[nn.Parameter] = []

    def loss(self, network: nn.Module, content: Tensor, style: Tensor, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """See `Task.loss`."""
        phase = phase_index(self._phases, step)
        whole = _Whole(network, self._objectives[phase], self._device, self._precision)
        pictures: tuple[Tensor, ...] = content, style
        if whole.objective.recipe.stability:
            pictures = *pictures, losses.noisy(watched(content), self._seed + step)
        if self._device.type != "cuda" or self._adversary is not None:  # which learns between two passes
            total, parts = whole(*pictures)
            return total, parts
        if self._recorded is None or self._recorded[0] != phase:
            self._recorded = phase, Recorded(whole, pictures)
        return self._recorded[1](*pictures)

    def after_step(self) -> dict[str, Tensor]:
        """A step of the discriminator, if there is one."""
        return {} if self._adversary is None else {"discriminator": self._adversary.step()}

    def stylizer(self, network: nn.Module) -> tuple[StyleNetwork, float] | None:
        """The network itself, at alpha 1."""
        return MixedNetwork(network, self._device, "fp32"), 1.0

    def state_dict(self) -> dict[str, Any]:
        """The discriminator, if there is one."""
        return {} if self._adversary is None else self._adversary.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See `Task.load_state_dict`."""
        if self._adversary is not None:
            self._adversary.load_state_dict(state)


class AutoencoderTask:
    """An encoder, and decoders if it has any, trained by `wct`."""

    def __init__(self, recipe: Recipe, network: nn.ModuleDict, features: Features, device: torch.device) -> None:
        self._device = device
        self._heads = make_heads(network, features, recipe.wct, seed=recipe.seed, device=device)
        self._objective = Autoencoding(
            recipe.wct,
            recipe.seed,
            features,
            self._heads,
            lambda: autocast(device, recipe.optimizer.precision),
        )
        self.trained = list(self._heads.parameters())

    def loss(self, network: nn.Module, content: Tensor, style: Tensor, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """See `Task.loss`."""
        assert isinstance(network, nn.ModuleDict)
        return self._objective(network, content, style, step)

    def after_step(self) -> dict[str, Tensor]:
        """Nothing."""
        return {}

    def stylizer(self, network: nn.Module) -> tuple[StyleNetwork, float] | None:
        """WCT through all levels there are; an encoder alone draws nothing."""
        model = wct_model(network.children())
        return (MixedNetwork(model, self._device, "fp32"), WCT_ALPHA) if model.levels else None

    def state_dict(self) -> dict[str, Any]:
        """The heads."""
        return {"heads": self._heads.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See `Task.load_state_dict`."""
        self._heads.load_state_dict(state["heads"])


class _Whole(nn.Module):
    """A network and what it is trained for, as one module of pictures."""

    def __init__(self, network: nn.Module, objective: Objective, device: torch.device, precision: Precision) -> None:
        super().__init__()
        self.network, self.objective = network, objective
        self._device, self._precision = device, precision

    def forward(self, content: Tensor, style: Tensor, *noisy: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """See `Objective`."""
        return self.objective(MixedNetwork(self.network, self._device, self._precision), content, style, *noisy)


def _seen_in(recipe: Recipe, phase: Phase) -> LossRecipe:
    """The losses of a phase, on the quick layers if it is a quick one."""
    seen = recipe.losses_in(phase)
    if not phase.quick:
        return seen
    style, content = ([QUICK + layer for layer in of] for of in (seen.style_layers, seen.content_layers))
    return dataclasses.replace(seen, style_layers=tuple(style), content_layers=tuple(content))


def make(
    recipe: Recipe,
    network: nn.Module,
    features: Features,
    heads: Mapping[str, nn.Conv2d],
    device: torch.device,
) -> Task:
    """The recipe's task, its losses through `features` and behind the `heads` of these, if there are any.

    Raises:
        InputError: the network is not of a kind the task trains.
    """
    if recipe.task == "adain":
        return AdaINTask(recipe, features, heads, device)
    if not isinstance(network, nn.ModuleDict) or "encoder" not in network:
        raise InputError(
            f"task '{recipe.task}' trains an encoder with or without decoders, not {type(network).__name__}"
        )
    return AutoencoderTask(recipe, network, features, device)


def layers(recipe: Recipe) -> tuple[str, ...]:
    """The layers of the loss network that the recipe's task needs."""
    if recipe.task != "adain":
        return wct_layers(recipe.wct)
    return tuple(sorted({layer for phase in recipe.phases for layer in loss_layers(recipe.losses_in(phase))}))
