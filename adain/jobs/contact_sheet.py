"""`grid`: stylize every content with every style onto one labelled contact sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from adain import checks
from adain.cancellation import CancelInput
from adain.defaults import GRID_CELL, GRID_SIZE
from adain.jobs.many import Paths, Progress, alphas_of, find_contents, find_styles
from adain.jobs.plan import Look, looks
from adain.jobs.running import PROBLEMS, Failure, reason
from adain.jobs.sources import Found, Source
from adain.jobs.steps import Prepared, Stylizing
from adain.jobs.unique import distinct
from adain.request import PreserveColor, StyleRequest, given
from adain.sheets import Cell, ContactSheet
from adain.stylizer import Stylizer

__all__ = ["Grid", "grid"]


@dataclass(frozen=True)
class Grid:
    """A contact sheet.

    Attributes:
        picture: the sheet, RGB.
        made: number of results on the sheet.
        ignored: number of files in the searched folders that are hidden, or not pictures by their names.
        failures: missing results and their reasons; their places are empty.
        unreadable: as in a `Report`.
    """

    picture: Image.Image
    made: int
    ignored: int
    failures: tuple[Failure, ...]
    unreadable: tuple[Path, ...] = ()


def grid(
    stylizer: Stylizer,
    contents: Paths,
    styles: Paths,
    *,
    alphas: Sequence[float] = (),
    strokes: float | None = None,
    seed: int | None = None,
    preserve_color: PreserveColor | None = None,
    size: int | None = GRID_SIZE,
    style_size: int | None = StyleRequest.style_size,
    request: StyleRequest | None = None,
    cell: int = GRID_CELL,
    progress: Progress | None = None,
    cancel: CancelInput | None = None,
) -> Grid:
    """Draw a contact sheet: a row for each content, a column for each style, the originals at the edges.

    Args:
        stylizer: the model.
        contents: files, folders and patterns, as for `stylize_many`.
        styles: files, folders and patterns, as for `stylize_many`.
        alphas: strengths of the style in [0, 1]; a column for each. Empty: the model's own default.
        strokes: see `adain.StyleRequest`.
        seed: see `adain.StyleRequest`.
        preserve_color: see `adain.StyleRequest`.
        size: see `adain.StyleRequest`; the results are shrunk to `cell` afterwards.
        style_size: see `adain.StyleRequest`.
        request: replaces `strokes` to `style_size`; without weights and masks.
        cell: side in pixels of the square that each picture is shrunk into.
        progress: as for `stylize_many`.
        cancel: as for a `Stylizer`.

    Raises:
        InputError: an argument is not allowed, an input does not exist or holds no pictures, or the sheet would be too
            large.
        CancelledError: `cancel` ended the call.
    """
    keywords = StyleRequest(strokes=strokes, seed=seed, preserve_color=preserve_color, size=size, style_size=style_size)
    request = given(request, keywords, StyleRequest(size=GRID_SIZE))
    request.refuse("a contact sheet", "weights", "masks")
    stylizer.check(request, 1)
    cell = checks.whole("cell", cell, 1, unit="pixels")
    checks.callback("progress", progress)
    found = find_contents(contents), find_styles(styles)
    rows, named = distinct(found[0].sources), distinct(found[1].sources)
    strengths = alphas_of(stylizer, request, alphas)
    columns = [(look, alpha) for look in looks(named, mixed=False) for alpha in strengths]
    stylizing = Stylizing(stylizer, request, keep_pictures=True, at_once=len(columns), cancel=cancel)
    return _Drawing(stylizing, rows, columns, cell, progress).draw(found)


class _Drawing:
    """Draws a sheet, cell by cell."""

    def __init__(
        self,
        stylizing: Stylizing,
        contents: Sequence[Source],
        columns: Sequence[tuple[Look, float]],
        cell: int,
        progress: Progress | None,
    ) -> None:
        self._stylizing, self._contents, self._columns = stylizing, contents, columns
        self._sheet = ContactSheet(len(contents) + 1, len(columns) + 1, cell)
        self._progress = progress
        self._made = self._dealt_with = 0
        self._failures: list[Failure] = []

    def draw(self, found: Sequence[Found]) -> Grid:
        self._count(0)
        usable = self._draw_styles()
        for row, content in enumerate(self._contents, start=1):
            self._draw_content(row, content, usable)
        closed = (Failure(path, why, 0) for each in found for path, why in each.closed)
        ignored = sum(each.ignored for each in found)
        unreadable = tuple(path for each in found for path in each.unreadable)
        return Grid(self._sheet.picture, self._made, ignored, (*closed, *self._failures), unreadable)

    def _draw_styles(self) -> dict[int, Prepared]:
        """Draw the styles along the top edge. Returns those that could be read, by their columns."""
        usable, broken = dict[int, Prepared](), set[Look]()
        for column, (look, alpha) in enumerate(self._columns, start=1):
            original = Cell(None, self._label(look, alpha))
            try:
                if look not in broken:
                    styles = self._stylizing.prepare(look)
                    original = Cell(self._stylizing.originals(look)[0].picture, original.label)
                    usable[column] = styles
            except PROBLEMS as error:
                broken.add(look)
                columns = sum(other is look for other, _ in self._columns)
                self._fail(Failure(look.styles[0].path, reason(error), columns * len(self._contents)))
            self._sheet.put(0, column, original)
        return usable

    def _draw_content(self, row: int, content: Source, usable: Mapping[int, Prepared]) -> None:
        try:
            picture = self._stylizing.read(content)
        except PROBLEMS as error:
            self._sheet.put(row, 0, Cell(None, content.name))
            self._fail(Failure(content.path, reason(error), len(usable)))
            return
        self._sheet.put(row, 0, Cell(picture.to_pil(), content.name))
        for column, styles in usable.items():
            look, alpha = self._columns[column - 1]
            try:
                stylized = self._stylizing.stylize(picture, styles, alpha)
            except PROBLEMS as error:
                self._fail(Failure(content.path, reason(error)))
                continue
            self._sheet.put(row, column, Cell(stylized, self._label(look, alpha)))
            self._made += 1
            self._count(1)

    def _label(self, look: Look, alpha: float) -> str:
        sweep = any(other is look and strength != alpha for other, strength in self._columns)
        return look.label(alpha, sweep=sweep)

    def _fail(self, failure: Failure) -> None:
        self._failures.append(failure)
        self._count(failure.results)

    def _count(self, results: int) -> None:
        self._dealt_with += results
        if self._progress is not None:
            self._progress(self._dealt_with, len(self._contents) * len(self._columns))
