"""Types of options that take a number: finite, and of a length that a number can have."""

from __future__ import annotations

import math
from typing import Any

import click

from adain.checks import shown

__all__ = ["FiniteNumber", "WholeNumber"]

_LONGEST = 40  # characters


class WholeNumber(click.IntRange):
    """A whole number.

    Args:
        low: the least allowed number.
        high: the greatest allowed number; the help does not mention it.
    """

    def __init__(self, low: int, high: float = math.inf) -> None:
        super().__init__(low)
        self._high = high

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Convert the text of an option."""
        number = super().convert(_short(self, value, param, ctx), param, ctx)
        if number > self._high:
            self.fail(f"{number} is more than the allowed {self._high:,}.", param, ctx)
        return number


class FiniteNumber(click.FloatRange):
    """A number that is not NaN and not infinite. Arguments as for `click.FloatRange`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Convert the text of an option."""
        number = super().convert(_short(self, value, param, ctx), param, ctx)
        if not math.isfinite(number):
            self.fail(f"{shown(value)} is not a finite number.", param, ctx)
        return number


def _short(kind: click.ParamType[Any], value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
    if isinstance(value, str) and len(value) > _LONGEST:
        kind.fail(f"{shown(value)} is no number of at most {_LONGEST} characters.", param, ctx)
    return value
