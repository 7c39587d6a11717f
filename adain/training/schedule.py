"""Schedules as pure functions of the recipe and the step, so that a resumed run needs no schedule state."""

from __future__ import annotations

from collections.abc import Iterator

from adain.training.recipe import OptimizerRecipe, Phase

__all__ = ["ema_decay", "first_sample", "learning_rate", "phase_index", "recycled_share", "steps", "total_iterations"]


def total_iterations(phases: tuple[Phase, ...]) -> int:
    """Iterations of all phases together."""
    return sum(phase.iterations for phase in phases)


def steps(phases: tuple[Phase, ...], start: int = 0) -> Iterator[tuple[Phase, int]]:
    """The phase of each step from `start` on, and the index of its first sample in the whole run."""
    for step in range(start, total_iterations(phases)):
        yield phases[phase_index(phases, step)], first_sample(phases, step)


def phase_index(phases: tuple[Phase, ...], step: int) -> int:
    """The index of the phase of `step` (from 0)."""
    for index, phase in enumerate(phases):
        if step < phase.iterations:
            return index
        step -= phase.iterations
    return len(phases) - 1


def recycled_share(phases: tuple[Phase, ...], step: int) -> float:
    """`Phase.recycle` at the first step of a phase, else 0."""
    for phase in phases:
        if step == 0:
            return phase.recycle
        step -= phase.iterations
    return 0.0


def first_sample(phases: tuple[Phase, ...], step: int) -> int:
    """Number of samples before `step`."""
    seen = 0
    for phase in phases:
        seen += min(max(step, 0), phase.iterations) * phase.batch
        step -= phase.iterations
    return seen


def learning_rate(optimizer: OptimizerRecipe, step: int, total: int) -> float:
    """Linear warm-up, then constant, then linear decay to `final_learning_rate` at the last step.

    Linear decay, because a cosine is close to 0 in the last phases, whose losses count most (Defazio et al. 2023,
    arXiv:2310.07831). Decay over the last part of the run works as well (Hagele et al. 2024, arXiv:2405.18392), and a
    longer run then has the same steps up to that part.
    """
    if step < optimizer.warmup:
        return optimizer.learning_rate * (step + 1) / optimizer.warmup
    falling = max(1.0, optimizer.decay * (total - 1 - optimizer.warmup))
    fallen = min(1.0, max(0.0, 1 - (total - 1 - step) / falling))
    return optimizer.learning_rate + (optimizer.final_learning_rate - optimizer.learning_rate) * fallen


def ema_decay(optimizer: OptimizerRecipe, step: int) -> float:
    """Decay of the weight average; small at first, so that the average soon forgets the first weights."""
    return min(optimizer.ema, (1 + step) / (10 + step))
