"""Operations that torch and exported graphs implement differently: padding, resizing, statistics, matrix roots.

A network calls them through its `Operators`. This module has the implementations for torch, and
`adain.export.graph_operators` has those for graphs. Statistics are always computed from float32 maps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from adain.engine.moments import COVARIANCE_FLOOR, VARIANCE_EPS
from adain.nn.grain import grain
from adain.nn.padding import crop_to, int_max, pad_to, reflected
from adain.nn.resizing import resized, weights_on

__all__ = ["MatrixRoots", "Operators", "diagonal", "eigh_roots"]

MatrixRoots: TypeAlias = Callable[[Tensor], tuple[Tensor, Tensor]]
"""From regularised covariances (..., C, C) to (C^-1/2, C^1/2), each (..., C, C)."""

_NARROW = 64  # channels; up to here one product per picture leaves most of a GPU idle, so there is one per row
_TINY = 1e-12  # avoids division by 0 for a mask that is 0 everywhere


def eigh_roots(covariance: Tensor) -> tuple[Tensor, Tensor]:
    """Whitening and coloring matrices by eigendecomposition, in float64 inside.

    Args:
        covariance: (..., C, C), symmetric and positive definite (see `adain.nn.fusions.wct.regularized`).

    Returns:
        C^-1/2 and C^1/2, (..., C, C) each, in the dtype of `covariance`.
    """
    values, vectors = torch.linalg.eigh(covariance.double())  # (..., C), (..., C, C)
    # rounding may leave an eigenvalue below what `regularized` guarantees
    roots = values.clamp_min(COVARIANCE_FLOOR / 2).sqrt()[..., None, :]  # (..., 1, C)
    transposed = vectors.transpose(-2, -1)
    whitening = (vectors / roots) @ transposed
    coloring = (vectors * roots) @ transposed
    return whitening.to(covariance.dtype), coloring.to(covariance.dtype)


class Operators:
    """The operations in torch.

    Args:
        roots: computes the roots of regularised covariances.
    """

    def __init__(self, roots: MatrixRoots = eigh_roots) -> None:
        self.roots = roots

    def fit(self, image: Tensor, *, multiple: int = 1, minimum: int = 1) -> Tensor:
        """See `adain.nn.padding.pad_to`."""
        return pad_to(image, multiple=multiple, minimum=minimum)

    def crop(self, image: Tensor, like: Tensor, margin: int = 0) -> Tensor:
        """See `adain.nn.padding.crop_to`."""
        return crop_to(image, like, margin)

    def reflect(self, x: Tensor, width: int = 1) -> Tensor:
        """See `adain.nn.padding.reflected`."""
        return reflected(x, width)

    def resize(self, x: Tensor, up: int, down: int) -> Tensor:
        """Bicubic resizing by `up / down`; see `adain.nn.resizing.resized`."""
        return resized(x, weights_on(up, down, x.device))

    def grain(self, like: Tensor, offset: Tensor) -> Tensor:
        """Grain of a picture's size (N, 3, H, W), or 1 for all; see `adain.nn.grain.grain`."""
        return grain(like.shape[2], like.shape[3], offset)

    def at_least(self, x: Tensor, floor: Tensor) -> Tensor:
        """Element-wise maximum of (N, C, H, W) and a floor (N, C, 1, 1) or (N, C, H, W)."""
        return torch.maximum(x, floor)

    def mean_std(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation per channel, sqrt(unbiased variance + 1e-5), as in pytorch-AdaIN.

        Args:
            x: (N, C, H, W) float32. One pixel has variance 0.

        Returns:
            (N, C) each.
        """
        pixels = x.flatten(2)  # (N, C, H*W)
        mean = pixels.mean(dim=2, keepdim=True)  # (N, C, 1)
        variance = (pixels - mean).square().mean(dim=2) * _unbiased(pixels.shape[2])  # (N, C)
        return mean.squeeze(2), (variance + VARIANCE_EPS).sqrt()

    def mean_covariance(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean per channel (N, C), and covariance between channels divided by H*W - 1, (N, C, C).

        Args:
            x: (N, C, H, W) float32. One pixel has covariance 0.
        """
        pixels = x.flatten(2)  # (N, C, H*W)
        mean = pixels.mean(dim=2, keepdim=True)  # (N, C, 1)
        centred = pixels - mean
        if x.is_cuda and x.shape[1] <= _NARROW:
            rows = centred.view_as(x).transpose(1, 2)  # (N, H, C, W)
            products = (rows @ rows.transpose(2, 3)).sum(dim=1)
        else:
            products = centred @ centred.transpose(1, 2)
        return mean.squeeze(2), products / int_max(pixels.shape[2] - 1, 1)

    def variances(self, x: Tensor, masks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Count, mean and variance per channel under each mask; the variance is divided by the count.

        Args:
            x: (N, C, H, W) float32.
            masks: (N, R, H, W), weight of each pixel, at least 0.

        Returns:
            (N, R), (N, R, C), (N, R, C).
        """
        count, shares, centred, centre = self._shared(x, masks)
        mean = self.weigh(shares, centred)
        return count, mean + centre[:, None], self.weigh(shares, centred * centred) - mean * mean

    def covariances(self, x: Tensor, masks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As `variances`, but with the covariance between channels, (N, R, C, C)."""
        count, shares, centred, centre = self._shared(x, masks)
        mean = self.weigh(shares, centred)
        second = self.weigh_products(shares, centred)
        return count, mean + centre[:, None], second - mean[..., None] * mean[:, :, None]

    def weigh(self, masks: Tensor, x: Tensor) -> Tensor:
        """Sums over the pixels of (N, C, H, W), weighted by each mask (N, R, H, W): (N, R, C)."""
        return (x.flatten(2) @ masks.flatten(2).transpose(1, 2)).transpose(1, 2)

    def weigh_products(self, masks: Tensor, x: Tensor) -> Tensor:
        """As `weigh`, for the products of all pairs of channels: (N, R, C, C)."""
        pixels = x.flatten(2)
        weighted = pixels[:, None] * masks.flatten(2)[:, :, None]  # (N, R, C, P), by far the largest tensor
        products = weighted.flatten(1, 2) @ pixels.transpose(1, 2)  # (N, R * C, C)
        return products.view(x.shape[0], -1, x.shape[1], x.shape[1])

    def blend(self, values: Tensor, masks: Tensor) -> Tensor:
        """Spread values of regions (N, R, C) over a map by masks (N, R, h, w): (N, C, h, w)."""
        height, width = masks.shape[2:]
        return (values.transpose(1, 2) @ masks.flatten(2)).reshape(-1, values.shape[2], height, width)

    def mix_channels(self, matrix: Tensor, x: Tensor) -> Tensor:
        """(N, C, C) times each pixel of (N, C, H, W); keeps the memory format channels last."""
        if not x.is_contiguous(memory_format=torch.channels_last):
            return (matrix @ x.flatten(2)).view_as(x)
        pixels, transposed = x.permute(0, 2, 3, 1), matrix.transpose(1, 2)  # (N, H, W, C)
        if x.is_cuda:  # a product per row, which the derivative needs: see `_NARROW`
            return (pixels @ transposed[:, None]).permute(0, 3, 1, 2)
        return (pixels.flatten(1, 2) @ transposed).view_as(pixels).permute(0, 3, 1, 2)

    def mix_regions(self, matrices: Tensor, x: Tensor, masks: Tensor) -> Tensor:
        """Each pixel of (N, C, H, W) times a mix of the matrices (N, R, C, C), weighted by masks (N, R, H, W)."""
        weighted = x.flatten(2)[:, None] * masks.flatten(2)[:, :, None]  # (N, R, C, P)
        return (matrices.transpose(1, 2).flatten(2) @ weighted.flatten(1, 2)).view_as(x)

    def _shared(self, x: Tensor, masks: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Count (N, R), masks divided by count, x minus its mean under all masks, and that mean (N, C)."""
        count = masks.sum(dim=(2, 3))
        shares = masks / count.clamp_min(_TINY)[:, :, None, None]
        total = masks.sum(dim=1, keepdim=True)
        everywhere = total / total.sum(dim=(2, 3), keepdim=True).clamp_min(_TINY)
        centre = self.weigh(everywhere, x).squeeze(1)
        return count, shares, x - centre[:, :, None, None], centre


def diagonal(matrices: Tensor) -> Tensor:
    """The diagonal of matrices, (N, C, C) to (N, C); `torch.diagonal` becomes a dozen operators in ONNX."""
    identity = torch.eye(matrices.shape[-1], dtype=matrices.dtype, device=matrices.device)
    return (matrices * identity).sum(dim=-1)


def _unbiased(count: int) -> float:
    """The factor n / (n - 1) that makes a variance unbiased; 1 for a single pixel."""
    return count / int_max(count - 1, 1)
