"""Pictures side by side, with labels: to look at what was done, not to work on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont, ImageOps

from adain.errors import InputError
from adain.images.picture import pixel_limit

__all__ = ["Cell", "compare", "contact_sheet", "shrunk"]

_PAPER = (128, 128, 128)  # neutral: a colour cast shows against it
_INK = (255, 255, 255)
_MARGIN = 8  # px between cells


@dataclass(frozen=True)
class Cell:
    """A place on a sheet.

    Attributes:
        picture: what is shown, None for an empty place.
        label: a line of text, cut where it is too long.
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


def contact_sheet(
    rows: Sequence[Cell], columns: Sequence[Cell], cells: Mapping[tuple[int, int], Cell], side: int
) -> Image.Image:
    """A table of pictures: originals along the left and the top edge, results where they meet.

    Args:
        rows: the contents, labelled.
        columns: the styles, labelled.
        cells: by row and column; a place without one stays empty.
        side: of the square that each picture is shrunk into, in pixels.

    Returns:
        An RGB picture.

    Raises:
        InputError: it would be larger than Pillow reads back without complaint.
    """
    line = _line(side)
    width = (side + _MARGIN) * (len(columns) + 1) - _MARGIN
    height = (side + line + _MARGIN) * (len(rows) + 1) - _MARGIN
    limit = pixel_limit()
    if limit is not None and width * height > limit // 2:
        raise InputError(
            f"a sheet of {len(rows)} x {len(columns)} pictures of {side} pixels would be {width}x{height}, more than "
            f"{limit // 2:,} pixels; choose smaller cells or fewer pictures"
        )
    sheet = Image.new("RGB", (width, height), _PAPER)
    placed = {(-1, column): cell for column, cell in enumerate(columns)}
    placed |= {(row, -1): cell for row, cell in enumerate(rows)}
    for (row, column), cell in (placed | dict(cells)).items():
        at = ((side + _MARGIN) * (column + 1), (side + line + _MARGIN) * (row + 1))
        _write(sheet, cell.label, (*at, side, line))
        if cell.picture is not None:
            _paste(sheet, shrunk(cell.picture, (side, side)), (at[0], at[1] + line))
    return sheet


def shrunk(picture: Image.Image, box: tuple[int, int]) -> Image.Image:
    """A picture scaled into a box if it is larger, with its aspect kept; never enlarged."""
    if picture.width <= box[0] and picture.height <= box[1]:
        return picture
    return ImageOps.contain(picture, box, Image.Resampling.LANCZOS)


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
    font = ImageFont.load_default(height * 3 // 4)
    while text and font.getlength(text) > width:
        text = text[:-2] + "…" if len(text) > 1 else ""
    ImageDraw.Draw(sheet).text((left + 2, top), text, fill=_INK, font=font)
