"""Draft and revise in torch, for training and for graphs; see `adain.engine.strokes`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from adain.engine.strokes import FULL, GRAIN, LOST, SCALE
from adain.nn.operators import Operators

__all__ = ["DraftAndRevise", "Strokes", "Stylizing", "shares"]


def shares(strokes: Tensor) -> tuple[Tensor, Tensor]:
    """`adain.engine.strokes.shares` for tensors."""
    used = strokes.clamp(max=FULL)
    return used / FULL, 1 - LOST * used


@dataclass(frozen=True)
class Strokes:
    """How a picture is drafted and revised.

    Attributes:
        scale: the side of a draft over that of the picture it is for, as a ratio of small whole numbers.
        detail: how much of what shrinking lost is given back before a revision, 0 to 1; a number or (N, 1).
        grain: standard deviation of the noise on the smallest copy, of a picture in [0, 1].
        drafts: how many, each on a smaller copy; 0 is the network alone.
        share: of the draft in what is revised, 0 to 1; a number or (N, 1).
    """

    scale: tuple[int, int] = SCALE
    detail: float | Tensor = 0.6
    grain: float = GRAIN
    drafts: int = 1
    share: float | Tensor = 1.0

    @classmethod
    def of(cls, strokes: Tensor) -> Strokes:
        """One draft with the user's `strokes`, (N, 1) in [0, 1]."""
        share, detail = shares(strokes)
        return cls(detail=detail, share=share)


class Stylizing(Protocol):
    """A network with one style code per picture."""

    def encode_style(self, style: Tensor) -> dict[str, Tensor]:
        """Style pictures (N, 3, H, W) in [0, 1] to arrays (N, ...)."""

    def __call__(self, content: Tensor, code: Mapping[str, Tensor], alpha: float | Tensor) -> Tensor:
        """Contents (N, 3, H, W) in [0, 1], a code and alpha to pictures (N, 3, H, W), not clipped."""


@runtime_checkable
class StylizingRegions(Protocol):
    """A network with a style for each region."""

    def forward_regions(
        self, content: Tensor, codes: Mapping[str, Tensor], masks: Tensor, alpha: float | Tensor
    ) -> Tensor:
        """See `adain.nn.network.StyleTransfer.forward_regions`."""


class DraftAndRevise:
    """A network that goes over a picture from coarse to fine, with the interface of the network itself.

    Args:
        network: of each level.
        strokes: the levels.
        offset: where the grain's tile begins, (row, column), or (N, 2) for one per picture; whole numbers.
        operators: resizing, padding and grain. None: in torch.
    """

    def __init__(
        self,
        network: Stylizing,
        strokes: Strokes = Strokes(),
        offset: Tensor | None = None,
        operators: Operators | None = None,
    ) -> None:
        self.network = network
        self.strokes = strokes
        self.offset = torch.zeros(2, dtype=torch.int64) if offset is None else offset
        self.operators = Operators() if operators is None else operators

    def widened(self, pixels: int, every: int) -> DraftAndRevise:
        """The same for some pictures of the batch, with more around them: the grain stays where it is.

        Args:
            pixels: around each picture; of a single draft, a multiple of the scale's second number.
            every: 2 takes the first picture, the third and so on.
        """
        up, down = self.strokes.scale
        beyond = pixels * up**self.strokes.drafts // down**self.strokes.drafts
        offset = (self.offset[::every] if self.offset.dim() == 2 else self.offset) - beyond
        return DraftAndRevise(self.network, self.strokes, offset, self.operators)

    def encode_style(self, style: Tensor) -> dict[str, Tensor]:
        """The network's own code."""
        return self.network.encode_style(style)

    def __call__(self, content: Tensor, code: Mapping[str, Tensor], alpha: float | Tensor) -> Tensor:
        """See `Stylizing`. With alpha grain and blur vanish, so that alpha 0 asks the network for the content."""
        return self._levels(content, alpha, lambda picture, level: self.network(picture, code, alpha))

    def forward_regions(
        self, content: Tensor, codes: Mapping[str, Tensor], masks: Tensor, alpha: float | Tensor
    ) -> Tensor:
        """See `adain.nn.network.StyleTransfer.forward_regions`."""
        network = self.network
        assert isinstance(network, StylizingRegions)
        fitting = [masks]
        for _ in range(self.strokes.drafts):
            fitting[-1] = self._fit(fitting[-1])
            fitting.append(self._shrunk(fitting[-1]).clamp(0, 1))
        return self._levels(
            content, alpha, lambda picture, level: network.forward_regions(picture, codes, fitting[level], alpha)
        )

    def _levels(self, content: Tensor, alpha: float | Tensor, stylize: Callable[[Tensor, int], Tensor]) -> Tensor:
        """From the smallest copy to the picture; `stylize` takes a picture and its level, 0 for the content's own."""
        copies = [content]
        for _ in range(self.strokes.drafts):
            copies.append(self._shrunk(self._fit(copies[-1])))
        picture = copies[-1] + self._grain(copies[-1], _over_pixels(alpha)) if len(copies) > 1 else content
        for level in range(len(copies) - 1, 0, -1):
            draft = self.operators.crop(stylize(picture, level), copies[level])
            picture = self._composed(copies[level - 1], copies[level], draft, _over_pixels(alpha))
        return self.operators.crop(stylize(picture, 0), content)

    def _fit(self, picture: Tensor) -> Tensor:
        return self.operators.fit(picture, multiple=self.strokes.scale[1])

    def _shrunk(self, picture: Tensor) -> Tensor:
        return self.operators.resize(picture, *self.strokes.scale)

    def _grain(self, like: Tensor, strength: float | Tensor) -> Tensor:
        grain = self.operators.grain(like, self.offset.to(like.device)).to(like)
        return strength * self.strokes.grain * grain

    def _composed(self, content: Tensor, shrunk: Tensor, draft: Tensor, strength: float | Tensor) -> Tensor:
        """The draft enlarged, with some of the content's detail; see `adain.engine.canvas.Composed`."""
        up, down = self.strokes.scale
        share = _over_pixels(self.strokes.share)
        detail = 1 - strength * (1 - _over_pixels(self.strokes.detail))
        coarse = share * (draft.clamp(0, 1) - detail * shrunk)
        enlarged = self.operators.resize(coarse, down, up)  # resizing is linear: once for both
        return (enlarged + (1 - share + share * detail) * self._fit(content)).clamp(0, 1)


def _over_pixels(values: float | Tensor) -> float | Tensor:
    """Values (N, 1) as (N, 1, 1, 1)."""
    return values.reshape(-1, 1, 1, 1) if isinstance(values, Tensor) else values
