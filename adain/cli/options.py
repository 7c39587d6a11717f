"""Parameters that several subcommands have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from adain import registry
from adain.errors import InputError

__all__ = ["model_name", "weights_dir_option"]

_F = TypeVar("_F", bound=Callable[..., object])


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
