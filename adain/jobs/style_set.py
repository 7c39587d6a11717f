"""Styles to draw from: pictures and style codes, also files of many codes, by number."""

from __future__ import annotations

from pathlib import Path

from adain.code import Maker, StyleCode, is_code_file
from adain.code_files import CodeFile
from adain.errors import InputError
from adain.jobs.sources import Found, Source

__all__ = ["CodeFiles", "check_maker", "single_styles"]


class CodeFiles:
    """Opens each file of many style codes once."""

    def __init__(self) -> None:
        self._files: dict[Path, CodeFile] = {}

    def style(self, source: Source) -> Path | StyleCode:
        """Return a style as a stylizer takes it: a code of a file of many, or else the path.

        Raises:
            InputError: the file cannot be read.
        """
        if source.code is None:
            return source.path
        if source.path not in self._files:
            self._files[source.path] = CodeFile(source.path)
        return self._files[source.path][source.code]


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
