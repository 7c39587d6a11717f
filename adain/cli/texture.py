"""`adain texture`: make a texture of any size that looks like a picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from adain.checks import LARGEST_SEED
from adain.cli.inputs import PICTURE_OR_STDIN, size, with_stdin
from adain.cli.number_list import CommandWithNumbers
from adain.cli.number_types import WholeNumber
from adain.cli.options import model_options, request_options
from adain.cli.outputs import check_output, output_option, write_output
from adain.cli.pictures import quality_option, reading_options
from adain.cli.progress import StepBar
from adain.cli.verbosity import verbose_option
from adain.defaults import TEXTURE_SIDE
from adain.registry import preferred

if TYPE_CHECKING:
    from adain.request import StyleRequest
    from adain.stylizer import Stylizer

__all__ = ["texture"]


@click.command(cls=CommandWithNumbers, context_settings={"default_map": {"model": preferred("wct")}})
@click.argument("styles", metavar="STYLE [STYLE ...]", nargs=-1, required=True, type=PICTURE_OR_STDIN)
@output_option
@click.option(
    "--size",
    default=str(TEXTURE_SIDE),
    show_default=True,
    callback=size,
    metavar="WIDTHxHEIGHT",
    help="Size of the texture in pixels; one number for a square.",
)
@click.option(
    "--seed",
    type=WholeNumber(0, LARGEST_SEED),
    default=0,
    show_default=True,
    help="Another seed gives another texture.",
)
@request_options("weights", "style_size", "tile")
@quality_option
@reading_options
@model_options
@verbose_option
def texture(
    styles: tuple[Path, ...],
    output: Path,
    size: tuple[int, int],
    seed: int,
    request: StyleRequest,
    quality: int | None,
    open_stylizer: Callable[[], Stylizer],
) -> None:
    """Make a texture from noise that looks like STYLE, or like a mix of several STYLEs. Needs a WCT model (--model).

    A STYLE is a picture, - for a picture on standard input, or a style code (.safetensors).
    """
    from adain.texture import synthesize

    check_output(output, styles, quality=quality)
    pictures = with_stdin(styles)
    stylizer = open_stylizer()
    with StepBar("making the texture") as bar:
        picture = synthesize(stylizer, pictures, size, seed=seed, request=request, progress=bar)
    write_output(picture, output, quality=quality)
