"""Pictures side by side, with labels: to look at what was done, not to work on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont, ImageOps

from adain.errors import InputError

__all__ = ["Cell", "ContactSheet", "compare", "corner_sheet", "shrunk"]

_PAPER = (128, 128, 128)  # neutral: a colour cast shows against it
_INK = (255, 255, 255)
_MARGIN = 8  # px between cells


@dataclass(frozen=True)
class Cell:
    """A place on a sheet.

    Attributes:
        picture: what is shown, None for an empty place.
        label: a line of text, cut where it is too long; a line break counts as a space.
    """

    picture: Image.Image | None
    label: str


def compare(content: Image.Image, styles: Sequence[Cell], result: Image.Image) -> Image.Image:
    """Content, styles and result in a row, labelled.

    Args:
        content: the picture that was stylized, shown in the result's size.
        styles: each shrunk to the result's height if it is higher.
        result: shown as it is, pixel for pixel.

    Returns:
        An RGB picture; what is transparent lies on white.
    """
    height = result.height
    shown = [Cell(cell.picture and shrunk(cell.picture, (4 * height, height)), cell.label) for cell in styles]
    if content.size != result.size:
        content = content.resize(result.size, Image.Resampling.LANCZOS)
    row = [Cell(content, "content"), *shown, Cell(result, "result")]
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
    """A table of labelled pictures, of which the first row and column are for the originals.

    Args:
        rows: how many, the first included.
        columns: likewise.
        side: of the square that each picture is shrunk into, in pixels.

    Attributes:
        picture: the sheet as it is by now, RGB; what is transparent lies on white.

    Raises:
        InputError: it would be larger than Pillow reads back without complaint.
    """

    def __init__(self, rows: int, columns: int, side: int) -> None:
        self._side, self._line = side, _line(side)
        self._step = side + _MARGIN, side + self._line + _MARGIN
        size = self._step[0] * columns - _MARGIN, self._step[1] * rows - _MARGIN
        _check_size(size, f"a sheet of {columns} x {rows} pictures of {side} pixels")
        self.picture = Image.new("RGB", size, _PAPER)

    def put(self, row: int, column: int, cell: Cell) -> None:
        """Fill a place, counted from 0."""
        left, top = column * self._step[0], row * self._step[1]
        _write(self.picture, cell.label, (left, top, self._side, self._line))
        if cell.picture is not None:
            _paste(self.picture, shrunk(cell.picture, (self._side, self._side)), (left, top + self._line))


def corner_sheet(
    rows: Sequence[Sequence[tuple[Image.Image, str]]], corners: Sequence[Cell], *, labels: bool
) -> Image.Image:
    """A grid of results, gapless, and beside its corners what they come from.

    Args:
        rows: of equally many results each, all of one size, with their labels.
        corners: what is shown beside the upper left, upper right, lower left and lower right result, shrunk to their
            size; as many as there are. With one row, two.
        labels: whether a line of text is over each picture.

    Returns:
        An RGB picture.

    Raises:
        InputError: it would be larger than Pillow reads back without complaint.
    """
    width, height = rows[0][0][0].size
    line = _line(height) if labels else 0
    columns, down = len(rows[0]) + 2, len(rows)  # one more on either side
    size = (width * columns + 2 * _MARGIN, (height + line) * down)
    _check_size(size, f"a grid of {len(rows[0])} x {down} pictures of {width}x{height}")
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


def shrunk(picture: Image.Image, box: tuple[int, int]) -> Image.Image:
    """A picture scaled into a box if it is larger, with its aspect kept; never enlarged."""
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
    """The height of a line of text over a picture of this height."""
    return min(max(height // 14, 16), 48)


def _paste(sheet: Image.Image, picture: Image.Image, at: tuple[int, int]) -> None:
    if picture.mode == "RGBA":
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    sheet.paste(picture, at)


def _write(sheet: Image.Image, text: str, box: tuple[int, int, int, int]) -> None:
    """A line of text into left, top, width, height."""
    left, top, width, height = box
    text = " ".join(text.splitlines())
    font = ImageFont.load_default(height * 3 // 4)
    while text and font.getlength(text) > width:
        text = text[:-2] + "…" if len(text) > 1 else ""
    ImageDraw.Draw(sheet).text((left + 2, top), text, fill=_INK, font=font)
