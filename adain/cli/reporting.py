"""What is said at the end of a run over many pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from adain.errors import AdainError

if TYPE_CHECKING:
    from adain.jobs import Failure, Report

__all__ = ["counted", "ignored", "left", "say", "say_failures"]


def say(report: Report) -> None:
    """Say what was written, left out and ignored, and what failed, on stderr.

    Raises:
        AdainError: something failed; the command's exit code follows from it.
    """
    written = counted(len(report.written), "picture")
    click.echo(f"wrote {written}{left(report.existing)}{ignored(report.ignored)}", err=True)
    say_failures(report.failures)
    if report.stopped:
        raise AdainError("stopped, since there is no room for more; make some and start again: it does what is left")
    if report.failures:
        raise AdainError("not all could be done, for the reasons above")


def left(existing: int) -> str:
    """The end of a sentence about results that were there already."""
    return f", left {existing:,} that existed (--overwrite makes them again)" if existing else ""


def ignored(files: int) -> str:
    """The end of a sentence about files that were found and not taken."""
    return f", ignored {counted(files, 'file')} (hidden, or not named like a picture)" if files else ""


def say_failures(failures: Sequence[Failure]) -> None:
    """A line for each, on stderr."""
    for failure in failures:
        lost = f" ({counted(failure.results, 'result')} missing)" if failure.results > 1 else ""
        click.echo(f"failed: {failure}{lost}", err=True)


def counted(number: int, noun: str) -> str:
    """`1 picture`, `2 pictures`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
