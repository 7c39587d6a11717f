"""The losses that compare a picture with its content, place by place or in relation to one another.

Content after Gatys et al. 2016 (Image Style Transfer Using CNNs), self-similarity after Kolkin et al. 2019
(arXiv:1904.12785).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from adain.optimization.statistics import Arrays, View
from adain.optimization.terms import EPS, Term, joined, summed

__all__ = ["ContentErrors", "SelfSimilarity"]

_PLACES = 1024  # of the picture, whose similarities are compared


class ContentErrors(Term):
    """`content`, `content_cosine`, `gatys_content`: losses of features at each place.

    Args:
        names: of the losses.
        content: the maps of the content by layer, (C, h, w).
    """

    def __init__(self, names: Sequence[str], content: Mapping[str, Tensor]) -> None:
        self._names, self._content = tuple(names), content
        self.layers = tuple(content)

    def gather(self, view: View) -> Arrays:
        """See `Term.gather`."""
        found: Arrays = {}
        for layer, whole in self._content.items():
            x, target = view.core(layer), view.of_whole(whole, layer)
            found[f"{layer}.error"] = (x - target).square().sum()
            if "content_cosine" in self._names:
                for name, values in (("x", x), ("xx", x.square()), ("xt", x * target)):
                    found[f"{layer}.{name}"] = values.sum((1, 2))
        return found

    def losses(self, gathered: Sequence[Arrays]) -> dict[str, Tensor]:
        """See `Term.losses`."""
        sums = summed(gathered)
        return {
            name: torch.stack([self._loss(name, sums, layer) for layer in self.layers]).mean() for name in self._names
        }

    def _loss(self, name: str, sums: Arrays, layer: str) -> Tensor:
        target = self._content[layer]
        error = sums[f"{layer}.error"]
        if name == "content":
            return error / target.square().sum().clamp_min(EPS)
        if name == "gatys_content":
            return error / 2 / target[0].numel() / target.mean().clamp_min(EPS).square()
        pixels = target[0].numel()
        mean, own = sums[f"{layer}.x"] / pixels, target.mean((1, 2))
        variance = (sums[f"{layer}.xx"] / pixels - mean.square()).clamp_min(0)
        common = sums[f"{layer}.xt"] / pixels - mean * own
        own_variance = target.var((1, 2), correction=0)
        scales = (variance + EPS).rsqrt(), (own_variance + EPS).rsqrt()
        norms = (variance * scales[0].square()).sum() * (own_variance * scales[1].square()).sum()
        return 1 - (common * scales[0] * scales[1]).sum() / norms.clamp_min(EPS).sqrt()


class SelfSimilarity(Term):
    """`self_similarity`: cosine distances between places, each row over its sum, against the content's.

    Args:
        places: rows and columns of places in the content's map, by layer.
    """

    def __init__(self, places: Mapping[str, tuple[Tensor, Tensor]]) -> None:
        self.layers, self._places = tuple(places), places
        self._wanted: Mapping[str, Tensor] = {}

    @classmethod
    def of(cls, content: Mapping[str, Tensor], seed: int) -> SelfSimilarity:
        """Choose places of a content's maps (C, h, w)."""
        generator = torch.Generator().manual_seed(seed)
        places = {}
        for layer, x in content.items():
            chosen = torch.randperm(x[0].numel(), generator=generator)[:_PLACES].to(x.device)
            places[layer] = (chosen // x.shape[2], chosen % x.shape[2])
        return cls(places)

    def aim(self, gathered: Sequence[Arrays]) -> None:
        """Set the target from what `gather` gave of the content, in the same parts."""
        self._wanted = {layer: _similarities(x) for layer, x in joined(gathered).items()}

    def gather(self, view: View) -> Arrays:
        """See `Term.gather`: the features of the places in this part, (C, places)."""
        found: Arrays = {}
        for layer, (rows, columns) in self._places.items():
            x, (top, left) = view.core(layer), view.part.begin(layer)
            inside = (rows >= top) & (rows < top + x.shape[1]) & (columns >= left) & (columns < left + x.shape[2])
            found[layer] = x[:, rows[inside] - top, columns[inside] - left]
        return found

    def losses(self, gathered: Sequence[Arrays]) -> dict[str, Tensor]:
        """See `Term.losses`."""
        found = {layer: _similarities(x) for layer, x in joined(gathered).items()}
        errors = [(found[layer] - wanted).abs().mean() for layer, wanted in self._wanted.items()]
        return {"self_similarity": torch.stack(errors).mean()}


def _similarities(x: Tensor) -> Tensor:
    """Cosine distances of columns (C, K), each row over its mean: (K, K)."""
    unit = F.normalize(x, dim=0, eps=EPS)
    distances = 1 - unit.T @ unit
    return distances / distances.mean(1, keepdim=True).clamp_min(EPS)
