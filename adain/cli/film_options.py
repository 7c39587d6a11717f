"""Options that `adain video` and `adain webcam` share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

from adain.cli.number_types import FiniteNumber
from adain.cli.options import request_options
from adain.defaults import SMOOTHING

__all__ = ["film_options"]

_R = TypeVar("_R")


def film_options(command: Callable[..., _R]) -> Callable[..., _R]:
    """Add options for a film; the command gets `request`, `keyframes` and `smoothing`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    where = ", where no keyframe sets it"
    names = "alpha", "strokes", "seed", "weights", "preserve_color", "style_size", "tile"
    return request_options(*names, more={"alpha": where, "weights": where})(command)


_OPTIONS = (
    click.option(
        "--keyframes",
        metavar="'SECONDS:NAME=VALUE ...'",
        help="Changes over time: '0:alpha=0 2.5:alpha=1' fades the style in, '0:style=1 5:style=2*0.3+3*0.7' goes from "
        "the first style to a mix of the second and third. Two keyframes at the same time make a jump.",
    ),
    click.option(
        "--smoothing",
        type=FiniteNumber(0),
        default=SMOOTHING,
        show_default=True,
        metavar="SECONDS",
        help="Average the content's statistics over this time, against flicker; 0 for none.",
    ),
)
