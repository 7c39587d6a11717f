from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="quality is measured with torch (extra `torch`)")

from pictures import painting, photo  # noqa: E402

from adain.errors import InputError, WeightsError  # noqa: E402
from adain.nn.vgg import Encoder  # noqa: E402
from adain.training.loss_network import LossNetwork  # noqa: E402

SHALLOW, DEEP = ("relu1_1", "relu2_1", "relu3_1"), ("relu4_1", "relu5_1")


@pytest.fixture
def judging(benchmarks: Path) -> ModuleType:
    import judge

    return judge


@pytest.fixture
def judge(judging):
    torch.manual_seed(0)
    encoder = Encoder((4, 4, 8, 8, 8), 5)
    heads = {layer: torch.nn.Conv2d(8, 16, 1) for layer in DEEP}
    return judging.Judge(LossNetwork([(encoder, SHALLOW + DEEP)]), heads)


def look(judge, rgb):
    return judge.look(*judge.see(rgb))


def test_the_content_itself_is_at_no_distance_from_the_content(judge):
    content, style = look(judge, photo(40, 33)), look(judge, painting())
    found = judge.compare(content, content, style)
    assert found.content == pytest.approx(0, abs=1e-5)
    assert found.ssim == pytest.approx(1)
    assert all(distance > 0 for distance in found.style.values())


def test_the_style_itself_is_at_no_distance_from_the_style(judging, judge):
    content, style = look(judge, photo(40, 40)), look(judge, painting(40, 40))
    found = judge.compare(style, content, style)
    assert found.style == dict.fromkeys(judging.LAYERS, 0.0)
    assert found.content > 0.1
    assert found.ssim < 0.9


def test_shallow_and_deep_layers_are_averaged_apart(judge):
    found = judge.compare(look(judge, photo()), look(judge, photo()), look(judge, painting()))
    assert found.style_vgg == pytest.approx(sum(found.style[f"relu{k}_1"] for k in (1, 2, 3)) / 3)
    assert found.style_deep == pytest.approx(sum(found.style[f"relu{k}_1"] for k in (4, 5)) / 2)
    assert found.style_slim == pytest.approx(sum(found.style[f"slim_relu{k}_1"] for k in (4, 5)) / 2)


def test_the_style_may_have_any_size_and_the_result_only_the_contents(judge):
    content, style = look(judge, photo(40, 33)), look(judge, painting(29, 51))
    judge.compare(content, content, style)
    with pytest.raises(InputError, match="must have one shape"):
        judge.compare(look(judge, photo(33, 40)), content, style)


def test_a_network_without_deep_layers_cannot_judge(judging):
    shallow = LossNetwork([(Encoder((4, 4, 4, 4, 4), 3), ("relu1_1", "relu2_1", "relu3_1"))])
    with pytest.raises(InputError, match="no relu4_1, relu5_1"):
        judging.Judge(shallow, {})


def test_the_whole_vgg_is_not_the_judge_the_numbers_were_measured_with(judging, monkeypatch, tmp_path):
    whole = LossNetwork([(Encoder((4, 4, 4, 4, 4), 5), SHALLOW + DEEP)], files={"vgg_normalised.pth": "0"})
    monkeypatch.setattr("adain.training.loss_files.find_vgg19", lambda *_: None)
    monkeypatch.setattr("adain.training.loss_network.load", lambda *_, **__: whole)
    with pytest.raises(WeightsError, match="holds the whole VGG-19"):
        judging.Judge.open(tmp_path)


def test_more_noise_is_worse_on_the_real_networks(judging, shared: Path):
    judge = judging.Judge.open(shared / "weights")
    clean = photo(64, 64)
    noise = np.random.default_rng(0).normal(size=clean.shape)
    content, style = look(judge, clean), look(judge, painting(64, 64))
    found = [
        judge.compare(look(judge, (clean + s * noise).clip(0, 255).astype(np.uint8)), content, style)
        for s in (5, 20, 60)
    ]
    assert found[0].content < found[1].content < found[2].content
    assert found[0].ssim > found[1].ssim > found[2].ssim
