"""The race against peers: turns alternate, ratios are of the same round, and the report says what is random."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    if not FOLDER.is_dir():
        pytest.skip("benchmarks/ is part of the repository only")
    monkeypatch.syspath_prepend(str(FOLDER))
    import turns

    return turns


class Player:
    def __init__(self, name: str, factor: float, log: list[str]) -> None:
        self.name, self._factor, self._log = name, factor, log

    def turn(self, step: str, times: int) -> float:
        """A machine that becomes slower and slower."""
        self._log.append(self.name)
        return self._factor * 1.5 ** (len(self._log) // 2)


def test_everyone_has_a_turn_in_each_round(turns: ModuleType) -> None:
    log: list[str] = []
    told: list[str] = []
    players = [Player("a", 3, log), Player("b", 1, log)]
    taken = turns.play(players, "stylize", rounds=3, times=1, rest=0, told=told.append)
    assert log == told == ["a", "b"] * 3
    assert {name: len(samples) for name, samples in taken.items()} == {"a": 3, "b": 3}


def test_a_ratio_does_not_see_what_slows_down_all(turns: ModuleType) -> None:
    found = turns.ratio([30, 60, 90], [10, 20, 30])
    assert (found.low, found.median, found.high, found.rounds) == (3, 3, 3, 3)


def test_a_ratio_has_its_spread(turns: ModuleType) -> None:
    found = turns.ratio([20, 30, 40], [10, 10, 10])
    assert (found.low, found.median, found.high) == (2, 3, 4)
    assert str(found) == "3.00 (2.00 to 4.00)"


def test_rounds_of_different_number_are_an_error(turns: ModuleType) -> None:
    with pytest.raises(ValueError, match="argument 2"):
        turns.ratio([1, 2], [1])
