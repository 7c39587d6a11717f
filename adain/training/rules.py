"""What a recipe's values must satisfy beyond their types."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from adain.errors import InputError

if TYPE_CHECKING:
    from adain.training.recipe import LossRecipe, OptimizerRecipe, Phase, Recipe, WCTRecipe

__all__ = ["LAYERS", "check"]

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
_UNUSED = {"adain": "wct", "wct": "losses", "distill": "losses"}  # the table of losses a task does not read
_OF_A_RUN = ("adversarial", "distilled_heads", "identity_fraction")  # losses that a phase cannot have otherwise


def check(recipe: Recipe) -> None:
    """Check all values of a recipe.

    Raises:
        InputError: one is not allowed; says what is.
    """
    _require(len(recipe.phases) > 0, "phases", "must hold at least one phase", len(recipe.phases))
    for i, phase in enumerate(recipe.phases):
        _phase(phase, f"phases[{i}]")
        where, rule = f"phases[{i}].recycle", "is for the small networks of task 'adain'"
        _require(phase.recycle == 0 or recipe.task == "adain", where, rule, phase.recycle)
        where, rule = f"phases[{i}].losses", "is for task 'adain'"
        _require(not phase.losses or recipe.task == "adain", where, rule, phase.losses)
        losses = recipe.losses_in(phase)
        _losses(losses)
        for name in _OF_A_RUN:
            same = getattr(losses, name) == getattr(recipe.losses, name)
            _require(same, f"{where}.{name}", "is of the whole run: set it under [losses]", getattr(losses, name))
    fraction = recipe.losses.identity_fraction
    some = fraction == 0 or any(fraction * phase.batch >= 0.5 for phase in recipe.phases)
    _require(some, "losses.identity_fraction", "is less than half a picture of each phase's batch", fraction)
    unused = _UNUSED[recipe.task]
    changed = _changed(getattr(recipe, unused))
    _require(not changed, unused, f"is not read by task '{recipe.task}'; leave it out", changed)
    _losses(recipe.losses)
    _wct(recipe.wct)
    _optimizer(recipe.optimizer)
    for name in ("checkpoint_every", "sample_every", "metrics_every"):
        _at_least_1(recipe.run, name, "run")


def _phase(phase: Phase, where: str) -> None:
    for name in ("iterations", "batch"):
        _at_least_1(phase, name, where)
    _require(phase.crop >= 32, f"{where}.crop", "must be at least 32", phase.crop)
    _require(0 <= phase.recycle < 1, f"{where}.recycle", "must be in [0, 1)", phase.recycle)
    rule = f"must be [low, high] with {phase.crop} (crop) <= low <= high"
    for name in ("content_side", "style_side"):
        side = getattr(phase, name)
        _require(len(side) == 2 and phase.crop <= side[0] <= side[1], f"{where}.{name}", rule, side)


def _losses(losses: LossRecipe) -> None:
    _layers(losses.content_layers, losses.content_layer_weights, "losses.content_layer")
    _layers(losses.style_layers, losses.style_layer_weights, "losses.style_layer")
    fraction = losses.identity_fraction
    _require(0 <= fraction <= 1, "losses.identity_fraction", "must be in [0, 1]", fraction)
    _require(losses.adversarial >= 0, "losses.adversarial", "must be at least 0", losses.adversarial)


def _wct(wct: WCTRecipe) -> None:
    _layers(wct.distillation_layers, wct.distillation_layer_weights, "wct.distillation_layer")
    _layers(wct.feature_layers, (), "wct.feature_layer")
    good = len(wct.level_weights) == 5 and all(weight >= 0 for weight in wct.level_weights)
    _require(good, "wct.level_weights", "must be five numbers from 0 on, for levels 1 to 5", wct.level_weights)
    _require(1 <= wct.feature_levels <= 5, "wct.feature_levels", "must be 1 to 5", wct.feature_levels)
    alpha = wct.stylized_alpha
    good = len(alpha) == 2 and 0 <= alpha[0] <= alpha[1] <= 1
    _require(good, "wct.stylized_alpha", "must be [low, high] in [0, 1]", alpha)


def _optimizer(optimizer: OptimizerRecipe) -> None:
    _require(len(optimizer.betas) == 2, "optimizer.betas", "must be two numbers", optimizer.betas)
    _require(0 <= optimizer.decay <= 1, "optimizer.decay", "must be in [0, 1]", optimizer.decay)
    _require(0 <= optimizer.ema < 1, "optimizer.ema", "must be in [0, 1)", optimizer.ema)


def _layers(layers: tuple[str, ...], weights: tuple[float, ...], where: str) -> None:
    good = bool(layers) and all(layer in LAYERS for layer in layers)
    _require(good, f"{where}s", f"must be some of {', '.join(LAYERS)}", layers)
    _require(len(weights) in (0, len(layers)), f"{where}_weights", "needs one per layer", weights)


def _changed(table: Any) -> list[str]:
    return [f.name for f in dataclasses.fields(table) if getattr(table, f.name) != f.default]


def _at_least_1(table: object, name: str, where: str) -> None:
    value = getattr(table, name)
    _require(value >= 1, f"{where}.{name}", "must be at least 1", value)


def _require(good: bool, where: str, rule: str, value: object) -> None:
    if not good:
        raise InputError(f"recipe: '{where}' {rule}, got {value!r}")
