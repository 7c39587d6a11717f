"""`adain stylize`: one picture in the style of others."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click

from adain.cli.number_list import CommandWithNumbers, NumberList
from adain.cli.options import model_name, weights_dir_option
from adain.cli.progress import DownloadBars
from adain.cli.verbosity import verbose_option
from adain.registry import DEFAULT

if TYPE_CHECKING:
    from adain.stylizer import BackendName, PreserveColor, StyleInput

__all__ = ["stylize"]

logger = logging.getLogger(__name__)

_PICTURE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(cls=CommandWithNumbers)
@click.argument("content", type=_PICTURE)
@click.argument("styles", metavar="STYLE [STYLE ...]", nargs=-1, required=True, type=_PICTURE)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="File to write.")
@click.option(
    "--model",
    type=model_name,
    metavar="MODEL",
    default=DEFAULT,
    show_default=True,
    help="A name that `adain models` lists.",
)
@click.option("--alpha", type=click.FloatRange(0, 1), help="Strength of the style.  [default: the model's own]")
@click.option(
    "--weights",
    cls=NumberList,
    multiple=True,
    type=float,
    metavar="W ...",
    help="Share of each style, in their order.  [default: equal]",
)
@click.option("--size", type=click.IntRange(1), help="Scale the content to this shorter side, in pixels.")
@click.option(
    "--style-size",
    type=click.IntRange(1),
    default=512,
    show_default=True,
    help="Scale larger styles down to this shorter side; the strokes scale with it.",
)
@click.option(
    "--preserve-color",
    type=click.Choice(["coral", "luminance"]),
    help="Keep the content's colours: recolour the style, or take only the result's brightness.",
)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option(
    "--backend",
    type=click.Choice(["auto", "onnx", "torch"]),
    default="auto",
    show_default=True,
    help="What runs the network: ONNX graphs, or torch; auto takes the graphs where there are any.",
)
@weights_dir_option
@click.option("--seed", type=int, help="For models that draw random numbers; none so far does.")
@verbose_option
def stylize(
    content: Path,
    styles: tuple[Path, ...],
    output: Path,
    model: str,
    alpha: float | None,
    weights: tuple[float, ...],
    size: int | None,
    style_size: int,
    preserve_color: PreserveColor | None,
    device: str,
    backend: BackendName,
    weights_dir: Path | None,
    seed: int | None,
) -> None:
    """Give the picture CONTENT the style of STYLE, or of several mixed.

    A STYLE is a picture, or a style code saved from Python (.safetensors).
    """
    from adain.images import check_target, write
    from adain.stylizer import load

    check_target(output)
    with DownloadBars() as bars:
        stylizer = load(model, device=device, backend=backend, weights_dir=weights_dir, progress=bars)
    picture = stylizer(
        content,
        [_style(path) for path in styles],
        alpha=alpha,
        weights=weights or None,
        preserve_color=preserve_color,
        size=size,
        style_size=style_size,
    )
    write(picture, output)
    logger.info("wrote %s, %d x %d pixels", output, *picture.size)


def _style(path: Path) -> StyleInput:
    from adain.code import StyleCode

    return StyleCode.load(path) if path.suffix == ".safetensors" else path
