"""Pictures that a stage reads and writes in parts: content, masks, the picture between two stages, and the result."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from adain.engine import strokes
from adain.engine.framing import Box, Framing
from adain.engine.strokes import BLOCK, draft_size, enlarged, padded, padded_size
from adain.engine.tiles import Tile
from adain.images.arrays import Colors, bands, from_tensor, to_tensor

__all__ = [
    "Between",
    "Composed",
    "Content",
    "Floats",
    "Result",
    "Source",
    "Target",
    "core_weights",
    "place",
    "seen",
    "shrunk",
]

_EVERY = ((0, 0), (0, 0))  # padding of batch and channels
_STEPS, _DARKEST = 8192, -3.0  # uint16 fixed point: code = (value + 3) * 8192; decoders keep well within -3 to 5
_KEPT = 3 << 20  # numbers of a picture that is converted once, in the place of once per level
_BAND = 512  # rows of a picture that are shrunk at once; a multiple of 8


class Source(Protocol):
    """A picture or masks to read in parts.

    Attributes:
        shape: height and width in pixels.
    """

    shape: tuple[int, int]

    def read(self, part: Box) -> NDArray[np.float32]:
        """A part of it, float32 (1, C, h, w)."""
        ...


class Target(Protocol):
    """A picture that is written part by part; `shape` as in `Source`."""

    shape: tuple[int, int]

    def write(self, part: Box, values: NDArray[np.float32]) -> None:
        """Write one part, (1, 3, h, w)."""
        ...


class Content:
    """A content in 8 or 16 bits, (H, W, 3)."""

    def __init__(self, rgb: Colors) -> None:
        self.shape = rgb.shape[0], rgb.shape[1]
        self._rgb = rgb
        self._converted = to_tensor(rgb) if rgb.size <= _KEPT else None

    def read(self, part: Box) -> NDArray[np.float32]:
        """See `Source.read`."""
        top, left, bottom, right = part
        if self._converted is not None:
            return self._converted[:, :, top:bottom, left:right]
        return to_tensor(self._rgb[top:bottom, left:right])


class Floats:
    """A picture or masks (C, H, W) float32; can be written too."""

    def __init__(self, values: NDArray[np.float32]) -> None:
        self.shape = values.shape[1], values.shape[2]
        self.values = values

    def read(self, part: Box) -> NDArray[np.float32]:
        """See `Source.read`."""
        top, left, bottom, right = part
        return self.values[None, :, top:bottom, left:right]

    def write(self, part: Box, values: NDArray[np.float32]) -> None:
        """See `Target.write`."""
        top, left, bottom, right = part
        self.values[:, top:bottom, left:right] = values[0]


class Composed:
    """A draft enlarged, with some of the content's detail: what a revision stylizes (`adain.engine.strokes`).

    It is `(1 - share) * content + share * (up(draft) + detail * (content - up(shrunk)))`. Sides are the content's,
    padded to multiples of 8. Parts are composed when they are read, which takes no memory between.

    Args:
        content: what the draft is of.
        shrunk: the content at the draft's size, (3, h, w).
        draft: (3, h, w).
        share: of the draft.
        detail: how much of what the shrinking lost is given back.
        room: how far values may leave [0, 1]. Grain in the content needs it: a white sky would have half of it.
    """

    def __init__(
        self,
        content: Source,
        shrunk: NDArray[np.float32],
        draft: NDArray[np.float32],
        share: float,
        detail: float,
        *,
        room: float = 0.0,
    ) -> None:
        self._content = content
        self._limits = -room, 1 + room
        # Resizing is linear: once for draft and shrunk content.
        self._coarse = np.float32(share) * (np.clip(draft, 0, 1) - np.float32(detail) * shrunk)
        self._fine = np.float32(1 - share + share * detail)
        self.shape = padded_size(*content.shape)

    def read(self, part: Box) -> NDArray[np.float32]:
        """See `Source.read`."""
        top, left, bottom, right = part
        rows, columns = self._content.shape
        blocks = top // BLOCK, left // BLOCK, -(-bottom // BLOCK), -(-right // BLOCK)
        above, before, below, beyond = (BLOCK * block for block in blocks)
        content = padded(self._content.read((above, before, min(below, rows), min(beyond, columns))))
        content = self._fine * content
        content += enlarged(self._coarse, blocks)
        values = content[:, :, top - above : bottom - above, left - before : right - before]
        return np.clip(values, *self._limits, out=values)


def shrunk(source: Source) -> NDArray[np.float32]:
    """A picture or masks at the size of a draft, (C, h, w); read in bands, because a picture can be large."""
    height, width = source.shape
    found = []
    for top in range(0, height, _BAND):
        begin, bottom = max(top - BLOCK, 0), min(top + _BAND, height)
        band = strokes.shrunk(source.read((begin, 0, min(bottom + BLOCK, height), width))[0])
        (first, _), (last, _) = (draft_size(row - begin, width) for row in (top, bottom))
        found.append(band[:, first:last])
    return np.concatenate(found, axis=1)


class Between:
    """The picture between two stages: float32 if `exact`, else 16-bit fixed point to save memory.

    Rounding to 16 bits changes a result of five stages by at most 1 of 255.
    """

    def __init__(self, shape: tuple[int, int], *, exact: bool) -> None:
        self.shape = shape
        self._exact = exact
        self._values: NDArray[Any] = np.empty((3, *shape), np.float32 if exact else np.uint16)

    def read(self, part: Box) -> NDArray[np.float32]:
        """See `Source.read`."""
        top, left, bottom, right = part
        values = self._values[None, :, top:bottom, left:right].astype(np.float32, copy=not self._exact)
        if not self._exact:
            values *= np.float32(1 / _STEPS)
            values += np.float32(_DARKEST)
        return values

    def write(self, part: Box, values: NDArray[np.float32]) -> None:
        """See `Target.write`."""
        top, left, bottom, right = part
        target = self._values[:, top:bottom, left:right]
        if self._exact:
            target[:] = values[0]
            return
        for rows in bands(*target.shape[1:]):
            levels = (values[0, :, rows] - np.float32(_DARKEST)) * np.float32(_STEPS)
            target[:, rows] = np.clip(np.rint(levels), 0, 0xFFFF)


class Result:
    """The result, uint8 or uint16 (H, W, 3), at the size of the content."""

    def __init__(self, rgb: Colors) -> None:
        self.shape = rgb.shape[0], rgb.shape[1]
        self.rgb = rgb

    def write(self, part: Box, values: NDArray[np.float32]) -> None:
        """See `Target.write`."""
        top, left, bottom, right = part
        self.rgb[top:bottom, left:right] = from_tensor(values, self.rgb.dtype.type)


def seen(source: Source, fitting: tuple[int, int], tile: Tile, framing: Framing, context: int) -> NDArray[np.float32]:
    """A tile's window of a framed picture, with `context` pixels around it.

    Args:
        source: the picture or masks; the last row and column are repeated up to `fitting`.
        fitting: height and width that the network takes, see `Framing.fitting`.
        tile: which window.
        framing: of the stage.
        context: pixels around the window.
    """
    begins = [begin - framing.margin - context for begin in tile.window[:2]]
    ends = [end - framing.margin + context for end in tile.window[2:]]
    (top, left), (bottom, right) = (max(begin, 0) for begin in begins), map(min, ends, fitting)
    there = source.read((top, left, min(bottom, source.shape[0]), min(right, source.shape[1])))
    repeated = (0, bottom - top - there.shape[2]), (0, right - left - there.shape[3])
    reflected = (top - begins[0], ends[0] - bottom), (left - begins[1], ends[1] - right)
    return np.pad(np.pad(there, (*_EVERY, *repeated), mode="edge"), (*_EVERY, *reflected), mode="reflect")


def place(tile: Tile, framing: Framing, shape: tuple[int, int]) -> tuple[Box, Box]:
    """The part of a tile's core inside the picture, as a box in the picture and as a box in the tile's window."""
    margin = framing.margin
    top, left = (max(begin, margin) for begin in tile.core[:2])
    bottom, right = (min(end, margin + side) for end, side in zip(tile.core[2:], shape, strict=True))
    above, before = tile.window[:2]
    inside = top - above, left - before, bottom - above, right - before
    return (top - margin, left - margin, bottom - margin, right - margin), inside


def core_weights(tile: Tile, inside: Box) -> NDArray[np.float32]:
    """Weights of a tile's pixels, (1, 1, h, w): 1 in the box `inside` of its window, 0 elsewhere."""
    top, left, bottom, right = tile.window
    weights = np.zeros((1, 1, bottom - top, right - left), np.float32)
    weights[..., inside[0] : inside[2], inside[1] : inside[3]] = 1
    return weights
