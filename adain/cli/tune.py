"""`adain tune`: optimise a style's code, once for all pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from adain.cli.extras import require_torch
from adain.cli.inputs import PICTURE, PICTURES
from adain.cli.optimization import optimization_options
from adain.cli.options import request_options
from adain.cli.pictures import reading_options
from adain.cli.progress import LossBar
from adain.cli.verbosity import verbose_option
from adain.errors import InputError
from adain.optimization.options import TUNING_ITERATIONS, TUNING_RATE, spec

if TYPE_CHECKING:
    from adain.optimization.options import OptimizeOptions
    from adain.request import StyleRequest

__all__ = ["tune"]


@click.command()
@click.argument("style", type=PICTURE)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Style code to write, with a name that ends in .safetensors.",
)
@click.option(
    "-c",
    "--content",
    "contents",
    multiple=True,
    required=True,
    type=PICTURES,
    help="Photograph, folder or pattern to tune on; repeatable. Best are two dozen.",
)
@optimization_options(
    "features",
    "losses",
    "iterations",
    "rate",
    "precision",
    specs={
        "iterations": replace(spec("iterations"), help="Iterations in all", unset=str(TUNING_ITERATIONS)),
        "rate": replace(spec("rate"), unset=str(TUNING_RATE)),
    },
)
@request_options("strokes", "seed", "style_size")
@reading_options
@verbose_option
def tune(
    style: Path,
    output: Path,
    contents: tuple[str, ...],
    options: OptimizeOptions,
    request: StyleRequest,
    model: str,
) -> None:
    """Write a style code of STYLE that has smaller losses on photographs than the encoded one.

    The network stays as it is, and its style code is optimised on a few dozen photographs. That takes minutes, once.
    By other measures than these losses the encoded code was mostly the better one, so compare the pictures.
    The file is used as any style code: `adain stylize photo.jpg STYLE.safetensors -o out.png`. Ctrl-C writes nothing.
    """
    require_torch("`adain tune`")
    from adain.code import is_code_file
    from adain.files import refuse_inputs

    if not is_code_file(output):
        raise InputError(f"{output} must be the name of a style code, which ends in .safetensors")
    refuse_inputs(output, (style,))
    from adain.jobs import find_contents
    from adain.optimization.tuning import tune

    with LossBar() as bar:
        code = tune(
            style,
            [source.path for source in find_contents(contents).sources],
            options,
            request=request,
            model=model,
            progress=lambda step: bar(step.done, step.total, step.losses),
        )
    code.save(output)
    click.echo(output)
