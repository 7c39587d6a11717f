"""Descriptions of forms and answers for OpenAPI, made from the same tables as the forms themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from adain.request import spec
from adain.serve import fields

__all__ = ["FILE", "Json", "binary", "example", "form", "masks", "names", "refusals", "several"]

Json = dict[str, Any]

FILE: Json = {"type": "string", "format": "binary"}

_EXAMPLES: Json = {"alpha": 0.8, "strokes": 0.5, "seed": 0, "weights": [0.7, 0.3], "size": 512, "style_size": 512}
_REFUSALS = {
    400: "The form cannot be parsed.",
    401: "The token is missing or wrong.",
    403: "A web page of another origin sent the request.",
    408: "The upload took too long.",
    413: "Too many bytes or pixels.",
    415: "The request is no form.",
    422: "A value or a picture is not allowed; the sentence says which, and what is.",
    503: "The queue is full: try again after Retry-After seconds.",
}


_FORM_DATA = "multipart/form-data"


def form(files: Mapping[str, Json], required: Sequence[str], texts: Sequence[str], more: Mapping[str, Json]) -> Json:
    """Return the `openapi_extra` of a route that takes a form.

    Args:
        files: schemas of its files, by name.
        required: names of the files that must be sent.
        texts: names of its fields of a `StyleRequest`.
        more: schemas of its other text fields, by name.
    """
    properties = {**files, **{name: {**fields.schema(name), **_example(name)} for name in texts}, **more}
    content = {_FORM_DATA: {"schema": {"type": "object", "required": [*required], "properties": properties}}}
    return {"requestBody": {"required": True, "content": content}}


def names(described: Json) -> tuple[str, ...]:
    """Return the names of all fields of a `form`."""
    return tuple(described["requestBody"]["content"][_FORM_DATA]["schema"]["properties"])


def several(description: str) -> Json:
    """Return the schema of a field with several files."""
    return {"type": "array", "items": FILE, "description": description}


def masks(film: bool = False) -> Json:
    """Return the schema of the field `masks`."""
    kind = " Pictures only." if film else ""
    return several(f"{spec('masks').help}.{kind} Or the text `subject`: the content's alpha channel.")


def binary(description: str, *media_types: str) -> Json:
    """Return the description of an answer that is a file."""
    return {"description": description, "content": {each: {"schema": FILE} for each in media_types}}


def example(description: str, value: object, status: int = 200) -> dict[int | str, Json]:
    """Return the description of an answer in JSON."""
    return {status: {"description": description, "content": {"application/json": {"example": value}}}}


def refusals(*statuses: int) -> dict[int | str, Json]:
    """Return the descriptions of refusals."""
    error = {"type": "object", "properties": {"error": {"type": "string"}}}
    return {
        status: {"description": _REFUSALS[status], "content": {"application/json": {"schema": error}}}
        for status in statuses
    }


def _example(name: str) -> Json:
    return {"example": _EXAMPLES[name]} if name in _EXAMPLES else {}
