"""`adain optimize`: optimise a picture by losses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from adain.cli.extras import require_torch
from adain.cli.inputs import DASH, PICTURE, PICTURE_OR_STDIN, with_stdin
from adain.cli.masks import MaskChoice, mask_options
from adain.cli.number_list import CommandWithNumbers
from adain.cli.number_types import WholeNumber
from adain.cli.optimization import optimization_options
from adain.cli.options import request_options
from adain.cli.outputs import check_output, output_option, write_output
from adain.cli.pictures import quality_option, reading_options, strip_option
from adain.cli.progress import LossBar
from adain.cli.verbosity import verbose_option
from adain.errors import AdainError, InputError

if TYPE_CHECKING:
    from adain.optimization.options import OptimizeOptions
    from adain.optimization.picture import Optimization
    from adain.request import StyleRequest

__all__ = ["optimize"]


@click.command(cls=CommandWithNumbers)
@click.argument("content", type=PICTURE_OR_STDIN)
@click.argument("styles", metavar="STYLE [STYLE ...]", nargs=-1, required=True, type=PICTURE)
@output_option
@optimization_options(
    "preset", "features", "losses", "optimizer", "iterations", "rate", "average", "coarsest", "start", "precision"
)
@click.option("--every", type=WholeNumber(1), metavar="N", help="Write the picture and the state every N iterations.")
@click.option("--resume", is_flag=True, help="Continue a run that was interrupted.")
@mask_options()
@request_options(
    "strokes",
    "seed",
    "weights",
    "preserve_color",
    "size",
    "style_size",
    "tile",
    more={"strokes": "; of the fast start", "tile": "; with their gradients"},
    defaults={"style_size": None},
)
@quality_option
@strip_option
@reading_options
@verbose_option
def optimize(
    content: Path,
    styles: tuple[Path, ...],
    output: Path,
    options: OptimizeOptions,
    every: int | None,
    resume: bool,
    choose_masks: MaskChoice,
    request: StyleRequest,
    quality: int | None,
    strip: bool,
    model: str,
) -> None:
    """Optimise a picture until it has the content of CONTENT and the style of STYLE.

    Slower than `adain stylize` by a factor of hundreds. The picture begins as the fast result, and is optimised at its
    full size; other starts, from a small copy up. Several STYLEs are mixed, or placed by masks.

    Ctrl-C writes the best picture so far, and beside it OUTPUT.state, from which --resume continues.

    \b
      adain optimize photo.jpg painting.jpg -o optimized.png
      adain optimize photo.jpg painting.jpg -o gatys.png --preset gatys --size 512
    """  # noqa: D301  click wants the control character itself
    require_torch("`adain optimize`")
    check_output(output, (content, *styles, *choose_masks.files), quality=quality)
    state = output.with_name(f"{output.name}.state")
    if str(output) == DASH and (every or resume):
        raise InputError("standard output (-) is written once, at the end; name a file for --every or --resume")
    if resume and not state.is_file():
        raise InputError(f"there is no {state} to continue from; leave --resume out")
    request = replace(request, masks=choose_masks(len(styles)))
    from adain.optimization.picture import Optimization

    read, *_ = with_stdin([content])
    run = Optimization(read, styles, options, request=request, model=model)

    def write() -> None:
        write_output(run.result().to_pil(), output, quality=quality, strip=strip)
        run.save(state)

    if resume:
        run.restore(state)
    _run(run, every, write, output)
    write_output(run.result().to_pil(), output, quality=quality, strip=strip)
    state.unlink(missing_ok=True)


def _run(run: Optimization, every: int | None, write: Callable[[], None], output: Path) -> None:
    """Run to the end. If it ends early, write what there is."""
    try:
        with LossBar() as bar:
            for step in run.steps():
                bar(step.done, step.total, step.losses)
                if every is not None and step.done % every == 0:
                    write()
    except (KeyboardInterrupt, AdainError):  # also of losses that are not finite, and of too little memory
        if run.done and str(output) != DASH:
            write()
            say_kept(run)
        raise


def say_kept(run: Optimization) -> None:
    """Say on stderr how far the run came."""
    click.echo(f"kept the picture after {run.done} of {run.total} iterations; continue with --resume", err=True)
