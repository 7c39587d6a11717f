"""What networks do on a GPU, as far as a CPU shows it: ways agree, and the report says what was measured."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest
import torch
from click.testing import CliRunner


@pytest.fixture
def gpu(benchmarks: Path) -> ModuleType:
    import speed_gpu

    return speed_gpu


@pytest.mark.heavy
def test_ways_of_a_model_give_one_picture(gpu: ModuleType, tmp_path: Path) -> None:
    arguments = ["--model", "adain-slim", "--sizes", "48x40,32", "--rounds", "2", "--times", "1"]
    where = ["--device", "cpu", "--no-compile", "-o", str(tmp_path / "new")]
    result = CliRunner().invoke(gpu.main, [*arguments, *where], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    document = json.loads((tmp_path / "new" / "gpu.json").read_text())
    assert list(document["sizes"]) == ["32x32", "48x40"]
    for found in document["sizes"].values():
        ways = found["ways"]
        assert list(ways) == ["adain-slim, fp32", "adain-slim, bf16", "adain-slim, fp32 onnxruntime"]
        assert all(len(way["milliseconds"]) == 2 for way in ways.values())
        off = {name: way["difference"] for name, way in ways.items()}
        assert off["adain-slim, fp32"] == {"mean": 0.0, "largest": 0.0}
        assert 0 < off["adain-slim, bf16"]["mean"] < 1
        assert off["adain-slim, fp32 onnxruntime"]["largest"] < 0.5
    report = (tmp_path / "new" / "gpu.md").read_text()
    assert report.count("| adain-slim, bf16 |") == 2
    assert report in result.output


def test_ratios_are_of_peers_to_the_first_models_fastest_way(gpu: ModuleType) -> None:
    rows = {
        "adain-slim, fp16 compiled": [1.0, 2.0, 3.0],
        "adain-slim, fp32": [2.0, 4.0, 6.0],
        "microast, fp32": [5.0, 10.0, 15.0],
    }
    ways = {name: {"milliseconds": ms, "difference": {"mean": 0.0, "largest": 0.0}} for name, ms in rows.items()}
    document = {
        "card": "a card",
        "machine": {"versions": {"torch": "3.0"}},
        "bandwidth": 1e12,
        "rounds": 3,
        "fastest": "adain-slim, fp16 compiled",
        "random": [],
        "sizes": {"8x8": {"moved": {"adain-slim": 500_000_000}, "ways": ways}},
    }
    report = gpu.report(document)
    assert "| 8x8 | adain-slim, fp16 compiled | 2.00 (3.00) | 500 | 4.0 x 0.50 ms | 0.00 (0) |" in report
    assert "| 8x8 | microast, fp32 | 5.00 (5.00 to 5.00) |" in report
    assert "| 8x8 | adain-slim, fp32 | 2.00 (2.00" not in report


def test_a_difference_is_of_what_is_seen(gpu: ModuleType) -> None:
    one, other = torch.tensor([0.0, -1.0, 0.5]), torch.tensor([0.1, -2.0, 0.5])
    assert gpu.difference([one, other]) == pytest.approx((8.5, 25.5))


def test_what_convolutions_move_is_counted_once(gpu: ModuleType) -> None:
    sizes = [torch.rand(1, 3, side, side) for side in (64, 128)]
    small, large = (gpu.moved("adain-slim", torch.device("cpu"), each) for each in sizes)
    assert 2 * 64 * 64 * 60 < small < large < 4 * small  # some 60 numbers a pixel; and the margin stays as it is


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "no-such", "--device", "cpu"], "no-such"),
        (["--model", "adain-slim", "--device", "tpu"], "allowed: auto, cpu, cuda"),
        (["--model", "adain-slim", "--device", "cpu", "--peer", "magenta=."], "expected NAME=CHECKOUT"),
    ],
)
def test_what_is_not_there_is_named(gpu: ModuleType, tmp_path: Path, arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(gpu.main, [*arguments, "-o", str(tmp_path / "new")])
    assert result.exit_code != 0
    assert message in result.output
    assert not (tmp_path / "new").exists()
