"""A training recipe: everything that decides the result of a run, read from TOML into frozen dataclasses.

Only the `[run]` table (threads, workers, how often to write) does not change the result; it is left out of
the recipe's hash, so a run may be resumed with another one.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeVar

from adain.errors import InputError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = [
    "DataRecipe",
    "LossRecipe",
    "NetworkRecipe",
    "OptimizerRecipe",
    "Phase",
    "Recipe",
    "RunRecipe",
    "as_dict",
    "fingerprint",
    "names",
    "parse",
    "read",
]

T = TypeVar("T")
Precision = Literal["fp32", "bf16", "fp16"]
LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


@dataclass(frozen=True)
class NetworkRecipe:
    """Which network is trained, from where it starts, and which parts stay as they are."""

    name: str = "adain-slim"
    init: str | None = None  # a safetensors file of the same network to start from
    freeze: tuple[str, ...] = ()  # prefixes of parameter names that are not trained
    options: Mapping[str, Any] = field(default_factory=dict)  # arguments of the network's constructor


@dataclass(frozen=True)
class DataRecipe:
    """Tar files or folders of pictures; relative paths are looked for in the data directory."""

    content: tuple[str, ...] = ("photos.tar",)
    style: tuple[str, ...] = ("styles.tar",)
    flip: bool = True


@dataclass(frozen=True)
class Phase:
    """A stretch of training with one batch size and one crop size (pixels)."""

    iterations: int
    batch: int = 8
    crop: int = 128
    content_side: tuple[int, ...] = (128, 256)  # the shorter side is drawn from this range before the crop
    style_side: tuple[int, ...] = (128, 256)


@dataclass(frozen=True)
class LossRecipe:
    """The weight of each loss (0 switches it off) and the layers it is taken on."""

    content: float = 0.0  # mean squared error of features, divided by the content features' mean square
    content_cosine: float = 1.0  # 1 - cosine of instance-normalised features
    style: float = 3.0  # moments: see style_form
    gram: float = 0.0
    total_variation: float = 0.0
    gamut: float = 0.0  # values outside [0, 1]
    identity_pixels: float = 0.0
    identity_features: float = 0.0
    cycle: float = 0.0
    style_form: Literal["relative", "relative_root", "mse"] = "relative"
    content_layers: tuple[str, ...] = ("relu4_1",)
    content_layer_weights: tuple[float, ...] = ()  # empty: all 1
    style_layers: tuple[str, ...] = LAYERS
    style_layer_weights: tuple[float, ...] = ()  # empty: all 1
    identity_fraction: float = 0.0  # share of each batch whose style is its own content
    distilled_heads: bool = False  # map distilled features to VGG-19's with their 1x1 heads


@dataclass(frozen=True)
class OptimizerRecipe:
    """Adam with warm-up and cosine decay over the whole run, gradient clipping, an average of the weights."""

    learning_rate: float = 1e-3
    final_learning_rate: float = 1e-6
    warmup: int = 200  # iterations
    betas: tuple[float, ...] = (0.9, 0.999)
    weight_decay: float = 0.0
    clip_norm: float = 1.0  # of the gradient; 0: not clipped
    ema: float = 0.999
    precision: Precision = "fp32"  # of the trained network
    loss_precision: Precision = "bf16"  # of the frozen loss network


@dataclass(frozen=True)
class RunRecipe:
    """What does not change the result: threads, workers, and how often something is written (iterations)."""

    threads: int = 0  # of torch on the CPU; 0: torch's choice
    workers: int = 1
    channels_last: bool = True
    checkpoint_every: int = 500
    sample_every: int = 500
    metrics_every: int = 20
    samples: int = 4  # the first so many contents and styles make the sample grid, where none are named
    sample_content: tuple[str, ...] = ()
    sample_style: tuple[str, ...] = ()
    sample_side: int = 192


@dataclass(frozen=True)
class Recipe:
    """A whole recipe; `phases` follow one another."""

    phases: tuple[Phase, ...]
    task: Literal["adain"] = "adain"
    seed: int = 0
    network: NetworkRecipe = NetworkRecipe()
    data: DataRecipe = DataRecipe()
    losses: LossRecipe = LossRecipe()
    optimizer: OptimizerRecipe = OptimizerRecipe()
    run: RunRecipe = RunRecipe()


def names() -> list[str]:
    """Names of the recipes inside the package."""
    folder = resources.files(__package__) / "recipes"
    return sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".toml"))


def read(source: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe by the name of one in the package or from a TOML file.

    Args:
        source: a name out of `names()`, or a path.
        overrides: `key=value` lines such as `losses.style=5`; the value is TOML, or a bare string.

    Raises:
        InputError: no such recipe, not TOML, an unknown key or a value of the wrong type.
    """
    try:
        table = tomllib.loads(_text(source))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"recipe {source} is not valid TOML: {error}") from error
    for line in overrides:
        _override(table, line)
    return parse(table)


def _text(source: str | Path) -> str:
    path = Path(source)
    if path.suffix == ".toml" or path.exists():
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot read recipe {path}: {error}") from error
    if str(source) not in names():
        raise InputError(f"unknown recipe '{source}'; give a .toml file or one of: {', '.join(names())}")
    return (resources.files(__package__) / "recipes" / f"{source}.toml").read_text(encoding="utf-8")


def _override(table: dict[str, Any], line: str) -> None:
    key, equals, text = line.partition("=")
    if not equals:
        raise InputError(f"an override must look like key=value, got '{line}'")
    try:
        value: object = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *parents, last = key.strip().split(".")
    here: Any = table
    for name in parents:
        if not isinstance(here, dict | list):
            break
        here = _item(here, name, key) if isinstance(here, list) else here.setdefault(name, {})
    if not isinstance(here, dict):
        raise InputError(f"'{key}' does not name a key of the recipe; for a phase write phases.0.batch=4")
    here[last] = value


def _item(items: list[Any], name: str, key: str) -> Any:
    if not name.isdigit() or int(name) >= len(items):
        raise InputError(f"'{key}': '{name}' must be an index from 0 to {len(items) - 1}")
    return items[int(name)]


def parse(table: Mapping[str, Any]) -> Recipe:
    """Build and check a recipe from nested mappings, as TOML gives them.

    Raises:
        InputError: an unknown key, a value of the wrong type, or one outside what is allowed.
    """
    recipe = _dataclass(Recipe, table, "")
    _check(recipe)
    return recipe


def as_dict(recipe: Recipe) -> dict[str, Any]:
    """The recipe as plain nested data, for JSON."""
    plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(recipe)))
    return plain


def fingerprint(recipe: Recipe) -> str:
    """Sha256 (hex) of all that changes the result; `[run]` is left out."""
    plain = as_dict(recipe)
    del plain["run"]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _dataclass(kind: type[T], table: object, where: str) -> T:
    if not isinstance(table, Mapping):
        raise InputError(f"recipe: '{where}' must be a table, got {table!r}")
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    hints = typing.get_type_hints(kind)
    for key in table:
        if key not in fields:
            raise InputError(f"recipe: unknown key '{_join(where, key)}'; allowed: {', '.join(fields)}")
    for name, f in fields.items():
        required = f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        if required and name not in table:
            raise InputError(f"recipe: '{_join(where, name)}' is missing")
    return kind(**{key: _value(hints[key], value, _join(where, key)) for key, value in table.items()})


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _value(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return tuple(value) if isinstance(value, list) else value
    if dataclasses.is_dataclass(hint):
        return _dataclass(typing.cast("type[Any]", hint), value, where)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise InputError(f"recipe: '{where}' must be a list, got {value!r}")
        return tuple(_value(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is Literal:
        if value not in arguments:
            raise InputError(
                f"recipe: '{where}' must be one of {', '.join(map(repr, arguments))}, got {value!r}"
            )
        return value
    if origin in (typing.Union, types.UnionType):
        return _scalar(arguments, value, where)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise InputError(f"recipe: '{where}' must be a table, got {value!r}")
        return {key: _value(arguments[1], item, _join(where, key)) for key, item in value.items()}
    return _scalar((hint,), value, where)


def _scalar(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    if type(value) in kinds:
        return value
    if float in kinds and type(value) is int:
        return float(value)
    allowed = " or ".join(kind.__name__ for kind in kinds if kind is not type(None))
    raise InputError(f"recipe: '{where}' must be {allowed}, got {value!r}")


def _check(recipe: Recipe) -> None:
    losses, optimizer = recipe.losses, recipe.optimizer
    _require(len(recipe.phases) > 0, "phases", "must hold at least one phase", len(recipe.phases))
    for i, phase in enumerate(recipe.phases):
        for name in ("iterations", "batch"):
            _require(
                getattr(phase, name) >= 1, f"phases[{i}].{name}", "must be at least 1", getattr(phase, name)
            )
        _require(phase.crop >= 32, f"phases[{i}].crop", "must be at least 32", phase.crop)
        for name in ("content_side", "style_side"):
            side = getattr(phase, name)
            good = len(side) == 2 and phase.crop <= side[0] <= side[1]
            _require(
                good,
                f"phases[{i}].{name}",
                f"must be [low, high] with {phase.crop} (crop) <= low <= high",
                side,
            )
    for name in ("content", "style"):
        layers, weights = getattr(losses, f"{name}_layers"), getattr(losses, f"{name}_layer_weights")
        good = bool(layers) and all(layer in LAYERS for layer in layers)
        _require(good, f"losses.{name}_layers", f"must be some of {', '.join(LAYERS)}", layers)
        _require(
            len(weights) in (0, len(layers)), f"losses.{name}_layer_weights", "needs one per layer", weights
        )
    _require(
        0 <= losses.identity_fraction <= 1,
        "losses.identity_fraction",
        "must be in [0, 1]",
        losses.identity_fraction,
    )
    _require(len(optimizer.betas) == 2, "optimizer.betas", "must be two numbers", optimizer.betas)
    _require(0 <= optimizer.ema < 1, "optimizer.ema", "must be in [0, 1)", optimizer.ema)
    for name in ("checkpoint_every", "sample_every", "metrics_every"):
        _require(
            getattr(recipe.run, name) >= 1, f"run.{name}", "must be at least 1", getattr(recipe.run, name)
        )


def _require(good: bool, where: str, rule: str, value: object) -> None:
    if not good:
        raise InputError(f"recipe: '{where}' {rule}, got {value!r}")
