"""Training recipes: all that decides the result of a run, read from TOML into frozen dataclasses.

The `[run]` table (threads, workers, how often to write) does not change the result. The recipe's fingerprint leaves it
out, so a run may be resumed with another one.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from adain import checks
from adain.errors import InputError
from adain.files import unreadable
from adain.training import parsing, rules
from adain.training.loss_layers import LOSS_LAYERS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = [
    "DataRecipe",
    "LossNetworkName",
    "LossRecipe",
    "NetworkRecipe",
    "OptimizerRecipe",
    "Phase",
    "Recipe",
    "RunRecipe",
    "StrokesRecipe",
    "as_dict",
    "fingerprint",
    "names",
    "parse",
    "parse_saved",
    "read",
    "without_paths",
]

Precision = Literal["fp32", "bf16", "fp16"]
LossNetworkName = Literal["vgg19", "vgg16", "shipped"]


@dataclass(frozen=True)
class NetworkRecipe:
    """The network to train, its first weights, and the parts that are not trained."""

    name: str = "adain-slim"
    init: str | None = None  # first weights: a model's name, or a safetensors file; None: random
    freeze: tuple[str, ...] = ()  # parameters whose names begin with one of these are not trained
    options: Mapping[str, Any] = field(default_factory=dict)  # overrides of `adain.registry.SlimArchitecture`


@dataclass(frozen=True)
class StrokesRecipe:
    """Training through draft and revision; see `adain.nn.strokes.Strokes`."""

    drafts: int = 0  # 0: the network alone
    scale: tuple[int, ...] = (3, 8)
    detail: float = 0.6
    grain: float = 4 / 255


@dataclass(frozen=True)
class DataRecipe:
    """Tar files or folders of pictures; relative paths start at the data directory."""

    content: tuple[str, ...] = ("photos.tar",)
    style: tuple[str, ...] = ("styles.tar",)
    flip: bool = True


@dataclass(frozen=True)
class Phase:
    """A stretch of training with one batch size and one crop size (pixels).

    Each picture is scaled to a shorter side drawn from `content_side` or `style_side`, then cropped. A picture is never
    enlarged, except to the size of the crop.
    """

    iterations: int
    batch: int = 8
    crop: int = 128
    content_side: tuple[int, ...] = (128, 256)  # shorter side, [low, high]
    style_side: tuple[int, ...] = (128, 256)
    recycle: float = 0.0  # at the phase's start, reset units that are active at less than this share of positions
    quick: bool = False  # all losses through the deepest distilled encoder: a quarter of the cost
    losses: Mapping[str, Any] = field(default_factory=dict)  # overrides of [losses] for this phase


@dataclass(frozen=True)
class LossRecipe:
    """The loss network, the weight of each loss (0 switches it off), and the layers."""

    network: LossNetworkName = "vgg19"  # vgg16: from PyPI; shipped: the encoder of adain-slim, needs no download
    content: float = 0.0  # squared error of features, relative to the content's
    content_cosine: float = 1.0  # 1 - cosine of instance-normalised features
    style: float = 3.0  # mean and deviation of features; see style_form
    gram: float = 0.0  # Gram matrices; see style_form
    covariance: float = 0.0  # of features, relative to the style's
    covariance_layers: tuple[str, ...] = ("relu2_1", "relu3_1")
    sliced: float = 0.0  # patches of features as distributions
    sliced_layers: tuple[str, ...] = ("relu3_1",)
    half_size: float = 0.0  # style, covariance and sliced, weighted as above, of pictures at half their size
    quarter_size: float = 0.0  # the same at a quarter
    halo: float = 0.0  # light or dark rims around things, which the content does not have
    bareness: float = 0.0  # less local contrast beside edges than farther away, where the content is smooth
    contrast: float = 0.0  # local contrast of bands of 1 to 8 px as a distribution
    flat_contrast: float = 0.0  # how far local contrast is below the style's where the content is smooth
    color: float = 0.0  # mean and covariance of colours
    total_variation: float = 0.0
    stability: float = 0.0  # change of the result by noise in the content, and by more content around it
    grid: float = 0.0  # patterns that repeat every 2, 4 or 8 px
    hatching: float = 0.0  # lines of any other period
    blocks: float = 0.0  # edges on a lattice of 8 px
    gamut: float = 0.0  # values outside [0, 1]
    identity_pixels: float = 0.0  # of pictures in their own style
    identity_features: float = 0.0
    cycle: float = 0.0  # back to the content's style gives the content
    adversarial: float = 0.0  # a patch discriminator tells results from style pictures
    style_form: Literal["relative", "relative_root", "mse"] = "relative"  # relative ones suit layers of any scale
    content_layers: tuple[str, ...] = LOSS_LAYERS["vgg19"].content
    content_layer_weights: tuple[float, ...] = ()  # one per layer; empty: all 1
    style_layers: tuple[str, ...] = LOSS_LAYERS["vgg19"].style
    style_layer_weights: tuple[float, ...] = ()  # one per layer; empty: all 1
    identity_fraction: float = 0.0  # share of each batch whose style is its own content
    distilled_heads: bool = False  # map distilled features to VGG-19's channels before comparing them

    @property
    def stroke_layers(self) -> tuple[str, ...]:
        """The layers of covariance and sliced, where these have a weight."""
        covariances = self.covariance_layers if self.covariance else ()
        return *covariances, *(self.sliced_layers if self.sliced else ())

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers of the loss network; some occur more than once."""
        return *self.content_layers, *self.style_layers, *self.stroke_layers


@dataclass(frozen=True)
class OptimizerRecipe:
    """The optimizer: warm-up, linear decay, gradient clipping, and an average of the weights."""

    name: Literal["adamw", "muon"] = "adamw"  # muon: for matrices and convolutions; AdamW for the rest
    learning_rate: float = 1e-3
    final_learning_rate: float = 1e-6
    warmup: int = 200  # iterations
    decay: float = 1.0  # the learning rate falls over this last share of the run
    betas: tuple[float, ...] = (0.9, 0.999)
    weight_decay: float = 0.0
    clip_norm: float = 1.0  # of the gradient; 0: not clipped
    ema: float = 0.999
    discriminator_learning_rate: float = 2e-4  # of the adversarial loss; constant
    precision: Precision = "fp32"  # of the trained network
    loss_precision: Precision = "bf16"  # of the frozen loss network


@dataclass(frozen=True)
class RunRecipe:
    """Settings that do not change the result: threads, workers, and how often to write (in iterations)."""

    threads: int = 0  # of torch on the CPU; 0: torch's choice
    workers: int = 1  # processes that read pictures
    channels_last: bool = True
    checkpoint_every: int = 500
    sample_every: int = 500
    metrics_every: int = 20
    samples: int = 4  # contents and styles in the sample grid, where none are named below
    sample_content: tuple[str, ...] = ()
    sample_style: tuple[str, ...] = ()
    sample_side: int = 192


@dataclass(frozen=True)
class Recipe:
    """A whole recipe; the phases follow one another."""

    phases: tuple[Phase, ...]
    seed: int = 0
    network: NetworkRecipe = NetworkRecipe()
    strokes: StrokesRecipe = StrokesRecipe()
    data: DataRecipe = DataRecipe()
    losses: LossRecipe = LossRecipe()
    optimizer: OptimizerRecipe = OptimizerRecipe()
    run: RunRecipe = RunRecipe()

    def losses_in(self, phase: Phase) -> LossRecipe:
        """The losses of a phase: the recipe's, with the phase's overrides.

        Raises:
            InputError: the phase overrides an unknown key, or with a value of the wrong type.
        """
        return parsing.build(LossRecipe, {**vars(self.losses), **phase.losses}, "phases.losses")

    @property
    def loss_layers(self) -> tuple[str, ...]:
        """The layers of the loss network that some phase needs."""
        losses = [self.losses_in(phase) for phase in self.phases]
        return tuple(sorted({layer for each in losses for layer in each.layers}))


def names() -> list[str]:
    """Names of the recipes inside the package."""
    folder = resources.files(__package__) / "recipes"
    return sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".toml"))


def read(source: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe from a TOML file, or one in the package by its name.

    Args:
        source: one of `names()`, or a path.
        overrides: `key=value` lines such as `losses.style=5`; the value is TOML, or a bare string.

    Raises:
        InputError: no such recipe, not TOML, an unknown key or a value of the wrong type.
    """
    text = _text(source)
    try:
        table = _toml(text)
    except ValueError as error:
        raise InputError(f"recipe {source} is not valid TOML: {error}") from error
    for line in overrides:
        _override(table, line)
    return parse(table)


def _text(source: str | Path) -> str:
    path = Path(source)
    if path.suffix == ".toml" or os.path.exists(path):  # `Path.exists` raises if the name is too long
        if (fault := unreadable(path, "recipe")) is not None:
            raise InputError(f"cannot read recipe {checks.shown(str(path))}: the file {fault}")
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise InputError(f"cannot read recipe {checks.shown(str(path))}: {_reason(error)}") from error
    if str(source) not in names():
        came = checks.shown(str(source))
        raise InputError(f"unknown recipe {came}; give a .toml file or one of: {', '.join(names())}")
    return (resources.files(__package__) / "recipes" / f"{source}.toml").read_text(encoding="utf-8")


def _toml(text: str) -> dict[str, Any]:
    """Parse TOML.

    Raises:
        ValueError: it is not TOML, is nested too deeply, or holds a number that is too long.
    """
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _override(table: dict[str, Any], line: str) -> None:
    key, equals, text = line.partition("=")
    if not equals:
        raise InputError(f"an override must look like key=value, got {checks.shown(line)}")
    try:
        value: object = _toml(f"value = {text}")["value"]
    except ValueError:
        value = text
    *parents, last = key.strip().split(".")
    here: Any = table
    for name in parents:
        if not isinstance(here, dict | list):
            break
        here = _item(here, name, key) if isinstance(here, list) else here.setdefault(name, {})
    if not isinstance(here, dict):
        raise InputError(f"{checks.shown(key)} is no key of the recipe; for a phase write phases.0.batch=4")
    here[last] = value


def _item(items: list[Any], name: str, key: str) -> Any:
    if not re.fullmatch("[0-9]{1,9}", name) or int(name) >= len(items):
        raise InputError(f"{checks.shown(key)}: {checks.shown(name)} must be an index from 0 to {len(items) - 1}")
    return items[int(name)]


def parse(table: Mapping[str, Any]) -> Recipe:
    """Build and check a recipe from nested mappings, as TOML gives them.

    Raises:
        InputError: an unknown key, a value of the wrong type, or one that is not allowed.
    """
    if isinstance(table, Mapping):
        table = _with_losses_of_network(_without_task(table))
    recipe = parsing.build(Recipe, table)
    rules.check(recipe)
    return recipe


def parse_saved(text: str) -> Recipe:
    """Parse the JSON of a recipe in a checkpoint; keys added since then have their defaults.

    Raises:
        InputError: see `parse`.
    """
    table = json.loads(text)
    table.pop("wct", None)  # a table of older versions, which style networks did not read
    return parse(table)


def _without_task(table: Mapping[str, Any]) -> Mapping[str, Any]:
    """Accept `task = "adain"` of older recipes, which is the only task left."""
    if table.get("task", "adain") != "adain":
        raise InputError(
            f"recipe: task {checks.shown(table['task'])} no longer exists; leave 'task' out to train a style network"
        )
    return {key: value for key, value in table.items() if key != "task"}


def _with_losses_of_network(table: Mapping[str, Any]) -> Mapping[str, Any]:
    """Merge `[losses.NAME]`, the overrides for one loss network, and that network's default layers."""
    losses = table.get("losses", {})
    if not isinstance(losses, Mapping):
        return table
    network = losses.get("network", "vgg19")
    if not isinstance(network, str) or network not in LOSS_LAYERS:
        return table  # the parser says what is allowed
    own = losses.get(network, {})
    if not isinstance(own, Mapping):
        raise InputError(f"recipe: 'losses.{network}' must be a table, got {checks.shown(own)}")
    layers = LOSS_LAYERS[network]
    common = {key: value for key, value in losses.items() if key not in LOSS_LAYERS}
    return {**table, "losses": {"content_layers": layers.content, "style_layers": layers.style, **common, **own}}


def as_dict(recipe: Recipe) -> dict[str, Any]:
    """The recipe as plain nested data, for JSON."""
    plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(recipe)))
    return plain


def without_paths(recipe: Recipe) -> Recipe:
    """The recipe for a file's metadata: paths keep their last part, `[run]` is left out."""
    init, data = recipe.network.init, recipe.data
    content, style = (tuple(Path(path).name for path in paths) for paths in (data.content, data.style))
    return dataclasses.replace(
        recipe,
        network=dataclasses.replace(recipe.network, init=None if init is None else Path(init).name),
        data=dataclasses.replace(data, content=content, style=style),
        run=RunRecipe(),
    )


def fingerprint(recipe: Recipe) -> str:
    """Sha256 (hex) of all that changes the result; `[run]` is left out."""
    plain = as_dict(recipe)
    del plain["run"]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
