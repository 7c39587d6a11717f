"""Types of arguments and options: pictures (one file, or files, folders and patterns), and sizes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

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
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.isdecimal() and int(side) > 0 for side in sides):
        raise InputError(f"a size is SIDE or WIDTHxHEIGHT in pixels, such as 512 or 1920x1080, got {text!r}")
    return int(sides[0]), int(sides[-1])


_SEARCHED = (
    click.argument("content", type=PICTURES),
    click.argument("styles", metavar="STYLE [STYLE ...]", nargs=-1, required=True, type=PICTURES),
    click.option(
        "-c", "--content", "more_contents", multiple=True, type=PICTURES, help="A further CONTENT; repeatable."
    ),
)
