"""The small networks under training: what of them learns, and in which precision they take covariances."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from pictures import save_to_train_on

from adain.nn.fusions import FUSIONS
from adain.nn.slim import SlimNetwork
from adain.nn.vgg import Encoder
from adain.training import data, networks, step_loss
from adain.training import recipe as recipes
from adain.training.loss_network import LossNetwork
from adain.training.trainer import Datasets, Trainer

OPTIONS = {"widths": [4, 6, 8], "hidden": 8}


def trainer(folder: Path, device: str = "cpu", optimizer: dict[str, str] | None = None, **network: object) -> Trainer:
    """`optimizer`: keys of the recipe's that are otherwise here."""
    save_to_train_on(folder)
    sides = {"crop": 48, "content_side": [48, 48], "style_side": [48, 48]}
    recipe = recipes.parse(
        {
            "phases": [{"iterations": 6, "batch": 3, **sides}],
            "network": {"options": OPTIONS, **network},
            "losses": {
                "style_form": "relative_root",
                "style_layers": ["relu1_1"],
                "content_layers": ["relu1_1"],
                "color": 1.0,
                "stability": 10.0,
            },
            "optimizer": {
                "warmup": 0,
                "learning_rate": 2e-3,
                "precision": "bf16",
                "loss_precision": "fp32",
                **(optimizer or {}),
            },
            "run": {"workers": 0, "metrics_every": 1, "sample_every": 9},
        }
    )
    torch.manual_seed(0)
    return Trainer(
        recipe,
        network=networks.build(recipe.network, recipe.seed),
        features=LossNetwork([(Encoder((4, 6), 1), ("relu1_1",))]),
        datasets=Datasets(data.open_pictures([folder / "content"]), data.open_pictures([folder / "style"])),
        run_dir=folder / "run",
        device=torch.device(device),
    )


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("name", ["adain-slim", "wct-slim"])
def test_training_lowers_the_loss_and_leaves_what_is_frozen(tmp_path: Path, name: str, optimizer: str) -> None:
    run = trainer(tmp_path, optimizer={"name": optimizer}, name=name, freeze=["encoder"])
    before = {key: value.clone() for key, value in run.network.state_dict().items()}
    run.run()
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["total"] < lines[0]["total"]
    same = {key for key, value in run.network.state_dict().items() if torch.equal(value, before[key])}
    fixed = ("encoder.", "decoder.modulation.center", "decoder.modulation.spread")
    assert same == {key for key in before if key.startswith(fixed)}


@pytest.mark.parametrize("name", ["adain-slim", "wct-slim"])
def test_a_replayed_step_is_that_of_one_kernel_after_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if not torch.cuda.is_available():
        pytest.skip("CUDA graphs need a GPU")
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)  # six steps magnify what rounds otherwise
    trainer(tmp_path / "replayed", "cuda", {"precision": "fp32"}, name=name).run()
    monkeypatch.setattr(step_loss, "Recorded", lambda module, pictures: module)
    trainer(tmp_path / "plain", "cuda", {"precision": "fp32"}, name=name).run()
    replayed, plain = (
        [json.loads(line) for line in (tmp_path / run / "run" / "metrics.jsonl").read_text().splitlines()]
        for run in ("replayed", "plain")
    )
    for one, other in zip(replayed, plain, strict=True):
        del one["seconds_per_step"], other["seconds_per_step"]
        assert one == pytest.approx(other, rel=2e-2)
    assert replayed[0]["gradient_norm"] == pytest.approx(plain[0]["gradient_norm"], rel=1e-3)


def test_covariances_and_their_roots_are_float32_whatever_the_network_runs_in() -> None:
    network = networks.build(recipes.NetworkRecipe("wct-slim", options=OPTIONS), 0)
    assert isinstance(network, SlimNetwork)
    fusion = FUSIONS["wct-std"](network.operators)
    x = 100 + torch.rand(2, 8, 12, 12)  # bfloat16 has nothing left of it behind the mean
    expected = fusion.content(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = fusion.content(x)
    for array, same in zip(found.values(), expected.values(), strict=True):
        torch.testing.assert_close(array, same)
