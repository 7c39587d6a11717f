"""Keyframes: alpha and styles that change over time.

    0:alpha=0 2.5:alpha=1                     fade the style in
    0:style=1 10:style=2                      from the first style to the second
    4:style=1 4:style=2*0.3+3*0.7             at four seconds, at once to a mix
    0:alpha=0.2,style=1 5:style=2 8:alpha=1   both, each on its own keyframes

Keyframes are in the order of time, separated by spaces. Each is `SECONDS:NAME=VALUE`, with more settings after commas.
`alpha` is in [0, 1]. `style` is the number of a style, counted from 1; a mix is joined by `+`, with `*WEIGHT` after a
number if the weight is not 1. A value is interpolated linearly between the keyframes that set it, and constant before
the first and after the last. Two keyframes at the same time make a jump.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from adain import checks
from adain.code import shares
from adain.errors import InputError

__all__ = ["Keyframe", "Timeline", "parse"]

_EXAMPLE = "write them like 0:alpha=0 2.5:alpha=1,style=1 5:style=2*0.3+3*0.7"


@dataclass(frozen=True)
class Keyframe:
    """Alpha and weights at a time. A value of None is interpolated between other keyframes.

    Attributes:
        time: seconds from the start, at least 0.
        alpha: strength in [0, 1].
        weights: one per style, as for `adain.code.mix`.
    """

    time: float
    alpha: float | None = None
    weights: tuple[float, ...] | None = None


def parse(text: str, styles: int) -> list[Keyframe]:
    """Read keyframes in the notation of this module.

    Args:
        text: the keyframes.
        styles: number of styles.

    Raises:
        InputError: the notation is wrong, or a style number does not exist.
    """
    found = [_keyframe(word, styles) for word in text.split()]
    if not found:
        raise InputError(f"there are no keyframes in {checks.shown(text)}; {_EXAMPLE}")
    return found


class Timeline:
    """Interpolates alpha and weights over time.

    Attributes:
        mixes: whether a keyframe sets weights.

    Args:
        keyframes: in the order of time; empty for constant values.
        alpha: used if no keyframe sets alpha.
        weights: one per style; used if no keyframe sets weights.

    Raises:
        InputError: a time is negative or before the previous one, more than two keyframes set a value at the same
            time, an alpha is outside [0, 1], or weights do not fit the number of styles.
    """

    def __init__(self, keyframes: Sequence[Keyframe], alpha: float, weights: Sequence[float]) -> None:
        for keyframe in keyframes:
            if not isinstance(keyframe, Keyframe):
                raise InputError(
                    f"keyframes must be text or a list of adain.video.Keyframe, got {checks.shown(keyframe)}"
                )
        _check_times([keyframe.time for keyframe in keyframes], "keyframes")
        alphas = [(k.time, (_alpha(k),)) for k in keyframes if k.alpha is not None]
        mixes = [(k.time, tuple(shares(len(weights), k.weights))) for k in keyframes if k.weights is not None]
        self.mixes = bool(mixes)
        self._alpha = _Track(alphas or [(0.0, (alpha,))], "alpha")
        self._weights = _Track(mixes or [(0.0, tuple(shares(len(weights), weights)))], "style")

    def alpha(self, time: float) -> float:
        """Return the strength in [0, 1]."""
        return self._alpha(time)[0]

    def weights(self, time: float) -> tuple[float, ...]:
        """Return the shares of the styles, which sum to 1."""
        return self._weights(time)


class _Track:
    """Piecewise linear interpolation of values over time."""

    def __init__(self, points: Sequence[tuple[float, tuple[float, ...]]], name: str) -> None:
        self._times = [time for time, _ in points]
        self._values = [value for _, value in points]
        for first, third in zip(self._times, self._times[2:], strict=False):
            if first == third:
                raise InputError(f"three keyframes name {name} at {first:g} s; two make a jump, delete the middle one")

    def __call__(self, time: float) -> tuple[float, ...]:
        after = bisect_right(self._times, time)
        if after == 0:
            return self._values[0]
        if after == len(self._times):
            return self._values[-1]
        start, end = self._times[after - 1], self._times[after]
        share = (time - start) / (end - start)
        return tuple(
            (1 - share) * a + share * b for a, b in zip(self._values[after - 1], self._values[after], strict=True)
        )


def _check_times(times: Sequence[float], name: str) -> None:
    for time in times:
        checks.number(f"the times of {name}", time, 0, unit="seconds")
    for earlier, later in itertools.pairwise(times):
        if later < earlier:
            raise InputError(f"{name} must be in the order of time, got {later:g} s after {earlier:g} s; sort them")


def _alpha(keyframe: Keyframe) -> float:
    return checks.number(f"at {keyframe.time:g} s, alpha", keyframe.alpha, 0, 1)


def _keyframe(word: str, styles: int) -> Keyframe:
    time, colon, settings = word.partition(":")
    if not colon or not settings:
        raise InputError(f"a keyframe is SECONDS:NAME=VALUE, got {checks.shown(word)}; {_EXAMPLE}")
    values: dict[str, str] = {}
    for setting in settings.split(","):
        name, _, value = setting.partition("=")
        if name not in ("alpha", "style") or name in values:
            raise InputError(f"a keyframe sets alpha, style or both, each once, got {checks.shown(word)}; {_EXAMPLE}")
        values[name] = value
    return Keyframe(
        _number(time, word),
        alpha=_number(values["alpha"], word) if "alpha" in values else None,
        weights=_weights(values["style"], word, styles) if "style" in values else None,
    )


def _weights(text: str, word: str, styles: int) -> tuple[float, ...]:
    weights = [0.0] * styles
    for term in text.split("+"):
        number, star, weight = term.partition("*")
        if not re.fullmatch("[0-9]{1,9}", number) or not 1 <= int(number) <= styles:
            came = f"{checks.shown(number)} in {checks.shown(word)}"
            raise InputError(f"styles are numbered 1 to {styles}, got {came}; {_EXAMPLE}")
        weights[int(number) - 1] += _number(weight, word) if star else 1.0
    return tuple(weights)


def _number(text: str, word: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{checks.shown(text)} in {checks.shown(word)} is no number; {_EXAMPLE}") from None
