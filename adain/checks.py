"""Argument checks. Each returns the converted value, or raises an `InputError` with the argument's name."""

from __future__ import annotations

import numbers
import operator
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from adain.errors import InputError

__all__ = ["callback", "listed", "number", "path", "whole"]

LARGEST = sys.float_info.max

_F = TypeVar("_F", bound=Callable[..., object])


def number(name: str, value: Any, low: float = -LARGEST, high: float = LARGEST, unit: str = "") -> float:
    """Check a real, finite number from `low` to `high`. NumPy scalars are allowed; bools and text are not."""
    if not isinstance(value, bool) and isinstance(value, numbers.Real) and low <= value <= high:  # type: ignore[operator]
        return float(value)  # NaN fails the comparison
    allowed = f"in [{low:g}, {high:g}]" if high < LARGEST else _counted("a finite number", unit, low)
    raise InputError(f"{name} must be {allowed}, got {value!r}")


def whole(name: str, value: object, low: int = 0, unit: str = "") -> int:
    """Check a whole number, at least `low`. NumPy integers are allowed; bools and text are not."""
    try:
        found = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        found = low - 1
    if found < low or isinstance(value, bool):
        raise InputError(f"{name} must be {_counted('a whole number', unit, low)}, got {value!r}")
    return found


def listed(name: str, value: object) -> list[Any]:
    """Return the items of a list, tuple or array. Text and mappings are refused."""
    if not isinstance(value, Iterable) or isinstance(value, (str, bytes, Mapping, os.PathLike)):
        raise InputError(f"{name} must be a list, got {value!r}")
    try:
        return list(value)
    except TypeError:  # a 0-dimensional array
        raise InputError(f"{name} must be a list, got {value!r}") from None


def path(name: str, value: object) -> Path:
    """Check a path: text or a path object."""
    if not isinstance(value, (str, os.PathLike)):
        raise InputError(f"{name} must be a path, got {value!r}")
    return Path(value)


def callback(name: str, value: _F | None) -> _F | None:
    """Check a function or None."""
    if value is not None and not callable(value):
        raise InputError(f"{name} must be a function or None, got {value!r}")
    return value


def _counted(kind: str, unit: str, low: float) -> str:
    of = f" of {unit}" if unit else ""
    return f"{kind}{of}" + ("" if low == -LARGEST else f", at least {low:g}")
