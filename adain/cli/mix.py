"""`adain mix`: write a grid of a picture in all mixes between two to four styles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from adain.cli.inputs import PICTURE_OR_STDIN, with_stdin
from adain.cli.number_types import WholeNumber
from adain.cli.options import model_options, request_options
from adain.cli.outputs import check_output, output_option, write_output
from adain.cli.pictures import quality_option, reading_options
from adain.cli.progress import ResultBar
from adain.cli.verbosity import verbose_option
from adain.defaults import MIX_SIZE, MIX_STEPS

if TYPE_CHECKING:
    from adain.request import StyleRequest
    from adain.stylizer import Stylizer

__all__ = ["mix"]


@click.command()
@click.argument("content", type=PICTURE_OR_STDIN)
@click.argument("styles", metavar="STYLE STYLE [STYLE [STYLE]]", nargs=-1, required=True, type=PICTURE_OR_STDIN)
@output_option
@click.option("--steps", type=WholeNumber(2, 1000), default=MIX_STEPS, show_default=True, help="Results along an edge.")
@click.option("--names", is_flag=True, help="Write shares in percent over the results, and names over the styles.")
@request_options("alpha", "strokes", "seed", "preserve_color", "size", "style_size", defaults={"size": MIX_SIZE})
@quality_option
@reading_options
@model_options
@verbose_option
def mix(
    content: Path,
    styles: tuple[Path, ...],
    output: Path,
    steps: int,
    names: bool,
    request: StyleRequest,
    quality: int | None,
    open_stylizer: Callable[[], Stylizer],
) -> None:
    """Write a grid of CONTENT in all mixes of two, three or four STYLEs, which are at its corners.

    A STYLE may be a style code (.safetensors). One of the pictures may be - for standard input.
    """
    from adain.mixing import grid_shares, interpolation_grid

    grid_shares(len(styles), steps)
    check_output(output, (content, *styles), quality=quality)
    read, *others = with_stdin((content, *styles))
    stylizer = open_stylizer()
    with ResultBar() as bar:
        picture = interpolation_grid(
            stylizer,
            read,
            others,
            steps=steps,
            labels=names,
            request=request,
            progress=bar,
        )
    write_output(picture, output, quality=quality)
