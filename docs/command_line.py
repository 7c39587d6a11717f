"""Write `command-line.md` beside this file: every command and option, from click.

    python docs/command_line.py

A test fails if the file is out of date.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import click

from adain.cli.main import main

__all__ = ["FILE", "REFRESH", "reference"]

FILE = Path(__file__).with_name("command-line.md")
REFRESH = "python docs/command_line.py"

_HEAD = f"""\
# Command line

The help of all commands, as `adain COMMAND --help` prints it. Written by `{REFRESH}`; do not edit it.
"""


def reference() -> str:
    """Return the whole text, in Markdown."""
    context = main.make_context("adain", [], resilient_parsing=True)
    return "\n".join([_HEAD, *_commands(main, context)])


def _commands(command: click.Command, context: click.Context) -> Iterator[str]:
    """Yield a section for a command, and for each of its subcommands."""
    yield _section(command, context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            subcommand = command.get_command(context, name)
            assert subcommand is not None, name
            yield from _commands(subcommand, subcommand.make_context(name, [], context, resilient_parsing=True))


def _section(command: click.Command, context: click.Context) -> str:
    depth = "##" if context.parent is None or context.parent.parent is None else "###"
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    lines = [f"{depth} {context.command_path}", "", "```", usage, "```", "", _text(command.help or "")]
    rows = list(_options(command, context))
    if rows:
        lines += ["", "| option | |", "|---|---|", *rows]
    return "\n".join([*lines, ""])


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if record is not None and isinstance(parameter, click.Option):  # arguments are in the usage
            option, text = (_cell(part) for part in record)
            yield f"| `{option}` | {text} |"


def _text(help_text: str) -> str:
    """Convert a help text to Markdown: each paragraph in one line, unwrapped paragraphs (backspace) as code."""
    paragraphs = []
    for paragraph in inspect.cleandoc(help_text).partition("\f")[0].split("\n\n"):
        kept = re.match(r"\x08\n", paragraph)
        if kept:
            paragraphs.append(f"```\n{dedent(paragraph[kept.end() :])}\n```")
        else:
            paragraphs.append(" ".join(paragraph.split()))
    return "\n\n".join(paragraphs)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    FILE.write_text(reference(), encoding="utf-8")
    click.echo(FILE)
