"""Tiles that cover a picture: where they lie, how large they are, and when a picture needs them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from adain import memory
from adain.engine.backend import Backend
from adain.engine.framing import Box
from adain.errors import InputError

__all__ = ["Tile", "choose", "tiles"]

_BUDGET = 2 << 30  # bytes that a picture, or a tile of it, may take in the network
_LIVE_MAPS = 6  # of the widest size that are alive at once: measured, 190 of 32 bytes a pixel with adain-slim
_LIVE_MAPS_PER_REGION = 3  # more for each mask: measured with two and four
_LARGEST = 1920  # pixels of a tile's side; for 20 megapixels, 1536 takes 7 % more time and 0.3 GB less


@dataclass(frozen=True)
class Tile:
    """A part of a picture and its margin. Positions count from the margin's upper left corner.

    Attributes:
        window: what the network is given, but for the context around it.
        core: what of the window counts. The cores of all tiles cover picture and margin once.
    """

    window: Box
    core: Box


def choose(tile: int | None, backend: Backend, size: tuple[int, int], regions: int = 0) -> int | None:
    """The side of the tiles to stylize a picture in.

    Args:
        tile: pixels, overlap included; 0: never in tiles; None: only if the picture would take more than 2 GiB or more
            than half of the free memory.
        backend: what runs the network.
        size: of the picture, in pixels.
        regions: number of masks; each takes memory.

    Returns:
        A side, or None for the whole picture at once.

    Raises:
        InputError: a tile that is negative, no whole number, or hardly larger than its overlap.
    """
    if tile is None:
        side = _automatic(backend, math.prod(size), regions)
        return None if side is None else max(side, _least(backend))
    if tile is True or not isinstance(tile, int) or tile < 0:
        raise InputError(f"tile must be a number of pixels, 0 for never, or None for automatic; got {tile!r}")
    if tile == 0:
        return None
    least = _least(backend)
    if tile < least:
        raise InputError(
            f"tile must be at least {least} pixels with this model, half of which is overlap with "
            f"its neighbours; got {tile}"
        )
    return tile if max(size) > tile else None


def tiles(shape: tuple[int, int], side: int, overlap: int, multiple: int) -> Iterator[Tile]:
    """Cover a picture with windows of one size.

    Args:
        shape: height and width of what is covered, multiples of `multiple`.
        side: of a window, at most, in pixels; more than twice the overlap.
        overlap: width of the band along a window's inner edges that does not count, a multiple of `multiple`.
        multiple: of all positions and sides.
    """
    rows, columns = (_spans(length, side, overlap, multiple) for length in shape)
    for top, core_top, core_bottom, bottom in rows:
        for left, core_left, core_right, right in columns:
            yield Tile((top, left, bottom, right), (core_top, core_left, core_bottom, core_right))


def _spans(length: int, side: int, overlap: int, multiple: int) -> list[tuple[int, int, int, int]]:
    """Along one axis: where each window begins, its core begins, its core ends, and it ends."""
    side = min(side // multiple * multiple, length)
    step = side - 2 * overlap
    count = 1 if side == length else -(-(length - 2 * overlap) // step)
    side = -(-(length + 2 * overlap * (count - 1)) // (count * multiple)) * multiple  # no larger than they need be
    begins = [min(index * (side - 2 * overlap), length - side) for index in range(count)]
    cuts = [0, *(begin + overlap for begin in begins[1:]), length]
    return [(begin, *core, begin + side) for begin, core in zip(begins, pairwise(cuts), strict=True)]


def _least(backend: Backend) -> int:
    """The least side of a window, of which half is overlap."""
    framings = [backend.framing(stage) for stage in backend.stages]
    return max(max(4 * (framing.encoder_band + framing.decoder_band), framing.minimum) for framing in framings)


def _automatic(backend: Backend, pixels: int, regions: int) -> int | None:
    free = memory.available()
    budget = _BUDGET if free is None else min(_BUDGET, free // 2)
    widest = max(stage.numbers_per_pixel for stage in backend.stages)
    live = _LIVE_MAPS + _LIVE_MAPS_PER_REGION * regions
    each = live * np.dtype(np.float32).itemsize * widest
    largest = int(_LARGEST * math.sqrt(_LIVE_MAPS / live))  # with masks, a tile takes as much memory as without
    return None if pixels * each <= budget else min(largest, math.isqrt(int(budget / each)))
