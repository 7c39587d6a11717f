"""The race against peers: turns alternate, ratios are of the same round, and the report says what is random."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from adain.bench.machine import describe


@pytest.fixture
def racing(benchmarks: Path) -> ModuleType:
    import speed_peers

    return speed_peers


@pytest.fixture
def turns(benchmarks: Path) -> ModuleType:
    import turns

    return turns


class Player:
    weights = "random"

    def __init__(self, name: str, factor: float, log: list[str]) -> None:
        self.name, self._factor, self._log = name, factor, log

    def prepare(self, width: int, height: int, style_size: int) -> None:
        """The picture, by its size."""
        self._picture = np.full((height, width, 3), self._factor, np.uint8)

    def picture(self) -> NDArray[np.uint8]:
        """Of the contestant's factor."""
        return self._picture

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


def test_a_race_follows_its_schema_and_says_what_is_random(
    racing: ModuleType, benchmarks: Path, tmp_path: Path
) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="comparing with the schema needs the extra test")
    mine, theirs = Player("adain-vgg19 onnx fp32", 1, []), Player("pytorch-adain", 2, [])
    options = {"rounds": 2, "times": 1, "rest": 0.0}
    document = {
        "format": racing.FORMAT,
        "machine": describe(),
        "threads": 1,
        "options": {**options, "style_size": 32},
        "weights": {each.name: each.weights for each in (mine, theirs)},
        "sizes": [racing.race([mine], [theirs], (32, 24), options, 32)],
    }
    racing.save(document, tmp_path)
    schema = json.loads((benchmarks / "peers" / "schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads((tmp_path / "peers.json").read_text()), schema)
    report = (tmp_path / "peers.md").read_text()
    assert "With random weights of the exact shape, for lack of the published ones: adain-vgg19" in report
    assert "Largest difference between adain-vgg19 onnx fp32 and pytorch-adain at 32x24: 1 of 255" in report


def test_rounds_of_different_number_are_an_error(turns: ModuleType) -> None:
    with pytest.raises(ValueError, match="argument 2"):
        turns.ratio([1, 2], [1])
