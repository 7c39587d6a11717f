"""Types of arguments and options: pictures (one file, or files, folders and patterns), and sizes.

`-` is a picture on standard input.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from adain.checks import LARGEST_SIDE, shown
from adain.errors import InputError

__all__ = [
    "DASH",
    "PICTURE",
    "PICTURES",
    "PICTURES_OR_STDIN",
    "PICTURE_OR_STDIN",
    "OutputFolder",
    "contents_and_styles",
    "parse_size",
    "size",
    "with_stdin",
]

DASH = "-"

_F = TypeVar("_F", bound=Callable[..., object])


class _Pictures(click.Path):
    """An existing file or folder, or a pattern that the shell has not expanded."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from adain.files import ELSEWHERE, STORES, is_elsewhere
        from adain.jobs.sources import is_pattern

        if is_elsewhere(value):
            self.fail(f"{value} {ELSEWHERE}{STORES}", param, ctx)
        return value if is_pattern(value) else super().convert(value, param, ctx)


class OutputFolder(click.Path):
    """A folder to write, which standard output is not."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse `-`."""
        if str(value) == DASH:
            self.fail("several files are written, which standard output (-) cannot take; name a folder", param, ctx)
        return super().convert(value, param, ctx)


PICTURE = click.Path(exists=True, dir_okay=False, path_type=Path)
PICTURE_OR_STDIN = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
PICTURES = _Pictures(exists=True)
PICTURES_OR_STDIN = _Pictures(exists=True, allow_dash=True)


def contents_and_styles(*, stdin: bool = False) -> Callable[[_F], _F]:
    """Add the parameters CONTENT (`content`), `-c` (`more_contents`) and STYLE (`styles`).

    Args:
        stdin: whether CONTENT and STYLE may be `-`.
    """
    kind = PICTURES_OR_STDIN if stdin else PICTURES

    def add(command: _F) -> _F:
        more = "A further CONTENT; repeatable."
        for parameter in (
            click.option("-c", "--content", "more_contents", multiple=True, type=PICTURES, help=more),
            click.argument("styles", metavar="STYLE [STYLE ...]", nargs=-1, required=True, type=kind),
            click.argument("content", type=kind),
        ):
            command = parameter(command)
        return command

    return add


def with_stdin(paths: Sequence[Path]) -> list[Path | bytes]:
    """Return the inputs of a command, with the bytes of standard input in place of `-`.

    Raises:
        InputError: `-` is given twice.
        ImageError: nothing comes, or far more than a picture.
    """
    from adain.images.encoded import drained

    if sum(str(path) == DASH for path in paths) > 1:
        raise InputError("standard input (-) has one picture; give the others as files")
    return [drained(sys.stdin.buffer, "standard input") if str(path) == DASH else path for path in paths]


def parse_size(text: str) -> tuple[int, int]:
    """Read a width and height from text such as `512` (a square) or `1920x1080`.

    Raises:
        InputError: the text is not a size.
    """
    found = re.fullmatch("([0-9]{1,9})(?:x([0-9]{1,9}))?", text.lower())
    width, height = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not 1 <= min(width, height) <= max(width, height) <= LARGEST_SIDE:
        raise InputError(
            "a size is SIDE or WIDTHxHEIGHT in pixels, such as 512 or 1920x1080, and at most "
            f"{LARGEST_SIDE:,} a side, got {shown(text)}"
        )
    return width, height


def size(context: click.Context, parameter: click.Parameter, text: str | None) -> tuple[int, int] | None:
    """Callback of an option with a size."""
    try:
        return None if text is None else parse_size(text)
    except InputError as error:
        raise click.BadParameter(str(error)) from error
