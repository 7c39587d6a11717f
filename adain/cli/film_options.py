"""Options that `adain video` and `adain webcam` share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeVar

import click

from adain.cli.number_types import FiniteNumber
from adain.cli.options import request_options
from adain.defaults import SMOOTHING

__all__ = ["encoding_options", "film_options"]

_R = TypeVar("_R")


def film_options(command: Callable[..., _R]) -> Callable[..., _R]:
    """Add options for a film; the command gets `request`, `keyframes` and `smoothing`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    where = ", where no keyframe sets it"
    names = "alpha", "strokes", "seed", "weights", "preserve_color", "style_size", "tile"
    return request_options(*names, more={"alpha": where, "weights": where})(command)


def encoding_options(command: Callable[..., _R]) -> Callable[..., _R]:
    """Add options of video files; the command gets `encoding` and `tone_map`."""

    @functools.wraps(command)
    def wrapped(*, codec: str | None, crf: float | None, preset: str | None, **others: object) -> _R:
        from adain.video.codecs import Encoding

        return command(encoding=Encoding(codec, crf, preset), **others)

    for option in reversed(_ENCODING):
        wrapped = option(wrapped)
    return wrapped


_ENCODING = (
    click.option(
        "--codec",
        type=click.Choice(["h264", "hevc", "vp9", "av1", "prores", "ffv1"]),
        help="Codec of a video file.  [default: h264, or vp9 for .webm]",
    ),
    click.option(
        "--crf", type=FiniteNumber(0), metavar="NUMBER", help="Quality of a video file: lower is better and larger."
    ),
    click.option("--preset", metavar="NAME", help="Preset of the codec, such as fast or slow: speed against size."),
    click.option(
        "--tone-map",
        type=click.Choice(["soft", "clip"]),
        help="Turn an HDR film (PQ, HLG) into SDR: soft compresses highlights, clip cuts them off above 203 cd/m2.",
    ),
)
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
        help="Average the content's statistics and drafts over this time, against flicker; 0 for none.",
    ),
)
