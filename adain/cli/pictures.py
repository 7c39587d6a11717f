"""Options of commands that read and write pictures."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import click

from adain.cli.number_types import WholeNumber

__all__ = ["quality_option", "reading_options", "strip_option"]

_MOST_PIXELS = 10**12  # more is a mistake

_F = TypeVar("_F", bound=Callable[..., object])
_R = TypeVar("_R")


def reading_options(command: Callable[..., _R]) -> Callable[..., _R]:
    """Add `--accept-truncated` and `--max-pixels`; they apply while the command runs."""

    @wraps(command)
    def with_rules(*, accept_truncated: bool, max_pixels: int | None, **others: Any) -> _R:
        from adain.images import reading_rules

        with reading_rules(max_pixels=max_pixels, accept_truncated=accept_truncated):
            return command(**others)

    chosen: Callable[..., _R] = with_rules
    for option in reversed(_READING):
        chosen = option(chosen)
    return chosen


def quality_option(command: _F) -> _F:
    """Add `--quality`; the command gets a number or None."""
    return click.option(
        "--quality",
        type=WholeNumber(1, 100),
        help="Quality of JPEG, WebP and AVIF files, from 1 to 100.  [default: 95, AVIF 90]",
    )(command)


def strip_option(command: _F) -> _F:
    """Add `--strip`; the command gets whether it was given."""
    return click.option(
        "--strip",
        is_flag=True,
        help="Leave out the content's EXIF, XMP and IPTC data (date, camera, copyright, place).",
    )(command)


_READING = (
    click.option(
        "--accept-truncated", is_flag=True, help="Read JPEGs that are cut off; what is missing is said, and grey."
    ),
    click.option(
        "--max-pixels",
        type=WholeNumber(1, _MOST_PIXELS),
        help="Largest allowed number of pixels of a picture.  [default: 178956970]",
    ),
)
