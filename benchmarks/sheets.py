"""Contact sheets: what the numbers do not show is seen here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from exhibits import Exhibit, Pair
from PIL import Image, ImageDraw, ImageFont

from adain.sheets import shrunk

CELL = 256  # px; the side of a cell on the overview
MARGIN = 6  # px between cells
PAPER = (128, 128, 128)  # neutral: a cast or a veil shows against it
ROWS_PER_PAGE = 4  # of the full-size pages

Picture = Callable[[Pair], Path]  # where the stylized picture of a pair lies


def overview(path: Path, contents: Sequence[Exhibit], styles: Sequence[Exhibit], find: Picture) -> None:
    """Contents down, styles across, originals along the edges; a pair that was not measured stays empty."""
    side = CELL + MARGIN
    sheet = Image.new("RGB", (side * (len(styles) + 1), side * (len(contents) + 1)), PAPER)
    for column, style in enumerate(styles, start=1):
        sheet.paste(shrunk(Image.fromarray(style.rgb), (CELL, CELL)), (column * side, 0))
    for row, content in enumerate(contents, start=1):
        sheet.paste(shrunk(Image.fromarray(content.rgb), (CELL, CELL)), (0, row * side))
        for column, style in enumerate(styles, start=1):
            file = find(Pair(content, style))
            if file.is_file():
                with Image.open(file) as picture:
                    sheet.paste(shrunk(picture, (CELL, CELL)), (column * side, row * side))
    sheet.save(path)


def full_size(folder: Path, pairs: Sequence[Pair], columns: Sequence[tuple[str, Picture]]) -> None:
    """Pages of a few pairs at the size that was measured: content, style, and one column per candidate."""
    folder.mkdir(parents=True, exist_ok=True)
    for page, start in enumerate(range(0, len(pairs), ROWS_PER_PAGE), start=1):
        rows = pairs[start : start + ROWS_PER_PAGE]
        _page(rows, columns).save(folder / f"page-{page:02d}.png")


def _page(pairs: Sequence[Pair], columns: Sequence[tuple[str, Picture]]) -> Image.Image:
    width = max(pair.content.rgb.shape[1] for pair in pairs)
    heights = [pair.content.rgb.shape[0] for pair in pairs]
    size = ((width + MARGIN) * (len(columns) + 2), sum(heights) + MARGIN * len(pairs) + 24)
    sheet = Image.new("RGB", size, PAPER)
    names = ["content", "style", *(name for name, _ in columns)]
    for column, name in enumerate(names):
        font = ImageFont.load_default(16)
        ImageDraw.Draw(sheet).text((column * (width + MARGIN) + 4, 2), name, fill="white", font=font)
    top = 24
    for pair, height in zip(pairs, heights, strict=True):
        originals = [Image.fromarray(pair.content.rgb), Image.fromarray(pair.style.rgb)]
        for column, picture in enumerate(originals + [_open(find(pair)) for _, find in columns]):
            sheet.paste(shrunk(picture, (width, height)), (column * (width + MARGIN), top))
        top += height + MARGIN
    return sheet


def _open(file: Path) -> Image.Image:
    with Image.open(file) as picture:
        return picture.convert("RGB")
