"""`adain stylize`: stylize a picture, or folders of pictures with folders of styles."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from adain.cli.inputs import DASH, contents_and_styles, with_stdin
from adain.cli.masks import MaskChoice, mask_options
from adain.cli.number_list import CommandWithNumbers
from adain.cli.options import alphas_option, model_options, request_options
from adain.cli.outputs import check_output, write_output
from adain.cli.pictures import quality_option, reading_options, strip_option
from adain.cli.progress import ResultBar
from adain.cli.random_styles import RandomChoice, random_options
from adain.cli.reporting import say
from adain.cli.verbosity import verbose_option
from adain.errors import InputError

if TYPE_CHECKING:
    from PIL import Image

    from adain.request import StyleRequest
    from adain.stylizer import Stylizer

__all__ = ["stylize"]


@click.command(cls=CommandWithNumbers)
@contents_and_styles(stdin=True)
@click.option(
    "-o",
    "--output",
    required=True,
    help="File to write, folder (a name without a suffix) for all combinations, or - for a PNG on standard output. "
    "Missing folders are made.",
)
@click.option(
    "--name",
    metavar="TEMPLATE",
    help="Names of results in the folder, made of {content}, {style}, {alpha}, {model}, {folder} and {suffix}.  "
    "[default: {content}_{style}]",
)
@click.option("--overwrite", is_flag=True, help="Make results again that exist in the folder.")
@random_options
@alphas_option("a result each, or with --random the two ends of a range")
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
@quality_option
@strip_option
@reading_options
@model_options
@verbose_option
def stylize(
    content: str,
    styles: tuple[str, ...],
    more_contents: tuple[str, ...],
    output: str,
    name: str | None,
    overwrite: bool,
    random: RandomChoice | None,
    alpha: tuple[float, ...],
    choose_masks: MaskChoice,
    request: StyleRequest,
    compare: bool,
    quality: int | None,
    strip: bool,
    open_stylizer: Callable[[], Stylizer],
) -> None:
    """Give the picture CONTENT the style of STYLE, or of several STYLEs, mixed or placed by masks.

    CONTENT and STYLE are pictures, folders of pictures, or patterns in quotes such as 'photos/*.jpg'. If the output is
    a folder, every content gets every style. Results that exist are skipped, so an interrupted run can be continued. A
    STYLE may be a style code (.safetensors), which `adain encode` writes. For a single result, one of the pictures may
    be - for standard input.

    With --random, every content gets styles drawn at random: a data set for training, with a manifest.
    """
    contents = content, *more_contents
    if random is not None:
        if compare:
            raise InputError("--compare shows every style of a content; leave it out, or --random")
        request = replace(request, masks=choose_masks(0))
        random.run(open_stylizer, contents, styles, output, name, overwrite, alpha, request, quality, strip)
        return
    request = replace(request, masks=choose_masks(len(_found(styles))))
    if _is_file(output):
        if name is not None:
            raise InputError(f"--name is for results in a folder; {output} is the name of a file")
        _one(contents, styles, Path(output), alpha, request, compare, choose_masks.files, quality, strip, open_stylizer)
        return
    if DASH in (*contents, *styles):
        raise InputError(
            f"standard input (-) gives one picture, but {output} is a folder; name a file to write, or -o -"
        )
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
            quality=quality,
            strip=strip,
            inputs=choose_masks.files,
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
    mask_files: Sequence[Path],
    quality: int | None,
    strip: bool,
    open_stylizer: Callable[[], Stylizer],
) -> None:
    """Stylize the only content with all named styles, or with the only style found."""
    found, named, found_styles = _found_contents(contents), not any(map(_is_search, styles)), _found(styles)
    results = len(found) * (1 if named or request.together else len(found_styles)) * max(1, len(alphas))
    if results > 1:
        dash = str(output) == DASH
        what, folder = (
            ("standard output (-) is one picture", "results")
            if dash
            else (f"{output} is the name of a file", output.with_suffix(""))
        )
        raise InputError(f"{what}, but there are {results:,} results; give a folder, such as {folder}{os.sep}")
    check_output(output, (*found, *found_styles, *mask_files), quality=quality)
    read, *read_styles = with_stdin([*found, *found_styles])
    request = replace(request, alpha=alphas[0] if alphas else None)
    picture = open_stylizer()(read, read_styles, request=request)
    if compare:
        names = [path.stem for path in (*found, *found_styles)]
        picture = _compared([read, *read_styles], names, picture)
    write_output(picture, output, quality=quality, strip=strip)


def _compared(inputs: Sequence[Path | bytes], names: Sequence[str], picture: Image.Image) -> Image.Image:
    """Draw the content, which is the first of the inputs, the styles and the result."""
    from adain import images, sheets
    from adain.code import is_code_file

    content, *styles = (
        None if isinstance(each, Path) and is_code_file(each) else images.read(each).to_pil() for each in inputs
    )
    assert content is not None, "it was stylized"
    cells = [sheets.Cell(*cell) for cell in zip(styles, names[1:], strict=True)]
    return sheets.compare(content, cells, picture, (names[0], "+".join(names[1:])))


def _found_contents(contents: Sequence[str]) -> list[Path]:
    from adain.jobs import find_contents

    if list(contents) == [DASH]:
        return [Path(DASH)]
    return [content.path for content in find_contents(contents).sources]


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
    return output == DASH or (
        Path(output).suffix != "" and not output.endswith(("/", os.sep)) and not os.path.isdir(output)
    )
