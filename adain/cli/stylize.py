"""`adain stylize`: stylize a picture, or folders of pictures with folders of styles."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from adain.cli.inputs import contents_and_styles
from adain.cli.masks import mask_options
from adain.cli.number_list import CommandWithNumbers
from adain.cli.options import alphas_option, model_options, request_options
from adain.cli.progress import ResultBar
from adain.cli.reporting import say, say_written
from adain.cli.verbosity import verbose_option
from adain.errors import InputError

if TYPE_CHECKING:
    from PIL import Image

    from adain.masking import Masks
    from adain.request import StyleRequest
    from adain.stylizer import Stylizer

__all__ = ["stylize"]


@click.command(cls=CommandWithNumbers)
@contents_and_styles
@click.option(
    "-o", "--output", required=True, help="File to write, or folder (a name without a suffix) for all combinations."
)
@click.option(
    "--name",
    metavar="TEMPLATE",
    help="Names of results in the folder, made of {content}, {style}, {alpha}, {model}, {folder} and {suffix}.  "
    "[default: {content}_{style}]",
)
@click.option("--overwrite", is_flag=True, help="Make results again that exist in the folder.")
@alphas_option("a result each")
@mask_options()
@request_options(
    "strokes",
    "seed",
    "weights",
    "preserve_color",
    "size",
    "style_size",
    "tile",
    more={"weights": "; mixes them in a folder too"},
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
    choose_masks: Callable[[int], Masks | None],
    request: StyleRequest,
    compare: bool,
    open_stylizer: Callable[[], Stylizer],
) -> None:
    """Give the picture CONTENT the style of STYLE, or of several STYLEs, mixed or placed by masks.

    CONTENT and STYLE are pictures, folders of pictures, or patterns in quotes such as 'photos/*.jpg'. If the output is
    a folder, every content gets every style. Results that exist are skipped, so an interrupted run can be continued. A
    STYLE may be a style code (.safetensors), which `adain encode` writes.
    """
    contents = content, *more_contents
    request = replace(request, masks=choose_masks(len(_found(styles))))
    if _is_file(output):
        if name is not None:
            raise InputError(f"--name is for results in a folder; {output} is the name of a file")
        _one(contents, styles, Path(output), alpha, request, compare, open_stylizer)
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
            request=request,
            compare=compare,
            progress=bar,
        )
    say(report)


def _one(
    contents: Sequence[str],
    styles: Sequence[str],
    output: Path,
    alphas: Sequence[float],
    request: StyleRequest,
    compare: bool,
    open_stylizer: Callable[[], Stylizer],
) -> None:
    """Stylize the only content with all named styles, or with the only style found."""
    from adain.images import check_target, write
    from adain.jobs import find_contents

    found, named, found_styles = find_contents(contents).sources, not any(map(_is_search, styles)), _found(styles)
    results = len(found) * (1 if named or request.together else len(found_styles)) * max(1, len(alphas))
    if results > 1:
        raise InputError(
            f"{output} is the name of a file, but there are {results:,} results; give a folder, such as "
            f"{output.with_suffix('')}{os.sep}"
        )
    check_target(output)
    request = replace(request, alpha=alphas[0] if alphas else None)
    picture = open_stylizer()(found[0].path, found_styles, request=request)
    if compare:
        picture = _compared(found[0].path, found_styles, picture)
    write(picture, output)
    say_written(output, picture.size)


def _compared(content: Path, styles: Sequence[Path], picture: Image.Image) -> Image.Image:
    from adain import images, sheets
    from adain.code import is_code_file

    cells = [sheets.Cell(None if is_code_file(path) else images.read(path).to_pil(), path.name) for path in styles]
    return sheets.compare(images.read(content).to_pil(), cells, picture)


def _found(styles: Sequence[str]) -> list[Path]:
    """Return the named styles; with a folder or pattern among them, all styles found."""
    from adain.jobs import find_styles

    if not any(map(_is_search, styles)):
        return [Path(style) for style in styles]
    return [style.path for style in find_styles(styles).sources]


def _is_search(text: str) -> bool:
    """Whether the text is a folder or a pattern, which may hold any number of pictures."""
    from adain.jobs.sources import is_pattern

    return os.path.isdir(text) or is_pattern(text)


def _is_file(output: str) -> bool:
    return Path(output).suffix != "" and not output.endswith(("/", os.sep)) and not os.path.isdir(output)
