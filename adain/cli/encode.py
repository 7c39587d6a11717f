"""`adain encode`: write style codes of pictures, to keep, to send, or to use in training."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from adain.cli.inputs import DASH, PICTURES_OR_STDIN, with_stdin
from adain.cli.options import model_options, request_options
from adain.cli.outputs import check_stdout
from adain.cli.pictures import reading_options
from adain.cli.progress import item_bar
from adain.cli.reporting import counted, ignored, left, say_unreadable
from adain.cli.verbosity import verbose_option
from adain.errors import AdainError, ImageError, InputError

if TYPE_CHECKING:
    from adain.code import Maker, StyleCode
    from adain.jobs.sources import Source
    from adain.request import StyleRequest
    from adain.stylizer import Stylizer

__all__ = ["encode"]


@click.command()
@click.argument("styles", metavar="STYLE [STYLE ...]", nargs=-1, required=True, type=PICTURES_OR_STDIN)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, allow_dash=True),
    help="Folder for one file per style; one file for all styles, with a name that ends in .safetensors; or - for the "
    "code of one style on standard output.",
)
@click.option("--overwrite", is_flag=True, help="Encode styles again, even if their codes exist.")
@request_options("style_size")
@reading_options
@model_options
@verbose_option
def encode(
    styles: tuple[str, ...], output: Path, overwrite: bool, request: StyleRequest, open_stylizer: Callable[[], Stylizer]
) -> None:
    """Write the style codes of STYLEs: small files that `adain stylize` takes in place of the pictures.

    A STYLE is a picture, a folder of pictures, a pattern in quotes such as 'paintings/*.jpg', or - for a picture on
    standard input. One file with many codes is for data sets and `adain.transforms.RandomStyle`. In a folder, codes
    that exist are skipped, so an interrupted run can be continued.
    """
    from adain.code import is_code_file
    from adain.images.formats import READABLE
    from adain.jobs.sources import find
    from adain.jobs.unique import distinct

    if DASH in (str(output), *styles):
        _one(styles, output, request, open_stylizer)
        return
    found = find(styles, READABLE)
    sources = distinct(found.sources)
    as_file = is_code_file(output) and not output.is_dir()
    _check_output(sources, output, as_file)
    encoding = _Encoding(open_stylizer(), request)
    written = _into_file(encoding, sources, output) if as_file else _into_folder(encoding, sources, output, overwrite)
    existing = len(sources) - written - len(encoding.failures)
    closed = (f"{path}: {reason}" for path, reason in found.closed)
    say_unreadable(found.unreadable)
    _say(written, existing, found.ignored, [*closed, *encoding.failures])


def _one(styles: Sequence[str], output: Path, request: StyleRequest, open_stylizer: Callable[[], Stylizer]) -> None:
    """Encode one style, from standard input or to standard output."""
    from adain.code import SUFFIX, is_code_file
    from adain.images import check_place

    if len(styles) > 1:
        raise InputError("standard input and output (-) have one style; encode the others in commands of their own")
    if str(output) == DASH:
        check_stdout("a style code")
    elif is_code_file(output):
        check_place(output)
    else:
        raise InputError(f"the code of a picture on standard input needs a file that ends in {SUFFIX}, got {output}")
    (style,) = with_stdin([Path(styles[0])])
    (code,) = open_stylizer().codes([style], request)
    if str(output) == DASH:
        sys.stdout.buffer.write(code.to_bytes())
    else:
        code.save(output)


class _Encoding:
    """Encodes styles, with a progress bar. Styles that cannot be read are noted in `failures` and skipped."""

    def __init__(self, stylizer: Stylizer, request: StyleRequest) -> None:
        self.maker = stylizer.maker
        self.failures: list[str] = []
        self._stylizer = stylizer
        self._request = request

    def __call__(self, sources: Sequence[Source]) -> Iterator[tuple[Source, StyleCode]]:
        with item_bar(sources, "encoding") as bar:
            for source in bar:
                try:
                    (code,) = self._stylizer.codes([source.path], self._request)
                except ImageError as error:  # its message names the file
                    self.failures.append(str(error))
                else:
                    yield source, replace(code, picture=None)  # saves memory with thousands of styles


def _into_file(encoding: _Encoding, sources: Sequence[Source], output: Path) -> int:
    from adain.code_files import save_codes

    codes = {source.name: code for source, code in encoding(sources)}
    if len(sources) == 1:
        for code in codes.values():
            code.save(output)
    elif codes:
        save_codes(codes, output)
    return len(codes)


def _into_folder(encoding: _Encoding, sources: Sequence[Source], folder: Path, overwrite: bool) -> int:
    targets = _targets(sources, folder)
    existing = [] if overwrite else [source for source, target in targets.items() if target.exists()]
    for source in existing:
        _check_maker(targets[source], encoding.maker)
        del targets[source]
    written = 0
    for source, code in encoding(list(targets)):
        code.save(targets[source])
        written += 1
    return written


def _check_output(sources: Sequence[Source], output: Path, as_file: bool) -> None:
    """Check that the codes can be written, and replace neither a style nor the model."""
    from adain.files import check_folder, identity, refuse_inputs
    from adain.images import check_place

    if as_file:
        check_place(output)
    else:
        check_folder(output, output)
    inputs = (*(source.path for source in sources), click.get_current_context().params["model"])
    known = {identity(each) for each in inputs} - {None}  # once: there can be many styles
    for target in [output] if as_file else _targets(sources, output).values():
        if identity(target) in known:
            refuse_inputs(target, inputs)


def _targets(sources: Sequence[Source], folder: Path) -> dict[Source, Path]:
    from adain.code import SUFFIX

    return {source: folder / f"{source.name}{SUFFIX}" for source in sources}


def _check_maker(path: Path, maker: Maker) -> None:
    from adain.code_files import CodeFile

    found = CodeFile(path).maker
    if not found.agrees(maker):
        raise InputError(f"{path} is a style code of {found}, not of {maker}; choose another folder, or --overwrite")


def _say(written: int, existing: int, others: int, failures: Sequence[str]) -> None:
    click.echo(f"wrote {counted(written, 'style code')}{left(existing)}{ignored(others)}", err=True)
    for failure in failures:
        click.echo(f"failed: {failure}", err=True)
    if failures:
        raise AdainError(f"{counted(len(failures), 'style')} could not be encoded, for the reasons above")
