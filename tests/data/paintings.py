"""Pictures painted by code in five manners, so that there are styles to show that nobody else owns.

Each function paints one, (SIDE, SIDE) pixels, the same every time: `woodcut`, `pointillism`, `watercolour`, `mosaic`,
`marbling`. They are painted at twice the size and scaled down, which makes edges smooth.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

SIDE, OVERSAMPLING = 512, 2
FULL = SIDE * OVERSAMPLING

Field = NDArray[np.float64]


def woodcut() -> Image.Image:
    """Hills, a sun and its rays in black lines cut along their forms, over one flat red."""
    x, y = _plane()
    sun = np.hypot(x - 0.68, y - 0.28)
    wobble = 0.012 * _noise(np.random.default_rng(1), 40) + 0.05 * _noise(np.random.default_rng(2), 6)
    phase, tone = 60 * np.arctan2(y - 0.28, x - 0.68) / np.pi + 3 * wobble, 0.62 - 0.25 * np.clip(sun, 0, 1)
    for ridge, (height, slope, shade) in enumerate([(0.5, 55, 0.5), (0.62, -70, 0.38), (0.8, 62, 0.3)]):
        line = height + 0.06 * np.sin(5 * x + 2.1 * ridge) + 0.025 * np.sin(13 * x + ridge)
        below = y > line
        depth = np.clip((y - line) / 0.2, 0, 1)
        cut = slope * (x + y - line) + 4 * np.sin(6 * x + ridge) + 25 * wobble
        phase = np.where(below, cut, phase)
        tone = np.where(below, shade + 0.35 * (1 - depth) - 0.25 * (depth < 0.06), tone)
    lines = 0.5 + 0.5 * np.cos(2 * np.pi * phase)
    ink = lines + 0.12 * _noise(np.random.default_rng(3), 180) > tone + 0.02
    disc = sun < 0.13
    ink = np.where(disc, False, ink) | (abs(sun - 0.135) < 0.006)
    red = disc | ((y > 0.8 + 0.06 * np.sin(5 * x + 4.2)) & (_noise(np.random.default_rng(4), 90) > -0.55))
    paper = np.array([236, 222, 192.0]) + 5 * _noise(np.random.default_rng(5), 300)[..., None]
    return _finished(np.where(ink[..., None], [26.0, 22, 24], np.where(red[..., None], [190.0, 58, 36], paper)))


def pointillism() -> Image.Image:
    """A bay at noon in dots of pure colour, those of a place beside their complements."""
    rng = np.random.default_rng(11)
    canvas = Image.new("RGB", (FULL, FULL), (238, 230, 208))
    draw = ImageDraw.Draw(canvas)
    for count, radius in ((9000, 8.0), (16000, 6.0), (14000, 4.5)):
        for x, y in rng.random((count, 2)):
            shade = np.array(_bay(x, y, rng)) + rng.normal(0, 10, 3)
            size = radius * rng.uniform(0.8, 1.25)
            at = (x * FULL, y * FULL)
            colour = tuple(int(value) for value in np.clip(shade, 0, 255))
            draw.ellipse((at[0] - size, at[1] - size, at[0] + size, at[1] + size), fill=colour)
    return canvas.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def watercolour() -> Image.Image:
    """Washes of thin pigment, darker where each dried at its edge, on rough paper."""
    rng = np.random.default_rng(23)
    paper = _noise(rng, 220) + 0.6 * _noise(rng, 420)
    light = np.ones((FULL, FULL, 3)) * [0.985, 0.975, 0.95]
    pigments = ([0.10, 0.32, 0.62], [0.85, 0.35, 0.28], [0.96, 0.72, 0.18], [0.16, 0.52, 0.42], [0.42, 0.24, 0.55])
    x, y = _plane()
    for layer in range(18):
        pigment = np.array(pigments[layer % len(pigments)])
        centre = (layer * 0.618 % 1, rng.uniform(0.05, 0.95))  # spread evenly from left to right
        size = rng.uniform(0.14, 0.3)
        shape = np.hypot(x - centre[0], 1.3 * (y - centre[1])) / size - 1
        shape += 0.42 * _noise(rng, 4) + 0.16 * _noise(rng, 14) + 0.05 * _noise(rng, 60)
        inside = 1 / (1 + np.exp(np.clip(70 * shape, -50, 50)))
        rim = np.exp(-(((shape + 0.03) / 0.035) ** 2))
        flow = 0.5 + 0.35 * _noise(rng, 5) + 0.1 * _noise(rng, 30) + 0.08 * paper
        density = inside * np.clip(0.55 * flow + 0.55 * rim, 0.05, 1.4)
        light *= pigment ** density[..., None]
    return _finished(255 * light * (1 + 0.025 * paper[..., None]))


def mosaic() -> Image.Image:
    """Tesserae of glass and gold laid in rings, with dark joints between."""
    rng = np.random.default_rng(37)
    cells = 34
    x, y = _plane()
    nearest, second, which = np.full(x.shape, 9.0), np.full(x.shape, 9.0), np.zeros(x.shape, int)
    column, row = (x * cells).astype(int), (y * cells).astype(int)
    jitter = rng.uniform(0.22, 0.78, (cells + 4, cells + 4, 2))
    for down in range(-2, 3):
        for right in range(-2, 3):
            spot = jitter[row + down + 2, column + right + 2]
            dx, dy = column + right + spot[..., 0] - x * cells, row + down + spot[..., 1] - y * cells
            distance = np.maximum(abs(dx), abs(dy)) + 0.35 * np.hypot(dx, dy)  # squarish stones
            closer = distance < nearest
            second = np.where(closer, nearest, np.minimum(second, distance))
            which = np.where(closer, (row + down + 2) * (cells + 4) + column + right + 2, which)
            nearest = np.where(closer, distance, nearest)
    colours = _stones(cells, rng)[which]
    gleam = 1 + 0.5 * (nearest < 0.32) * (((x * cells) % 1 + (y * cells) % 1) / 2 - 0.5)
    joint = np.clip((second - nearest) / 0.16, 0, 1)[..., None]
    return _finished(joint * colours * gleam[..., None] + (1 - joint) * [34.0, 30, 34])


def marbling() -> Image.Image:
    """Drops of ink on water, drawn through with a comb: each pixel is followed back to the drop it came from.

    After Lu, Jaffer, Jin, Zhao & Mao 2012, Mathematical Marbling: a drop pushes what is there outwards by its area, a
    tine drags it along, less the further away.
    """
    rng = np.random.default_rng(41)
    x, y = _plane()
    for across in (False, True):
        for tine in np.arange(0.06, 1.0, 0.125 if across else 0.17):
            pull = (0.12 if across else 0.16) * (-1) ** int(tine * 40)
            if across:
                y = y - pull * 0.5 ** (abs(x - tine) / 0.028)
            else:
                x = x - pull * 0.5 ** (abs(y - tine) / 0.05)
    inks = np.array([[18, 34, 84], [196, 44, 48], [240, 232, 214], [226, 158, 44], [30, 110, 116]], float)
    picture = np.ones((FULL, FULL, 3)) * inks[0]
    free = np.ones((FULL, FULL), bool)
    for drop in range(170, 0, -1):  # the last that fell is on top
        centre, radius = rng.uniform(-0.1, 1.1, 2), rng.uniform(0.03, 0.1)
        dx, dy = x - centre[0], y - centre[1]
        square = dx * dx + dy * dy
        inside = free & (square < radius**2)
        picture[inside] = inks[drop % len(inks)]
        free &= ~inside
        back = np.sqrt(np.clip(1 - radius**2 / np.maximum(square, 1e-9), 0, 1))
        x, y = centre[0] + dx * back, centre[1] + dy * back
    return _finished(picture + 4 * _noise(rng, 300)[..., None])


def _bay(x: float, y: float, rng: np.random.Generator) -> tuple[int, int, int]:
    """A dot of the bay: sky over sea over sand, a headland, a sail; a third of the dots are of the other palette."""
    warm = rng.random() < 0.3
    if abs(x - 0.36) < 0.3 * (y - 0.22) and 0.22 < y < 0.52 and x > 0.3:
        return (250, 190, 90) if warm else (252, 244, 222)
    if y < 0.34 + 0.1 * np.sin(7 * x + 0.6) * (x > 0.42) + 0.04 * np.sin(15 * x) and y < 0.42:
        return (246, 186, 150) if warm else ((96, 156, 220), (140, 190, 232))[rng.integers(2)]
    if y < 0.5 and x > 0.42:
        return (214, 96, 60) if warm else ((70, 130, 66), (128, 168, 62), (46, 84, 110))[rng.integers(3)]
    if y < 0.74 + 0.03 * np.sin(9 * x):
        return (236, 150, 70) if warm else ((24, 86, 158), (36, 132, 168), (82, 60, 150))[rng.integers(3)]
    return (120, 92, 172) if warm else ((240, 196, 96), (232, 160, 88), (224, 120, 84))[rng.integers(3)]


def _stones(cells: int, rng: np.random.Generator) -> Field:
    """A colour for each stone (n, 3): rings about a centre, and a field of blues."""
    rings = np.array([[214, 166, 62], [178, 52, 40], [238, 222, 180], [24, 92, 104], [214, 166, 62], [30, 48, 112]])
    blues = np.array([[24, 58, 120], [38, 96, 150], [20, 110, 112], [64, 130, 160]])
    down, right = np.mgrid[0 : cells + 4, 0 : cells + 4] - 2
    radius = np.hypot(right - 0.5 * cells, down - 0.46 * cells) / cells
    ring = (radius * 15 + 0.6 * np.sin(8 * np.arctan2(down - 0.46 * cells, right - 0.5 * cells))).astype(int)
    chosen = np.where((ring < 6)[..., None], rings[ring.clip(0, 5)], blues[rng.integers(4, size=ring.shape)])
    return (chosen * rng.uniform(0.78, 1.18, (*ring.shape, 1)) + rng.normal(0, 8, chosen.shape)).reshape(-1, 3)


def _plane() -> tuple[Field, Field]:
    """Coordinates of the pixels, 0 to 1."""
    y, x = np.mgrid[0:FULL, 0:FULL] / FULL
    return x, y


def _noise(rng: np.random.Generator, cells: int) -> Field:
    """Smooth noise of about 1 in size, `cells` of its bumps to a side."""
    small = Image.fromarray(rng.normal(size=(cells + 2, cells + 2)).astype(np.float32))
    return np.asarray(small.resize((FULL, FULL), Image.Resampling.BICUBIC), float)


def _finished(colours: Field) -> Image.Image:
    picture = Image.fromarray(colours.clip(0, 255).astype(np.uint8))
    return picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
