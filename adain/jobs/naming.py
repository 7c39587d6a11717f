"""File names of results: a template with fields, filled in for each result."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from string import Formatter

from adain.errors import InputError
from adain.images.formats import WRITABLE

__all__ = ["FIELDS", "Template", "default_template"]

FIELDS = {
    "content": "the content's path in its folder, without the suffix",
    "style": "the style's path in its folder, without the suffix, with - for /; mixed styles are joined by +",
    "alpha": "the strength of the style",
    "model": "the model's name",
    "folder": "the name of the content's folder",
    "suffix": "the content's suffix, without the dot",
}


class Template:
    """A template for file names, with fields in braces, such as `{style}/{content}`.

    The result is a path in the output folder. If the template has no suffix, the content's suffix is added, or .png if
    that format cannot be written.

    Args:
        text: the template; {{ and }} stand for braces.

    Attributes:
        text: the template.
        fields: the fields in it.

    Raises:
        InputError: braces do not match, a field is unknown, the suffix cannot be written, or the name is empty or
            outside the output folder.
    """

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise InputError(f"a name is a template such as {{content}}_{{style}}, got {text!r}")
        self.text = text
        self._pieces = _parsed(text)
        self.fields = frozenset(field for _, field in self._pieces if field is not None)
        last = self._pieces[-1][0] if self._pieces and self._pieces[-1][1] is None else ""
        _, dot, end = last.rpartition("/")[2].rpartition(".")
        self._suffixed = dot != ""
        if self._suffixed and f".{end.lower()}" not in WRITABLE:
            raise InputError(f"the name {text!r} must end in one of {', '.join(WRITABLE)}, or in no suffix")
        if not text or text.endswith("/") or _is_outside(text):
            raise InputError(f"the name {text!r} must be a file in the output folder")

    def fill(self, values: Mapping[str, str]) -> str:
        """Make the name of one result.

        Args:
            values: a text for each of `FIELDS`.

        Raises:
            InputError: the name is outside the output folder, because a value is empty or `..`.
        """
        name = "".join(literal + ("" if field is None else values[field]) for literal, field in self._pieces)
        if not self._suffixed:
            own = f".{values['suffix']}"
            name += own if own.lower() in WRITABLE else ".png"
        if _is_outside(name):
            used = ", ".join(f"{{{field}}} is {values[field]!r}" for field in FIELDS if field in self.fields)
            raise InputError(
                f"the name {self.text!r} makes {name!r}, which is outside the output folder ({used}); "
                "use other fields, or rename the input"
            )
        return name


def default_template(alphas: int, *, compare: bool) -> str:
    """Return the default template.

    Args:
        alphas: number of strengths; several need the field `{alpha}`.
        compare: whether the results are comparisons, which get other names than plain results.
    """
    return "{content}_{style}" + ("_{alpha}" if alphas > 1 else "") + ("_compare" if compare else "")


def _is_outside(name: str) -> bool:
    path = PurePath(name)  # by this system's rules: on Windows, C:name and \\name are also outside
    return path.anchor != "" or ".." in path.parts


def _parsed(text: str) -> list[tuple[str, str | None]]:
    try:
        pieces = list(Formatter().parse(text))
    except ValueError as error:
        raise InputError(f"the name {text!r} cannot be understood ({error}); write {{{{ or }}}} for a brace") from error
    for _, field, spec, conversion in pieces:
        if field is not None and (field not in FIELDS or spec or conversion):
            allowed = ", ".join(f"{{{name}}}" for name in FIELDS)
            raise InputError(f"the name {text!r} has an unknown field {{{field}}}; allowed: {allowed}")
    return [(literal, field) for literal, field, _, _ in pieces]
