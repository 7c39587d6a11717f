"""Stylizes a picture: whole, in tiles, or as a frame of a film; or a batch of small pictures.

`stylize` is the way from a picture and style codes to a stylized picture. A whole picture runs through one graph
of the backend, which is the fast path. Tiles and film frames run stage by stage: every tile is encoded, the moments of
all tiles are merged, and every tile is decoded with the merged moments. The invalid bands along a tile's inner edges
lie in the overlap and are dropped. So there are no seams, and the result equals that of the whole picture except for
rounding.

With strokes, small copies of the picture are stylized first (`adain.engine.strokes`), each in the same way: whole, or
in tiles if it is large.

`stylize_batch` stylizes whole pictures of one shape level by level: the network gets a draft of each in one call, and
then the picture of each.

Memory in tiles: picture and result in 8 bits; the feature maps of as many tiles as fit (28 bytes per pixel with
adain-slim; the other tiles are encoded twice); one tile in the network; and the picture between two stages in 16 bits.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from adain import masking, memory
from adain.engine import canvas
from adain.engine import strokes as drafts
from adain.engine.backend import Backend, Code, Maps
from adain.engine.framing import repeated
from adain.engine.moments import Moments, merge
from adain.engine.tiles import Tile, choose, tiles
from adain.images.arrays import Colors, check_rgb
from adain.registry import Stage

__all__ = ["Cancel", "Follow", "Styles", "stylize", "stylize_batch", "stylize_tensor"]

_KEPT = 768 << 20  # bytes; limit for the feature maps that are kept between encoding and decoding

Cancel: TypeAlias = Callable[[], None]
"""Called between tiles, stages and frames; raises to end the call."""


class Follow(Protocol):
    """Replaces what is computed from a frame of a film, for instance by what is smoothed over time."""

    def moments(self, key: tuple[int, int, int], own: Moments) -> Moments:
        """A frame's moments. The key is (level, position of the stage, region)."""

    def draft(self, level: int, seen: NDArray[np.float32], own: NDArray[np.float32]) -> NDArray[np.float32]:
        """A frame's draft (3, h, w) of a level, and what it was made from, (C, h, w) in [0, 1]: content and masks."""


logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Styles:
    """The styles of a picture, and where they go.

    Attributes:
        codes: arrays of style codes: one for the whole picture, or one per mask.
        masks: (S, H, W) float32 in [0, 1], of the picture's size: the weight of each code at each pixel. None: the
            only code covers the whole picture.
    """

    codes: tuple[Code, ...]
    masks: NDArray[np.float32] | None = None

    def shrunk(self) -> Styles:
        """The same for a draft."""
        if self.masks is None:
            return self
        return replace(self, masks=np.clip(canvas.shrunk(canvas.Floats(self.masks)), 0, 1))


def stylize(
    backend: Backend,
    picture: Colors,
    styles: Styles,
    alpha: float,
    *,
    strokes: float = 0.0,
    seed: int = 0,
    tile: int | None = None,
    follow: Follow | None = None,
    cancel: Cancel | None = None,
) -> NDArray[Any]:
    """Stylize a picture.

    Args:
        backend: what runs the network.
        picture: uint8 or uint16 (H, W, 3).
        styles: codes, and masks if each style has its own region.
        alpha: strength in [0, 1].
        strokes: how much of coarse drafts goes into the result, in [0, 1]; 0: no drafts, 0.5: all of them, 1: one
            further draft, on a smaller copy, makes strokes broader.
        seed: of the grain of the smallest draft, at least 0.
        tile: side of the tiles in pixels; 0: never use tiles; None: only if memory would be short.
        follow: replaces the content's moments and drafts, for the frames of a film.
        cancel: called between tiles and stages.

    Returns:
        Of the same dtype and shape.

    Raises:
        InputError: a code's arrays are not this model's, or the tile size is not allowed.
    """
    check_rgb(picture, deep=True)
    result = np.empty_like(picture)
    levels = _Levels(backend, styles, alpha, strokes, seed, tile, follow, cancel)
    levels.run(canvas.Content(picture), canvas.Result(result))
    return result


def stylize_batch(
    backend: Backend,
    pictures: Sequence[Colors],
    codes: Sequence[Code],
    alphas: Sequence[float],
    *,
    strokes: float = 0.0,
    seed: int = 0,
    cancel: Cancel | None = None,
) -> list[NDArray[Any]]:
    """Stylize pictures of one shape, each whole, in one call of the network per level.

    Args:
        backend: what runs the network.
        pictures: at least one, uint8 or uint16 (H, W, 3).
        codes: arrays of a style code for each.
        alphas: a strength in [0, 1] for each.
        strokes: see `stylize`.
        seed: likewise.
        cancel: called between levels.

    Returns:
        The results, each of its picture's dtype and shape. They are those of `stylize` in onnxruntime and OpenVINO on
        the CPU; in torch a few values of 100,000 differ by 1 of 255.

    Raises:
        InputError: a code's arrays are not this model's.
    """
    results = [np.empty_like(picture) for picture in pictures]
    levels = [
        _Levels(backend, Styles((code,)), alpha, strokes, seed, 0, None, None).copies(
            canvas.Content(picture), canvas.Result(result)
        )
        for picture, result, code, alpha in zip(pictures, results, codes, alphas, strict=True)
    ]
    for copies in zip(*levels, strict=True):
        if cancel is not None:
            cancel()
        contents = np.concatenate([_all_of(copy.source) for copy in copies])
        for copy, stylized in zip(copies, backend.stylize_batch(contents, codes, alphas), strict=True):
            _write(copy.target, stylized[None])
    return results


@dataclass(frozen=True)
class _Copy:
    """A copy of a picture to stylize: a draft, or the picture itself.

    Attributes:
        level: 0 for the picture, 1 for its draft, and so on.
        source: what to stylize.
        target: where the result goes. It must be written before the next copy is asked for.
        styles: of the copy's size.
    """

    level: int
    source: canvas.Source
    target: canvas.Target
    styles: Styles


@dataclass(frozen=True)
class _Levels:
    """One call of `stylize`; the attributes are its arguments."""

    backend: Backend
    styles: Styles
    alpha: float
    strokes: float
    seed: int
    tile: int | None
    follow: Follow | None
    cancel: Cancel | None

    def run(self, picture: canvas.Source, target: canvas.Target) -> None:
        """Stylize the picture."""
        for copy in self.copies(picture, target):
            self._level(copy)

    def copies(self, picture: canvas.Source, target: canvas.Target) -> Iterator[_Copy]:
        """Yield what to stylize: from the smallest copy of the picture to the picture itself."""
        contents, styles = [picture], [self.styles]
        usual = drafts.draft_count(*picture.shape) if self.strokes else 0
        broad = drafts.broadness(self.strokes, *picture.shape)
        copies = list[canvas.Floats]()
        for _ in range(usual + (1 if broad else 0)):
            copies.append(canvas.Floats(canvas.shrunk(contents[-1])))
            contents.append(copies[-1])
            styles.append(styles[-1].shrunk())
        source = self._grainy(copies[-1], 1.0) if copies else picture
        for level in range(len(copies), 0, -1):
            copy, content, strokes, room = copies[level - 1], contents[level - 1], self.strokes, 0.0
            if level > usual:  # the further draft replaces the grain of the one that is otherwise the smallest
                content, strokes = self._grainy(copies[level - 2], 1 - broad), broad * drafts.FULL
                room = 1 - broad
            share, detail = drafts.shares(strokes)
            detail = 1 - self.alpha * (1 - detail)  # with alpha 0 the result is the content
            draft = canvas.Floats(np.empty_like(copy.values))
            yield _Copy(level, source, draft, styles[level])
            if self.follow is not None:
                draft = canvas.Floats(self.follow.draft(level, _seen(copy, styles[level]), draft.values))
            source = canvas.Composed(content, copy.values, draft.values, share, detail, room=room)
        yield _Copy(0, source, target, self.styles)

    def _grainy(self, copy: canvas.Floats, share: float) -> canvas.Source:
        """A copy with a share of the grain. With alpha 0 there is none."""
        noise = drafts.grain(*copy.shape, drafts.offset(self.seed))
        return canvas.Floats(copy.values + np.float32(share * self.alpha * drafts.GRAIN) * noise)

    def _level(self, copy: _Copy) -> None:
        """Stylize one copy of the picture, or the picture."""
        (height, width), masks = copy.source.shape, copy.styles.masks
        side = choose(self.tile, self.backend, (width, height), 0 if masks is None else len(masks))
        if side is not None:
            logger.info("%d x %d pixels in tiles of up to %d x %d", width, height, side, side)
        elif self.follow is None:
            if self.cancel is not None:
                self.cancel()
            _whole(self.backend, copy, self.alpha)
            return
        stages = _Stages(self.backend, copy.styles, self.alpha, copy.level, side, self.follow, self.cancel)
        stages.run(copy.source, copy.target)


def _seen(copy: canvas.Floats, styles: Styles) -> NDArray[np.float32]:
    """A copy of the picture, with the masks of its styles as further channels."""
    return copy.values if styles.masks is None else np.concatenate([copy.values, styles.masks])


def _whole(backend: Backend, copy: _Copy, alpha: float) -> None:
    content, styles = _all_of(copy.source), copy.styles
    if styles.masks is None:
        result = backend.stylize(content, styles.codes[0], alpha)
    else:
        masks = repeated(styles.masks[None], *copy.source.shape)
        result = backend.stylize_regions(content, styles.codes, masks, alpha)
    _write(copy.target, result)


def _all_of(source: canvas.Source) -> NDArray[np.float32]:
    return source.read((0, 0, *source.shape))


def _write(target: canvas.Target, result: NDArray[np.float32]) -> None:
    """Write a whole result, which may be padded."""
    rows, columns = target.shape
    target.write((0, 0, rows, columns), result[:, :, :rows, :columns])


@dataclass(frozen=True)
class _Stages:
    """Stylizes one copy of a picture stage by stage.

    Attributes:
        backend: see `stylize`.
        styles: likewise.
        alpha: likewise.
        level: 0 for the picture, 1 for its draft, and so on.
        side: of the tiles; None: the whole copy at once.
        follow: see `stylize`.
        cancel: likewise.
    """

    backend: Backend
    styles: Styles
    alpha: float
    level: int
    side: int | None
    follow: Follow | None
    cancel: Cancel | None

    def run(self, source: canvas.Source, target: canvas.Target) -> None:
        stages = self.backend.stages
        for position, stage in enumerate(stages):
            if position + 1 == len(stages):
                self._stage(position, stage, source, target)
                return
            between = canvas.Between(self._fitting(stage, source), exact=self.side is None)
            self._stage(position, stage, source, between)
            source = between

    def _stage(self, position: int, stage: Stage, source: canvas.Source, target: canvas.Target) -> None:
        framing = self.backend.framing(stage)
        rows, columns = (side + 2 * framing.margin for side in self._fitting(stage, source))
        overlap = framing.encoder_band + framing.decoder_band
        parts = list(tiles((rows, columns), self.side or max(rows, columns), overlap, framing.multiple))
        kept, found = self._encoded(stage, source, parts)
        if self.follow is not None:
            found = [self.follow.moments((self.level, position, region), each) for region, each in enumerate(found)]
        for tile in parts:
            maps = kept.pop(tile) if tile in kept else self._encode(stage, source, tile)[0]
            output = self._decode(stage, source, tile, maps, found)
            part, inside = canvas.place(tile, framing, target.shape)
            target.write(part, output[:, :, inside[0] : inside[2], inside[1] : inside[3]])

    def _encoded(
        self, stage: Stage, source: canvas.Source, parts: Sequence[Tile]
    ) -> tuple[dict[Tile, Maps], list[Moments]]:
        """Encode all tiles: the maps of as many tiles as fit into memory, and the merged moments of all."""
        free = memory.available()
        room = _KEPT if free is None else min(_KEPT, free // 4)
        kept: dict[Tile, Maps] = {}
        total: list[Moments] = []
        for tile in parts:
            maps, found = self._encode(stage, source, tile)
            room -= sum(x.nbytes for x in maps.values())
            if room >= 0:
                kept[tile] = maps
            # Merged one by one: with WCT, the moments of a tile take two megabytes.
            total = [merge(pair) for pair in zip(total, found, strict=True)] if total else found
        return kept, total

    def _encode(self, stage: Stage, source: canvas.Source, tile: Tile) -> tuple[Maps, list[Moments]]:
        """A tile's maps, and its moments: first of each region, if there are masks, then of all pixels."""
        self._check()
        framing, fitting = self.backend.framing(stage), self._fitting(stage, source)
        _, inside = canvas.place(tile, framing, fitting)
        weights = canvas.core_weights(tile, inside)
        if (masks := self._masks(stage, source, tile)) is not None:
            weights = np.concatenate([masking.shares(masks[0])[None] * weights, weights], axis=1)
        return self.backend.encode(canvas.seen(source, fitting, tile, framing, framing.context), stage, weights)

    def _decode(
        self, stage: Stage, source: canvas.Source, tile: Tile, maps: Maps, found: Sequence[Moments]
    ) -> NDArray[np.float32]:
        self._check()
        masks = self._masks(stage, source, tile)
        if masks is None:
            return self.backend.decode(maps, stage, found[0], self.styles.codes[0], self.alpha)
        *regions, whole = found
        moments = [*(region.of_region(whole) for region in regions), whole]
        return self.backend.decode_regions(maps, stage, moments, self.styles.codes, masks, self.alpha)

    def _masks(self, stage: Stage, source: canvas.Source, tile: Tile) -> NDArray[np.float32] | None:
        """The masks in a tile's window, (1, S, h, w)."""
        if self.styles.masks is None:
            return None
        masks, framing = canvas.Floats(self.styles.masks), self.backend.framing(stage)
        return canvas.seen(masks, self._fitting(stage, source), tile, framing, 0)

    def _fitting(self, stage: Stage, source: canvas.Source) -> tuple[int, int]:
        """The size that a stage's network takes the source at."""
        return self.backend.framing(stage).fitting(*source.shape)

    def _check(self) -> None:
        if self.cancel is not None:
            self.cancel()


def stylize_tensor(
    backend: Backend,
    picture: NDArray[np.float32],
    code: Code,
    alpha: float,
    *,
    strokes: float = 0.0,
    seed: int = 0,
) -> NDArray[np.float32]:
    """Stylize a float picture, each copy in one piece.

    Args:
        backend: what runs the network.
        picture: (1, 3, H, W) float32, RGB in [0, 1].
        code: arrays of the style code.
        alpha: strength in [0, 1].
        strokes: see `stylize`.
        seed: see `stylize`.

    Returns:
        (1, 3, H, W) float32, about [0, 1], neither clipped nor rounded.

    Raises:
        InputError: the code's arrays are not this model's.
    """
    result = canvas.Floats(np.empty_like(picture[0]))
    levels = _Levels(backend, Styles((code,)), alpha, strokes, seed, 0, None, None)
    levels.run(canvas.Floats(picture[0]), result)
    return result.values[None]
