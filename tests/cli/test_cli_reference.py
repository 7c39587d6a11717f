"""The reference of the command line agrees with the command line."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import click
import pytest

from adain.cli.main import main

SCRIPT = Path(__file__).parents[2] / "docs" / "command_line.py"

pytestmark = pytest.mark.skipif(not SCRIPT.is_file(), reason="docs/ is part of the repository only")

written: dict[str, Any] = runpy.run_path(str(SCRIPT)) if SCRIPT.is_file() else {}
FILE, REFRESH, reference = (written.get(name) for name in ("FILE", "REFRESH", "reference"))


def test_the_reference_is_what_the_commands_say() -> None:
    assert FILE.read_text(encoding="utf-8") == reference(), f"{FILE.name} is stale: run `{REFRESH}`"


@pytest.mark.parametrize("name", main.list_commands(click.Context(main)))
def test_every_command_and_option_is_in_it(name: str) -> None:
    text = reference()
    command = main.get_command(click.Context(main), name)
    assert command is not None
    section = text.partition(f"\n## adain {name}\n")[2].partition("\n## ")[0]
    commands = [command, *(command.commands.values() if isinstance(command, click.Group) else [])]
    for each in commands:
        assert " ".join((each.help or "").split("\b")[0].split()[:5]) in section
        for parameter in each.params:
            if isinstance(parameter, click.Option):
                assert parameter.opts[-1] in section


def test_it_is_the_same_whatever_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    before = reference()
    monkeypatch.setenv("COLUMNS", "40")
    assert reference() == before
