"""Make `gallery.jpg`: four photographs in six styles, with the model that ships.

    python tests/data/gallery.py

Photographs are free (README.md beside this file says whose they are), the styles are painted by code.
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
LIMIT = 600_000  # bytes of the JPEG


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
    content = jpeg(sheet(), LIMIT)
    (HERE / "gallery.jpg").write_bytes(content)
    print(f"gallery.jpg: {len(content):,} bytes")
