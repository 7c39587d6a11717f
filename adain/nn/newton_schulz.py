"""Roots of covariances by matrix products alone, because ONNX has no eigendecomposition.

This is the coupled Newton-Schulz iteration (Higham 2008, Functions of Matrices, section 6.7) on `Y = A / tr(A)`. Each
step is scaled by the factor that raises the smallest eigenvalue fastest. `adain.nn.fusions.wct.regularized` bounds that
eigenvalue from below for every picture. So the factors depend only on the number of channels, and a fixed number of
unrolled steps is enough. Ten steps come as close as float32 allows (1e-3 of the stylized features), even if the
covariance has no full rank.

The products need full float32: with TF32, bfloat16 or float16 they are off by 3 to 25 %, or diverge.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from adain.engine.moments import COVARIANCE_RIDGE
from adain.nn.operators import MatrixRoots

__all__ = ["ITERATIONS", "newton_schulz_roots", "scale_factors"]

ITERATIONS = 10


def newton_schulz_roots(*, iterations: int = ITERATIONS, dtype: torch.dtype = torch.float32) -> MatrixRoots:
    """A function that computes the roots of regularised covariances by matrix products.

    Args:
        iterations: number of steps, unrolled in an export; with fewer than 10, small eigenvalues do not converge.
        dtype: of the products, float32 or float64; the roots have the dtype of the covariance.
    """

    def roots(covariance: Tensor) -> tuple[Tensor, Tensor]:
        identity = torch.eye(covariance.shape[-1], dtype=dtype, device=covariance.device)
        trace = (covariance.to(dtype) * identity).sum(dim=(-2, -1), keepdim=True)  # (..., 1, 1)
        whitening, coloring = _iterate(covariance.to(dtype) / trace, identity, iterations)
        root = trace.sqrt()
        return (whitening / root).to(covariance.dtype), (coloring * root).to(covariance.dtype)

    return roots


def scale_factors(channels: int, iterations: int = ITERATIONS) -> list[float]:
    """The factor of each step, for `channels` x `channels` covariances regularised by `COVARIANCE_RIDGE`.

    The roots of all eigenvalues lie in an interval. Each factor makes a step map both ends of it to one value. The
    factors tend to 1.
    """
    least = math.sqrt(COVARIANCE_RIDGE / channels / (1 + COVARIANCE_RIDGE))
    factors = []
    for _ in range(iterations):
        factor = math.sqrt(3 / (1 + least + least * least))
        least = factor * least * (3 - (factor * least) ** 2) / 2
        factors.append(factor)
    return factors


def _iterate(scaled: Tensor, identity: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
    """Matrices (..., C, C) with trace 1 to their powers -1/2 and 1/2."""
    triple = 3 * identity
    first, *others = scale_factors(scaled.shape[-1], iterations)
    step = first / 2 * (triple - first**2 * scaled)  # the inverse root starts as the identity
    root, inverse = scaled @ step, step
    for factor in others:
        step = factor / 2 * (triple - factor**2 * (inverse @ root))
        root, inverse = root @ step, step @ inverse
    return inverse, root
