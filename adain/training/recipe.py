"""A training recipe: everything that decides the result of a run, read from TOML into frozen dataclasses.

Only the `[run]` table (threads, workers, how often to write) does not change the result; it is left out of
the recipe's hash, so a run may be resumed with another one.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from adain.errors import InputError
from adain.training import parsing, rules
from adain.training.rules import LAYERS

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
    "Task",
    "WCTRecipe",
    "as_dict",
    "fingerprint",
    "names",
    "parse",
    "read",
]

Precision = Literal["fp32", "bf16", "fp16"]
Task = Literal["adain", "wct", "distill"]


@dataclass(frozen=True)
class NetworkRecipe:
    """Which network is trained, from where it starts, and which parts stay as they are."""

    name: str = "adain-slim"
    init: str | None = None  # to start from: a model by name, or a safetensors file of all or some parts
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
    """A stretch of training with one batch size and one crop size (pixels).

    The shorter side of a picture is drawn from `content_side` or `style_side` before the crop, but a picture is not
    enlarged, except to the size of the crop.
    """

    iterations: int
    batch: int = 8
    crop: int = 128
    content_side: tuple[int, ...] = (128, 256)  # shorter side
    style_side: tuple[int, ...] = (128, 256)
    recycle: float = 0.0  # draw anew, first, the small networks' units that are active at less than this share
    quick: bool = False  # losses through the deepest of several distilled encoders alone: a quarter of the cost
    losses: Mapping[str, Any] = field(default_factory=dict)  # keys of the recipe's `losses` that are otherwise here


@dataclass(frozen=True)
class LossRecipe:
    """The weight of each loss (0 switches it off) and the layers it is taken on."""

    content: float = 0.0  # mean squared error of features, divided by the content features' mean square
    content_cosine: float = 1.0  # 1 - cosine of instance-normalised features
    style: float = 3.0  # moments: see style_form
    gram: float = 0.0
    color: float = 0.0  # mean and covariance of colours against the style's
    total_variation: float = 0.0
    stability: float = 0.0  # mean square of what noise in a content, or more of it around, changes
    grid: float = 0.0  # what repeats every 2, 4 or 8 px
    hatching: float = 0.0  # frequencies that stand out
    blocks: float = 0.0  # edges at the same places of every 8 px
    gamut: float = 0.0  # values outside [0, 1]
    identity_pixels: float = 0.0
    identity_features: float = 0.0
    cycle: float = 0.0
    adversarial: float = 0.0  # against a patch discriminator that tells results from the style pictures
    style_form: Literal["relative", "relative_root", "mse"] = "relative"
    content_layers: tuple[str, ...] = ("relu4_1",)
    content_layer_weights: tuple[float, ...] = ()  # empty: all 1
    style_layers: tuple[str, ...] = LAYERS
    style_layer_weights: tuple[float, ...] = ()  # empty: all 1
    identity_fraction: float = 0.0  # share of each batch whose style is its own content
    distilled_heads: bool = False  # compare distilled features behind the 1x1 heads that map them to VGG-19's


@dataclass(frozen=True)
class WCTRecipe:
    """Autoencoders for WCT: the weight of each loss (0 switches it off), layers, and levels 1 to 5."""

    distillation: float = 1.0  # relative error of the teacher's features, told from ours by 1x1 heads
    distillation_layers: tuple[str, ...] = LAYERS
    distillation_layer_weights: tuple[float, ...] = ()  # empty: all 1
    pixels: float = 1.0  # of every level's reconstruction
    pixels_form: Literal["l1", "mse"] = "l1"
    features: float = 1.0  # relative error of the reconstruction in the loss network
    feature_layers: tuple[str, ...] = LAYERS  # at level k those up to relu{k}_1
    feature_levels: int = 2  # how many levels are drawn in each step for what goes through the loss network
    level_weights: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0, 1.0)
    stylized_features: float = 0.0  # whitened and colored features, decoded and encoded, are to come back
    stylized_style: float = 0.0  # moments of that picture against the style's, in the loss network
    stylized_alpha: tuple[float, ...] = (0.0, 1.0)  # strength per sample is drawn from this range
    detach: bool = False  # keep the decoders' gradients out of the encoder


@dataclass(frozen=True)
class OptimizerRecipe:
    """What takes the steps, with warm-up and linear decay, gradient clipping, an average of the weights."""

    name: Literal["adamw", "muon"] = "adamw"  # muon: matrices and convolutions by `adain.training.muon`
    learning_rate: float = 1e-3
    final_learning_rate: float = 1e-6
    warmup: int = 200  # iterations
    decay: float = 1.0  # share of the run, at its end, over which the learning rate falls
    betas: tuple[float, ...] = (0.9, 0.999)
    weight_decay: float = 0.0
    clip_norm: float = 1.0  # of the gradient; 0: not clipped
    ema: float = 0.999
    discriminator_learning_rate: float = 2e-4  # of the adversarial loss; constant
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
    """A whole recipe; `phases` follow one another.

    Task "adain" trains a style network by `losses`. Task "wct" trains one encoder, distilled from the loss
    network, and a decoder per level by `wct`; task "distill" its encoder alone.
    """

    phases: tuple[Phase, ...]
    task: Task = "adain"
    seed: int = 0
    network: NetworkRecipe = NetworkRecipe()
    data: DataRecipe = DataRecipe()
    losses: LossRecipe = LossRecipe()
    wct: WCTRecipe = WCTRecipe()
    optimizer: OptimizerRecipe = OptimizerRecipe()
    run: RunRecipe = RunRecipe()

    def losses_in(self, phase: Phase) -> LossRecipe:
        """The losses with what is otherwise in a phase.

        Raises:
            InputError: the phase names an unknown one, or a value of the wrong type.
        """
        return parsing.build(LossRecipe, {**vars(self.losses), **phase.losses}, "phases.losses")


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
    recipe = parsing.build(Recipe, table)
    rules.check(recipe)
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
