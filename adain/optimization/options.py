"""`OptimizeOptions`: what an optimisation minimises, and how. Importing this module is fast.

As in `adain.request`, each field has a `Spec`, from which its check and its command line option follow. The fields that
are None take their value from the preset.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from adain import checks, registry
from adain.errors import InputError
from adain.request import Spec

if TYPE_CHECKING:
    from adain.images import PictureInput

__all__ = [
    "FEATURES",
    "LOSSES",
    "PRESETS",
    "STARTS",
    "TUNING_ITERATIONS",
    "TUNING_RATE",
    "OptimizeOptions",
    "Settings",
    "spec",
]

FEATURES: Final = ("vgg16", "torchvision", *registry.MODELS)
"""The names of feature networks; a model's name stands for its encoder."""

LOSSES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "content": "squared error of features",
        "content_cosine": "correlation of features, channel by channel, which colours and contrast do not change",
        "self_similarity": "similarities between places of the picture",
        "gram": "Gram matrices, relative to the style's",
        "moments": "means and deviations, as in AdaIN",
        "covariance": "means and covariances, by the Wasserstein-2 distance",
        "sliced": "patches of features as distributions, by sliced Wasserstein distances",
        "total_variation": "differences of neighbouring pixels",
        "grid": "patterns that repeat every 2, 4 or 8 px, as strides of feature networks leave them",
        "gatys_content": "the content loss of Gatys et al. 2016, per place",
        "gatys_style": "the style loss of Gatys et al. 2016",
    }
)
"""The losses by name, each with what it compares."""

STARTS: Final = ("fast", "content", "noise")
RATES: Final = MappingProxyType({"adam": 0.01, "lbfgs": 1.0})  # with 0.02, smooth areas get speckles
_RATE_HELP = f"{RATES['adam']}; for lbfgs {RATES['lbfgs']:g}"
TUNING_ITERATIONS: Final = 150
TUNING_RATE: Final = 0.01


@dataclass(frozen=True)
class Settings:
    """The options with nothing left open; see `OptimizeOptions`."""

    losses: Mapping[str, float]
    optimizer: Literal["adam", "lbfgs"]
    iterations: int
    average: float
    coarsest: int
    start: PictureInput
    rate: float = 0.0  # of the optimizer, see `RATES`


PRESETS: Final[Mapping[str, Settings]] = MappingProxyType(
    {
        "default": Settings(
            losses={"content_cosine": 0.2, "covariance": 4.0, "sliced": 4.0, "total_variation": 1.0, "grid": 60.0},
            optimizer="adam",
            iterations=40,
            average=0.9,
            coarsest=128,
            start="fast",
        ),
        # alpha / beta = 1e-3, one size, from white noise. The paper's network has mean activations of 1.
        "gatys": Settings(
            losses={"gatys_content": 1e-3, "gatys_style": 1.0},
            optimizer="lbfgs",
            iterations=500,
            average=0,
            coarsest=0,
            start="noise",
        ),
    }
)


def _unset(name: str) -> str:
    """What a field has in each preset, for the help."""
    default, *others = ((preset, getattr(settings, name)) for preset, settings in PRESETS.items())
    return "; ".join([f"{default[1]}", *(f"for {preset} {value}" for preset, value in others)])


def _spec(help: str, **facts: Any) -> dict[str, Spec]:
    return {"spec": Spec(help, **facts)}


@dataclass(frozen=True, kw_only=True, eq=False)
class OptimizeOptions:
    """The options of `adain.optimize` and `adain.tune`. Change one with `dataclasses.replace`.

    Attributes:
        preset: `default`, or `gatys`: the losses, the optimizer and the start of Gatys et al. 2016.
        features: the network whose features are compared: a model's name for its encoder, `vgg16` or `torchvision`.
            None: `vgg16` if the extra `perceptual` is installed, else the encoder of `adain-slim`.
        losses: weights by name, see `LOSSES`; they replace those of the preset, and 0 switches a loss off.
        optimizer: `adam`, or `lbfgs`, for which the filters of `sliced` stay the same.
        iterations: at the full size; each coarser copy of the picture, a quarter or more of it, takes the root of 2
            times as many. `adain.tune`: in all.
        rate: the optimizer's step; for Adam in units of the picture, [0, 1].
        average: share of the previous average in the average of the iterates, which is the result. 0: the last.
        coarsest: shorter side in pixels of the coarsest copy. From there, sides grow by the root of 2. 0: one size.
            None: 0 with the start `fast`, which was drafted on small copies already, else the preset's.
        start: `fast` for the model's own result, `content`, `noise`, or a picture of the content's aspect ratio.
        precision: of the feature network. bf16 is faster on CPUs and GPUs that have it. None: fp32.
        device: of the features and the picture; see `adain.load`.
        weights_dir: a folder to search for weights first; see `adain.load`.

    Raises:
        InputError: a value has another type, or is not allowed.
    """

    preset: Literal["default", "gatys"] = field(
        default="default", metadata=_spec("Losses and optimizer to begin with", choices=tuple(PRESETS))
    )
    features: str | None = field(
        default=None,
        metadata=_spec(
            "Network whose features are compared: a model's name for its encoder, or an extra one",
            unset="vgg16 if it is installed, else adain-slim",
            choices=FEATURES,
        ),
    )
    losses: Mapping[str, float] | None = field(
        default=None, metadata=_spec("Weight of a loss, 0 for none; repeatable", unset="the preset's")
    )
    optimizer: Literal["adam", "lbfgs"] | None = field(
        default=None, metadata=_spec("Optimizer", unset="the preset's", choices=("adam", "lbfgs"))
    )
    iterations: int | None = field(
        default=None,
        metadata=_spec(
            "Iterations at the full size; coarser copies take more",
            unset=_unset("iterations"),
            kind=int,
            unit="iterations",
            low=1,
            high=1_000_000,
        ),
    )
    rate: float | None = field(
        default=None, metadata=_spec("Step of the optimizer", unset=_RATE_HELP, kind=float, high=100)
    )
    average: float | None = field(
        default=None,
        metadata=_spec(
            "Share of the previous average in the average of the iterates, which is the result; 0 for the last one",
            unset=_unset("average"),
            kind=float,
            high=0.9999,
        ),
    )
    coarsest: int | None = field(
        default=None,
        metadata=_spec(
            "Shorter side of the coarsest copy; 0 for one size only",
            unset=f"0 with the start fast, else {_unset('coarsest')}",
            kind=int,
            unit="pixels",
            high=checks.LARGEST_SIDE,
        ),
    )
    start: PictureInput | None = field(
        default=None, metadata=_spec("First picture: fast, content, noise, or a file", unset=_unset("start"))
    )
    precision: Literal["fp32", "bf16"] | None = field(
        default=None, metadata=_spec("Precision of the feature network", unset="fp32", choices=("fp32", "bf16"))
    )
    device: str = "auto"
    weights_dir: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None and "spec" in each.metadata:
                object.__setattr__(self, each.name, spec(each.name).checked(each.name, value))
        if self.losses is not None:
            object.__setattr__(self, "losses", _checked_losses(self.losses))

    @property
    def settings(self) -> Settings:
        """What was given, and else what the preset has.

        Raises:
            InputError: no loss has a weight.
        """
        preset = PRESETS[self.preset]
        losses = {**preset.losses, **(self.losses or {})}
        found = {each.name: getattr(self, each.name) for each in fields(preset) if each.name != "losses"}
        given = {name: value for name, value in found.items() if value is not None}
        weights = {name: weight for name, weight in losses.items() if weight > 0}
        if not weights:
            raise InputError("every loss has weight 0; give one of them a weight: " + ", ".join(LOSSES))
        settled = replace(preset, losses=weights, **given)
        if "coarsest" not in given and isinstance(settled.start, str) and settled.start == "fast":
            settled = replace(settled, coarsest=0)
        return settled if "rate" in given else replace(settled, rate=RATES[settled.optimizer])


def spec(name: str) -> Spec:
    """Return the `Spec` of a field of `OptimizeOptions`."""
    found = OptimizeOptions.__dataclass_fields__[name].metadata["spec"]
    assert isinstance(found, Spec)
    return found


def _checked_losses(value: Any) -> Mapping[str, float]:
    if not isinstance(value, Mapping):
        raise InputError(f"losses must be weights by name, got {checks.shown(value)}")
    unknown = [name for name in value if name not in LOSSES]
    if unknown:
        raise InputError(f"unknown loss {checks.shown(unknown[0])}; available: {', '.join(LOSSES)}")
    return {name: checks.number(f"the weight of {name}", weight, 0) for name, weight in value.items()}
