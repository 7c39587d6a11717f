"""Nested tables, as TOML gives them, into frozen dataclasses; errors name the key and what is allowed."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from adain import checks
from adain.errors import InputError

__all__ = ["build"]

T = TypeVar("T")


def build(kind: type[T], table: object, where: str = "") -> T:
    """Build an instance of a dataclass from a table.

    Args:
        kind: the dataclass.
        table: its fields by name.
        where: the table's own key, for errors.

    Raises:
        InputError: a key is unknown or missing, or a value has the wrong type.
    """
    if not isinstance(table, Mapping):
        raise InputError(f"recipe: {_quoted(where)} must be a table, got {checks.shown(table)}")
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    hints = typing.get_type_hints(kind)
    for key in table:
        if key not in fields:
            raise InputError(f"recipe: unknown key {checks.shown(_join(where, key))}; allowed: {', '.join(fields)}")
    for name, f in fields.items():
        required = f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        if required and name not in table:
            raise InputError(f"recipe: '{_join(where, name)}' is missing")
    return kind(**{key: _value(hints[key], value, _join(where, key)) for key, value in table.items()})


def _quoted(where: str) -> str:
    return f"'{where}'" if where else "it"


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _value(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return tuple(value) if isinstance(value, list) else value
    if dataclasses.is_dataclass(hint):
        return build(typing.cast("type[Any]", hint), value, where)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise InputError(f"recipe: '{where}' must be a list, got {checks.shown(value)}")
        return tuple(_value(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is Literal:
        if value not in arguments:
            raise InputError(
                f"recipe: '{where}' must be one of {', '.join(map(repr, arguments))}, got {checks.shown(value)}"
            )
        return value
    if origin in (typing.Union, types.UnionType):
        return _scalar(arguments, value, where)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise InputError(f"recipe: '{where}' must be a table, got {checks.shown(value)}")
        return {key: _value(arguments[1], item, _join(where, key)) for key, item in value.items()}
    return _scalar((hint,), value, where)


def _scalar(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    if float in kinds and type(value) in (int, float):
        if not _finite(value):
            raise InputError(f"recipe: '{where}' must be a finite number, got {checks.shown(value)}")
        return float(value)
    if type(value) in kinds:
        return value
    allowed = " or ".join(kind.__name__ for kind in kinds if kind is not type(None))
    raise InputError(f"recipe: '{where}' must be {allowed}, got {checks.shown(value)}")


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number too large for a float
        return False
