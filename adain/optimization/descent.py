"""Steps of Adam or L-BFGS on a picture, and the average of its iterates.

As in crowsonkb/style-transfer-pytorch, Adam's iterates are clipped to [0, 1], its state is enlarged with the picture
between two scales, and the result is an average of the iterates, which has less noise than the last one. L-BFGS starts
anew at each scale, is not clipped, and keeps the iterate of the lowest loss. For it the filters of `sliced` stay the
same, as a search compares losses.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from adain.optimization.options import Settings

__all__ = ["LBFGS", "Adam", "Descent", "Loss", "begin", "resized"]

BETAS = (0.9, 0.99)  # crowsonkb/style-transfer-pytorch; 0.999 remembers gradients of a picture long gone
_EPS = 1e-8
_HISTORY = 20
_SEARCH = 25  # most tries along a direction, torch's own limit where it has none from `max_eval`
_FIRST = 0.01  # mean change of a pixel in the first step that L-BFGS tries; torch's own shows nothing but kinks

Loss = Callable[[Tensor], tuple[dict[str, float], Tensor]]
"""The losses of a picture and their gradient: an `Objective`."""


class Descent(ABC):
    """An optimizer's steps on one picture.

    Attributes:
        picture: the current iterate, (1, 3, H, W).
    """

    picture: Tensor

    @property
    @abstractmethod
    def best(self) -> Tensor:
        """The result so far, (1, 3, H, W)."""

    @abstractmethod
    def step(self, loss: Loss) -> dict[str, float]:
        """Change the picture once. Return the losses before; if they are not finite, nothing has changed."""

    @abstractmethod
    def resized(self, picture: Tensor) -> Descent:
        """The same optimizer for another picture, of the next size."""

    @abstractmethod
    def state(self) -> dict[str, Tensor]:
        """All that the next step depends on, by name."""

    @abstractmethod
    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Continue from what `state` returned."""


class Adam(Descent):
    """Adam (Kingma & Ba 2015, arXiv:1412.6980).

    Args:
        picture: the first iterate.
        rate: step.
        average: share of the previous average in the next; 0: the last iterate.
    """

    def __init__(self, picture: Tensor, rate: float, average: float) -> None:
        self.picture = picture.clone()
        self._rate, self._decay = rate, average
        self._first, self._second = torch.zeros_like(picture), torch.zeros_like(picture)
        self._mean = torch.zeros_like(picture)
        self._steps = self._averaged = 0

    @property
    def best(self) -> Tensor:
        """See `Descent.best`."""
        if not self._averaged:
            return self.picture
        return self._mean / (1 - self._decay**self._averaged)

    def step(self, loss: Loss) -> dict[str, float]:
        """See `Descent.step`."""
        values, gradient = loss(self.picture)
        if not _usable(values, gradient):
            return {**values, "total": math.nan}
        self._steps += 1
        self._first.lerp_(gradient, 1 - BETAS[0])
        self._second.lerp_(gradient.square(), 1 - BETAS[1])
        mean = self._first / (1 - BETAS[0] ** self._steps)
        deviation = (self._second / (1 - BETAS[1] ** self._steps)).sqrt() + _EPS
        self.picture.addcdiv_(mean, deviation, value=-self._rate).clamp_(0, 1)
        self._averaged += 1
        self._mean.lerp_(self.picture, 1 - self._decay)
        return values

    def resized(self, picture: Tensor) -> Adam:
        """See `Descent.resized`."""
        larger = Adam(picture, self._rate, self._decay)
        larger._first = resized(self._first, picture)
        larger._second = resized(self._second, picture).clamp_min(0)
        larger._steps = self._steps
        return larger

    def state(self) -> dict[str, Tensor]:
        """See `Descent.state`."""
        counts = torch.tensor([self._steps, self._averaged])
        return {
            "picture": self.picture,
            "first": self._first,
            "second": self._second,
            "mean": self._mean,
            "counts": counts,
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """See `Descent.restore`."""
        self.picture, self._first, self._second, self._mean = (
            state[name].to(self.picture).clone() for name in ("picture", "first", "second", "mean")
        )
        self._steps, self._averaged = state["counts"].tolist()


class LBFGS(Descent):
    """L-BFGS (Liu & Nocedal 1989) with a line search for the strong Wolfe conditions.

    Args:
        picture: the first iterate.
        rate: length of the first step that a search tries.
    """

    def __init__(self, picture: Tensor, rate: float) -> None:
        self.picture = picture.clone(memory_format=torch.contiguous_format).requires_grad_()
        self._rate = rate
        self._optimizer = self._without_curvature()
        self._best, self._least = picture.clone(), math.inf
        self._seen: tuple[Tensor, dict[str, float], Tensor] | None = None  # a picture, its losses, their gradient

    def _without_curvature(self) -> torch.optim.LBFGS:
        return torch.optim.LBFGS(
            [self.picture],
            lr=self._rate,
            max_iter=1,
            max_eval=1 + _SEARCH,  # by default a search ends with its first try, and all later steps are 0
            history_size=_HISTORY,
            line_search_fn="strong_wolfe",
            tolerance_grad=0.0,  # by default it ends where a large picture begins
            tolerance_change=0.0,
        )

    @property
    def best(self) -> Tensor:
        """See `Descent.best`."""
        return self._best

    def step(self, loss: Loss) -> dict[str, float]:
        """See `Descent.step`."""
        before = self.picture.detach().clone()
        first: dict[str, float] = {}
        scale = before.numel()  # the gradients of means over pixels are too small for torch's limits
        group = self._optimizer.param_groups[0]
        group["lr"] = self._rate * (1.0 if self._optimizer.state else _FIRST * scale)

        def closure() -> float:
            values, gradient = self._evaluated(loss)
            if not first:
                first.update(values)
            self.picture.grad = (gradient * scale).contiguous()  # torch's L-BFGS takes no channels-last ones
            if _usable(values, gradient) and values["total"] < self._least:
                self._best, self._least = self.picture.detach().clone(), values["total"]
            return values["total"] * scale

        self._optimizer.step(closure)  # type: ignore[no-untyped-call]
        if not bool(self.picture.isfinite().all()):
            with torch.no_grad():
                self.picture.copy_(before)
            return {**first, "total": math.nan}
        if torch.equal(self.picture, before):  # nothing found along the direction, which would stay the same
            self._optimizer = self._without_curvature()
        return first

    def _evaluated(self, loss: Loss) -> tuple[dict[str, float], Tensor]:
        """The loss of the picture; a step begins where the search before it ended, so half of them are known."""
        picture = self.picture.detach()
        if self._seen is None or not torch.equal(self._seen[0], picture):
            self._seen = (picture.clone(), *loss(picture))
        return self._seen[1:]

    def resized(self, picture: Tensor) -> LBFGS:
        """See `Descent.resized`: curvature does not carry over."""
        return LBFGS(picture, self._rate)

    def state(self) -> dict[str, Tensor]:
        """See `Descent.state`; the curvature is left out, and is found again in a few steps."""
        return {"picture": self.picture.detach(), "best": self._best, "least": torch.tensor(self._least)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """See `Descent.restore`."""
        with torch.no_grad():
            self.picture.copy_(state["picture"])
        self._best, self._least = state["best"].to(self._best).clone(), float(state["least"])


def begin(picture: Tensor, settings: Settings) -> Descent:
    """The optimizer that the settings name, at its first picture."""
    if settings.optimizer == "lbfgs":
        return LBFGS(picture, settings.rate)
    return Adam(picture, settings.rate, settings.average)


def resized(picture: Tensor, like: Tensor) -> Tensor:
    """A picture (1, C, H, W) at the size of another."""
    size = like.shape[2:]
    if picture.shape[2:] == size:
        return picture.clone()
    return F.interpolate(picture, size=size, mode="bicubic", antialias=True, align_corners=False)


def _usable(values: Mapping[str, float], gradient: Tensor) -> bool:
    return math.isfinite(values["total"]) and bool(gradient.isfinite().all())
