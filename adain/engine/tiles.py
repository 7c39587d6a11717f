"""Cuts a picture into overlapping tiles, and decides when tiles are needed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from adain import checks, memory
from adain.engine.backend import Backend
from adain.engine.framing import Box
from adain.errors import InputError

__all__ = ["Tile", "choose", "memory_needed", "most_at_once", "tiles"]

_PICTURES = 30  # bytes per pixel of the content, the result and its drafts
_BUDGET = 2 << 30  # bytes that a picture or tile may take in the network
_SMALL = 64 << 20  # bytes that are there, or nothing works: the free memory is then not looked up, which takes 0.4 ms
_LIVE_MAPS = 6  # maps of the widest size in memory at once: measured, 190 bytes a pixel at 32 a map with adain-slim
_LIVE_MAPS_PER_REGION = 3  # further maps for each mask: measured with two and four
_LARGEST = 1920  # pixels, side of a tile; for 20 megapixels, 1536 takes 7 % more time and 0.3 GB less


@dataclass(frozen=True)
class Tile:
    """One tile of a picture with its margin. Coordinates start at the margin's upper left corner.

    Attributes:
        window: the box that the network reads, without the context around it.
        core: the part of the window that is used. The cores of all tiles cover the picture and its margin exactly once.
    """

    window: Box
    core: Box


def choose(tile: int | None, backend: Backend, size: tuple[int, int], regions: int = 0) -> int | None:
    """Choose the side of the tiles for a picture.

    Args:
        tile: side in pixels, overlap included; 0: never use tiles; None: only if the picture would take more than
            2 GiB, or more than 64 MiB and half of the free memory.
        backend: what runs the network.
        size: width and height of the picture in pixels.
        regions: number of masks; each takes memory.

    Returns:
        The side in pixels, or None for the whole picture at once.

    Raises:
        InputError: `tile` is negative, not a whole number, or hardly larger than its overlap.
    """
    if tile is None:
        side = _automatic(backend, math.prod(size), regions)
        return None if side is None else max(side, _least(backend))
    if tile is True or not isinstance(tile, int) or tile < 0:
        raise InputError(
            f"tile must be a number of pixels, 0 for never, or None for automatic; got {checks.shown(tile)}"
        )
    if tile == 0:
        return None
    least = _least(backend)
    if tile < least:
        raise InputError(
            f"tile must be at least {least} pixels with this model, because half of such a tile overlaps "
            f"its neighbours; got {tile}"
        )
    return tile if max(size) > tile else None


def most_at_once(tile: int | None, backend: Backend, size: tuple[int, int]) -> int:
    """The number of pictures of a size that a call of the network may take, by their memory; 1 if they need tiles.

    The arguments are those of `choose`.
    """
    if choose(tile, backend, size) is not None:
        return 1
    return max(1, int(_budget() / (_bytes_per_pixel(backend, 0) * math.prod(size))))


def memory_needed(backend: Backend, size: tuple[int, int], regions: int = 0, *, whole: bool = False) -> float:
    """Estimate the bytes that a picture takes: in tiles if it is large, unless `whole`. Other arguments: `choose`."""
    pixels = math.prod(size)
    network = _bytes_per_pixel(backend, regions) * pixels
    return _PICTURES * pixels + (network if whole else min(_BUDGET, network))


def tiles(shape: tuple[int, int], side: int, overlap: int, multiple: int) -> Iterator[Tile]:
    """Cover a picture with windows of one size.

    Args:
        shape: height and width of the picture with its margin, multiples of `multiple`.
        side: largest side of a window in pixels; more than twice the overlap.
        overlap: width of the band along a window's inner edges that is dropped, a multiple of `multiple`.
        multiple: divides all positions and sides.
    """
    rows, columns = (_spans(length, side, overlap, multiple) for length in shape)
    for top, core_top, core_bottom, bottom in rows:
        for left, core_left, core_right, right in columns:
            yield Tile((top, left, bottom, right), (core_top, core_left, core_bottom, core_right))


def _spans(length: int, side: int, overlap: int, multiple: int) -> list[tuple[int, int, int, int]]:
    """The windows along one axis: each as window start, core start, core end, window end."""
    side = min(side // multiple * multiple, length)
    step = side - 2 * overlap
    count = 1 if side == length else -(-(length - 2 * overlap) // step)
    side = -(-(length + 2 * overlap * (count - 1)) // (count * multiple)) * multiple  # no larger than needed
    begins = [min(index * (side - 2 * overlap), length - side) for index in range(count)]
    cuts = [0, *(begin + overlap for begin in begins[1:]), length]
    return [(begin, *core, begin + side) for begin, core in zip(begins, pairwise(cuts), strict=True)]


def _least(backend: Backend) -> int:
    """The smallest allowed side of a window; half of it is overlap."""
    framings = [backend.framing(stage) for stage in backend.stages]
    return max(max(4 * (framing.encoder_band + framing.decoder_band), framing.minimum) for framing in framings)


def _automatic(backend: Backend, pixels: int, regions: int) -> int | None:
    each = _bytes_per_pixel(backend, regions)
    if pixels * each <= _SMALL:
        return None
    budget = _budget()
    # With masks, a tile takes as much memory as without.
    largest = int(_LARGEST * math.sqrt(_bytes_per_pixel(backend, 0) / each))
    return None if pixels * each <= budget else min(largest, math.isqrt(int(budget / each)))


def _budget() -> int:
    """Bytes that a call of the network may take."""
    free = memory.available()
    return _BUDGET if free is None else min(_BUDGET, free // 2)


def _bytes_per_pixel(backend: Backend, regions: int) -> float:
    """Bytes that a picture takes in the network, per pixel."""
    live = _LIVE_MAPS + _LIVE_MAPS_PER_REGION * regions
    return live * np.dtype(np.float32).itemsize * max(stage.numbers_per_pixel for stage in backend.stages)
