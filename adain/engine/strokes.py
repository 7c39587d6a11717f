"""Drafts: a small copy of a picture is stylized first, and then what it made of the picture.

A smooth area holds nothing to make a stroke of, and a network of few layers sees little of a picture at full size. So
the content is shrunk and given a little grain, stylized (the draft), enlarged, given back some of the detail that the
shrinking lost, and stylized again with the same style code (the revision). A large picture takes several drafts, each
on a smaller copy, so that strokes and shapes keep their proportion to it. After the draft and revision networks of
LapStyle (Lin et al. 2021, arXiv 2104.05376); here both are one network, for any style.

These are the sizes, the grain and the resizing, in NumPy. So the picture is the same on every runtime.
`adain.nn.strokes` has the same in torch, for training and for graphs.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adain.engine.framing import Box, fitting, repeated
from adain.engine.resizing import resized

__all__ = [
    "BLOCK",
    "FULL",
    "GRAIN",
    "LOST",
    "SCALE",
    "STEPS",
    "STRIP",
    "TILE",
    "broadness",
    "cells",
    "draft_count",
    "draft_size",
    "enlarged",
    "fitting_both",
    "grain",
    "offset",
    "padded",
    "padded_size",
    "shares",
    "shifts",
    "shrunk",
    "tile",
]

SCALE = (3, 8)
"""The side of a draft over that of the picture it is for, as a ratio of whole numbers."""
BLOCK = SCALE[1]
"""The sides of a picture that has a draft are padded to multiples of this, in pixels."""
GRAIN = 4 / 255
"""Standard deviation of the grain on the smallest copy, of a picture in [0, 1]."""
TILE = 256
"""Side in pixels of the grain's tile."""
STRIP = 16
"""Width in pixels of the strips that the tile is cut into where a copy is larger than it; see `cells`."""
STEPS = 32
"""Levels of the tile's values per standard deviation; all are whole numbers of 8 bits."""
FULL = 0.5
"""Of `strokes`: here all of the draft is used; above it, a further draft is."""
LOST = 0.8
"""Share of the lost detail that is left out, per `strokes` up to `FULL`."""

_COARSEST = 200  # px; what the shorter side of the smallest draft is near
_SMALLEST = 12  # px; of fewer, covariances are degenerate: their roots amplify rounding, and runtimes differ visibly
_CELLS = (1, 2, 4, 8)  # px; all divide the tile and its strips
_SEED = 28


def shares(strokes: float) -> tuple[float, float]:
    """Share of the draft in what is revised, and of the lost detail that is given back; both in [0, 1].

    The two are 1 and 0.6 from 0.5 on, for which the shipped networks are trained.
    """
    used = min(strokes, FULL)
    return used / FULL, 1 - LOST * used


def broadness(strokes: float, height: int, width: int) -> float:
    """Share of one further, smaller draft, which makes strokes broader.

    Args:
        strokes: in [0, 1].
        height: of the picture.
        width: of the picture.

    Returns:
        In [0, 1]; 0 up to `FULL`, and where that draft would be too small.
    """
    for _ in range(draft_count(height, width)):
        height, width = draft_size(height, width)
    return max(0.0, strokes - FULL) / (1 - FULL) if _can_be_drafted(height, width) else 0.0


def draft_count(height: int, width: int, scale: tuple[int, int] = SCALE) -> int:
    """The number of drafts that bring the shorter side near 200 px; at least 1, but 0 up to 24 px."""
    up, down = scale
    usual = max(1, round(math.log(min(height, width) / _COARSEST) / math.log(down / up)))
    return usual if _can_be_drafted(height, width) else 0


def _can_be_drafted(height: int, width: int) -> bool:
    return min(draft_size(height, width)) >= _SMALLEST


def draft_size(height: int, width: int) -> tuple[int, int]:
    """Height and width of the draft of a picture."""
    up, down = SCALE
    rows, columns = padded_size(height, width)
    return rows // down * up, columns // down * up


def padded_size(height: int, width: int) -> tuple[int, int]:
    """Height and width as multiples of 8, rounded up."""
    return fitting((height, width), BLOCK, 0)


def fitting_both(multiple: int, minimum: int) -> tuple[int, int]:
    """The sides of pictures that fit a network without padding, and whose drafts do.

    Args:
        multiple: of the network; divides the sides of its pictures.
        minimum: of the network; the smallest side, a multiple of `multiple`.

    Returns:
        The multiple and the minimum of both.
    """
    up, down = SCALE
    step = math.lcm(multiple, down * multiple // math.gcd(up, multiple))  # a draft of it has whole multiples
    return step, -(-minimum * down // (up * step)) * step


def shrunk(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Shrink pictures (..., H, W) to `draft_size`, bicubic and antialiased; first padded to multiples of 8."""
    up, down = SCALE
    return resized(padded(picture), up, down)


def enlarged(picture: NDArray[np.float32], part: Box) -> NDArray[np.float32]:
    """Enlarge a part of pictures (..., h, w), bicubic.

    Args:
        picture: h and w are multiples of 3.
        part: top, left, bottom, right of the result in blocks of 8 pixels.

    Returns:
        (..., 8 * (bottom - top), 8 * (right - left)).
    """
    up, down = SCALE
    top, left, bottom, right = part
    rows, columns = picture.shape[-2] // up, picture.shape[-1] // up
    begins, ends = (max(top - 1, 0), max(left - 1, 0)), (min(bottom + 1, rows), min(right + 1, columns))
    seen = picture[..., begins[0] * up : ends[0] * up, begins[1] * up : ends[1] * up]
    above, before = (top - begins[0]) * down, (left - begins[1]) * down
    result = resized(seen, down, up)
    return result[..., above : above + (bottom - top) * down, before : before + (right - left) * down]


def padded(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Repeat the last row and column of pictures (..., H, W) up to multiples of 8."""
    return repeated(picture, *padded_size(*picture.shape[-2:]))


@lru_cache(maxsize=1)  # pictures of a folder, and the frames of a film, mostly have one size
def grain(height: int, width: int, begin: tuple[int, int]) -> NDArray[np.float32]:
    """Noise of cells of 1, 2, 4 and 8 px, mean 0 and standard deviation 1, cut from a tile.

    Args:
        height: of the result.
        width: of the result.
        begin: row and column of the tile where it begins.

    Returns:
        (3, height, width), read-only.
    """
    rows, columns = (cells(np.arange(side), first) for side, first in zip((height, width), begin, strict=True))
    result = tile()[:, rows[:, None], columns]
    result.setflags(write=False)
    return result


def cells(places: Any, begin: Any) -> Any:
    """Rows or columns of the tile that rows or columns of a copy take their grain from.

    The first 256 follow each other. Beyond, every strip of 16 is shifted: a tile that repeats makes strokes that
    repeat, every 683 px in a clear sky.

    Args:
        places: whole numbers from 0, an array of NumPy or torch.
        begin: where the tile begins; of a shape that goes with it.
    """
    return (places + begin + (places >= TILE) * shifts(places // STRIP, places // TILE)) % TILE


def shifts(strips: Any, tiles: Any) -> Any:
    """By how many pixels strips of the grain are shifted, before the modulo: multiples of 8, the widest cell.

    Of polynomials this one was found to shift few strips alike: at any distance at most 5 in 256 px.

    Args:
        strips: their numbers from 0, an array of NumPy or torch; may be floating point.
        tiles: the numbers of the tiles that they would lie in.
    """
    return _CELLS[-1] * (3 * strips * (strips + tiles + 3) + 5 * tiles * tiles)


def offset(seed: int) -> tuple[int, int]:
    """Where the grain's tile begins, row and column."""
    row, column = np.random.PCG64(seed).random_raw(2) % TILE
    return int(row), int(column)


@lru_cache(maxsize=1)
def tile() -> NDArray[np.float32]:
    """The grain's tile, (3, 256, 256), in steps of 1/32, so that graphs can store it in 8 bits.

    `random_raw` is the one stream of NumPy that is promised never to change.
    """
    source = np.random.PCG64(_SEED)
    total = np.zeros((3, TILE, TILE))
    for cell in _CELLS:
        side = TILE // cell
        uniform = source.random_raw(4 * 3 * side * side).reshape(4, 3, side, side) / 2.0**64
        total += uniform.sum(0).repeat(cell, 1).repeat(cell, 2)  # of four uniform numbers: near enough to normal
    steps = np.clip(np.rint((total - total.mean()) / total.std() * STEPS), -127, 127)
    result: NDArray[np.float32] = (steps / STEPS).astype(np.float32)
    result.setflags(write=False)
    return result
