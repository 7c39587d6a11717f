"""Paint `strokes.jpg`: a picture in bold brush strokes, so that there is a style to try that nobody else owns.

    python paint.py strokes.jpg

Strokes follow a field of whirls, broad ones first and fine ones over them, each of several bristles of slightly
different colour. The seed is fixed: the same picture every time.
"""

from __future__ import annotations

import math
import sys

import numpy as np
from PIL import Image, ImageDraw

WIDTH, HEIGHT, OVERSAMPLING = 640, 512, 2
WHIRLS = ((150, 150, 1.0), (430, 110, -1.2), (560, 300, 1.0), (250, 330, -0.8))  # x, y, direction
SKY = ((18, 38, 98), (34, 72, 150), (72, 132, 190), (150, 196, 206))
LIGHT = ((250, 206, 60), (244, 156, 38), (252, 236, 170))
LAND = ((24, 62, 46), (66, 104, 44), (150, 146, 58), (140, 58, 34))
LAYERS = ((900, 26, 90), (2200, 13, 60), (4200, 6, 42))  # strokes, width, length in pixels


def direction(x: float, y: float) -> float:
    """Angle in which a stroke at (x, y) runs."""
    flow = np.array([1.0, 0.25 * math.sin(x / 70)])
    for centre_x, centre_y, turn in WHIRLS:
        dx, dy = x - centre_x, y - centre_y
        strength = 3.0 * turn * math.exp(-(dx * dx + dy * dy) / (2 * 75.0**2))
        flow += strength * np.array([-dy, dx]) / (math.hypot(dx, dy) + 1)
    return math.atan2(flow[1], flow[0])


def colour(x: float, y: float, rng: np.random.Generator) -> np.ndarray:
    """Light in the whirls' hearts, land below a rolling horizon, sky elsewhere."""
    nearest = min(math.hypot(x - centre_x, y - centre_y) for centre_x, centre_y, _ in WHIRLS)
    if y > 390 + 30 * math.sin(x / 60):
        palette = LAND
    elif nearest < 28 + 22 * rng.random():
        palette = LIGHT
    else:
        palette = SKY
    return np.array(palette[rng.integers(len(palette))]) + rng.normal(0, 9, 3)


def stroke(
    draw: ImageDraw.ImageDraw, x: float, y: float, width: float, length: float, rng: np.random.Generator
) -> None:
    """One stroke of several bristles along the field from (x, y)."""
    path = [(x, y)]
    for _ in range(int(length / 6)):
        angle = direction(*path[-1])
        path.append((path[-1][0] + 6 * math.cos(angle), path[-1][1] + 6 * math.sin(angle)))
    angle = direction(x, y) + math.pi / 2
    paint = colour(x, y, rng)
    bristles = max(3, round(width / 2))
    for offset in np.linspace(-width / 2, width / 2, bristles):
        shade = np.clip(paint + rng.normal(0, 13), 0, 255).astype(int)
        shift = (offset * math.cos(angle), offset * math.sin(angle))
        line = [tuple(OVERSAMPLING * (p + s) for p, s in zip(point, shift, strict=True)) for point in path]
        draw.line(line, fill=tuple(shade), width=round(OVERSAMPLING * 1.5 * width / bristles), joint="curve")


def paint() -> Image.Image:
    """The whole picture, 640 x 512."""
    rng = np.random.default_rng(1889)
    canvas = Image.new("RGB", (OVERSAMPLING * WIDTH, OVERSAMPLING * HEIGHT), SKY[1])
    draw = ImageDraw.Draw(canvas)
    for count, width, length in LAYERS:
        for x, y in rng.uniform((-40, -20), (WIDTH, HEIGHT + 20), (count, 2)):
            stroke(draw, x, y, width, length, rng)
    return canvas.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    paint().save(sys.argv[1], quality=92)
