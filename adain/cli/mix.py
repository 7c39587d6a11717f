"""`adain mix`: a picture in all mixes between two to four styles, as one grid."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from adain.cli.inputs import PICTURE
from adain.cli.options import look_options, model_options
from adain.cli.progress import ResultBar
from adain.cli.verbosity import verbose_option

if TYPE_CHECKING:
    from adain.stylizer import PreserveColor, Stylizer

__all__ = ["mix"]

logger = logging.getLogger(__name__)


@click.command(context_settings={"default_map": {"size": 256}})
@click.argument("content", type=PICTURE)
@click.argument("styles", metavar="STYLE STYLE [STYLE [STYLE]]", nargs=-1, required=True, type=PICTURE)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="File to write.")
@click.option("--steps", type=click.IntRange(2), default=5, show_default=True, help="Results along an edge.")
@click.option("--names", is_flag=True, help="Write shares in percent over the results, and names over the styles.")
@click.option("--alpha", type=click.FloatRange(0, 1), help="Strength of the styles.  [default: the model's own]")
@look_options
@model_options
@verbose_option
def mix(
    content: Path,
    styles: tuple[Path, ...],
    output: Path,
    steps: int,
    names: bool,
    alpha: float | None,
    size: int,
    style_size: int,
    preserve_color: PreserveColor | None,
    open_stylizer: Callable[[], Stylizer],
) -> None:
    """Write a grid of CONTENT between two, three or four styles, which are its corners.

    A STYLE may be a style code (.safetensors). Each result is scaled to a shorter side of 256 pixels, or --size.
    """
    from adain.images import check_target, write
    from adain.mixing import grid_shares, interpolation_grid

    grid_shares(len(styles), steps)
    check_target(output)
    stylizer = open_stylizer()
    with ResultBar() as bar:
        picture = interpolation_grid(
            stylizer,
            content,
            styles,
            steps=steps,
            labels=names,
            alpha=alpha,
            preserve_color=preserve_color,
            size=size,
            style_size=style_size,
            progress=bar,
        )
    write(picture, output)
    logger.info("wrote %s, %d x %d pixels", output, *picture.size)
