"""Large pictures in bounded memory: in tiles that overlap, each with the statistics of the whole picture.

A stage of a model (see `Backend`) goes over the picture and its margin twice: first every tile is encoded
and the moments of its maps are merged, those of the margin left out, then every tile is decoded with those of the
whole. What a tile's inner borders spoil lies in the overlap and is dropped. So there is no seam, no tile has a style of
its own, and the result is that of the whole picture at once but for rounding.

Each tile's maps are kept from the first time to the second while there is room; the other tiles are encoded again.

Memory: the picture and the result in 8 bits, the maps (28 bytes a pixel with adain-slim, and their overlap), those of a
tile within the network, and with several stages two copies of the picture between them in 16 bits, fixed point: five
stages of WCT make at most 1 of 255 of its rounding, and 2 of float16's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from adain import memory
from adain.engine.backend import Backend, Core, Maps, Reach
from adain.engine.moments import Moments, merge
from adain.errors import InputError
from adain.images.arrays import bands, check_rgb, from_tensor, to_tensor
from adain.registry import Architecture, SlimArchitecture

__all__ = ["Tile", "choose", "stylize", "tiles"]

_BUDGET = 2 << 30  # bytes that a picture, or a tile of it, may take in the network
_MAPS = 6  # of the widest size that are alive at once: measured, 190 of 32 bytes a pixel with adain-slim
_STEPS, _DARKEST = 8192, -3.0  # of 16 bits: per unit, and what 0 stands for; decoders keep well within -3 to 5
_KEPT = 768 << 20  # bytes that the maps of a whole picture may take, between encoding and decoding
_LARGEST = 1920  # pixels of a tile's side; for 20 megapixels, 1536 takes 7 % more time and 0.3 GB less

_Beyond = tuple[tuple[int, int], tuple[int, int]]  # pixels above and below, left and right

Code = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Tile:
    """A part of a picture and its margin, whose upper left corner is at 0, 0.

    Attributes:
        window: what the network sees, but for the rim around it.
        core: what of that counts; the cores of all tiles are picture and margin, once.
    """

    window: Core
    core: Core


def choose(
    tile: int | bool | None, backend: Backend, architecture: Architecture | SlimArchitecture, size: tuple[int, int]
) -> int | None:
    """The side of the tiles to stylize a picture in.

    Args:
        tile: pixels, overlap included; 0 or False: never in tiles; None: only if the picture would take more than 2 GiB
            or more than half of the memory there is.
        backend: what runs the network.
        architecture: of the network, which says how much memory a pixel takes.
        size: of the picture, in pixels.

    Returns:
        A side, or None for the whole picture at once.

    Raises:
        InputError: a tile that is negative, no whole number, or hardly larger than its overlap.
    """
    if tile is None:
        side = _automatic(architecture, math.prod(size))
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


def stylize(backend: Backend, rgb: NDArray[np.uint8], code: Code, alpha: float, side: int) -> NDArray[np.uint8]:
    """A picture in a style, tile by tile.

    Args:
        backend: what runs the network.
        rgb: uint8 (H, W, 3).
        code: of the style; see `Backend.stylize`.
        alpha: strength in [0, 1].
        side: of the tiles in pixels, overlap included; see `choose`.

    Returns:
        uint8 (H, W, 3).

    Raises:
        InputError: the code's arrays are not this model's.
    """
    check_rgb(rgb)
    result = np.empty_like(rgb)
    source: _Source = _Content(rgb, backend.reach(backend.stages[0]))
    for position, stage in enumerate(backend.stages, 1):
        reach = backend.reach(stage)
        shape = (source.shape[0] + 2 * reach.margin, source.shape[1] + 2 * reach.margin)
        parts = list(tiles(shape, side, reach.encode + reach.decode, reach.multiple))
        kept, own = _encode(backend, stage, source, parts)
        last = position == len(backend.stages)
        target: _Target = _Result(result) if last else _Between(source.shape)
        for tile in parts:
            maps = kept.pop(tile) if tile in kept else backend.encode(_seen(source, tile, reach), stage)[0]
            output = backend.decode(maps, stage, own, code, alpha)
            place, inside = _within(tile, reach.margin, target.shape)
            target.write(place, output[:, :, inside[0] : inside[2], inside[1] : inside[3]])
        if isinstance(target, _Between):
            source = target
    return result


def tiles(shape: tuple[int, int], side: int, overlap: int, multiple: int) -> Iterator[Tile]:
    """Cover a picture with windows of one size.

    Args:
        shape: height and width of what is covered, multiples of `multiple`.
        side: of a window, at most, in pixels; more than twice the overlap.
        overlap: what of a window does not count along its inner borders, a multiple of `multiple`.
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


def _encode(backend: Backend, stage: str, source: _Source, parts: Sequence[Tile]) -> tuple[dict[Tile, Maps], Moments]:
    """The maps of as many tiles as there is room for, and the moments of all."""
    free = memory.available()
    room = _KEPT if free is None else min(_KEPT, free // 4)
    reach = backend.reach(stage)
    kept: dict[Tile, Maps] = {}
    own: Moments | None = None
    for tile in parts:
        _, inside = _within(tile, reach.margin, source.shape)
        maps, part = backend.encode(_seen(source, tile, reach), stage, inside)
        room -= sum(x.nbytes for x in maps.values())
        if room >= 0:
            kept[tile] = maps
        own = part if own is None else merge([own, part])  # one by one: a part of WCT takes two megabytes
    assert own is not None, "a picture has at least one tile"
    return kept, own


def _seen(source: _Source, tile: Tile, reach: Reach) -> NDArray[np.float32]:
    """A tile's window as `adain.engine.backend.framed` would have it in the whole picture, and the rim around it."""
    begins = [begin - reach.margin - reach.rim for begin in tile.window[:2]]
    ends = [end - reach.margin + reach.rim for end in tile.window[2:]]
    (top, left), (bottom, right) = (max(begin, 0) for begin in begins), map(min, ends, source.shape)
    beyond = (top - begins[0], ends[0] - bottom), (left - begins[1], ends[1] - right)
    return source.read((top, left, bottom, right), beyond)


def _within(tile: Tile, margin: int, shape: tuple[int, int]) -> tuple[Core, Core]:
    """Of a tile's core what lies in a picture of a shape: in pixels of that, and from the window's corner."""
    begins = [max(begin, margin) for begin in tile.core[:2]]
    ends = [min(end, margin + side) for end, side in zip(tile.core[2:], shape, strict=True)]
    (top, left), (bottom, right) = begins, ends
    above, before = tile.window[:2]
    place = top - margin, left - margin, bottom - margin, right - margin
    return place, (top - above, left - before, bottom - above, right - before)


class _Source(Protocol):
    """A picture whose sides fit the network.

    Attributes:
        shape: height and width in pixels.
    """

    shape: tuple[int, int]

    def read(self, part: Core, beyond: _Beyond) -> NDArray[np.float32]:
        """A part of it, reflected beyond its sides; float32 (1, 3, h, w). Integers are what is copied to pad it."""
        ...


class _Target(Protocol):
    """A picture that comes about part by part; `shape` as of a `_Source`."""

    shape: tuple[int, int]

    def write(self, part: Core, values: NDArray[np.float32]) -> None:
        """Put (1, 3, h, w) where it belongs."""
        ...


class _Content:
    """The picture itself, its last row and column repeated."""

    def __init__(self, rgb: NDArray[np.uint8], reach: Reach) -> None:
        self.shape = reach.fitting(*rgb.shape[:2])
        self.rgb = rgb

    def read(self, part: Core, beyond: _Beyond) -> NDArray[np.float32]:
        top, left, bottom, right = part
        there = self.rgb[top:bottom, left:right]
        lacking = (0, bottom - top - there.shape[0]), (0, right - left - there.shape[1]), (0, 0)
        return to_tensor(np.pad(np.pad(there, lacking, mode="edge"), (*beyond, (0, 0)), mode="reflect"))


class _Between:
    """The picture between two stages, in 16 bits."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        self.levels = np.empty((3, *shape), np.uint16)

    def read(self, part: Core, beyond: _Beyond) -> NDArray[np.float32]:
        top, left, bottom, right = part
        levels = np.pad(self.levels[:, top:bottom, left:right], ((0, 0), *beyond), mode="reflect")
        values = levels[None].astype(np.float32)
        values *= np.float32(1 / _STEPS)
        values += np.float32(_DARKEST)
        return values

    def write(self, part: Core, values: NDArray[np.float32]) -> None:
        top, left, bottom, right = part
        target = self.levels[:, top:bottom, left:right]
        for rows in bands(*target.shape[1:]):
            levels = (values[0, :, rows] - np.float32(_DARKEST)) * np.float32(_STEPS)
            target[:, rows] = np.clip(np.rint(levels), 0, 0xFFFF)


class _Result:
    """The result in 8 bits, at the size of the content."""

    def __init__(self, rgb: NDArray[np.uint8]) -> None:
        self.shape = rgb.shape[0], rgb.shape[1]
        self.rgb = rgb

    def write(self, part: Core, values: NDArray[np.float32]) -> None:
        top, left, bottom, right = part
        self.rgb[top:bottom, left:right] = from_tensor(values)


def _least(backend: Backend) -> int:
    """The least side of a window, of which half is overlap."""
    reaches = [backend.reach(stage) for stage in backend.stages]
    return max(max(4 * (reach.encode + reach.decode), reach.minimum) for reach in reaches)


def _automatic(architecture: Architecture | SlimArchitecture, pixels: int) -> int | None:
    free = memory.available()
    budget = _BUDGET if free is None else min(_BUDGET, free // 2)
    each = _MAPS * np.dtype(np.float32).itemsize * architecture.numbers_per_pixel
    return None if pixels * each <= budget else min(_LARGEST, math.isqrt(int(budget / each)))
