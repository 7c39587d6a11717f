"""Make the pictures that show what the models that ship can do.

    python tests/data/gallery.py            all of them
    python tests/data/gallery.py scale.jpg  only some

`result.jpg` is a photograph, a style and the result; `scale.jpg` the same with more and more strokes; `gallery.jpg`
four photographs in six styles; `look-*.jpg` one option each, for docs/looks.md. Photographs are free (README.md beside
this file says whose they are), the styles are painted by code.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import paint
import paintings
from PIL import Image

import adain
from adain import sheets
from adain.jobs import grid
from adain.request import StyleRequest

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

LOOK_SIDE = 160  # px; side of a picture in `look-*.jpg`
LOOK_LIMIT = 40_000  # bytes
LOOKS: dict[str, dict[str, dict[str, Any]]] = {  # by name, the options of each picture by its label
    "alpha": {f"alpha {alpha:g}": {"alpha": alpha} for alpha in (0.3, 0.6, 1.0)},
    "strokes": {f"strokes {strokes:g}": {"strokes": strokes} for strokes in (0.0, 0.5, 1.0)},
    "style-size": {f"style size {side}": {"style_size": side} for side in (128, 256, 512)},
    "size": {f"size {side}": {"size": side} for side in (128, 256, 512)},
    "weights": {f"weights {a} {b}": {"weights": (a, b)} for a, b in ((1, 0), (1, 1), (0, 1))},
    "colors": {"": {}, "coral": {"preserve_color": "coral"}, "luminance": {"preserve_color": "luminance"}},
}


def look(options: dict[str, dict[str, Any]]) -> Image.Image:
    """One photograph, as each of these options gives it."""
    stylizer = adain.load(device="cpu")
    with Image.open(HERE / "chelsea.jpg") as photo:
        content = photo.convert("RGB")
    strip = sheets.ContactSheet(1, len(options), LOOK_SIDE)
    for column, (label, each) in enumerate(options.items()):
        styles = [paint.paint(), paintings.mosaic()] if "weights" in each else [paint.paint()]
        made = stylizer(content, styles, request=StyleRequest(**each))
        cell = _square(made).resize((LOOK_SIDE, LOOK_SIDE), Image.Resampling.LANCZOS)
        strip.put(0, column, sheets.Cell(cell, label))
    return strip.picture


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


def pictures() -> dict[str, tuple[Callable[[], Image.Image], int]]:
    """The function that makes each picture, and its limit in bytes."""
    large = {"result.jpg": (result, LIMIT), "scale.jpg": (scale, LIMIT), "gallery.jpg": (sheet, LIMIT)}
    return large | {f"look-{name}.jpg": (partial(look, options), LOOK_LIMIT) for name, options in LOOKS.items()}


if __name__ == "__main__":
    for name, (make, limit) in pictures().items():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        content = jpeg(make(), limit)
        (HERE / name).write_bytes(content)
        print(f"{name}: {len(content):,} bytes")
