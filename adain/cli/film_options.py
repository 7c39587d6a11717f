"""What `adain video` and `adain webcam` have in common: their options, and the line that counts frames."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

import click

from adain.cli.number_list import NumberList

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

__all__ = ["FrameBar", "film_options"]

_F = TypeVar("_F", bound=Callable[..., object])


def film_options(command: _F) -> _F:
    """Add alpha, weights, keyframes, smoothing, colour and style size, as `adain.video.stylize` takes them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


class FrameBar:
    """What to give as `progress`, within a `with`: a bar with frames per second on stderr.

    Where that is not a terminal, or the number of frames is unknown, it only says at the end how many there were.
    """

    def __init__(self) -> None:
        self._bar: ProgressBar[int] | None = None
        self._done = 0
        self._start = time.monotonic()

    def __enter__(self) -> FrameBar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.render_finish()
        if self._done and (error is None or isinstance(error, KeyboardInterrupt)):
            click.echo(f"{self._done:,} frames, {self._rate()}", err=True)

    def __call__(self, done: int, total: int | None) -> None:
        """Draw; the first frame only starts the clock, because networks warm up."""
        if done == 1:
            self._start = time.monotonic()
            if total is not None and sys.stderr.isatty():
                self._bar = click.progressbar(
                    length=total,
                    label="stylizing",
                    file=sys.stderr,
                    show_pos=True,
                    item_show_func=lambda _: self._rate(),
                )
        if self._bar is not None:
            self._bar.update(done - self._done, done)
        self._done = done

    def _rate(self) -> str:
        seconds = time.monotonic() - self._start
        return f"{(self._done - 1) / seconds:.2f} frames per second" if self._done > 1 and seconds > 0 else ""


_OPTIONS = (
    click.option(
        "--alpha",
        type=click.FloatRange(0, 1),
        help="Strength of the style, from 0 to 1, where no keyframe sets it.  [default: the model's own]",
    ),
    click.option(
        "--weights",
        cls=NumberList,
        multiple=True,
        type=float,
        metavar="W ...",
        help="Share of each style, in their order, where no keyframe sets it.  [default: equal]",
    ),
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
    click.option(
        "--style-size",
        type=click.IntRange(1),
        default=512,
        show_default=True,
        help="Scale larger styles down to this shorter side; the strokes scale with it.",
    ),
)
