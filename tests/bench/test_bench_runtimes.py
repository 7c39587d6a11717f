"""benchmarks/graph_runtimes.py: its tables, and that export/README.md has them."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def runtimes(benchmarks: Path) -> ModuleType:
    import graph_runtimes

    return graph_runtimes


def test_the_readme_has_what_was_measured(runtimes: ModuleType) -> None:
    from graph_tables import TABLES

    text, kept = (path.read_text(encoding="utf-8") for path in (runtimes.README, runtimes.RESULTS))
    measured = json.loads(kept)
    for name, table in TABLES.items():
        assert table(measured[name]) in text, f"run `python benchmarks/graph_runtimes.py tables` for {name}"
        assert runtimes.inserted(text, name, table(measured[name])) == text


def test_a_table_without_its_marks_is_an_error(runtimes: ModuleType) -> None:
    with pytest.raises(SystemExit, match="lacks the marks of the table equal"):
        runtimes.inserted("no marks", "equal", "| a |\n")


def test_what_is_measured_again_replaces_the_row(runtimes: ModuleType) -> None:
    first = {"runtime": "node", "version": "1", "graph": "level", "worst": 2.0}
    other = {**first, "version": "2"}
    assert runtimes.merged([first, other], [{**first, "worst": 0.0}]) == [{**first, "worst": 0.0}, other]


@pytest.mark.parametrize(
    ("values", "answer"),
    [
        (np.full((1, 3, 2, 2), np.nan), "NaN"),
        (np.array([[[[0, np.inf], [0, 1]]]]), "25 % NaN"),
        (np.full((1, 3, 2, 2), 0.5), "one colour"),
        (np.zeros((0, 3, 2, 2)), "empty"),
        (np.arange(12.0).reshape(1, 3, 2, 2), "a picture"),
    ],
)
def test_answers_are_told_apart(runtimes: ModuleType, values: Any, answer: str) -> None:
    assert runtimes._said(runtimes.Answer({"stylized": values}))["answer"] == answer
    assert runtimes._said(runtimes.Answer(error="it crashed: no memory"))["answer"] == "crash"


@pytest.mark.usefixtures("benchmarks")
def test_multiplications_of_operators_are_counted() -> None:
    import graph_cost as cost

    assert cost._of_operator("Conv", [1, 3, 8, 8], [16, 3, 3, 3], [1, 16, 8, 8]) == 16 * 64 * 27
    assert cost._of_operator("ConvTranspose", [1, 4, 8, 8], [4, 3, 2, 2], [1, 3, 16, 16]) == 4 * 64 * 3 * 4
    assert cost._of_operator("MatMul", [1, 4, 5], [5, 6], [1, 4, 6]) == 4 * 6 * 5
    assert cost._of_operator("Add", [1], [1], [1]) == 0
