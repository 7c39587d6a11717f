"""Rules for a recipe's values beyond their types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adain import checks
from adain.errors import InputError
from adain.runtimes.devices import MOST_THREADS
from adain.training.loss_layers import LOSS_LAYERS

if TYPE_CHECKING:
    from adain.training.recipe import LossRecipe, OptimizerRecipe, Phase, Recipe, RunRecipe, StrokesRecipe

__all__ = ["check"]

_MOST_STEPS = 10**9
_MOST = 1 << 15  # pictures of a batch, or pixels of a side
_LEAST_SHIPPED = 17  # px; repeated to 24, and reflected by 18
_SAME_IN_ALL_PHASES = ("network", "adversarial", "distilled_heads", "identity_fraction")


def check(recipe: Recipe) -> None:
    """Check all values of a recipe.

    Raises:
        InputError: a value is not allowed; the message says what is.
    """
    _require(0 <= recipe.seed <= checks.LARGEST_SEED, "seed", "must be from 0 to 2**63 - 1", recipe.seed)
    _require(len(recipe.phases) > 0, "phases", "must hold at least one phase", len(recipe.phases))
    _losses(recipe.losses)
    for i, phase in enumerate(recipe.phases):
        _phase(phase, f"phases[{i}]")
        _losses_of_phase(recipe, phase, f"phases[{i}].losses")
    fraction = recipe.losses.identity_fraction
    some = fraction == 0 or any(fraction * phase.batch >= 0.5 for phase in recipe.phases)
    _require(some, "losses.identity_fraction", "is less than half a picture of each phase's batch", fraction)
    _strokes(recipe.strokes)
    _optimizer(recipe.optimizer)
    _run(recipe.run)


def _phase(phase: Phase, where: str) -> None:
    _between(phase, "iterations", where, 1, _MOST_STEPS)
    _between(phase, "batch", where, 1, _MOST)
    _between(phase, "crop", where, 32, _MOST)
    _require(0 <= phase.recycle < 1, f"{where}.recycle", "must be in [0, 1)", phase.recycle)
    rule = f"must be [low, high] with {phase.crop} (crop) <= low <= high <= {_MOST:,}"
    for name in ("content_side", "style_side"):
        side = getattr(phase, name)
        _require(len(side) == 2 and phase.crop <= side[0] <= side[1] <= _MOST, f"{where}.{name}", rule, side)


def _losses_of_phase(recipe: Recipe, phase: Phase, where: str) -> None:
    losses = recipe.losses_in(phase)
    _losses(losses)
    good = not losses.stability or recipe.strokes.drafts <= 1
    scale, least = 4 if losses.quarter_size else 2 if losses.half_size else 1, _least_side(losses)
    rule = f"must be at least {scale * least} for these losses"
    _require(phase.crop >= scale * least, where.replace("losses", "crop"), rule, phase.crop)
    _require(good, f"{where}.stability", "must be 0 with several drafts (strokes.drafts)", losses.stability)
    for name in _SAME_IN_ALL_PHASES:
        value = getattr(losses, name)
        same = value == getattr(recipe.losses, name)
        _require(same, f"{where}.{name}", "must be the same in all phases: set it under [losses]", value)


def _least_side(losses: LossRecipe) -> int:
    """The smallest picture in pixels that the loss network takes, because it reflects a part of each map."""
    if losses.network == "shipped":
        return _LEAST_SHIPPED
    deepest = max(int(layer[4]) for layer in losses.layers)
    return 1 << deepest if losses.network == "vgg16" else (1 << deepest - 1) + 1  # vgg19 rounds sides up


def _losses(losses: LossRecipe) -> None:
    allowed = LOSS_LAYERS[losses.network].style
    _layers(losses.content_layers, losses.content_layer_weights, "losses.content_layer", allowed)
    _layers(losses.style_layers, losses.style_layer_weights, "losses.style_layer", allowed)
    for name in ("covariance", "sliced"):
        if getattr(losses, name):
            _layers(getattr(losses, f"{name}_layers"), (), f"losses.{name}_layer", allowed)
    fraction = losses.identity_fraction
    _require(0 <= fraction <= 1, "losses.identity_fraction", "must be in [0, 1]", fraction)
    _at_least(losses, "adversarial", "losses", 0)


def _strokes(strokes: StrokesRecipe) -> None:
    _between(strokes, "drafts", "strokes", 0, 16)
    _at_least(strokes, "grain", "strokes", 0)
    good = len(strokes.scale) == 2 and 0 < strokes.scale[0] < strokes.scale[1] <= 64
    _require(good, "strokes.scale", "must be two whole numbers [up, down] with 0 < up < down <= 64", strokes.scale)
    _require(0 <= strokes.detail <= 1, "strokes.detail", "must be in [0, 1]", strokes.detail)


def _layers(layers: tuple[str, ...], weights: tuple[float, ...], where: str, allowed: tuple[str, ...]) -> None:
    good = bool(layers) and len(set(layers)) == len(layers) and set(layers) <= set(allowed)
    _require(good, f"{where}s", f"must be some of {', '.join(allowed)}, each once", layers)
    good = len(weights) in (0, len(layers)) and all(weight >= 0 for weight in weights)
    good = good and (not weights or sum(weights) > 0)
    rule = f"needs one weight of at least 0 per layer ({', '.join(layers)}), not all 0"
    _require(good, f"{where}_weights", rule, weights)


def _optimizer(optimizer: OptimizerRecipe) -> None:
    good = len(optimizer.betas) == 2 and all(0 <= beta < 1 for beta in optimizer.betas)
    _require(good, "optimizer.betas", "must be two numbers in [0, 1)", optimizer.betas)
    _require(0 <= optimizer.decay <= 1, "optimizer.decay", "must be in [0, 1]", optimizer.decay)
    _require(0 <= optimizer.ema < 1, "optimizer.ema", "must be in [0, 1)", optimizer.ema)
    rates = "learning_rate", "final_learning_rate", "discriminator_learning_rate"
    for name in (*rates, "weight_decay", "clip_norm"):
        _at_least(optimizer, name, "optimizer", 0)
    _between(optimizer, "warmup", "optimizer", 0, _MOST_STEPS)


def _run(run: RunRecipe) -> None:
    _between(run, "threads", "run", 0, MOST_THREADS)
    _between(run, "workers", "run", 0, 256)
    for name in ("checkpoint_every", "sample_every", "metrics_every"):
        _between(run, name, "run", 1, _MOST_STEPS)
    _between(run, "samples", "run", 1, 64)
    _between(run, "sample_side", "run", 16, 4096)


def _between(table: object, name: str, where: str, least: int, most: int) -> None:
    value = getattr(table, name)
    _require(least <= value <= most, f"{where}.{name}", f"must be from {least} to {most:,}", value)


def _at_least(table: object, name: str, where: str, least: int) -> None:
    value = getattr(table, name)
    _require(value >= least, f"{where}.{name}", f"must be at least {least}", value)


def _require(good: bool, where: str, rule: str, value: object) -> None:
    if not good:
        raise InputError(f"recipe: '{where}' {rule}, got {checks.shown(value)}")
