"""`-v`: print the package's log on stderr."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import click

from adain.cli.quiet import QuietLibraries
from adain.cli.wording import in_options

__all__ = ["verbose_option"]

_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)
_SILENT = ("py.warnings", "PIL", "pillow_heif", "tifffile", "imagecodecs")  # loggers
_COUNT, _LINES = "adain.verbosity", "adain.libraries"  # keys in the contexts' common `meta`

_F = TypeVar("_F", bound=Callable[..., object])


def verbose_option(command: _F) -> _F:
    """Add `-v` to a command. The counts of the group and the subcommand are added."""
    return click.option(
        "-v",
        "--verbose",
        count=True,
        is_eager=True,
        expose_value=False,
        callback=_count,
        help="Print what was chosen and how long it took; -vv for more.",
    )(command)


def _count(ctx: click.Context, param: click.Parameter, count: int) -> None:
    if ctx.resilient_parsing:
        return
    if _COUNT not in ctx.meta:
        root = ctx.find_root()
        root.with_resource(_log_on_stderr())
        ctx.meta[_LINES] = root.with_resource(QuietLibraries())
    ctx.meta[_COUNT] = ctx.meta.get(_COUNT, 0) + count
    if ctx.meta[_COUNT]:
        ctx.meta[_LINES].restore()
    logging.getLogger("adain").setLevel(_LEVELS[min(ctx.meta[_COUNT], len(_LEVELS) - 1)])


@contextmanager
def _log_on_stderr() -> Iterator[None]:
    """Log to stderr in the block, and restore the loggers after it: a program may call the command as a function.

    Python's warnings and the logs of libraries that read pictures are for programmers, and are not printed: what
    matters of them is said by this package.
    """
    package = logging.getLogger("adain")
    level, handler, silence = package.level, _Stderr(), logging.NullHandler()
    package.addHandler(handler)
    for name in _SILENT:
        logging.getLogger(name).addHandler(silence)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        for name in _SILENT:
            logging.getLogger(name).removeHandler(silence)
        package.removeHandler(handler)
        package.setLevel(level)


class _Stderr(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        kind = f"{record.levelname.capitalize()}: " if record.levelno >= logging.WARNING else ""
        text = self.format(record)
        erase = "\r\x1b[K" if sys.stderr.isatty() else ""  # the line may hold a progress bar
        click.echo(f"{erase}{kind}{in_options(text) if kind else text}", err=True)
