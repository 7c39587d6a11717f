"""Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/) for matrices, AdamW for the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Muon"]

_MOMENTUM = 0.95
_STEPS = 5
_COEFFICIENTS = 3.4445, -4.7750, 2.0315  # five steps bring all singular values near 1
_LIKE_ADAM = 0.2  # mean step of AdamW per weight, in learning rates (Liu et al. 2025, arXiv:2502.16982)


class Muon(torch.optim.AdamW):
    """Steps along the gradient's singular vectors, equally far along each.

    The weights of a convolution form a matrix of outputs by all other dimensions. AdamW takes biases and gains.

    Args:
        parameters: the trained parameters.
        options: of `torch.optim.AdamW`; steps are scaled so that one learning rate suits both.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], **options: Any) -> None:
        super().__init__(parameters, **options)
        every = [p for group in self.param_groups for p in group["params"]]
        self._matrices = [p for p in every if p.ndim > 1 and min(_matrix(p).shape) > 1]

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """See `torch.optim.Optimizer.step`."""
        (group,) = self.param_groups
        not_finite = getattr(self, "found_inf", None)  # 1 or 0, as AdamW's fused kernel reads it
        gradients = [(p, p.grad) for p in self._matrices if p.grad is not None]
        for p, gradient in gradients:
            state = self.state[p]
            if not state:  # AdamW loads no state without `step`
                state.update(step=torch.zeros(()), momentum=torch.zeros_like(gradient))
            average = state["momentum"]
            good = gradient if not_finite is None else torch.where(not_finite > 0, average, gradient)
            average.lerp_(good, 1 - _MOMENTUM)
            along = _orthogonal(_matrix(good.lerp(average, _MOMENTUM)))
            if not_finite is not None:
                along = along * (1 - not_finite)
            p.mul_(1 - group["lr"] * group["weight_decay"])
            p.add_(along.view_as(p), alpha=-group["lr"] * _LIKE_ADAM * max(along.shape) ** 0.5)
            p.grad = None
        loss: float | None = super().step(closure)
        for p, gradient in gradients:
            p.grad = gradient
        return loss


def _matrix(weight: Tensor) -> Tensor:
    return weight.flatten(1)


def _orthogonal(matrix: Tensor) -> Tensor:
    """Approximately U V^T of the singular value decomposition U S V^T, by Newton-Schulz iterations."""
    a, b, c = _COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.mT if tall else matrix
    x = x / (torch.linalg.matrix_norm(x) + 1e-7)
    for _ in range(_STEPS):
        gram = x @ x.mT
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x
