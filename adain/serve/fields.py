"""Form fields of a `StyleRequest`. Their checks, descriptions and ranges follow from the request's own `Spec`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from adain.request import Spec, StyleRequest, spec
from adain.serve.refusals import RefusedError
from adain.serve.uploads import Form

__all__ = ["FILM", "PICTURE", "as_number", "parsed", "schema"]

PICTURE = ("alpha", "strokes", "seed", "weights", "preserve_color", "size", "style_size", "tile")
"""Text fields of a picture's form. `masks` are files, or the word `subject`."""
FILM = tuple(name for name in PICTURE if name != "size")

_SHOWN = 40  # characters of a wrong value in a message


def parsed(form: Form, names: Sequence[str]) -> dict[str, Any]:
    """Read fields of a request from a form; empty ones are left out.

    Args:
        form: the form.
        names: names of the fields.

    Returns:
        Arguments of `StyleRequest`, which checks their ranges.

    Raises:
        RefusedError: a value is not a number.
    """
    values: dict[str, Any] = {}
    for name in names:
        if name == "weights":
            texts = [each for text in form.texts(name) for each in re.split(r"[,\s]+", text) if each]
            if texts:
                values[name] = [as_number(name, each) for each in texts]
        elif (text := form.text(name)) is not None:
            kind = spec(name).kind
            values[name] = text if kind is None else as_number(name, text, kind)
    return values


def as_number(name: str, text: str, kind: type[int] | type[float] = float) -> float:
    """Parse the text of a field.

    Raises:
        RefusedError: it is no number of this kind.
    """
    try:
        return kind(text)
    except ValueError as error:
        what = "a whole number" if kind is int else "a number"
        raise RefusedError(422, f"{name} must be {what}, got {text[:_SHOWN]!r}") from error


def schema(name: str) -> dict[str, Any]:
    """Return the JSON schema of a field, for the description of the API."""
    fact = spec(name)
    default = getattr(StyleRequest, name)
    unset = f". Default: {fact.unset}" if default is None and fact.unset else ""
    found: dict[str, Any] = {"description": f"{fact.help}{unset}.", **_range(fact)}
    if name == "weights":
        found |= {"type": "array", "items": {"type": "number", "minimum": 0}}
    if default is not None:
        found["default"] = default
    return found


def _range(fact: Spec) -> dict[str, Any]:
    if fact.choices:
        return {"type": "string", "enum": list(fact.choices)}
    if fact.kind is None:
        return {}
    found: dict[str, Any] = {"type": "integer" if fact.kind is int else "number", "minimum": fact.low}
    return found if fact.high == Spec.high else {**found, "maximum": fact.high}
