"""Errors of the library in the terms of the command line: `--preserve-color coral`, not `preserve_color="coral"`."""

from __future__ import annotations

import re
from dataclasses import fields

from adain.request import StyleRequest

__all__ = ["in_options"]

_FIELDS = [field.name for field in fields(StyleRequest) if field.name != "masks"]  # masks has several options
_ARGUMENTS = "|".join(
    [*_FIELDS, "cell", "crf", "device", "precision", "preset", "runtime", "smoothing", "steps", "threads"]
)
_WORD = r"(?<![\w./\\-])"  # not in the middle of a path

_SENTENCES = {
    "weights mix styles over the whole picture, masks place them": (
        "--weights mixes styles over the whole picture, --mask and --labels place them"
    ),
    "open it with adain.code_files.CodeFile, or encode the one style": "encode the one style",
    "write style codes with StyleCode.save": "`adain encode` writes them",
    "choose how it becomes SDR with tone_map": "choose how it becomes SDR with --tone-map",
    "name DIR as weights directory": "name it with --weights-dir DIR",
    "(weights_dir, ADAIN_WEIGHTS_DIR)": "(--weights-dir, ADAIN_WEIGHTS_DIR)",
}
_RULES = [
    (re.compile(_WORD + 'masks="subject"'), lambda found: "--subject"),
    (re.compile(_WORD + f'({_ARGUMENTS})="([^"]*)"'), lambda found: f"{_option(found[1])} {found[2]}"),
    (re.compile(f"^({_ARGUMENTS}) (?=must |of [a-z0-9]+ must |[0-9])"), lambda found: f"{_option(found[1])} "),
    (re.compile("(?<=use |.or )(device|precision|runtime) (?=[a-z0-9:]+)"), lambda found: f"{_option(found[1])} "),
    (
        re.compile("takes no ([a-z_]+); leave ([a-z_]+) out"),
        lambda found: f"takes no {_option(found[1])}; leave {_option(found[2])} out",
    ),
]


def in_options(message: str) -> str:
    """Return a message with the names of options in place of the names of arguments."""
    for sentence, ours in _SENTENCES.items():
        message = message.replace(sentence, ours)
    for pattern, replacement in _RULES:
        message = pattern.sub(replacement, message)
    return message


def _option(name: str) -> str:
    return "--mask" if name == "masks" else f"--{name.replace('_', '-')}"
