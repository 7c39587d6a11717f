"""Options that several subcommands share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from adain import registry
from adain.cli.number_list import NumberList
from adain.cli.number_types import FiniteNumber, WholeNumber
from adain.cli.wording import in_options
from adain.errors import InputError
from adain.request import Spec, StyleRequest, spec
from adain.runtimes.table import PRECISIONS, RUNTIMES

if TYPE_CHECKING:
    from adain.stylizer import Stylizer

__all__ = [
    "ModelChoice",
    "alphas_option",
    "device_option",
    "model_name",
    "model_option",
    "model_options",
    "option_of",
    "request_options",
    "weights_dir_option",
]

_F = TypeVar("_F", bound=Callable[..., object])
_R = TypeVar("_R")


def model_name(value: str) -> str:
    """Check a model, as `type` of an option or argument: a registry name, a trained file or a folder of graphs."""
    if value in registry.MODELS:  # first, because it does not import numpy
        return value
    from adain.model_files import resolve

    try:
        resolve(value)
    except InputError as error:
        raise click.BadParameter(in_options(str(error))) from error
    return value


def weights_dir_option(command: _F) -> _F:
    """Add `--weights-dir`; the command gets a path or None."""
    return click.option(
        "--weights-dir",
        type=click.Path(path_type=Path),
        help="Directory to search first for weights.  [env: ADAIN_WEIGHTS_DIR]",
    )(command)


def alphas_option(each: str) -> Callable[[_F], _F]:
    """Add `--alpha`; the command gets a tuple that may be empty. `each` describes several values in the help."""
    return _option("alpha", f"; of several, {each}", None, cls=NumberList, multiple=True, metavar="A ...")


def request_options(
    *names: str, more: Mapping[str, str] | None = None, defaults: Mapping[str, object] | None = None
) -> Callable[[Callable[..., _R]], Callable[..., _R]]:
    """Add an option for each of these fields of a `StyleRequest`; the command gets the `request`.

    Args:
        names: names of the fields, in the order of the help.
        more: text appended to the help of a field, by name.
        defaults: defaults that differ from the request's own, by name.
    """

    def add(command: Callable[..., _R]) -> Callable[..., _R]:
        @wraps(command)
        def with_request(**others: Any) -> _R:
            given = {name: others.pop(name) for name in names}
            if not given.get("weights", True):  # the option was not given
                given["weights"] = None
            return command(request=StyleRequest(**given), **others)

        chosen: Callable[..., _R] = with_request
        for name in reversed(names):
            default = (defaults or {}).get(name, getattr(StyleRequest, name))
            chosen = _option(name, (more or {}).get(name, ""), default, **_SPECIAL.get(name, {}))(chosen)
        return chosen

    return add


def _option(name: str, more: str, default: object, **special: Any) -> Callable[[_F], _F]:
    return option_of(name, spec(name), more, default, **special)


def option_of(
    name: str, fact: Spec, more: str = "", default: object = None, *, flag: str | None = None, **special: Any
) -> Callable[[_F], _F]:
    """Make the option of a field from its `Spec`.

    Args:
        name: of the field, and of the command's parameter.
        fact: its facts.
        more: text appended to the help.
        default: shown in the help; None: the spec says what None means.
        flag: name of the option; None: that of the field.
        special: arguments of `click.option` that differ.
    """
    unset = f".  [default: {fact.unset}]" if default is None and fact.unset else "."
    special.setdefault("type", _type(fact))
    if default is not None:
        special.update(default=default, show_default=True)
    return click.option(f"--{(flag or name).replace('_', '-')}", name, help=fact.help + more + unset, **special)


def _type(fact: Spec) -> click.ParamType[Any]:
    if fact.choices:
        return click.Choice(fact.choices)
    return WholeNumber(fact.low, fact.high) if fact.kind is int else FiniteNumber(fact.low, fact.high)


@dataclass(frozen=True)
class ModelChoice:
    """The model and runtime that options chose. A call loads the model; `arguments` are those of `adain.load`."""

    model: str
    device: str
    runtime: str
    precision: str | None
    weights_dir: Path | None

    def __call__(self, threads: int | None = None) -> Stylizer:
        """Load the model. A download shows a bar."""
        from adain.cli.progress import DownloadBars
        from adain.loading import load

        with DownloadBars() as bars:
            return load(**self.arguments(), threads=threads, progress=bars)

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of `adain.load` that were chosen."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


def model_options(command: Callable[..., _R]) -> Callable[..., _R]:
    """Add the options that choose model and runtime; the command gets `open_stylizer`, which loads the model."""

    @wraps(command)
    def with_stylizer(
        *, model: str, device: str, runtime: str, precision: str | None, weights_dir: Path | None, **others: Any
    ) -> _R:
        choice = ModelChoice(model, device, runtime, precision, weights_dir)
        return command(open_stylizer=choice, **others)

    chosen: Callable[..., _R] = with_stylizer
    for option in reversed(_MODEL):
        chosen = option(chosen)
    return weights_dir_option(chosen)


_WEIGHT = FiniteNumber()
_SPECIAL: dict[str, dict[str, Any]] = {
    "weights": {"cls": NumberList, "multiple": True, "type": _WEIGHT, "metavar": "W ..."}
}
model_option = click.option(
    "--model",
    type=model_name,
    metavar="MODEL",
    default=registry.DEFAULT,
    show_default=True,
    help="A name that `adain models` lists, a trained model.safetensors, or a folder that `adain export` wrote.",
)
device_option = click.option(
    "--device",
    metavar="DEVICE",
    default="auto",
    show_default=True,
    help="Device to run on: auto, cpu, cuda, cuda:1.",
)
_MODEL = (
    model_option,
    device_option,
    click.option(
        "--backend",  # the former name
        "--runtime",
        "runtime",
        type=click.Choice(["auto", *RUNTIMES]),
        default="auto",
        show_default=True,
        help="Runtime of the network: onnx and openvino run ONNX graphs, torch runs PyTorch; auto is onnx if there are "
        "graphs, else torch.",
    ),
    click.option(
        "--precision",
        type=click.Choice(PRECISIONS),
        help="bf16 runs in OpenVINO, on CPUs with bf16 instructions; fp16 and int8 need graphs exported in that "
        "precision.  [default: precision of the graphs]",
    ),
)
