"""The options that `adain video` and `adain webcam` have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

from adain.cli.options import style_size_option, weights_option

__all__ = ["film_options"]

_F = TypeVar("_F", bound=Callable[..., object])


def film_options(command: _F) -> _F:
    """Add alpha, weights, keyframes, smoothing, colour and style size, as `adain.video.stylize` takes them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_OPTIONS = (
    click.option(
        "--alpha",
        type=click.FloatRange(0, 1),
        help="Strength of the style, from 0 to 1, where no keyframe sets it.  [default: the model's own]",
    ),
    weights_option(", where no keyframe sets it"),
    click.option(
        "--keyframes",
        metavar="'SECONDS:NAME=VALUE ...'",
        help="Changes over time: '0:alpha=0 2.5:alpha=1' fades the style in, '0:style=1 5:style=2*0.3+3*0.7' goes from "
        "the first style to a mix of the second and third. Two at one time make a jump.",
    ),
    click.option(
        "--smoothing",
        type=click.FloatRange(0),
        default=0.5,
        show_default=True,
        metavar="SECONDS",
        help="Time over which the content's statistics are averaged, against flicker; 0 for none.",
    ),
    click.option(
        "--preserve-color",
        type=click.Choice(["luminance"]),
        help="Keep the content's colours, and take only the result's brightness.",
    ),
    style_size_option(),
)
