"""Make the pictures that show what the models that ship can do.

    python tests/data/gallery.py

`result.jpg` is a photograph, a style and the result; `scale.jpg` the same with more and more strokes; `gallery.jpg`
four photographs in six styles. Photographs are free (README.md beside this file says whose they are), the styles are
painted by code.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import paint
import paintings
from PIL import Image

import adain
from adain import sheets
from adain.jobs import grid

HERE = Path(__file__).resolve().parent
CONTENTS = ("astronaut.jpg", "chelsea.jpg", "coffee.jpg", "rocket.jpg")
STYLES: dict[str, Callable[[], Image.Image]] = {
    "strokes": paint.paint,
    "woodcut": paintings.woodcut,
    "pointillism": paintings.pointillism,
    "watercolour": paintings.watercolour,
    "mosaic": paintings.mosaic,
    "marbling": paintings.marbling,
}
CELL = 224  # px; side of a picture on the sheet
LIMIT = 600_000  # bytes of a JPEG
SCALE = (0.0, 0.25, 0.5, 0.75, 1.0)  # strokes in `scale.jpg`


def result() -> Image.Image:
    """A photograph, a style, and the photograph in that style."""
    with Image.open(HERE / "astronaut.jpg") as photo:
        content, style = photo.convert("RGB"), paint.paint()
        return sheets.compare(content, [sheets.Cell(style, "style")], adain.load(device="cpu")(content, style))


def scale() -> Image.Image:
    """One photograph in one style, with more and more strokes."""
    stylizer, style = adain.load(device="cpu"), paint.paint()
    with Image.open(HERE / "chelsea.jpg") as photo:
        content = photo.convert("RGB")
    code = stylizer.encode_style(style)
    strip = sheets.ContactSheet(1, len(SCALE), CELL)
    for column, strokes in enumerate(SCALE):
        strip.put(0, column, sheets.Cell(stylizer(content, code, strokes=strokes), f"strokes {strokes:g}"))
    return strip.picture


def sheet() -> Image.Image:
    """Every photograph in every style, labelled."""
    with TemporaryDirectory() as folder:
        styles = [Path(folder, f"{name}.png") for name in STYLES]
        for path, made in zip(styles, STYLES.values(), strict=True):
            _square(made()).save(path)
        made = grid(adain.load(device="cpu"), [HERE / name for name in CONTENTS], styles, cell=CELL)
    if made.failures:
        raise SystemExit("\n".join(map(str, made.failures)))
    return made.picture


def jpeg(picture: Image.Image, limit: int) -> bytes:
    """The picture as JPEG, of the best quality that fits into `limit` bytes."""
    for quality in range(92, 40, -3):
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality, optimize=True)
        if file.tell() <= limit:
            return file.getvalue()
    raise SystemExit(f"the gallery does not fit into {limit:,} bytes; make CELL smaller")


def _square(picture: Image.Image) -> Image.Image:
    """The middle of a picture, so that its cell is filled."""
    left, top = ((side - min(picture.size)) // 2 for side in picture.size)
    return picture.crop((left, top, left + min(picture.size), top + min(picture.size)))


if __name__ == "__main__":
    for name, made in (("result.jpg", result()), ("scale.jpg", scale()), ("gallery.jpg", sheet())):
        content = jpeg(made, LIMIT)
        (HERE / name).write_bytes(content)
        print(f"{name}: {len(content):,} bytes")
