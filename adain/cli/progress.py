"""Progress bars on stderr: for downloads, pictures, frames and steps. The time left is `0:23:00`: 23 minutes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

import click

from adain.cli.reporting import counted

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

__all__ = ["DownloadBars", "FrameBar", "LossBar", "ResultBar", "StepBar", "clock", "item_bar"]

_T = TypeVar("_T")
_Self = TypeVar("_Self", bound="_Bars")


def clock(seconds: float) -> str:
    """Format a time: 0:23:05 for 23 minutes and 5 seconds."""
    minutes, second = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{second:02}"


def item_bar(items: Sequence[_T], label: str, name: Callable[[_T], str] = lambda item: "") -> ProgressBar[_T]:
    """Return a bar to use in a `with` block, and to iterate over.

    Args:
        items: the items that it yields.
        label: text before the bar.
        name: the text of an item, shown after the bar.
    """
    start = time.monotonic()

    def state(item: _T | None) -> str:
        shown = "" if item is None else name(item)
        return "  ".join(filter(None, [_left(start, bar.pos, len(items)), shown]))

    bar = click.progressbar(items, label=label, show_pos=True, show_eta=False, file=sys.stderr, item_show_func=state)
    return bar


def _left(start: float, done: int, total: int) -> str:
    """The time left, if it is known."""
    return f"{clock((time.monotonic() - start) / done * (total - done))} left" if 0 < done < total else ""


class _Bars:
    """A context that draws at most one bar at a time, and finishes it on exit."""

    def __init__(self) -> None:
        self._bar: ProgressBar[int] | None = None
        self._done = 0
        self._total = 0
        self._start = time.monotonic()

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close()

    def _advance(self, done: int) -> None:
        step, self._done = done - self._done, done
        if self._bar is not None:
            self._bar.update(step, done)

    def _draw(self, total: int, label: str, state: Callable[[int | None], str]) -> None:
        """Begin a bar of a known length."""
        self._start, self._total = time.monotonic(), total
        self._bar = click.progressbar(
            length=total, label=label, file=sys.stderr, show_pos=True, show_eta=False, item_show_func=state
        )
        self._bar.render_progress()

    def _left(self) -> str:
        return _left(self._start, self._done, self._total)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.render_finish()
            self._bar = None


class DownloadBars(_Bars):
    """Progress of downloads: the `progress` of `adain.weights.find` or `adain.load`. Use it in a `with` block.

    If stderr is not a terminal, it prints one line per file.
    """

    def __call__(self, name: str, received: int, total: int | None) -> None:
        """Draw; `received` and `total` are in bytes. A new file or attempt starts with 0 received."""
        if received == 0:
            self._close()
            self._done = 0
            self._open(name, total)
        self._advance(received)

    def _open(self, name: str, total: int | None) -> None:
        if total is None or not sys.stderr.isatty():
            size = "" if total is None else f" ({total / 1e6:.1f} MB)"
            click.echo(f"downloading {name}{size}", err=True)
            return
        self._bar = click.progressbar(
            length=total,
            label=name,
            file=sys.stderr,
            item_show_func=lambda received: f"{(received or 0) / 1e6:.1f} of {total / 1e6:.1f} MB",
        )
        self._bar.render_progress()


class ResultBar(_Bars):
    """Progress of `adain.stylize_many`, with the rate and the time left. Use it in a `with` block.

    If stderr is not a terminal, it prints only the number of results to make.
    """

    def __call__(self, done: int, total: int) -> None:
        """Draw; `done` of `total` results are finished or failed. The first call has 0."""
        if done == 0:
            self._open(total)
        self._advance(done)

    def _open(self, total: int) -> None:
        if not sys.stderr.isatty() or total == 0:
            click.echo(f"{total:,} to stylize", err=True)
            return
        self._draw(total, "stylizing", self._state)

    def _state(self, done: int | None) -> str:
        seconds = time.monotonic() - self._start
        rate = f"{done / seconds:.2g} per second" if done and seconds > 0 else ""
        return ", ".join(filter(None, [rate, self._left()]))


class StepBar(_Bars):
    """Progress of a few long steps: passes of a texture, or graphs. Use it in a `with` block.

    Args:
        label: text before the bar.
    """

    def __init__(self, label: str) -> None:
        super().__init__()
        self._label = label

    def __call__(self, done: int, total: int) -> None:
        """Draw if stderr is a terminal; `done` of `total` steps are finished. The first call has 0."""
        if done == 0 and sys.stderr.isatty():
            self._draw(total, self._label, lambda _: self._left())
        self._advance(done)


class LossBar(_Bars):
    """Progress of an optimisation, with its losses. Use it in a `with` block.

    If stderr is not a terminal, it prints about ten lines.
    """

    def __init__(self) -> None:
        super().__init__()
        self._losses = ""

    def __call__(self, done: int, total: int, losses: Mapping[str, float]) -> None:
        """Draw; `done` of `total` iterations are finished."""
        self._losses = "  ".join(f"{name} {value:.4g}" for name, value in losses.items())
        if sys.stderr.isatty():
            if self._bar is None:
                self._draw(total, "optimising", lambda _: "  ".join(filter(None, [self._left(), self._losses])))
            self._advance(done)
        elif done == total or done % max(1, total // 10) == 0:
            click.echo(f"{done}/{total}  {self._losses}", err=True)


class FrameBar(_Bars):
    """Progress of `adain.video.stylize`, with frames per second. Use it in a `with` block.

    If stderr is not a terminal, or the number of frames is unknown, it prints only the number of frames at the end.
    """

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, traceback)
        if self._done and (error is None or isinstance(error, KeyboardInterrupt)):
            click.echo(", ".join(filter(None, [counted(self._done, "frame"), self._rate()])), err=True)

    def __call__(self, done: int, total: int | None) -> None:
        """Draw; the first frame only starts the clock, because it includes the warm-up."""
        if done == 1:
            self._start = time.monotonic()
            if total is not None and sys.stderr.isatty():
                self._draw(total, "stylizing", lambda _: ", ".join(filter(None, [self._rate(), self._left()])))
        self._advance(done)

    def _rate(self) -> str:
        seconds = time.monotonic() - self._start
        return f"{(self._done - 1) / seconds:.2f} frames per second" if self._done > 1 and seconds > 0 else ""
