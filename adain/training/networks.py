"""The networks that a recipe can train, by name, and their first weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from adain import checks, registry, weights
from adain.errors import InputError, WeightsError
from adain.files import unreadable
from adain.nn.build import parts, slim_network
from adain.nn.newton_schulz import newton_schulz_roots
from adain.nn.operators import Operators
from adain.nn.slim_layers import SCALES
from adain.registry import SlimArchitecture
from adain.training import parsing
from adain.training.floors import at_least
from adain.training.recipe import NetworkRecipe

__all__ = ["NETWORKS", "build"]

_MOST = 1 << 14  # channels or passes

NETWORKS: Mapping[str, SlimArchitecture] = {
    name: model.architecture
    for name, model in registry.MODELS.items()
    if isinstance(model.architecture, SlimArchitecture)
}


def build(recipe: NetworkRecipe, seed: int) -> nn.Module:
    """The network of a recipe, with weights from `recipe.init` or else drawn from `seed`.

    Frozen parts do not require a gradient.

    Raises:
        InputError: the name is unknown, an option is not allowed, or a prefix freezes nothing.
        WeightsError: `init` cannot be found or read, or does not fit.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _random(_architecture(recipe))
    if recipe.init is not None:
        _initialise(network, recipe.init)
    _freeze(network, recipe.freeze)
    return network


def _architecture(recipe: NetworkRecipe) -> SlimArchitecture:
    if recipe.name not in NETWORKS:
        raise InputError(f"unknown network '{recipe.name}'; available: {', '.join(NETWORKS)}")
    shape = parsing.build(SlimArchitecture, {**vars(NETWORKS[recipe.name]), **recipe.options}, "network.options")
    scales = set(SCALES)
    rules = {
        "widths": (
            len(shape.widths) == len(scales) and all(map(_possible, shape.widths)),
            f"must be three numbers of at least 1, and at most {_MOST:,}",
        ),
        "hidden": (_possible(shape.hidden), f"must be at least 1, and at most {_MOST:,}"),
        "covariances": (set(shape.covariances) <= scales, f"must be some of {', '.join(map(str, SCALES))}"),
        "passes": (_possible(shape.passes), f"must be at least 1, and at most {_MOST:,}"),
    }
    for name, (good, rule) in rules.items():
        if not good:
            raise InputError(f"recipe: 'network.options.{name}' {rule}, got {checks.shown(getattr(shape, name))}")
    return shape


def _possible(count: int) -> bool:
    return 1 <= count <= _MOST


def _random(shape: SlimArchitecture) -> nn.Module:
    return slim_network(parts(shape)["model"].children(), shape, TrainingOperators())


class TrainingOperators(Operators):
    """torch's, with cheaper derivatives."""

    def __init__(self) -> None:
        super().__init__(_constant_roots)

    def at_least(self, x: Tensor, floor: Tensor) -> Tensor:
        """See `adain.training.floors`."""
        return at_least(x, floor)


def _constant_roots(covariance: Tensor) -> tuple[Tensor, Tensor]:
    """Matrix roots in float32 whatever the network's precision, and without their gradient, which can be huge."""
    with torch.no_grad(), torch.autocast(covariance.device.type, enabled=False):
        return newton_schulz_roots()(covariance)


def _initialise(network: nn.Module, init: str) -> None:
    model = registry.MODELS.get(init)
    if model is not None and not isinstance(model.architecture, SlimArchitecture):
        raise InputError(
            f"network.init: {init} is another kind of network; "
            f"start from {', '.join(NETWORKS)} or a safetensors file that `adain train` wrote"
        )
    path = Path(init).expanduser() if model is None else weights.find(model)["model"]
    if (fault := unreadable(path, "trained model")) is not None:
        raise WeightsError(f"cannot start from {init}: the file {fault}")
    try:
        network.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise WeightsError(
            f"cannot start from {init}: {error}; "
            f"network.init must be {', '.join(NETWORKS)} or a safetensors file of the same network"
        ) from error


def _freeze(network: nn.Module, prefixes: tuple[str, ...]) -> None:
    for prefix in prefixes:
        found = [p for name, p in network.named_parameters() if name.startswith(prefix)]
        if not found:
            known = sorted({name.split(".")[0] for name, _ in network.named_parameters()})
            raise InputError(f"network.freeze: no parameter begins with '{prefix}'; parts: {', '.join(known)}")
        for parameter in found:
            parameter.requires_grad_(False)
