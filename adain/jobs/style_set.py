"""Styles to draw from: pictures and style codes, also files of many codes, by number."""

from __future__ import annotations

import os

from adain import checks
from adain.code import SUFFIX, Maker, is_code_file
from adain.code_files import CodeFile
from adain.errors import InputError
from adain.images.formats import READABLE
from adain.jobs.many import Paths
from adain.jobs.sources import Found, Source, find

__all__ = ["check_maker", "found_styles", "single_styles"]


def found_styles(styles: Paths) -> Found:
    """Find pictures and files of style codes.

    Raises:
        InputError: an input does not exist or holds no styles.
    """
    listed = [styles] if isinstance(styles, (str, os.PathLike)) else checks.listed("styles", styles)
    named = [checks.path("each of styles", each) for each in listed]
    if not named:
        raise InputError("styles must be at least one picture, file of style codes or folder, got none")
    return find(named, {*READABLE, SUFFIX})


def single_styles(found: Found, maker: Maker) -> list[Source]:
    """Return one source per style: a file of many style codes becomes one source for each code.

    Raises:
        InputError: style codes are of another model, or a file of codes cannot be read.
    """
    return [single for source in found.sources for single in _single(source, maker)]


def check_maker(codes: CodeFile, maker: Maker) -> None:
    """Raise an `InputError` unless the codes are of this model."""
    if not codes.maker.agrees(maker):
        raise InputError(
            f"{codes.path} has style codes of {codes.maker}, the model is {maker}; "
            f'give model="{codes.model}", or encode the styles again'
        )


def _single(source: Source, maker: Maker) -> list[Source]:
    if not is_code_file(source.path):
        return [source]
    codes = CodeFile(source.path)
    check_maker(codes, maker)
    if codes.names == (source.path.stem,):
        return [Source(source.path, source.name, 0)]
    return [Source(source.path, name, position) for position, name in enumerate(codes.names)]
