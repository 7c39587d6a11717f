"""The networks that can be trained, by the name a recipe gives them, and from where they start."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from adain import registry, weights
from adain.errors import InputError, WeightsError
from adain.nn import checkpoints
from adain.nn.build import parts, slim_network
from adain.nn.newton_schulz import newton_schulz_roots
from adain.nn.operators import Operators
from adain.nn.vgg import Decoder, Encoder
from adain.registry import Architecture, Model, SlimArchitecture
from adain.training.floors import at_least
from adain.training.recipe import NetworkRecipe, Task

__all__ = ["NETWORKS", "Kind", "build"]

WIDTHS = (16, 32, 64, 128, 128)  # of VGG-19's five blocks, a quarter of its channels
_SLIM, _WCT_SLIM = (registry.get(name).architecture for name in ("adain-slim", "wct-slim"))
assert isinstance(_SLIM, SlimArchitecture)
assert isinstance(_WCT_SLIM, SlimArchitecture)


@dataclass(frozen=True)
class Kind:
    """A kind of network: what makes it, with the recipe's options as arguments, and the task it is for."""

    make: Callable[..., nn.Module]
    task: Task


def _slim(
    widths: Sequence[int] = _SLIM.widths,
    hidden: int = _SLIM.hidden,
    covariances: Sequence[int] = _SLIM.covariances,
    passes: int = _SLIM.passes,
) -> nn.Module:
    shape = SlimArchitecture(widths=tuple(widths), hidden=hidden, covariances=tuple(covariances), passes=passes)
    return slim_network(parts(shape)["model"].children(), shape, TrainingOperators())


class TrainingOperators(Operators):
    """torch's, with derivatives as training wants them."""

    def __init__(self) -> None:
        super().__init__(_constant_roots)

    def at_least(self, x: Tensor, floor: Tensor) -> Tensor:
        """See `adain.training.floors`."""
        return at_least(x, floor)


def _constant_roots(covariance: Tensor) -> tuple[Tensor, Tensor]:
    """Roots in float32 whatever the network runs in, and without a gradient, which would be large where they are."""
    with torch.no_grad(), torch.autocast(covariance.device.type, enabled=False):
        return newton_schulz_roots()(covariance)


def _wct_levels(widths: Sequence[int] = WIDTHS, levels: Sequence[int] = (5, 4, 3, 2, 1)) -> nn.Module:
    shape = Architecture(widths=tuple(widths), levels=tuple(levels), encoder_per_level=False, keys="own")
    return _fresh(parts(shape)["model"])


def _encoder_slim(widths: Sequence[int] = WIDTHS, level: int = 5) -> nn.Module:
    return _fresh(nn.ModuleDict({"encoder": Encoder(widths, level)}))


NETWORKS: Mapping[str, Kind] = {
    "adain-slim": Kind(_slim, "adain"),
    "wct-slim": Kind(partial(_slim, covariances=_WCT_SLIM.covariances, passes=_WCT_SLIM.passes), "adain"),
    "wct-levels": Kind(_wct_levels, "wct"),
    "encoder-slim": Kind(_encoder_slim, "distill"),
}


@torch.no_grad()
def _fresh(network: nn.Module) -> nn.Module:
    """He initialisation; encoders begin with colours of about unit variance, decoders with mid-grey."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            module.get_parameter("bias").zero_()
    for part in network.children():
        if isinstance(part, Encoder):
            part.get_parameter("conv0.weight").copy_(4 * torch.eye(3)[:, :, None, None])
            part.get_parameter("conv0.bias").fill_(-2)
        if isinstance(part, Decoder):
            part.get_parameter("conv1_1.weight").mul_(0.1)
            part.get_parameter("conv1_1.bias").fill_(0.5)
    return network


def build(recipe: NetworkRecipe, seed: int, task: Task = "adain") -> nn.Module:
    """The network of a recipe, initialised from `seed` or `init`; frozen parts do not require a gradient.

    Raises:
        InputError: a name that is unknown or not for the task, an option the network does not have, or a
            prefix that freezes nothing.
        WeightsError: `init` cannot be found or read, or does not fit.
    """
    kind = _kind(recipe.name, task)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            network = kind.make(**recipe.options)
        except TypeError as error:
            raise InputError(f"network '{recipe.name}' does not take these options: {error}") from error
    if recipe.init is not None:
        _initialise(network, recipe.init)
    _freeze(network, recipe.freeze)
    return network


def _kind(name: str, task: Task) -> Kind:
    if name not in NETWORKS:
        raise InputError(f"unknown network '{name}'; available: {', '.join(NETWORKS)}")
    kind = NETWORKS[name]
    if kind.task != task:
        fitting = ", ".join(known for known, other in NETWORKS.items() if other.task == task)
        raise InputError(f"network '{name}' is for task '{kind.task}'; task '{task}' trains: {fitting}")
    return kind


def _initialise(network: nn.Module, init: str) -> None:
    model = registry.MODELS.get(init)
    if model is not None and model.architecture.keys != "own":
        _initialise_from_published(network, model)
        return
    path = Path(init).expanduser() if model is None else weights.find(model)["model"]
    try:
        network.load_state_dict(_with_missing_parts(load_file(path), network))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise WeightsError(
            f"cannot start from {init}: {error}; network.init is a safetensors file of the same network, "
            f"or one of the models {', '.join(registry.MODELS)}"
        ) from error


def _initialise_from_published(network: nn.Module, model: Model) -> None:
    """Start one encoder and its decoders from a model of other code that has an encoder per level.

    The deepest of its encoders is the start of ours. Its decoders were made for features of their own encoders, so
    only the deepest fits at once; the others, of which all but the first layer fit, are still a better start than
    random weights. A decoder of another shape is left as it is.
    """
    theirs = parts(model.architecture)
    roles = {"encoder" if role == _deepest(theirs) else role: role for role in theirs}
    fitting = {
        name: roles[name]
        for name, part in network.named_children()
        if name in roles and _shapes(part) == _shapes(theirs[roles[name]])
    }
    if "encoder" not in fitting:  # before anything is downloaded
        own = [name for name, row in registry.MODELS.items() if row.architecture.keys == "own"]
        raise InputError(
            f"network.init: {model.name} comes from other code and its encoder does not fit this network; "
            f"start from {', '.join([*own, 'a safetensors file'])}"
        )
    files = weights.find(model)
    for name, role in fitting.items():
        checkpoints.load_into(network.get_submodule(name), files[role], model.architecture.keys)


def _deepest(pieces: Mapping[str, nn.Module]) -> str | None:
    """The role of the deepest of several encoders."""
    encoders = {role: part.level for role, part in pieces.items() if isinstance(part, Encoder)}
    return max(encoders, key=encoders.__getitem__) if len(encoders) > 1 else None


def _shapes(part: nn.Module) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in part.state_dict().items()}


def _with_missing_parts(tensors: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """The file's tensors, and the network's own for parts it has nothing of: an encoder may come alone."""
    held = {name.split(".")[0] for name in tensors}
    own = {name: tensor for name, tensor in network.state_dict().items() if name.split(".")[0] not in held}
    return {**own, **tensors}


def _freeze(network: nn.Module, prefixes: tuple[str, ...]) -> None:
    for prefix in prefixes:
        found = [p for name, p in network.named_parameters() if name.startswith(prefix)]
        if not found:
            known = sorted({name.split(".")[0] for name, _ in network.named_parameters()})
            raise InputError(f"network.freeze: no parameter begins with '{prefix}'; parts: {', '.join(known)}")
        for parameter in found:
            parameter.requires_grad_(False)
