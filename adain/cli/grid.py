"""`adain grid`: write a contact sheet of contents in styles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from adain.checks import LARGEST_SIDE
from adain.cli.inputs import contents_and_styles
from adain.cli.number_list import CommandWithNumbers
from adain.cli.number_types import WholeNumber
from adain.cli.options import alphas_option, model_options, request_options
from adain.cli.outputs import check_output, output_option, write_output
from adain.cli.pictures import quality_option, reading_options
from adain.cli.progress import ResultBar
from adain.cli.reporting import counted, ignored, say_failures, say_unreadable
from adain.cli.verbosity import verbose_option
from adain.defaults import GRID_CELL, GRID_SIZE
from adain.errors import AdainError

if TYPE_CHECKING:
    from adain.request import StyleRequest
    from adain.stylizer import Stylizer

__all__ = ["grid"]


@click.command(cls=CommandWithNumbers)
@contents_and_styles()
@output_option
@alphas_option("a column each")
@click.option(
    "--cell",
    type=WholeNumber(1, LARGEST_SIDE),
    default=GRID_CELL,
    show_default=True,
    help="Side of a picture on the sheet.",
)
@request_options("strokes", "seed", "preserve_color", "size", "style_size", defaults={"size": GRID_SIZE})
@quality_option
@reading_options
@model_options
@verbose_option
def grid(
    content: str,
    styles: tuple[str, ...],
    more_contents: tuple[str, ...],
    output: Path,
    alpha: tuple[float, ...],
    cell: int,
    request: StyleRequest,
    quality: int | None,
    open_stylizer: Callable[[], Stylizer],
) -> None:
    """Write a labelled contact sheet: a row for each CONTENT, a column for each STYLE, the originals at the edges.

    CONTENT and STYLE are pictures, folders of pictures, or patterns in quotes such as 'photos/*.jpg'. Contents are
    scaled to --size, stylized, and shrunk to --cell.
    """
    from adain.jobs import find_contents, find_styles
    from adain.jobs import grid as draw

    contents = content, *more_contents
    inputs = (*find_contents(contents).sources, *find_styles(styles).sources)
    check_output(output, (source.path for source in inputs), quality=quality)
    stylizer = open_stylizer()
    with ResultBar() as bar:
        drawn = draw(
            stylizer,
            contents,
            styles,
            alphas=alpha,
            request=request,
            cell=cell,
            progress=bar,
        )
    if drawn.made:
        write_output(drawn.picture, output, quality=quality)
        click.echo(f"wrote {output} with {counted(drawn.made, 'result')}{ignored(drawn.ignored)}", err=True)
    say_unreadable(drawn.unreadable)
    say_failures(drawn.failures)
    if drawn.failures:
        raise AdainError("places on the sheet are empty" if drawn.made else "no result could be made; no sheet written")
