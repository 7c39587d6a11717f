"""Make `methods.jpg` beside this file: one photograph in one style, by each method.

    python docs/methods_picture.py

Takes four minutes on a core. The photograph is free (tests/data/README.md), the style is painted by code, and
codes are tuned on the other photographs. It needs the extras `torch` and `perceptual`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "data"))

import paint
from gallery import jpeg
from PIL import Image

import adain
from adain import OptimizeOptions, StyleRequest, sheets

DATA = Path(paint.__file__).parent
FILE = Path(__file__).with_name("methods.jpg")
SIDE = 176  # px
LIMIT = 200_000  # bytes
CONTENT, OTHERS = "astronaut.jpg", ("chelsea.jpg", "coffee.jpg", "rocket.jpg")


def optimized(options: OptimizeOptions) -> Callable[[Image.Image, Image.Image], Image.Image]:
    """`adain.optimize` with these options."""
    return lambda content, style: adain.optimize(content, style, options, request=StyleRequest(style_size=SIDE))


def tuned(content: Image.Image, style: Image.Image) -> Image.Image:
    """`adain.tune` on the other photographs, and then the fast model."""
    code = adain.tune(style, [DATA / name for name in OTHERS], OptimizeOptions(iterations=40))
    return adain.load(device="cpu")(content, code)


METHODS: dict[str, Callable[[Image.Image, Image.Image], Image.Image]] = {
    "content": lambda content, style: content,
    "style": lambda content, style: style.resize(content.size, Image.Resampling.LANCZOS),
    "adain stylize": lambda content, style: adain.load(device="cpu")(content, style),
    "--model wct-slim": lambda content, style: adain.load("wct-slim", device="cpu")(content, style),
    "adain tune": tuned,
    "adain optimize": optimized(OptimizeOptions()),
    "--start content": optimized(OptimizeOptions(start="content")),
    "--preset gatys": optimized(OptimizeOptions(preset="gatys", start="content", iterations=150)),
}


def main() -> None:
    """Make all and write the sheet."""
    with Image.open(DATA / CONTENT) as photo:
        content = photo.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    style, columns = paint.paint(), 4
    sheet = sheets.ContactSheet(-(-len(METHODS) // columns), columns, SIDE)
    for index, (label, method) in enumerate(METHODS.items()):
        sheet.put(*divmod(index, columns), sheets.Cell(method(content, style), label))
        print(label)
    FILE.write_bytes(jpeg(sheet.picture, LIMIT))


if __name__ == "__main__":
    main()
