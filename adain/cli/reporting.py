"""Messages at the end of a run over many pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from adain.cli.wording import in_options
from adain.errors import AdainError

if TYPE_CHECKING:
    from adain.jobs import Failure, Report

__all__ = ["counted", "ignored", "left", "say", "say_failures", "say_first", "say_unreadable", "say_written"]

_SHOWN = 20  # failures


def say(report: Report) -> None:
    """Print on stderr how many pictures were written, skipped and ignored, and which failed.

    Raises:
        AdainError: something failed; the command exits with an error.
    """
    written = counted(len(report.written), "picture")
    click.echo(f"wrote {written}{left(report.existing)}{ignored(report.ignored)}", err=True)
    say_unreadable(report.unreadable)
    say_failures(report.failures)
    if report.stopped:
        raise AdainError("disk full or read-only; make space and run the command again; finished files are skipped")
    if report.failures:
        raise AdainError("some pictures failed; the reasons are listed above")


def left(existing: int) -> str:
    """The end of a sentence: the number of results that existed already."""
    return f", left {existing:,} that existed (--overwrite makes them again)" if existing else ""


def ignored(files: int) -> str:
    """The end of a sentence: the number of files that are not pictures."""
    return f", ignored {counted(files, 'file')} (hidden, or not named like a picture)" if files else ""


def say_unreadable(pictures: Sequence[Path]) -> None:
    """Print on stderr which pictures were left out because their formats cannot be read."""
    from adain.jobs.sources import left_out

    if pictures:
        click.echo(f"left out {left_out(pictures)}", err=True)


def say_failures(failures: Sequence[Failure]) -> None:
    """Print a line for each failure on stderr."""
    for failure in failures:
        lost = f" ({counted(failure.results, 'result')} missing)" if failure.results > 1 else ""
        click.echo(f"failed: {in_options(str(failure))}{lost}", err=True)


def say_first(lines: Sequence[str], where: str) -> None:
    """Print the first of many failures on stderr, and where the others stand."""
    for line in lines[:_SHOWN]:
        click.echo(f"failed: {line}", err=True)
    if len(lines) > _SHOWN:
        click.echo(f"... and {len(lines) - _SHOWN:,} more, in {where}", err=True)


def say_written(path: Path, size: tuple[int, int]) -> None:
    """Print on stderr which picture was written, and its width and height."""
    place = "the picture to the standard output" if str(path) == "-" else path
    click.echo("wrote {}, {} x {} pixels".format(place, *size), err=True)


def counted(number: int, noun: str) -> str:
    """`1 picture`, `2 pictures`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
