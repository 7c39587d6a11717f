"""The losses that compare a picture with its styles.

Gram matrices after Gatys et al. 2016 (Image Style Transfer Using CNNs), moments after Huang & Belongie 2017
(arXiv:1703.06868), sliced Wasserstein distances after Heitz et al. 2021 (arXiv:2006.07229). Mean and covariance by the
Wasserstein-2 distance of two normal distributions (Olkin & Pukelsheim 1982) are as in crowsonkb/style-transfer-pytorch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from adain import metrics_strokes
from adain.optimization.statistics import Arrays, Second, View, second_sums
from adain.optimization.terms import EPS, Term, joined, summed

__all__ = ["SlicedPatches", "StyleMoments", "covariance", "gatys_style", "gram", "moments", "style_target"]

_RIDGE = 1e-4  # of a covariance's mean eigenvalue: a small map has fewer pixels than channels
_SLICES = 16


class StyleMoments(Term):
    """`gram`, `moments`, `covariance`, `gatys_style`: losses of means and second moments.

    Args:
        names: of the losses.
        targets: by layer: of the style, of a mix of styles, or of one style per region.
    """

    def __init__(self, names: Sequence[str], targets: Mapping[str, Second]) -> None:
        self._names, self._targets = tuple(names), targets
        self.layers = tuple(targets)

    def gather(self, view: View) -> Arrays:
        """See `Term.gather`."""
        found: Arrays = {}
        for layer, target in self._targets.items():
            sums = second_sums(view.core(layer).flatten(1), view.weights(layer), target.square.dim() == 3)
            found.update(zip((f"{layer}.count", f"{layer}.total", f"{layer}.products"), sums, strict=True))
        return found

    def losses(self, gathered: Sequence[Arrays]) -> dict[str, Tensor]:
        """See `Term.losses`."""
        sums = summed(gathered)
        of_layer = {name: _second(sums, name) for name in self.layers}
        return {
            loss: torch.stack([_STYLE[loss](of_layer[name], self._targets[name]) for name in self.layers]).mean()
            for loss in self._names
        }


def _second(sums: Arrays, layer: str) -> Second:
    return Second.of(sums[f"{layer}.count"], sums[f"{layer}.total"], sums[f"{layer}.products"])


def style_target(gathered: Sequence[Arrays], layers: Sequence[str]) -> dict[str, Second]:
    """The moments of a style by layer, from what `StyleMoments.gather` gave of its parts."""
    sums = summed(gathered)
    return {layer: _second(sums, layer) for layer in layers}


def gram(found: Second, wanted: Second) -> Tensor:
    """|G - A|^2 / |A|^2 of the mean products G of the picture and A of the style."""
    error = (found.square - wanted.square).square().sum((1, 2))
    return (found.share * error / wanted.square.square().sum((1, 2)).clamp_min(EPS)).sum()


def moments(found: Second, wanted: Second) -> Tensor:
    """(|m - m_s|^2 + |s - s_s|^2) / (|m_s|^2 + |s_s|^2) of means m and deviations s, as in training."""
    deviation, of_style = (found.variance + EPS).sqrt(), (wanted.variance + EPS).sqrt()
    difference = (found.mean - wanted.mean).square() + (deviation - of_style).square()
    size = wanted.mean.square() + of_style.square()
    return (found.share * difference.sum(1) / size.sum(1).clamp_min(EPS)).sum()


def covariance(found: Second, wanted: Second) -> Tensor:
    """Squared Wasserstein-2 distance of normal distributions, over the style's power.

    |m - m_s|^2 + tr(C + C_s - 2 (C_s^1/2 C C_s^1/2)^1/2), over |m_s|^2 + tr C_s.
    """
    power = wanted.mean.square().sum(1) + wanted.variance.sum(1)
    ridge = _RIDGE * wanted.variance.mean(1) + EPS**2
    eye = torch.eye(wanted.mean.shape[1], device=wanted.mean.device) * ridge[:, None, None]
    ours, theirs = found.covariance + eye, wanted.covariance + eye
    root = _root(theirs)
    middle = root @ ours @ root
    spread = ours.diagonal(dim1=1, dim2=2).sum(1) + theirs.diagonal(dim1=1, dim2=2).sum(1)
    distance = (found.mean - wanted.mean).square().sum(1) + spread - 2 * _trace_root(middle)
    return (found.share * distance / power.clamp_min(EPS)).sum()


def gatys_style(found: Second, wanted: Second) -> Tensor:
    """The paper's E = sum (G - A)^2 / (4 N^2 M^2) of Gram matrices that sum over M pixels of N channels.

    The features are scaled to a mean activation of 1 over the style, as the paper's network has it over pictures.
    """
    scale = wanted.mean.mean(1).clamp_min(EPS) ** -4
    return (found.share * scale * (found.square - wanted.square).square().mean((1, 2)) / 4).sum()


_STYLE: Mapping[str, Callable[[Second, Second], Tensor]] = {
    "gram": gram,
    "moments": moments,
    "covariance": covariance,
    "gatys_style": gatys_style,
}


def _root(matrix: Tensor) -> Tensor:
    """The root of a symmetric matrix (R, C, C), without gradient."""
    values, vectors = torch.linalg.eigh(matrix.detach())
    root: Tensor = (vectors * values.clamp_min(0).sqrt()[:, None]) @ vectors.transpose(1, 2)
    return root


def _trace_root(matrix: Tensor) -> Tensor:
    trace: Tensor = _TraceRoot.apply(matrix)
    return trace


class _TraceRoot(torch.autograd.Function):
    """tr(M^1/2) of symmetric matrices (R, C, C); its gradient M^-1/2 / 2 needs no gradient of eigenvectors."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor) -> Tensor:
        values, vectors = torch.linalg.eigh((matrix + matrix.transpose(1, 2)) / 2)
        floor = values.amax(1, keepdim=True).clamp_min(1e-12) * 1e-7  # of what float32 holds
        ctx.save_for_backward(values.maximum(floor).sqrt(), vectors)
        trace: Tensor = values.clamp_min(0).sqrt().sum(1)
        return trace

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        roots, vectors = ctx.saved_tensors
        gradient: Tensor = (vectors * (slope[:, None] / (2 * roots))[:, None]) @ vectors.transpose(1, 2)
        return gradient


class SlicedPatches(Term):
    """`sliced`: distances between the distributions of filtered features, `metrics_strokes.sliced_distance`.

    Args:
        styles: the maps of each style by layer, (C, h, w).
        shares: of each style; None: one style per region.
    """

    def __init__(self, styles: Sequence[Mapping[str, Tensor]], shares: Sequence[float] | None) -> None:
        self.layers = tuple(styles[0])
        self._styles, self._shares = styles, shares
        self.draw(0)

    def draw(self, seed: int) -> None:
        """Take other filters: a fixed few can be pleased without the rest."""
        some = self._styles[0]
        self._filters = {
            layer: metrics_strokes.slices(x.shape[0], _SLICES, seed).to(x.device) for layer, x in some.items()
        }
        self._wanted = [
            {layer: _filtered(x[None], self._filters[layer]).flatten(1) for layer, x in style.items()}
            for style in self._styles
        ]

    def gather(self, view: View) -> Arrays:
        """See `Term.gather`. A region is where its mask is above a half."""
        found: Arrays = {}
        for layer in self.layers:
            rows, columns = view.part.within(layer)
            responses = _filtered(view.maps[layer], self._filters[layer])[:, rows, columns].flatten(1)
            weights = view.weights(layer)
            found |= (
                {f"{layer}.0": responses}
                if weights is None
                else {f"{layer}.{region}": responses[:, share > 0.5] for region, share in enumerate(weights)}
            )
        return found

    def losses(self, gathered: Sequence[Arrays]) -> dict[str, Tensor]:
        """See `Term.losses`."""
        whole = joined(gathered)
        return {"sliced": torch.stack([self._of_layer(whole, layer) for layer in self.layers]).mean()}

    def _of_layer(self, whole: Arrays, layer: str) -> Tensor:
        if self._shares is not None:
            found = [whole[f"{layer}.0"]] * len(self._styles)
            shares: Sequence[float] = self._shares
        else:
            found = [whole[f"{layer}.{region}"] for region in range(len(self._styles))]
            pixels = max(1, sum(x.shape[1] for x in found))
            shares = [x.shape[1] / pixels for x in found]
        distances = [
            share * metrics_strokes.response_distance(x, style[layer])
            for x, style, share in zip(found, self._wanted, shares, strict=True)
            if x.shape[1]
        ]
        return torch.stack(distances).sum() if distances else whole[f"{layer}.0"].sum()


def _filtered(maps: Tensor, filters: Tensor) -> Tensor:
    """Responses (K, h, w) of a map (1, C, h, w)."""
    return F.conv2d(F.pad(maps, (1, 1, 1, 1), mode="replicate"), filters)[0]
