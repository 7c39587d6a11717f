"""`StyleRequest`: the options of a call, other than content and styles, in one frozen and checked object.

Pictures, folders, sheets, films, textures and the command line all use it. Values are checked once, on construction.
Each field has a `Spec` in its metadata, from which its check and its command line option follow. Importing this module
is fast: it needs neither NumPy nor Pillow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, get_args

from adain import checks
from adain.errors import InputError

if TYPE_CHECKING:
    from adain.masking import Masks

__all__ = ["PreserveColor", "Spec", "StyleRequest", "given", "spec"]

PreserveColor = Literal["coral", "luminance"]


@dataclass(frozen=True)
class Spec:
    """Facts about a field: its allowed values and its help on the command line.

    Attributes:
        help: for the command line, without a full stop.
        unset: the meaning of None, for the command line.
        kind: `int` or `float` for a number, else None.
        unit: of a whole number.
        low: least allowed number.
        high: greatest allowed number.
        choices: allowed words.
    """

    help: str
    unset: str | None = None
    kind: type[int] | type[float] | None = None
    unit: str = ""
    low: int = 0
    high: float = checks.LARGEST
    choices: tuple[str, ...] = ()

    def checked(self, name: str, value: Any) -> Any:
        """Return the value, numbers in their type; raise an `InputError` if it is not allowed."""
        if self.choices and not (isinstance(value, str) and value in self.choices):
            raise InputError(f"{name} must be one of {(*self.choices, None)}, got {checks.shown(value)}")
        if self.kind is int:
            return checks.whole(name, value, self.low, unit=self.unit, high=self.high)
        return checks.number(name, value, self.low, self.high) if self.kind is float else value


def _spec(help: str, **facts: Any) -> dict[str, Spec]:
    return {"spec": Spec(help, **facts)}


@dataclass(frozen=True, kw_only=True, eq=False)
class StyleRequest:
    """The options of a call. Change one with `dataclasses.replace`.

    Attributes:
        alpha: strength of the style in [0, 1]; 0 reconstructs the content. None: the model's own default.
        strokes: width of the brush, in [0, 1]. 0: a recolouring with fine structure, which is the fastest. More:
            strokes and shapes of the style in proportion to the picture, painted from coarse to fine. 1: broad, from
            one further, smaller draft. It differs from `style_size`, which scales the style before it is encoded.
            None: the model's own default.
        seed: of the grain that strokes begin with, at least 0. Another seed gives other strokes in smooth areas. None:
            0.
        weights: shares of the styles, at least 0 and not all 0; divided by their sum. None: equal.
        masks: one picture per style, white where the style applies. Each style is matched to its own part of the
            content. Soft masks blend. Masks that sum to more than white are divided by their sum; pixels without any
            mask stay as they are. A mask is scaled to the content. Bool arrays are black and white, and
            `adain.label_masks` makes masks of a label map. For a film, a mask may also be a film, or a folder with a
            picture per frame. "subject": the first style applies where the content's alpha channel is opaque, a second
            style to the rest; the result has no alpha channel. None: the styles are mixed by `weights`.
        preserve_color: keep the content's colours. `coral` recolours each style before it is encoded: to the
            content's colours, with masks to the colours of its part, in a film to the colours of each scene's first
            frame. `luminance` keeps only the result's brightness.
        size: shorter side in pixels that the content is scaled to. None: not scaled.
        style_size: shorter side in pixels that larger styles are scaled down to. None: not scaled.
        tile: side in pixels of overlapping tiles in which the content is stylized, for the same picture in less
            memory. 0: never. None: only if it would take more than 2 GiB, or half of the free memory.

    Raises:
        InputError: a value has another type, or is not allowed.
    """

    alpha: float | None = field(
        default=None,
        metadata=_spec("Strength of the style, from 0 to 1", unset="the model's own", kind=float, high=1),
    )
    strokes: float | None = field(
        default=None,
        metadata=_spec(
            "Width of the brush, from 0, a recolouring, to 1, broad strokes and shapes",
            unset="the model's own",
            kind=float,
            high=1,
        ),
    )
    seed: int | None = field(
        default=None,
        metadata=_spec(
            "Another seed gives other strokes in smooth areas", unset="0", kind=int, high=checks.LARGEST_SEED
        ),
    )
    weights: Sequence[float] | None = field(
        default=None, metadata=_spec("Share of each style, in their order", unset="equal")
    )
    masks: Masks | None = field(
        default=None,
        metadata=_spec("Where a STYLE applies: white there, black elsewhere, or grey; one for each STYLE, in order"),
    )
    preserve_color: PreserveColor | None = field(
        default=None,
        metadata=_spec(
            "Keep the content's colours: recolour the style, or keep only the result's brightness",
            choices=get_args(PreserveColor),
        ),
    )
    size: int | None = field(
        default=None,
        metadata=_spec(
            "Scale the content to this shorter side, in pixels",
            kind=int,
            unit="pixels",
            low=1,
            high=checks.LARGEST_SIDE,
        ),
    )
    style_size: int | None = field(
        default=512,  # px; about the size of the styles in the AdaIN and WCT papers
        metadata=_spec(
            "Scale larger styles down to this shorter side; the strokes scale with it",
            kind=int,
            unit="pixels",
            low=1,
            high=checks.LARGEST_SIDE,
        ),
    )
    tile: int | None = field(
        default=None,
        metadata=_spec(
            "Stylize in tiles of this side in pixels: the same picture in less memory; 0 for never",
            unset="only if memory is short",
            kind=int,
            unit="pixels",
            high=checks.LARGEST_SIDE,
        ),
    )

    def __post_init__(self) -> None:
        for name in (each.name for each in fields(self)):
            value = getattr(self, name)
            if value is not None:
                checked = _OTHERS[name](value) if name in _OTHERS else spec(name).checked(name, value)
                object.__setattr__(self, name, checked)
        if self.weights is not None and self.masks is not None:
            raise InputError("weights mix styles over the whole picture, masks place them; give one of the two")

    @property
    def together(self) -> bool:
        """Whether several styles go into one result, mixed or by masks."""
        return self.weights is not None or self.masks is not None

    def check(self, styles: int) -> None:
        """Raise an `InputError` unless weights and masks fit this number of styles."""
        if styles == 0:
            raise InputError("at least one style is needed, got none")
        if self.masks == "subject" and styles > 2:
            raise InputError(f'masks="subject" takes one or two styles, got {styles}')
        for name, values in (("mask", self.masks), ("weight", self.weights)):
            if values is not None and values != "subject" and len(values) != styles:
                raise InputError(f"one {name} per style is needed: got {len(values)} {name}s for {styles} styles")

    def refuse(self, what: str, *names: str) -> None:
        """Raise an `InputError` if one of these fields is set, because `what` does not use them."""
        for name in names:
            if getattr(self, name) is not None:
                raise InputError(f"{what} takes no {name}; leave {name} out")


def spec(name: str) -> Spec:
    """Return the `Spec` of a field of `StyleRequest`."""
    found = StyleRequest.__dataclass_fields__[name].metadata["spec"]
    assert isinstance(found, Spec)
    return found


def given(request: StyleRequest | None, keywords: StyleRequest, defaults: StyleRequest | None = None) -> StyleRequest:
    """Choose the request of a call that takes either `request` or its fields as keywords.

    Args:
        request: the argument `request`, or None.
        keywords: the request made of the keywords.
        defaults: the value of `keywords` if no keyword was given. None: `StyleRequest()`.

    Raises:
        InputError: both were given, or `request` is not a `StyleRequest`.
    """
    if request is None:
        return keywords
    if not isinstance(request, StyleRequest):
        raise InputError(f"request must be a StyleRequest, got {checks.shown(request)}")
    for each in fields(keywords):
        value, default = getattr(keywords, each.name), getattr(defaults or _DEFAULTS, each.name)
        if value is not default and (default is None or value != default):
            raise InputError(f"a request holds {each.name} already; give one of the two, or use dataclasses.replace")
    return request


def _checked_weights(value: Any) -> tuple[float, ...]:
    from adain.code import shares

    weights = checks.listed("weights", value)
    shares(len(weights) or 1, weights)
    return tuple(map(float, weights))


def _checked_masks(value: Any) -> Masks:
    if value == "subject" if isinstance(value, str) else isinstance(value, Mapping):
        masks: Masks = value
        return masks
    if isinstance(value, str):
        raise InputError(f'masks must be one per style, or "subject", got {checks.shown(value)}')
    if (not isinstance(value, Sequence) and getattr(value, "ndim", 0) < 3) or isinstance(value, bytes):
        raise InputError(f"masks must be a list of one per style, got one {type(value).__name__}; put it in a list")
    return tuple(value)


_OTHERS = {"weights": _checked_weights, "masks": _checked_masks}
_DEFAULTS = StyleRequest()
