"""The weighted losses of a picture and their gradient, in one pass or in tiles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from adain.optimization.content_terms import ContentErrors, SelfSimilarity
from adain.optimization.features import Features
from adain.optimization.statistics import Arrays, Part, Second, View, parts
from adain.optimization.style_terms import SlicedPatches, StyleMoments, style_target
from adain.optimization.terms import Term
from adain.training import losses as training_losses

__all__ = ["Objective", "Target"]

_SECOND = ("gram", "covariance", "gatys_style")  # need the products of all channels
_CONTENT = ("content", "content_cosine", "gatys_content")
_CELL = 8  # px, the largest that `grid` compares


@dataclass(frozen=True)
class Target:
    """What a picture shall be like.

    Attributes:
        content: (1, 3, H, W) in [0, 1].
        styles: (1, 3, H', W') each.
        shares: of the styles in the whole picture; None: one style per mask.
        masks: (S, H, W) in [0, 1], which sum to at most 1; None: the styles are mixed.
    """

    content: Tensor
    styles: Sequence[Tensor]
    shares: Sequence[float] | None
    masks: Tensor | None = None


@dataclass
class Objective:
    """The losses of a picture of one size.

    Args:
        features: the network.
        weights: of the losses, by name.
        target: content and styles, of this size.
        tile: side of the tiles in pixels; 0: the whole picture at once.
        seed: of the places that `self_similarity` compares.
    """

    features: Features
    weights: Mapping[str, float]
    target: Target
    tile: int = 0
    seed: int = 0
    _of_style: Sequence[Term] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        height, width = self.target.content.shape[2:]
        self._parts = parts((height, width), self.tile, self.features)
        with torch.no_grad():
            self._of_style = self._style_terms() if self._of_style is None else self._of_style
            self._terms = [*self._of_style, *self._content_terms()]
        layers = {layer: None for term in self._terms for layer in term.layers}
        self._layers = tuple(layers)
        self._masks = {layer: self._mask(layer) for layer in layers} if self.target.masks is not None else {}

    def for_content(self, content: Tensor) -> Objective:
        """The objective of another content (1, 3, H, W) with the same styles, whose terms are shared."""
        return replace(self, target=replace(self.target, content=content))

    def draw(self, seed: int) -> None:
        """Take other filters for the sliced distances."""
        with torch.no_grad():
            for term in self._terms:
                if isinstance(term, SlicedPatches):
                    term.draw(seed)

    def __call__(self, picture: Tensor) -> tuple[dict[str, float], Tensor]:
        """The losses and their gradient.

        Args:
            picture: (1, 3, H, W), of the content's size.

        Returns:
            `total` and each loss before weighting, and the gradient of the total (1, 3, H, W).
        """
        leaf = picture.detach().requires_grad_()
        if len(self._parts) == 1:
            total, values = self._total([self._gather(leaf, self._parts[0])], leaf)
            return _numbers(total, values), torch.autograd.grad(total, leaf)[0]
        with torch.no_grad():
            gathered = [self._gather(leaf, part) for part in self._parts]
        sums = [[_leaves(arrays) for arrays in each] for each in gathered]
        total, values = self._total(sums, leaf)
        total.backward()  # type: ignore[no-untyped-call]
        gradient = torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
        for part, slopes in zip(self._parts, sums, strict=True):
            part.cut(gradient).add_(self._part_gradient(leaf.detach(), part, slopes))
        return _numbers(total, values), gradient

    def _part_gradient(self, picture: Tensor, part: Part, slopes: Sequence[Arrays]) -> Tensor:
        """The gradient through one part, from the slopes of the total by what the part gave."""
        window = part.cut(picture).clone().requires_grad_()
        found = self._terms_of(self.features(window, self._layers), part)
        products = [
            (value * slope.grad).sum()
            for arrays, leaves in zip(found, slopes, strict=True)
            for value, slope in zip(arrays.values(), leaves.values(), strict=True)
            if slope.grad is not None
        ]
        if not products:
            return torch.zeros_like(window)
        return torch.autograd.grad(torch.stack(products).sum(), window)[0]

    def _gather(self, picture: Tensor, part: Part) -> list[Arrays]:
        return self._terms_of(self.features(part.cut(picture), self._layers), part)

    def _terms_of(self, maps: Mapping[str, Tensor], part: Part) -> list[Arrays]:
        view = View(maps, part, self._masks)
        return [term.gather(view) for term in self._terms]

    def _total(self, gathered: Sequence[Sequence[Arrays]], picture: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        values: dict[str, Tensor] = {}
        for index, term in enumerate(self._terms):
            values |= term.losses([each[index] for each in gathered])
        values |= {name: _PIXELS[name](picture) for name in self._named(_PIXELS)}
        return torch.stack([self.weights[name] * value for name, value in values.items()]).sum(), values

    def _named(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if name in self.weights]

    def _style_terms(self) -> list[Term]:
        terms: list[Term] = []
        of_moments = self._named(("gram", "moments", "covariance", "gatys_style"))
        if of_moments:
            terms.append(StyleMoments(of_moments, self._style_targets(bool(self._named(_SECOND)))))
        if "sliced" in self.weights:
            layers = self.features.sliced_layers
            styles = [self._maps(style, layers) for style in self.target.styles]
            terms.append(SlicedPatches(styles, self.target.shares))
        return terms

    def _style_targets(self, full: bool) -> dict[str, Second]:
        layers, shares = self.features.style_layers, self.target.shares
        found = []
        for style in self.target.styles:
            gathering = StyleMoments((), _blank(layers, full))
            gathered = [gathering.gather(view) for view in self._views(style, layers)]
            found.append(style_target(gathered, layers))
        by_layer = {layer: [each[layer] for each in found] for layer in layers}
        if shares is None:
            return {layer: Second.stacked(each) for layer, each in by_layer.items()}
        return {layer: Second.mixed(each, shares) for layer, each in by_layer.items()}

    def _content_terms(self) -> list[Term]:
        names, similar = self._named(_CONTENT), "self_similarity" in self.weights
        if not names and not similar:
            return []
        layers = self.features.content_layers
        content = self._maps(self.target.content, layers)
        terms: list[Term] = [ContentErrors(names, content)] if names else []
        if similar:
            term = SelfSimilarity.of(content, self.seed)
            term.aim([term.gather(view) for view in self._views(self.target.content, layers)])
            terms.append(term)
        return terms

    def _views(self, picture: Tensor, layers: Sequence[str]) -> Iterable[View]:
        height, width = picture.shape[2:]
        for part in parts((height, width), self.tile, self.features):
            yield View(self.features(part.cut(picture), layers), part)

    def _maps(self, picture: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """The maps of a whole picture, (C, h, w) each, computed in tiles if there are any."""
        height, width = picture.shape[2:]
        whole: dict[str, Tensor] = {}
        for view in self._views(picture, layers):
            for layer in layers:
                core = view.core(layer)
                if layer not in whole:
                    sides = self.features.sides(height, layer), self.features.sides(width, layer)
                    whole[layer] = core.new_empty(core.shape[0], *sides)
                view.of_whole(whole[layer], layer).copy_(core)
        return whole

    def _mask(self, layer: str) -> Tensor:
        assert self.target.masks is not None
        height, width = self.target.masks.shape[1:]
        sides = self.features.sides(height, layer), self.features.sides(width, layer)
        return F.adaptive_avg_pool2d(self.target.masks[None], sides)[0]


def _grid(picture: Tensor) -> Tensor:
    """`training.losses.grid`, of as many whole cells as the picture holds."""
    height, width = (side // _CELL * _CELL for side in picture.shape[2:])
    return training_losses.grid(picture[..., :height, :width])


_PIXELS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "total_variation": training_losses.total_variation,
    "grid": _grid,
}


def _blank(layers: Sequence[str], full: bool) -> dict[str, Second]:
    """Targets that only say which products to gather."""
    empty = torch.zeros(1)
    return {layer: Second(empty, empty, empty.reshape(1, 1, 1) if full else empty.reshape(1, 1)) for layer in layers}


def _leaves(arrays: Arrays) -> Arrays:
    return {name: value.detach().requires_grad_() for name, value in arrays.items()}


def _numbers(total: Tensor, values: Mapping[str, Tensor]) -> dict[str, float]:
    return {"total": total.item(), **{name: value.item() for name, value in values.items()}}
