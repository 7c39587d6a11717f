"""Bars on a terminal: how much is done, and the time left as hours, minutes and seconds."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable

import pytest

from adain.cli.progress import FrameBar, ResultBar, StepBar, clock, item_bar


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0:00:00"), (59.9, "0:00:59"), (60, "0:01:00"), (23 * 60, "0:23:00"), (3600, "1:00:00"), (90061, "25:01:01")],
)
def test_a_time_has_hours_minutes_and_seconds(seconds: float, said: str) -> None:
    assert clock(seconds) == said


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminal(monkeypatch: pytest.MonkeyPatch) -> tuple[Terminal, Callable[[float], None]]:
    """What is drawn on stderr, and a function that lets time pass; otherwise it stands still."""
    stream, now = Terminal(), [1000.0]
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr("adain.cli.progress.time.monotonic", lambda: now[0])
    monkeypatch.setattr(time, "time", lambda: now[0])

    def wait(seconds: float) -> None:
        now[0] += seconds

    return stream, wait


@pytest.mark.parametrize("make", [ResultBar, lambda: StepBar("making")], ids=["results", "steps"])
def test_a_bar_says_the_time_left(make: Callable[[], ResultBar | StepBar], monkeypatch: pytest.MonkeyPatch) -> None:
    drawn, wait = terminal(monkeypatch)
    with make() as bar:
        bar(0, 4)
        wait(460)
        bar(1, 4)
    assert "1/4" in drawn.getvalue()
    assert "0:23:00 left" in drawn.getvalue()


def test_a_film_says_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn, wait = terminal(monkeypatch)
    with FrameBar() as bar:
        bar(1, 8)
        wait(60)
        bar(4, 8)
    assert "0:01:00 left" in drawn.getvalue()


def test_items_say_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn, wait = terminal(monkeypatch)
    with item_bar(["a", "b"], "encoding", str.upper) as bar:
        for _ in bar:
            wait(90)
    assert "0:01:30 left" in drawn.getvalue()
    assert "A" in drawn.getvalue()


def test_steps_are_silent_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with StepBar("making") as bar:
        bar(0, 2)
        bar(2, 2)
    assert capsys.readouterr().err == ""
