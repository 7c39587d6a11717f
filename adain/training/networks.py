"""The networks that can be trained, by the name a recipe gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from adain.errors import InputError, WeightsError
from adain.training.recipe import NetworkRecipe

__all__ = ["NETWORKS", "build"]


def _adain_slim(**options: Any) -> nn.Module:
    from adain.nn.slim import AdaINSlim

    return AdaINSlim(**options)


NETWORKS: Mapping[str, Callable[..., nn.Module]] = {"adain-slim": _adain_slim}


def build(recipe: NetworkRecipe, seed: int) -> nn.Module:
    """The network of a recipe, initialised from `seed` or `init`; frozen parts do not require a gradient.

    Raises:
        InputError: an unknown name, an option it does not have, or a prefix that freezes nothing.
        WeightsError: `init` cannot be read or does not fit.
    """
    if recipe.name not in NETWORKS:
        raise InputError(f"unknown network '{recipe.name}'; available: {', '.join(NETWORKS)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            network = NETWORKS[recipe.name](**recipe.options)
        except TypeError as error:
            raise InputError(f"network '{recipe.name}' does not take these options: {error}") from error
    if recipe.init is not None:
        _initialise(network, Path(recipe.init))
    _freeze(network, recipe.freeze)
    return network


def _initialise(network: nn.Module, path: Path) -> None:
    try:
        network.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise WeightsError(f"cannot start from {path}: {error}") from error


def _freeze(network: nn.Module, prefixes: tuple[str, ...]) -> None:
    for prefix in prefixes:
        found = [p for name, p in network.named_parameters() if name.startswith(prefix)]
        if not found:
            parts = sorted({name.split(".")[0] for name, _ in network.named_parameters()})
            raise InputError(
                f"network.freeze: no parameter begins with '{prefix}'; parts: {', '.join(parts)}"
            )
        for parameter in found:
            parameter.requires_grad_(False)
