"""Draft and revise in torch, for training and for graphs; see `adain.engine.strokes`.

Nothing here depends on a runtime: the grain is a stored tile, resizing is a convolution with constant weights and a
depth-to-space, and no number is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from adain.engine import strokes as levels
from adain.engine.strokes import GRAIN, SCALE, TILE
from adain.nn.padding import crop_to, pad_to

__all__ = ["DraftAndRevise", "Strokes", "Stylizing", "grain", "resized"]

_KEYS = -0.5  # Keys 1981: the cubic convolution of Pillow, and of torch where it shrinks


@dataclass(frozen=True)
class Strokes:
    """How a picture is drafted and revised.

    Attributes:
        scale: the side of a draft over that of the picture it is for, as a ratio of small whole numbers.
        detail: how much of what shrinking lost is given back before a revision, 0 to 1.
        grain: standard deviation of the noise on the smallest copy, of a picture in [0, 1].
        drafts: how many, each on a smaller copy; 0 is the network alone.
    """

    scale: tuple[int, int] = SCALE
    detail: float = 0.6
    grain: float = GRAIN
    drafts: int = 1


class Stylizing(Protocol):
    """A network with one style code per picture."""

    def encode_style(self, style: Tensor) -> dict[str, Tensor]:
        """Style pictures (N, 3, H, W) in [0, 1] to arrays (N, ...)."""

    def __call__(self, content: Tensor, code: Mapping[str, Tensor], alpha: float | Tensor) -> Tensor:
        """Contents (N, 3, H, W) in [0, 1], a code and alpha to pictures (N, 3, H, W), not clipped."""


class DraftAndRevise:
    """A network that goes over a picture from coarse to fine, with the interface of the network itself.

    Args:
        network: of each level.
        strokes: the levels.
        offset: where the grain's tile begins, (row, column), or (N, 2) for one per picture; whole numbers.
    """

    def __init__(self, network: Stylizing, strokes: Strokes = Strokes(), offset: Tensor | None = None) -> None:
        self.network = network
        self.strokes = strokes
        self.offset = torch.zeros(2, dtype=torch.int64) if offset is None else offset

    def encode_style(self, style: Tensor) -> dict[str, Tensor]:
        """The network's own code."""
        return self.network.encode_style(style)

    def __call__(self, content: Tensor, code: Mapping[str, Tensor], alpha: float | Tensor) -> Tensor:
        """See `Stylizing`. With alpha grain and blur vanish, so that alpha 0 asks the network for the content."""
        (up, down), drafts = self.strokes.scale, self.strokes.drafts
        if drafts == 0:
            return self.network(content, code, alpha)
        strength = alpha.view(-1, 1, 1, 1) if isinstance(alpha, Tensor) else alpha
        copies = [content]
        for _ in range(drafts):
            copies.append(resized(pad_to(copies[-1], multiple=down), up, down))
        result = self.network(copies[-1] + strength * self._grain(copies[-1]), code, alpha)
        for finer, coarser in zip(copies[-2::-1], copies[:0:-1], strict=True):
            result = self.network(self._composed(finer, coarser, result, strength), code, alpha)
            result = crop_to(result, finer)
        return result

    def _grain(self, like: Tensor) -> Tensor:
        height, width = like.shape[-2:]
        return self.strokes.grain * grain(height, width, self.offset.to(like.device)).to(like)

    def _composed(self, content: Tensor, shrunk: Tensor, draft: Tensor, strength: float | Tensor) -> Tensor:
        """The draft enlarged, and some of the content's detail: `up(draft) + detail * (content - up(shrunk))`."""
        up, down = self.strokes.scale
        detail = 1 - strength * (1 - self.strokes.detail)
        coarse = resized(draft.clamp(0, 1) - detail * shrunk, down, up)  # resizing is linear: once for both
        return (coarse + detail * pad_to(content, multiple=down)).clamp(0, 1)


def grain(height: int, width: int, offset: Tensor) -> Tensor:
    """Noise of cells of 1, 2, 4 and 8 px, mean 0 and standard deviation 1, cut from a tile that repeats.

    Args:
        height: of the result.
        width: of the result.
        offset: (2,) or (N, 2) whole numbers, row and column of the tile where it begins.

    Returns:
        (1, 3, height, width), or N of them.
    """
    tile = _tile(offset.device)
    places = offset.view(-1, 2)
    rows = (torch.arange(height, device=offset.device) + places[:, :1]) % TILE  # (N, height)
    columns = (torch.arange(width, device=offset.device) + places[:, 1:]) % TILE  # (N, width)
    return tile[:, rows[:, :, None], columns[:, None, :]].transpose(0, 1)


@lru_cache(maxsize=2)
def _tile(device: torch.device) -> Tensor:
    """The tile (3, TILE, TILE), kept on the device: a CUDA graph copies nothing from the processor."""
    return torch.from_numpy(levels.tile().copy()).to(device)


def resized(picture: Tensor, up: int, down: int) -> Tensor:
    """Bicubic resizing by `up / down`, antialiased where it shrinks: a convolution and a depth-to-space.

    Args:
        picture: (N, C, H, W), H and W multiples of `down`.
        up: of the ratio.
        down: of the ratio.

    Returns:
        (N, C, H * up / down, W * up / down), edges repeated beyond the picture.
    """
    kernel, before, after = _phases(up, down, picture.device)
    channels = picture.shape[1]
    kernel = kernel.repeat(channels, 1, 1, 1)
    with torch.autocast(picture.device.type, enabled=False):
        around = F.pad(picture.float(), (before, after, before, after), mode="replicate")
        return F.pixel_shuffle(F.conv2d(around, kernel, stride=down, groups=channels), up)


@lru_cache(maxsize=8)
def _phases(up: int, down: int, device: torch.device) -> tuple[Tensor, int, int]:
    """Weights (up * up, 1, taps, taps) of the outputs of every `down` inputs, and the inputs before and after these."""
    wide = max(1.0, down / up)
    centres = [(phase + 0.5) * down / up - 0.5 for phase in range(up)]
    first = math.floor(centres[0] - 2 * wide) + 1
    last = math.ceil(centres[-1] + 2 * wide) - 1
    weights = torch.tensor([[_cubic((tap - c) / wide) for tap in range(first, last + 1)] for c in centres])
    weights = weights / weights.sum(1, keepdim=True)
    kernel = (weights[:, None, :, None] * weights[None, :, None, :]).flatten(0, 1)[:, None]
    return kernel.to(device), -first, last - down + 1


def _cubic(x: float) -> float:
    x = abs(x)
    if x < 1:
        return (_KEYS + 2) * x**3 - (_KEYS + 3) * x**2 + 1
    return _KEYS * (x**3 - 5 * x**2 + 8 * x - 4) if x < 2 else 0.0
