"""The scripts that measure optimisations run, here against a peer of a few lines."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from pictures import painting

pytest.importorskip("torch", reason="optimisation needs the extra torch")

PEER = """
import torch
class ContentLossMSE:
    def __init__(self, target): self.target = target
    def __call__(self, x): return (x - self.target).square().mean()
class StyleLossW2(ContentLossMSE):
    get_target = staticmethod(lambda maps: maps)
    def __init__(self, target): self.target = target.mean()
    def __call__(self, x): return (x.mean() - self.target) ** 2
class TVLoss:
    def __call__(self, x): return x.diff(dim=-1).square().mean()
class EMA:
    def __init__(self, x, decay): self.x = x
    def update(self, x): self.x = x
    def get(self): return self.x
"""


def test_curves_of_all_are_written(
    tiny, benchmarks: Path, photo_file: Path, painting_file: Path, tmp_path: Path
) -> None:
    import optimisation

    (tmp_path / "peer" / "style_transfer").mkdir(parents=True)
    (tmp_path / "peer" / "style_transfer" / "style_transfer.py").write_text(PEER)
    arguments = (photo_file, painting_file, "--peer", tmp_path / "peer", "--out", tmp_path / "out")
    small = ("--size", 40, "--iterations", 4, "--every", 2)
    result = CliRunner().invoke(optimisation.main, list(map(str, (*arguments, *small))))
    assert result.exit_code == 0, result.output
    curves = json.loads((tmp_path / "out" / "curves.json").read_text())
    assert {name: len(points) for name, points in curves.items()} == {"ours": 2, "default": 2, "theirs": 3, "gatys": 2}
    assert "CPU seconds" in result.output


def test_candidates_stylize(tiny, benchmarks: Path, photo_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from adain.optimization import contents

    monkeypatch.setattr(contents, "SIDE", 32)
    from optimised import Optimised, Tuned

    content, style = painting(64, 48), painting(60, 60, seed=1)
    for candidate in (Optimised(1), Tuned(1, [photo_file])):
        result = candidate.stylize(content, candidate.encode(style), 1.0)
        assert result.shape == content.shape
        assert (result != content).any()
        assert result.dtype == np.uint8
