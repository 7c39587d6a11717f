"""The picture that a command writes: its path is checked before any work. `-` is standard output, as PNG."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from adain.cli.inputs import DASH
from adain.cli.reporting import say_written
from adain.errors import InputError

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["check_output", "check_stdout", "output_option", "write_output"]

output_option = click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, allow_dash=True),
    help="File to write; missing folders are made. Or - for a PNG on standard output.",
)


def check_output(output: Path, inputs: Iterable[object], *, quality: int | None = None) -> None:
    """Check that the picture can be written, and is none of the inputs.

    Raises:
        InputError: the suffix is unknown, the format has no quality, the file is an input, or standard output is a
            terminal.
        OutputError: the file cannot be written.
    """
    from adain.files import refuse_inputs
    from adain.images import check_target

    if str(output) != DASH:
        check_target(output, quality=quality)
        refuse_inputs(output, inputs)
    elif quality is not None:
        raise InputError("standard output (-) gets a PNG, which loses nothing; leave the quality out, or name a file")
    else:
        check_stdout("a picture")


def check_stdout(what: str) -> None:
    """Raise an `InputError` if standard output is a terminal. `what` is what would be written."""
    if _is_terminal():
        raise InputError(f"{what} is not written to a terminal; name a file, or send it to a program: -o - | ...")


def write_output(picture: Image.Image, output: Path, *, quality: int | None = None, strip: bool = False) -> None:
    """Write the picture, see `adain.images.write`.

    Raises:
        OutputError: it cannot be written.
    """
    from adain.images import write

    if str(output) == DASH:
        write(picture, sys.stdout.buffer, "png", strip=strip)
    else:
        write(picture, output, quality=quality, strip=strip)
    say_written(output, picture.size)


def _is_terminal() -> bool:
    return sys.stdout.isatty()
