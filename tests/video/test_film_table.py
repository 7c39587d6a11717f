"""`docs/films.md`: films of many kinds in and out."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

pytest.importorskip("av", reason="video files need the extra video")

SCRIPT = Path(__file__).parents[2] / "docs" / "films.py"


@pytest.mark.heavy
def test_the_table_of_films_is_what_comes_out() -> None:
    if not SCRIPT.is_file():
        pytest.skip("docs/ is part of the repository only")
    module = runpy.run_path(str(SCRIPT))
    written, made = module["FILE"].read_text("utf-8"), module["table"]()
    for line, expected in zip(_without_reasons(written), _without_reasons(made), strict=True):
        assert line == expected, f"run {module['REFRESH']}"


def _without_reasons(text: str) -> list[str]:
    """The lines without FFmpeg's own words, which change with its version."""
    return [re.sub(r"skipped \([^)]*\)", "skipped", line) for line in text.splitlines()]
