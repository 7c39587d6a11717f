"""Whole models: pictures and style codes in, pictures out, through the stages that the registry's row lists.

Content of any size from 1 x 1 up comes back at the same size: its edges are repeated up to a multiple of the network's
stride, and the result is cropped. A style is encoded at its own size and padded only if it is too small. Everything has
a leading batch dimension and no branch depends on data, so a network can be traced.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adain.engine import fusions as layouts
from adain.engine.framing import Framing
from adain.nn.fusions import FUSIONS, MapFusion, Transfer
from adain.nn.operators import Operators
from adain.nn.padding import without_edges
from adain.registry import FusedMap, Stage

__all__ = ["Arrays", "Maps", "StyleTransfer", "of_map"]

Arrays: TypeAlias = Mapping[str, Tensor]
"""Arrays by name, such as `x8.mean`, with a leading batch dimension; (N, S, ...) for regions."""
Maps: TypeAlias = Mapping[str, Tensor]
"""Feature maps by name, (N, C, h, w) each."""


class StyleTransfer(nn.Module, ABC):
    """Encoder, fusions and decoder of every stage.

    Subclasses define how pictures become feature maps and how fused maps become pictures.

    Args:
        stages: the stages of a picture, in order.
        operators: implementations of the networks' and fusions' operations.
    """

    def __init__(self, stages: Sequence[Stage], operators: Operators) -> None:
        super().__init__()
        self.stages = tuple(stages)
        self.use(operators)

    def use(self, operators: Operators) -> None:
        """Replace the operators."""
        self.operators = operators
        self._fusions: dict[str, MapFusion] = {name: fusion(operators) for name, fusion in FUSIONS.items()}

    @abstractmethod
    def framing(self, stage: Stage) -> Framing:
        """How to frame pictures for a stage; see `adain.engine.framing`."""

    @abstractmethod
    def features(self, image: Tensor, stage: Stage) -> dict[str, Tensor]:
        """The maps that a stage fuses.

        Args:
            image: (N, 3, H, W) float, RGB in [0, 1], framed according to `framing`.
            stage: one of `stages`.

        Returns:
            (N, C, h, w) each, with the margin.
        """

    @abstractmethod
    def style_features(self, style: Tensor) -> dict[str, Tensor]:
        """The feature maps of a style without the margin, (N, 3, H, W) in [0, 1] to (N, C, h, w) float32."""

    @abstractmethod
    def decoded(self, maps: Maps, stage: Stage, transfers: Mapping[str, Transfer], target: Arrays) -> Tensor:
        """Fuse feature maps and decode them to a picture (N, 3, H, W) with its margin.

        Args:
            maps: from `features`.
            stage: one of `stages`.
            transfers: the function that fuses each map, by name of the map.
            target: the target statistics of the fused maps: arrays that content and style share.
        """

    @abstractmethod
    def decoded_regions(self, fused: Maps, stage: Stage, given: Arrays, shares: Callable[[int], Tensor]) -> Tensor:
        """Decode fused maps to a picture, with other statistics in each region.

        Args:
            fused: the fused maps.
            stage: their stage.
            given: target statistics of each region, then the content's own, (N, S + 1, ...).
            shares: returns the weights of the regions at a stride, (N, S + 1, h, w).
        """

    @property
    def code_shapes(self) -> layouts.Layout:
        """Names and shapes of a style code's arrays, without the batch dimension."""
        return layouts.code_layout(self.stages)

    def encode_style(self, style: Tensor) -> dict[str, Tensor]:
        """The style code of a picture.

        Args:
            style: (N, 3, H, W) float, RGB in [0, 1], H and W at least 1.

        Returns:
            The arrays named in `code_shapes`, with a batch dimension N in front.
        """
        maps = self.style_features(style)
        kinds = {each.name: each.fusion for stage in self.stages for each in stage.maps}
        return {
            f"{name}.{array}": value
            for name, fusion in kinds.items()
            for array, value in self._fusions[fusion].style(maps[name]).items()
        }

    def forward(self, content: Tensor, code: Arrays, alpha: float | Tensor) -> Tensor:
        """The content in the style.

        Args:
            content: (N, 3, H, W) float, RGB in [0, 1], H and W at least 1.
            code: from `encode_style`, batch N or 1; or a convex mix of several.
            alpha: strength in [0, 1], a number or (N, 1). 0 gives the content's own reconstruction.

        Returns:
            (N, 3, H, W), about [0, 1], not clipped.
        """

        def through(picture: Tensor, stage: Stage) -> Tensor:
            maps = self.features(picture, stage)
            statistics = {
                f"{each.name}.{array}": value
                for each in stage.maps
                for array, value in self._fusion(each).content(self._inside(maps, each, stage)).items()
            }
            return self.decode(maps, stage, statistics, code, alpha)

        return self._through(content, through)

    def forward_regions(self, content: Tensor, codes: Arrays, masks: Tensor, alpha: float | Tensor) -> Tensor:
        """The content with a style on each region.

        Args:
            content: (N, 3, H, W) float, RGB in [0, 1], H and W at least 1.
            codes: arrays as in `forward`, of S styles: (N, S, ...).
            masks: weight of each style at each pixel, (N, S, H, W) float, at least 0.
            alpha: strength in [0, 1], a number or (N, 1).

        Returns:
            (N, 3, H, W), about [0, 1], not clipped.
        """

        def through(picture: Tensor, stage: Stage) -> Tensor:
            maps, framing = self.features(picture, stage), self.framing(stage)
            framed = self._reflected(self._fit(masks, framing), framing.margin)
            weights = _shares(framed)
            weights = torch.cat([weights[:, :-1], torch.ones_like(weights[:, -1:])], dim=1)
            inside = {each.name: self._inside(maps, each, stage) for each in stage.maps}
            moments = self.moments(inside, stage, without_edges(weights, framing.margin))
            statistics = {
                f"{each.name}.{array}": value
                for each in stage.maps
                for array, value in self._fusion(each).regions(of_map(moments, each)).items()
            }
            return self.decode_regions(maps, stage, statistics, codes, framed, alpha)

        return self._through(content, through)

    def moments(self, maps: Maps, stage: Stage, masks: Tensor) -> dict[str, Tensor]:
        """The moments of feature maps under masks.

        Args:
            maps: from `features`.
            stage: one of `stages`.
            masks: (N, R, H, W), weight of each pixel of the framed picture without its context, at least 0.

        Returns:
            `{map}.count` (N, R), `{map}.mean` (N, R, C), `{map}.spread` (N, R, C) or (N, R, C, C), for each map.
        """
        return {
            f"{each.name}.{name}": value
            for each in stage.maps
            for name, value in self._fusion(each).moments(maps[each.name].float(), _pooled(masks, each.stride)).items()
        }

    def decode(self, maps: Maps, stage: Stage, statistics: Arrays, code: Arrays, alpha: float | Tensor) -> Tensor:
        """Fuse and decode feature maps, with given statistics of the content: the second step of a stage.

        Args:
            maps: from `features`.
            stage: one of `stages`.
            statistics: of the content (`adain.engine.moments.Moments.statistics`), batch N or 1.
            code: as for `forward`.
            alpha: as for `forward`.

        Returns:
            (N, 3, H, W) of the framed picture without its context, about [0, 1], not clipped.
        """
        target = _towards(statistics, code, alpha)
        transfers = {
            each.name: self._fusion(each).transfer(
                of_map(statistics, each), of_map(code, each), of_map(target, each), alpha
            )
            for each in stage.maps
        }
        return self.decoded(maps, stage, transfers, target)

    def decode_regions(
        self, maps: Maps, stage: Stage, statistics: Arrays, codes: Arrays, masks: Tensor, alpha: float | Tensor
    ) -> Tensor:
        """As `decode`, with a style on each region.

        Args:
            maps: from `features`.
            stage: one of `stages`.
            statistics: of each region, then of the whole content, (N, S + 1, ...).
            codes: (N, S, ...).
            masks: as for `forward_regions`, for the framed picture without its context.
            alpha: as for `forward`.
        """
        all_shares = _shares(masks)
        pooled = {each.stride: _pooled(all_shares, each.stride) for each in stage.maps}

        def shares(stride: int) -> Tensor:
            return pooled[stride]

        regions = {name: array[:, :-1] for name, array in statistics.items()}
        target = _towards(regions, codes, alpha)
        fused = {
            each.name: self._fusion(each).fuse_regions(
                maps[each.name].float(),
                of_map(statistics, each),
                of_map(codes, each),
                of_map(target, each),
                shares(each.stride),
                alpha,
            )
            for each in stage.maps
        }
        given = {name: torch.cat([array, statistics[name][:, -1:]], dim=1) for name, array in target.items()}
        return self.decoded_regions(fused, stage, given, shares)

    def _through(self, content: Tensor, through: Callable[[Tensor, Stage], Tensor]) -> Tensor:
        """Run all stages; each `through` takes a framed picture and returns one with its margin."""
        picture = self._fit(content, self.framing(self.stages[0]))
        for index, stage in enumerate(self.stages):
            framing = self.framing(stage)
            like = content if index + 1 == len(self.stages) else picture
            framed = self._reflected(picture, framing.margin + framing.context)
            picture = self.operators.crop(through(framed, stage), like, framing.margin)
        return picture

    def _fusion(self, fused: FusedMap) -> MapFusion:
        return self._fusions[fused.fusion]

    def _fit(self, image: Tensor, framing: Framing) -> Tensor:
        return self.operators.fit(image, multiple=framing.multiple, minimum=framing.minimum)

    def _reflected(self, image: Tensor, width: int) -> Tensor:
        return self.operators.reflect(image, width) if width else image

    def _inside(self, maps: Maps, fused: FusedMap, stage: Stage) -> Tensor:
        """A feature map without the margin, float32."""
        return without_edges(maps[fused.name], self.framing(stage).margin // fused.stride).float()


def of_map(arrays: Arrays, fused: FusedMap) -> dict[str, Tensor]:
    """The arrays of one map, without the map's name in their keys."""
    prefix = f"{fused.name}."
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _towards(statistics: Arrays, code: Arrays, alpha: float | Tensor) -> dict[str, Tensor]:
    """Interpolate from the content's statistics to the style's, for arrays that both have; (N, C), or (N, S, C)."""
    both = {name: (array, code[name]) for name, array in statistics.items() if name in code}

    def strength(array: Tensor) -> float | Tensor:
        return alpha[:, :, None] if isinstance(alpha, Tensor) and array.dim() == 3 else alpha

    return {name: own + strength(own) * (style - own) for name, (own, style) in both.items()}


def _shares(masks: Tensor) -> Tensor:
    """Normalise masks: the weight of each style at each pixel, then that of the unchanged content.

    Args:
        masks: (N, S, H, W), at least 0. Where they sum to more than 1, they are divided by their sum. Where they sum to
            less, the content gets the rest.

    Returns:
        (N, S + 1, H, W), with sum 1 at each pixel.
    """
    total = masks.sum(dim=1, keepdim=True)
    styles = masks / total.clamp_min(1.0)
    return torch.cat([styles, (1 - total).clamp_min(0.0)], dim=1)


def _pooled(masks: Tensor, stride: int) -> Tensor:
    """Average masks down to a map's resolution: (N, S, H, W) to (N, S, H / stride, W / stride)."""
    return masks if stride == 1 else F.avg_pool2d(masks, stride)
