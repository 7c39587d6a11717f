"""Argument checks. Each returns the converted value, or raises an `InputError` with the argument's name.

Also `shown`, which puts any value into a message, and `parsed_json`, which parses JSON of unknown origin.
"""

from __future__ import annotations

import json
import math
import numbers
import operator
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from adain.errors import InputError

__all__ = ["callback", "ends", "listed", "number", "parsed_json", "path", "shown", "whole"]

LARGEST = sys.float_info.max
LARGEST_SEED = (1 << 63) - 1
LARGEST_SIDE = 1_000_000  # px; longer ones are typing errors
_SHOWN = 80  # characters

_F = TypeVar("_F", bound=Callable[..., object])


def number(name: str, value: Any, low: float = -LARGEST, high: float = LARGEST, unit: str = "") -> float:
    """Check a real, finite number from `low` to `high`. NumPy scalars are allowed; bools and text are not."""
    if not isinstance(value, bool) and isinstance(value, numbers.Real) and low <= value <= high:  # type: ignore[operator]
        return float(value)  # NaN fails the comparison
    allowed = f"in [{low:g}, {high:g}]" if high < LARGEST else _counted("a finite number", unit, low)
    raise InputError(f"{name} must be {allowed}, got {shown(value)}")


def ends(name: str, value: Any, low: float, high: float) -> tuple[float, float]:
    """Check a number, or the two ends of a range of numbers, from `low` to `high`. Returns the ends."""
    both = isinstance(value, Iterable) and not isinstance(value, (str, bytes, Mapping))
    found = [number(name, end, low, high) for end in (listed(name, value) if both else [value, value])]
    if len(found) != 2 or found[0] > found[1]:
        raise InputError(
            f"{name} must be in [{low:g}, {high:g}], or a range within it such as (0.5, 1), got {shown(value)}"
        )
    return found[0], found[1]


def whole(name: str, value: object, low: int = 0, unit: str = "", high: float = math.inf) -> int:
    """Check a whole number from `low` to `high`. NumPy integers are allowed; bools and text are not."""
    try:
        found = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        found = low - 1
    if found < low or isinstance(value, bool):
        raise InputError(f"{name} must be {_counted('a whole number', unit, low)}, got {shown(value)}")
    if found > high:
        raise InputError(f"{name} must be at most {high:,}, got {shown(value)}")
    return found


def listed(name: str, value: object) -> list[Any]:
    """Return the items of a list, tuple or array. Text and mappings are refused."""
    if not isinstance(value, Iterable) or isinstance(value, (str, bytes, Mapping, os.PathLike)):
        raise InputError(f"{name} must be a list, got {shown(value)}")
    try:
        return list(value)
    except TypeError:  # a 0-dimensional array
        raise InputError(f"{name} must be a list, got {shown(value)}") from None


def path(name: str, value: object) -> Path:
    """Check a path: text or a path object."""
    if not isinstance(value, (str, os.PathLike)):
        raise InputError(f"{name} must be a path, got {shown(value)}")
    return Path(value)


def callback(name: str, value: _F | None) -> _F | None:
    """Check a function or None."""
    if value is not None and not callable(value):
        raise InputError(f"{name} must be a function or None, got {shown(value)}")
    return value


def shown(value: object) -> str:
    """Return a value for a message: as Python writes it, in one line of at most 80 characters."""
    if isinstance(value, (str, bytes)):
        value = value[:_SHOWN]
    try:
        text = " ".join(repr(value).split())
    except Exception:  # for instance of a number with more than 4300 digits
        text = f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def parsed_json(text: str) -> Any:
    """Parse JSON of unknown origin.

    Raises:
        ValueError: it is not JSON, is nested too deeply, or holds a number that is not finite.
    """
    try:
        return json.loads(text, parse_float=_finite, parse_constant=_finite)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{shown(text)} is not a finite number")
    return value


def _counted(kind: str, unit: str, low: float) -> str:
    of = f" of {unit}" if unit else ""
    return f"{kind}{of}" + ("" if low == -LARGEST else f", at least {low:g}")
