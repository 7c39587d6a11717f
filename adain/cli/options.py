"""Parameters that several subcommands have."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from adain import registry
from adain.cli.number_list import NumberList
from adain.errors import InputError

if TYPE_CHECKING:
    from adain.loading import BackendName
    from adain.stylizer import Stylizer

__all__ = [
    "alphas_option",
    "look_options",
    "model_name",
    "model_options",
    "style_size_option",
    "weights_dir_option",
    "weights_option",
]

_F = TypeVar("_F", bound=Callable[..., object])
_R = TypeVar("_R")


def model_name(value: str) -> str:
    """As `type` of an option or argument: a name of the registry."""
    try:
        return registry.get(value).name
    except InputError as error:
        raise click.BadParameter(str(error)) from error


def weights_dir_option(command: _F) -> _F:
    """Add `--weights-dir`, a path or None."""
    return click.option(
        "--weights-dir",
        type=click.Path(path_type=Path),
        help="Directory to look in first.  [env: ADAIN_WEIGHTS_DIR]",
    )(command)


def alphas_option(each: str) -> Callable[[_F], _F]:
    """Add `--alpha`, a tuple that may be empty; `each` says what several come to."""
    return click.option(
        "--alpha",
        cls=NumberList,
        multiple=True,
        type=click.FloatRange(0, 1),
        metavar="A ...",
        help=f"Strength of the style, from 0 to 1; of several, {each}.  [default: the model's own]",
    )


def weights_option(more: str = "") -> Callable[[_F], _F]:
    """Add `--weights`, a tuple that may be empty; `more` goes on with its help."""
    return click.option(
        "--weights",
        cls=NumberList,
        multiple=True,
        type=float,
        metavar="W ...",
        help=f"Share of each style, in their order{more}.  [default: equal]",
    )


def style_size_option(scaled: str = "the strokes scale") -> Callable[[_F], _F]:
    """Add `--style-size`; `scaled` says what goes with it."""
    return click.option(
        "--style-size",
        type=click.IntRange(1),
        default=512,
        show_default=True,
        help=f"Scale larger styles down to this shorter side; {scaled} with it.",
    )


def look_options(command: _F) -> _F:
    """Add `--size`, `--style-size` and `--preserve-color`, each as a `Stylizer` takes it."""
    for option in reversed(_LOOK):
        command = option(command)
    return command


def model_options(command: Callable[..., _R]) -> Callable[..., _R]:
    """Add what chooses a model and what runs it; the command gets `open_stylizer`, which loads it."""

    @wraps(command)
    def with_stylizer(*, model: str, device: str, backend: BackendName, weights_dir: Path | None, **others: Any) -> _R:
        def open_stylizer() -> Stylizer:
            from adain.cli.progress import DownloadBars
            from adain.loading import load

            with DownloadBars() as bars:
                return load(model, device=device, backend=backend, weights_dir=weights_dir, progress=bars)

        return command(open_stylizer=open_stylizer, **others)

    chosen: Callable[..., _R] = with_stylizer
    for option in reversed(_MODEL):
        chosen = option(chosen)
    return weights_dir_option(chosen)


_LOOK = (
    click.option("--size", type=click.IntRange(1), help="Scale the content to this shorter side, in pixels."),
    style_size_option(),
    click.option(
        "--preserve-color",
        type=click.Choice(["coral", "luminance"]),
        help="Keep the content's colours: recolour the style, or take only the result's brightness.",
    ),
)
_MODEL = (
    click.option(
        "--model",
        type=model_name,
        metavar="MODEL",
        default=registry.DEFAULT,
        show_default=True,
        help="A name that `adain models` lists.",
    ),
    click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True),
    click.option(
        "--backend",
        type=click.Choice(["auto", "onnx", "torch"]),
        default="auto",
        show_default=True,
        help="What runs the network: ONNX graphs, or torch; auto takes the graphs where there are any.",
    ),
)
