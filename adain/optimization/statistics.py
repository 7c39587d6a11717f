"""Sums over the pixels of feature maps, which add up over the tiles of a picture.

Style losses compare statistics of the whole picture. The gradient of a large one is computed in tiles, as in Gatys et
al. 2017 (arXiv:1611.07865): all tiles give their sums, the sums of the whole give the losses and their slopes, and each
tile is passed once more with those slopes. That is exact, because a tile's band overlaps its neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import torch
from torch import Tensor

from adain.engine.framing import Box
from adain.engine.tiles import tiles
from adain.optimization.features import Features, stride

__all__ = ["Arrays", "Second", "View", "parts", "second_sums"]

Arrays: TypeAlias = dict[str, Tensor]
"""What a term gathers of one tile, by name."""


@dataclass(frozen=True)
class Part:
    """A tile of a picture: the window that the network sees, and the core that counts. Boxes in pixels.

    Attributes:
        window: top, left, bottom, right.
        core: likewise; the cores of all parts cover the picture once.
        last: whether the core ends at the picture's bottom, and at its right side.
    """

    window: Box
    core: Box
    last: tuple[bool, bool]

    def cut(self, picture: Tensor) -> Tensor:
        """The window of a picture (..., H, W)."""
        top, left, bottom, right = self.window
        return picture[..., top:bottom, left:right]

    def within(self, layer: str) -> tuple[slice, slice]:
        """Where the core is in the window's map."""
        rows, columns = (self._along(axis, stride(layer)) for axis in (0, 1))
        return rows, columns

    def _along(self, axis: int, step: int) -> slice:
        start, begin, end = self.window[axis], self.core[axis], self.core[axis + 2]
        return slice((begin - start) // step, None if self.last[axis] else (end - start) // step)

    def begin(self, layer: str) -> tuple[int, int]:
        """Where the core begins in the map of the whole picture."""
        return self.core[0] // stride(layer), self.core[1] // stride(layer)


def parts(size: tuple[int, int], side: int, features: Features) -> list[Part]:
    """Cover a picture of a height and width with tiles; `side` 0 gives one part."""
    height, width = size
    if side == 0 or max(size) <= side:
        whole = (0, 0, height, width)
        return [Part(whole, whole, (True, True))]
    multiple = features.multiple
    fitting = (-(-height // multiple) * multiple, -(-width // multiple) * multiple)
    found = []
    for tile in tiles(fitting, side, features.band, multiple):
        window, core = (_clipped(box, height, width) for box in (tile.window, tile.core))
        found.append(Part(window, core, (core[2] == height, core[3] == width)))
    return found


def _clipped(box: Box, height: int, width: int) -> Box:
    return box[0], box[1], min(box[2], height), min(box[3], width)


@dataclass(frozen=True)
class View:
    """The maps of one part of a picture, as the terms gather from them.

    Attributes:
        maps: of the window, (1, C, h, w) by layer.
        part: the tile.
        masks: of the whole picture at each layer's resolution, (R, h, w); empty: one region, everywhere.
    """

    maps: Mapping[str, Tensor]
    part: Part
    masks: Mapping[str, Tensor] = field(default_factory=dict)

    def core(self, layer: str) -> Tensor:
        """The map of the core, (C, h, w)."""
        rows, columns = self.part.within(layer)
        return self.maps[layer][0, :, rows, columns]

    def of_whole(self, whole: Tensor, layer: str) -> Tensor:
        """The core of a map (..., h, w) of the whole picture."""
        top, left = self.part.begin(layer)
        height, width = self.core(layer).shape[1:]
        return whole[..., top : top + height, left : left + width]

    def weights(self, layer: str) -> Tensor | None:
        """Weights of the core's pixels in each region, (R, pixels); None: one region, everywhere."""
        return self.of_whole(self.masks[layer], layer).flatten(1) if self.masks else None


def second_sums(x: Tensor, weights: Tensor | None, full: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Sums over the pixels of a map, for each of R regions.

    Args:
        x: (C, pixels).
        weights: (R, pixels); None: one region, all weights 1.
        full: products of all pairs of channels, not only of each with itself.

    Returns:
        Number of pixels (R,), sums (R, C), and sums of products (R, C, C) or (R, C).
    """
    shares = x.new_ones(1, x.shape[1]) if weights is None else weights
    if not full:
        return shares.sum(1), shares @ x.T, shares @ x.square().T
    products = [(x if weights is None else x * share) @ x.T for share in shares]
    return shares.sum(1), shares @ x.T, torch.stack(products)


@dataclass(frozen=True)
class Second:
    """Mean and second moment of a map in each of R regions.

    Attributes:
        share: of all pixels, (R,).
        mean: (R, C).
        square: mean products of channels, (R, C, C) or (R, C).
    """

    share: Tensor
    mean: Tensor
    square: Tensor

    @classmethod
    def of(cls, count: Tensor, total: Tensor, products: Tensor) -> Second:
        """From the sums of `second_sums` over all parts."""
        pixels = count.clamp_min(1e-3)  # a region may be empty; its share is 0
        return cls(count / count.sum().clamp_min(1e-3), total / pixels[:, None], _divided(products, pixels))

    @classmethod
    def mixed(cls, styles: Sequence[Second], shares: Sequence[float]) -> Second:
        """Those of all pixels of several styles together, by their shares: one region."""
        weighed = list(zip(styles, shares, strict=True))
        mean = torch.stack([share * each.mean for each, share in weighed]).sum(0)
        square = torch.stack([share * each.square for each, share in weighed]).sum(0)
        return cls(styles[0].share, mean, square)

    @classmethod
    def stacked(cls, styles: Sequence[Second]) -> Second:
        """One style per region."""
        share, mean, square = (
            torch.cat(each) for each in zip(*((s.share, s.mean, s.square) for s in styles), strict=True)
        )
        return cls(share, mean, square)

    @property
    def covariance(self) -> Tensor:
        """(R, C, C)."""
        return self.square - self.mean[:, :, None] * self.mean[:, None]

    @property
    def variance(self) -> Tensor:
        """(R, C)."""
        second = self.square.diagonal(dim1=1, dim2=2) if self.square.dim() == 3 else self.square
        return (second - self.mean.square()).clamp_min(0)


def _divided(values: Tensor, by: Tensor) -> Tensor:
    return values / by.reshape(-1, *[1] * (values.dim() - 1))
