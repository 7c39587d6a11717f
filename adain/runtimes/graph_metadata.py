"""Read the values in a graph's metadata, which may be damaged or another program's. All functions raise ValueError."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from adain import checks
from adain.engine.framing import Framing
from adain.engine.fusions import FUSIONS
from adain.registry import FusedMap, Stage

__all__ = ["framing", "hashes", "number", "one_of", "sizes", "stages", "switch", "whole"]

_LARGEST = 1 << 16  # of whole numbers: pixels, channels
_MOST = 64  # stages, or maps of a stage
_NAME = re.compile(r"[\w-]{1,64}")  # a part of file names


def stages(text: str) -> tuple[Stage, ...]:
    """Parse the stages of a model."""
    return tuple(_stage(each) for each in _some(checks.parsed_json(text), "stages"))


def framing(text: str) -> Framing:
    """Parse the framing of a stage."""
    plain = _object(checks.parsed_json(text), "a framing")
    least = {"multiple": 1, "minimum": 1}
    names = {field.name for field in fields(Framing)}
    if set(plain) != names:
        raise ValueError(f"a framing has {', '.join(sorted(names))}")
    return Framing(**{name: _whole(value, name, least.get(name, 0)) for name, value in plain.items()})


def sizes(text: str) -> dict[str, int]:
    """Parse the sizes of a graph that takes no others."""
    plain = _object(checks.parsed_json(text), "the sizes")
    if set(plain) != {"height", "width", "styles"}:
        raise ValueError("the sizes are height, width and styles")
    return {name: _whole(value, name, 1) for name, value in plain.items()}


def hashes(text: str) -> dict[str, str]:
    """Parse the hash of each role's file."""
    plain = _object(checks.parsed_json(text), "the hashes")
    return {role: _text(value, "a hash") for role, value in plain.items()}


def whole(text: str, least: int = 1) -> int:
    """Parse a whole number."""
    return _whole(checks.parsed_json(text), "it", least)


def number(text: str) -> float:
    """Parse a number in [0, 1]."""
    value = checks.parsed_json(text)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"{checks.shown(text)} is not in [0, 1]")
    return float(value)


def switch(text: str) -> bool:
    """Parse `true` or `false`."""
    return bool(one_of(text, ("true", "false")) == "true")


def one_of(text: str, allowed: tuple[Any, ...]) -> Any:
    """Check that a text is one of those that are allowed."""
    if text not in allowed:
        raise ValueError(f"{checks.shown(text)} is none of {allowed}")
    return text


def _stage(value: object) -> Stage:
    plain = _object(value, "a stage")
    widest = plain["numbers_per_pixel"]
    if isinstance(widest, bool) or not isinstance(widest, (int, float)) or not 0 < widest <= _LARGEST:
        raise ValueError(f"numbers_per_pixel is {checks.shown(widest)}")
    maps = tuple(_map(each) for each in _some(plain["maps"], "maps"))
    return Stage(_name(plain["name"]), maps, float(widest))


def _map(value: object) -> FusedMap:
    plain = _object(value, "a map")
    stride, channels = (_whole(plain[name], name, 1) for name in ("stride", "channels"))
    if math.log2(stride) % 1:
        raise ValueError(f"a stride of {stride} is no power of two")
    return FusedMap(_name(plain["name"]), stride, channels, one_of(plain["fusion"], tuple(FUSIONS)))


def _object(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{what} is {checks.shown(value)}")
    return value


def _some(value: object, what: str) -> list[Any]:
    if not isinstance(value, list) or not 1 <= len(value) <= _MOST:
        raise ValueError(f"{what} must be a list of 1 to {_MOST}, got {checks.shown(value)}")
    return value


def _whole(value: object, what: str, least: int) -> int:
    if type(value) is not int or not least <= value <= _LARGEST:
        raise ValueError(f"{what} must be a whole number from {least} to {_LARGEST}, got {checks.shown(value)}")
    return value


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{what} is {checks.shown(value)}")
    return value


def _name(value: object) -> str:
    if not _NAME.fullmatch(_text(value, "a name")):
        raise ValueError(f"{checks.shown(value)} is no name")
    return str(value)
