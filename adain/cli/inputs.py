"""Types of arguments and options: pictures (one file, or files, folders and patterns), and sizes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from adain.checks import LARGEST_SIDE, shown
from adain.errors import InputError

__all__ = ["PICTURE", "PICTURES", "contents_and_styles", "parse_size"]

_F = TypeVar("_F", bound=Callable[..., object])


class _Pictures(click.Path):
    """An existing file or folder, or a pattern that the shell has not expanded."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from adain.jobs.sources import is_pattern

        return value if is_pattern(value) else super().convert(value, param, ctx)


PICTURE = click.Path(exists=True, dir_okay=False, path_type=Path)
PICTURES = _Pictures(exists=True)


def contents_and_styles(command: _F) -> _F:
    """Add the parameters CONTENT (`content`), `-c` (`more_contents`) and STYLE (`styles`)."""
    for parameter in reversed(_SEARCHED):
        command = parameter(command)
    return command


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


_SEARCHED = (
    click.argument("content", type=PICTURES),
    click.argument("styles", metavar="STYLE [STYLE ...]", nargs=-1, required=True, type=PICTURES),
    click.option(
        "-c", "--content", "more_contents", multiple=True, type=PICTURES, help="A further CONTENT; repeatable."
    ),
)
