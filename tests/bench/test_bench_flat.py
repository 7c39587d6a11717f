"""What a megapixel costs over sizes: turns alternate, small sizes have more calls, and all is compared to the first."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner


class Contestant:
    """Of a machine that becomes slower and slower; a megapixel takes 100 ms, of more than one 120."""

    turns: ClassVar[list[tuple[float, int]]] = []
    closed: ClassVar[int] = 0

    def __init__(self, entry: Any, threads: int) -> None:
        self.name = entry.name

    def prepare(self, width: int, height: int, style_size: int) -> None:
        """A picture of that size."""
        self._megapixels = width * height / 1e6

    def turn(self, step: str, times: int) -> float:
        """Milliseconds of one of so many calls."""
        self.turns.append((self._megapixels, times))
        slower: float = 1.5 ** ((len(self.turns) - 1) // 2)
        return slower * self._megapixels * (120 if self._megapixels > 1 else 100)

    def close(self) -> None:
        """The process ends."""
        type(self).closed += 1


@pytest.fixture
def flat(benchmarks: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    import contestants
    import speed_flat

    monkeypatch.setattr(contestants, "Contestant", Contestant)
    monkeypatch.setattr(Contestant, "turns", [])
    monkeypatch.setattr(Contestant, "closed", 0)
    return speed_flat


def test_sizes_are_compared_to_the_first_within_rounds(flat: ModuleType, tmp_path: Path) -> None:
    arguments = ["--model", "adain-slim", "--sizes", "2000x1000,500", "--rounds", "3", "--rest", "0"]
    result = CliRunner().invoke(flat.main, [*arguments, "-o", str(tmp_path / "new")], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert Contestant.turns == [(0.25, 16), (2, 2)] * 3  # so that both take about as long
    assert Contestant.closed == 2
    document = json.loads((tmp_path / "new" / "flat.json").read_text())
    rows = document["models"]["adain-slim"]
    assert rows["500x500"]["per_megapixel"] == pytest.approx([100, 150, 225])
    assert rows["2000x1000"]["ratio"] == pytest.approx({"median": 1.2, "low": 1.2, "high": 1.2, "rounds": 3})
    report = (tmp_path / "new" / "flat.md").read_text()
    assert "| adain-slim | 2000x1000 | 180 | 1.20 (1.20 to 1.20) |" in report
    assert report in result.output


def test_a_model_that_is_not_there_is_named(flat: ModuleType, tmp_path: Path) -> None:
    result = CliRunner().invoke(flat.main, ["--model", "no-such", "-o", str(tmp_path / "new")])
    assert result.exit_code == 1
    assert "no-such" in result.output
    assert not (tmp_path / "new").exists()
