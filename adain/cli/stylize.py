"""`adain stylize`: one picture in the style of others, or folders of pictures in folders of styles."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from adain.cli.inputs import contents_and_styles
from adain.cli.masks import mask_options
from adain.cli.number_list import CommandWithNumbers
from adain.cli.options import alphas_option, look_options, model_options, weights_option
from adain.cli.progress import ResultBar
from adain.cli.reporting import say
from adain.cli.verbosity import verbose_option
from adain.errors import InputError

if TYPE_CHECKING:
    from PIL import Image

    from adain.masking import Masks
    from adain.stylizer import PreserveColor, Stylizer

__all__ = ["stylize"]

logger = logging.getLogger(__name__)


@click.command(cls=CommandWithNumbers)
@contents_and_styles
@click.option(
    "-o", "--output", required=True, help="File to write, or folder for all combinations: a name without a suffix."
)
@click.option(
    "--name",
    metavar="TEMPLATE",
    help="Names of results in the folder, from {content}, {style}, {alpha}, {model}, {folder} and {suffix}.  "
    "[default: {content}_{style}]",
)
@click.option("--overwrite", is_flag=True, help="Make results again that are in the folder.")
@alphas_option("a result each")
@weights_option("; mixes them in a folder too")
@mask_options
@look_options
@click.option(
    "--tile",
    type=click.IntRange(0),
    help="Stylize in tiles of this side in pixels, for the same picture in less memory; 0 never.  "
    "[default: only where memory would be short]",
)
@click.option("--compare", is_flag=True, help="Write content, style and result side by side.")
@model_options
@verbose_option
def stylize(
    content: str,
    styles: tuple[str, ...],
    more_contents: tuple[str, ...],
    output: str,
    name: str | None,
    overwrite: bool,
    alpha: tuple[float, ...],
    weights: tuple[float, ...],
    choose_masks: Callable[[int], Masks | None],
    size: int | None,
    style_size: int,
    preserve_color: PreserveColor | None,
    tile: int | None,
    compare: bool,
    open_stylizer: Callable[[], Stylizer],
) -> None:
    """Give the picture CONTENT the style of STYLE, or of several mixed or each on its own part.

    CONTENT and STYLE are pictures, folders of pictures, or patterns in quotes such as 'photos/*.jpg'. Where the
    output is a folder, every content gets every style, and what is there already is left out; a run that was
    interrupted goes on where it was. A STYLE may be a style code, which `adain encode` writes (.safetensors).
    """
    contents, masks = (content, *more_contents), choose_masks(len(_found(styles)))
    options = _Options(weights or None, masks, preserve_color, size, style_size, tile, compare)
    if _is_file(output):
        if name is not None:
            raise InputError(f"--name is for results in a folder; {output} is the name of a file")
        _one(contents, styles, Path(output), alpha, options, open_stylizer)
        return
    from adain.jobs import stylize_many

    stylizer = open_stylizer()
    with ResultBar() as bar:
        report = stylize_many(
            stylizer,
            contents,
            styles,
            output,
            name=name,
            alphas=alpha,
            overwrite=overwrite,
            progress=bar,
            **vars(options),
        )
    say(report)


@dataclass(frozen=True)
class _Options:
    """What holds for every result."""

    weights: tuple[float, ...] | None
    masks: Masks | None
    preserve_color: PreserveColor | None
    size: int | None
    style_size: int
    tile: int | None
    compare: bool


def _one(
    contents: Sequence[str],
    styles: Sequence[str],
    output: Path,
    alphas: Sequence[float],
    options: _Options,
    open_stylizer: Callable[[], Stylizer],
) -> None:
    """The only content in the style of all pictures that were named, or of the only one that was found."""
    from adain.images import check_target, write
    from adain.jobs import find_contents

    found, named, found_styles = find_contents(contents).sources, not any(map(_is_search, styles)), _found(styles)
    mixed = named or options.weights is not None or options.masks is not None
    results = len(found) * (1 if mixed else len(found_styles)) * max(1, len(alphas))
    if results > 1:
        raise InputError(
            f"{output} is the name of a file, but there are {results:,} results; give a folder, such as "
            f"{output.with_suffix('')}{os.sep}"
        )
    check_target(output)
    picture = open_stylizer()(
        found[0].path,
        found_styles,
        alpha=alphas[0] if alphas else None,
        weights=options.weights,
        masks=options.masks,
        preserve_color=options.preserve_color,
        size=options.size,
        style_size=options.style_size,
        tile=options.tile,
    )
    if options.compare:
        picture = _compared(found[0].path, found_styles, picture)
    write(picture, output)
    logger.info("wrote %s, %d x %d pixels", output, *picture.size)


def _compared(content: Path, styles: Sequence[Path], picture: Image.Image) -> Image.Image:
    from adain import images, sheets
    from adain.code import is_code_file

    cells = [sheets.Cell(None if is_code_file(path) else images.read(path).to_pil(), path.name) for path in styles]
    return sheets.compare(images.read(content).to_pil(), cells, picture)


def _found(styles: Sequence[str]) -> list[Path]:
    """The styles that were named, or else all that are found."""
    from adain.jobs import find_styles

    if not any(map(_is_search, styles)):
        return [Path(style) for style in styles]
    return [style.path for style in find_styles(styles).sources]


def _is_search(text: str) -> bool:
    """Whether it may stand for any number of pictures."""
    from adain.jobs.sources import is_pattern

    return os.path.isdir(text) or is_pattern(text)


def _is_file(output: str) -> bool:
    return Path(output).suffix != "" and not output.endswith(("/", os.sep)) and not os.path.isdir(output)
