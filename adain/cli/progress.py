"""Progress bars on stderr: for downloads, for runs over many pictures, and for the frames of a film."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

import click

from adain.cli.reporting import counted

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

__all__ = ["DownloadBars", "FrameBar", "ResultBar"]

_Self = TypeVar("_Self", bound="_Bars")


class _Bars:
    """A context that draws at most one bar at a time, and finishes it on exit."""

    def __init__(self) -> None:
        self._bar: ProgressBar[int] | None = None
        self._done = 0
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
        if self._bar is not None:
            self._bar.update(done - self._done, done)
        self._done = done

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
        self._start = time.monotonic()
        self._bar = click.progressbar(
            length=total, label="stylizing", file=sys.stderr, show_pos=True, item_show_func=self._rate
        )
        self._bar.render_progress()

    def _rate(self, done: int | None) -> str:
        seconds = time.monotonic() - self._start
        return f"{done / seconds:.2g} per second" if done and seconds > 0 else ""


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
                self._bar = click.progressbar(
                    length=total,
                    label="stylizing",
                    file=sys.stderr,
                    show_pos=True,
                    item_show_func=lambda _: self._rate(),
                )
        self._advance(done)

    def _rate(self) -> str:
        seconds = time.monotonic() - self._start
        return f"{(self._done - 1) / seconds:.2f} frames per second" if self._done > 1 and seconds > 0 else ""
