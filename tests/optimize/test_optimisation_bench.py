"""The scripts that measure optimisations run, here against a peer of a few lines."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click import ClickException
from click.testing import CliRunner
from pictures import painting
from PIL import Image

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
class VGGFeatures:
    pass
class StyleTransfer:
    def stylize(self, content, styles, *, iterations, callback, **rest):
        assert VGGFeatures([1, 22], pooling="max")(torch.zeros(1, 3, 40, 40))[22].dim() == 4
        for _ in range(iterations):
            callback(None)
    def get_image_tensor(self):
        return torch.zeros(3, 8, 8)
"""


def test_curves_of_all_are_written(
    tiny, benchmarks: Path, photo_file: Path, painting_file: Path, tmp_path: Path
) -> None:
    import optimisation

    (tmp_path / "peer" / "style_transfer").mkdir(parents=True)
    (tmp_path / "peer" / "style_transfer" / "style_transfer.py").write_text(PEER)
    arguments = ("--pair", photo_file, painting_file, "--peer", tmp_path / "peer", "--out", tmp_path / "out")
    result = CliRunner().invoke(optimisation.main, list(map(str, (*arguments, "--size", 40, "--seconds", 0.2))))
    assert result.exit_code == 0, result.output
    name = f"{photo_file.stem}-{painting_file.stem}"
    curves = json.loads((tmp_path / "out" / "curves.json").read_text())[name]
    assert list(curves) == list(optimisation.METHODS)
    assert all((tmp_path / "out" / method / f"{name}.png").is_file() for method in curves)
    assert (tmp_path / "out" / "curves.png").is_file()
    assert result.output.count(f"| {name} | ") == len(curves)


def test_pictures_that_were_made_before_are_candidates(benchmarks: Path, tmp_path: Path) -> None:
    from exhibits import Exhibit
    from optimised import Made

    picture, other = painting(20, 16), painting(20, 16, seed=1)
    Image.fromarray(other).save(tmp_path / "photo-brush.png")
    made = Made(f"theirs={tmp_path}", {"photo": Exhibit("photo", picture, ""), "brush": Exhibit("brush", other, "")})
    assert made.name == "theirs"
    assert (made.stylize(picture, made.encode(other), 1.0) == other).all()
    with pytest.raises(ClickException, match=r"brush-photo\.png is missing"):
        made.stylize(other, made.encode(picture), 1.0)


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
