"""Comparison and contact sheets: labelled pictures side by side, for viewing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageOps

from adain.errors import InputError
from adain.images.label_fonts import font_for, normalized

__all__ = ["Cell", "ContactSheet", "check_corner_sheet", "compare", "corner_sheet", "shrunk"]

_PAPER = (128, 128, 128)  # neutral grey, so that colour casts show
_INK = (255, 255, 255)
_MARGIN = 8  # px between cells


@dataclass(frozen=True)
class Cell:
    """A place on a sheet.

    Attributes:
        picture: the picture; None for an empty place.
        label: a line of text, cut if too long; line breaks become spaces.
    """

    picture: Image.Image | None
    label: str


def compare(
    content: Image.Image, styles: Sequence[Cell], result: Image.Image, labels: tuple[str, str] = ("content", "result")
) -> Image.Image:
    """Draw content, styles and result in a row, labelled.

    Args:
        content: the picture that was stylized; scaled to the result's size.
        styles: the styles; higher ones are shrunk to the result's height.
        result: not scaled.
        labels: the labels of content and result.

    Returns:
        An RGB picture; transparent parts are laid on white.
    """
    height = result.height
    shown = [Cell(cell.picture and shrunk(cell.picture, (4 * height, height)), cell.label) for cell in styles]
    if content.size != result.size:
        content = content.resize(result.size, Image.Resampling.LANCZOS)
    row = [Cell(content, labels[0]), *shown, Cell(result, labels[1])]
    line = _line(height)
    widths = [line * 8 if cell.picture is None else cell.picture.width for cell in row]
    sheet = Image.new("RGB", (sum(widths) + _MARGIN * (len(row) - 1), height + line), _PAPER)
    left = 0
    for cell, width in zip(row, widths, strict=True):
        _write(sheet, cell.label, (left, 0, width, line))
        if cell.picture is not None:
            _paste(sheet, cell.picture, (left, line))
        left += width + _MARGIN
    return sheet


class ContactSheet:
    """A table of labelled pictures. The first row and column are for the originals.

    Args:
        rows: number of rows, including the first.
        columns: number of columns, including the first.
        side: side in pixels of the square that each picture is shrunk into.

    Attributes:
        picture: the sheet so far, RGB; transparent parts are laid on white.

    Raises:
        InputError: the sheet would be larger than Pillow reads without a warning.
    """

    def __init__(self, rows: int, columns: int, side: int) -> None:
        self._side, self._line = side, _line(side)
        self._step = side + _MARGIN, side + self._line + _MARGIN
        size = self._step[0] * columns - _MARGIN, self._step[1] * rows - _MARGIN
        _check_size(size, f"a sheet of {columns} x {rows} pictures of {side} pixels")
        self.picture = Image.new("RGB", size, _PAPER)

    def put(self, row: int, column: int, cell: Cell) -> None:
        """Draw a cell at a row and column, counted from 0."""
        left, top = column * self._step[0], row * self._step[1]
        _write(self.picture, cell.label, (left, top, self._side, self._line))
        if cell.picture is not None:
            _paste(self.picture, shrunk(cell.picture, (self._side, self._side)), (left, top + self._line))


def corner_sheet(
    rows: Sequence[Sequence[tuple[Image.Image, str]]], corners: Sequence[Cell], *, labels: bool
) -> Image.Image:
    """Draw a gapless grid of results, with the originals beside its corners.

    Args:
        rows: rows of results with their labels; equally many in each row, all of one size.
        corners: cells beside the upper left, upper right, lower left and lower right result, in this order, shrunk to
            the results' size. With one row, two.
        labels: whether to write a line of text over each picture.

    Returns:
        An RGB picture.

    Raises:
        InputError: the sheet would be larger than Pillow reads without a warning.
    """
    width, height = rows[0][0][0].size
    line = _line(height) if labels else 0
    columns, down = len(rows[0]) + 2, len(rows)  # one more column on either side
    size = check_corner_sheet((width, height), down, len(rows[0]), labels=labels)
    sheet = Image.new("RGB", size, _PAPER)
    cells = {(row, column + 1): Cell(*result) for row, some in enumerate(rows) for column, result in enumerate(some)}
    places = [(0, 0), (0, columns - 1), (down - 1, 0), (down - 1, columns - 1)]
    cells |= dict(zip(places, corners, strict=False))
    for (row, column), cell in cells.items():
        margin = 0 if column == 0 else 2 * _MARGIN if column == columns - 1 else _MARGIN
        left, top = column * width + margin, row * (height + line)
        if labels:
            _write(sheet, cell.label, (left, top, width, line))
        if cell.picture is not None:
            _paste(sheet, shrunk(cell.picture, (width, height)), (left, top + line))
    return sheet


def check_corner_sheet(cell: tuple[int, int], rows: int, columns: int, *, labels: bool) -> tuple[int, int]:
    """Return the width and height of a `corner_sheet`; raise an `InputError` if it would be too large.

    Args:
        cell: width and height of a result.
        rows: number of rows of results.
        columns: number of results in a row.
        labels: see `corner_sheet`.
    """
    width, height = cell
    line = _line(height) if labels else 0
    size = (width * (columns + 2) + 2 * _MARGIN, (height + line) * rows)
    _check_size(size, f"a grid of {columns} x {rows} pictures of {width}x{height}")
    return size


def shrunk(picture: Image.Image, box: tuple[int, int]) -> Image.Image:
    """Scale a larger picture down into a box, keeping its aspect ratio. Never enlarges."""
    if picture.width <= box[0] and picture.height <= box[1]:
        return picture
    return ImageOps.contain(picture, box, Image.Resampling.LANCZOS)


def _check_size(size: tuple[int, int], what: str) -> None:
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and size[0] * size[1] > limit:
        raise InputError(
            f"{what} would be {size[0]}x{size[1]}, more than the allowed {limit:,} pixels; "
            "choose smaller cells or fewer pictures"
        )


def _line(height: int) -> int:
    """Return the height of a line of text over a picture of this height."""
    return min(max(height // 14, 16), 48)


def _paste(sheet: Image.Image, picture: Image.Image, at: tuple[int, int]) -> None:
    if picture.mode == "RGBA":
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    sheet.paste(picture, at)


def _write(sheet: Image.Image, text: str, box: tuple[int, int, int, int]) -> None:
    """Write a line of text into a box of left, top, width, height."""
    left, top, width, height = box
    text = normalized(text)
    font = font_for(text, height * 3 // 4)
    while text and font.getlength(text) > width:
        text = text[:-2] + "…" if len(text) > 1 else ""
    ImageDraw.Draw(sheet).text((left + 2, top), text, fill=_INK, font=font)
