"""Training itself, on generated pictures with a tiny network and a tiny random loss network."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="training needs the torch extra")
pytest.importorskip("torchvision", reason="training needs the torch extra")

from safetensors import safe_open  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from adain.errors import AdainError, InputError  # noqa: E402
from adain.nn.vgg import Encoder  # noqa: E402
from adain.training import checkpoint, data  # noqa: E402
from adain.training import recipe as recipes  # noqa: E402
from adain.training.loss_network import LossNetwork  # noqa: E402
from adain.training.step_loss import StepLoss  # noqa: E402
from adain.training.trainer import Datasets, Trainer  # noqa: E402

LAYERS = ("relu1_1", "relu2_1", "relu3_1")


class Tiny(torch.nn.Module):
    """AdaIN on one convolution's output: the smallest network with a style code."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = torch.nn.Conv2d(3, 8, 3, padding=1)
        self.decoder = torch.nn.Conv2d(8, 3, 3, padding=1)

    def encode_style(self, style):
        features = self.encoder(style)
        return {"relu1_1.mean": features.mean((2, 3)), "relu1_1.std": features.std((2, 3)) + 1e-3}

    def forward(self, content, code, alpha):
        own = self.encode_style(content)
        mean, std = (alpha * code[k] + (1 - alpha) * own[k] for k in ("relu1_1.mean", "relu1_1.std"))
        normal = (self.encoder(content) - own["relu1_1.mean"][..., None, None]) / own["relu1_1.std"][..., None, None]
        return self.decoder(normal * std[..., None, None] + mean[..., None, None])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name, count in (("content", 3), ("style", 4)):
        (tmp_path / name).mkdir()
        for i in range(count):
            coarse = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
            Image.fromarray(coarse).resize((64, 48)).save(tmp_path / name / f"{i}.jpg")
    return tmp_path


def recipe_of(**changes: object) -> recipes.Recipe:
    table: dict[str, object] = {
        "phases": [
            {"iterations": 3, "batch": 2, "crop": 32, "content_side": [32, 48], "style_side": [40, 48]},
            {"iterations": 1, "batch": 1, "crop": 40, "content_side": [40, 40], "style_side": [40, 48]},
        ],
        "losses": {
            "style_layers": list(LAYERS),
            "content_layers": ["relu3_1"],
            "content": 0.1,
            "gram": 1e-3,
            "total_variation": 0.1,
            "gamut": 1.0,
            "identity_fraction": 0.5,
            "identity_pixels": 1.0,
            "identity_features": 0.1,
            "cycle": 0.5,
        },
        "optimizer": {"warmup": 1, "loss_precision": "fp32"},
        "run": {"workers": 0, "samples": 2, "sample_side": 32, "metrics_every": 1, "checkpoint_every": 1},
    }
    return recipes.parse({**table, **changes})


def trainer_of(folder: Path, run: str, recipe: recipes.Recipe | None = None) -> Trainer:
    torch.manual_seed(0)
    features = LossNetwork([(Encoder((4, 6, 8, 8, 8), 3), LAYERS)])
    sets = Datasets(data.open_pictures([folder / "content"]), data.open_pictures([folder / "style"]))
    return Trainer(
        recipe or recipe_of(),
        network=Tiny(),
        features=features,
        datasets=sets,
        run_dir=folder / run,
        device=torch.device("cpu"),
    )


def metrics(folder: Path, run: str) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / run / "metrics.jsonl").read_text().splitlines()]


def test_training_lowers_its_loss_and_writes_everything(folder):
    phase = {"iterations": 3, "batch": 4, "crop": 32, "content_side": [48, 48], "style_side": [48, 48]}
    optimizer = {"warmup": 0, "learning_rate": 0.01, "loss_precision": "fp32"}
    recipe = recipe_of(phases=[phase], optimizer=optimizer)
    outcome = trainer_of(folder, "run", recipe).run()
    lines = metrics(folder, "run")
    assert lines[-1]["total"] < lines[0]["total"]
    assert [line["step"] for line in lines] == [1, 2, 3]
    assert outcome.weights == folder / "run" / "model.safetensors"
    with Image.open(folder / "run" / "samples" / "step-00000003.png") as grid:
        assert grid.size == (32 * 3, 32 * 3)
    assert load_file(outcome.weights).keys() == Tiny().state_dict().keys()
    with safe_open(outcome.weights, "np") as file:
        assert json.loads(file.metadata()["recipe"])["phases"][0]["iterations"] == 3


class StopAt:
    """Ends a run after a step, as a signal would."""

    def __init__(self, trainer: Trainer, step: int) -> None:
        self.trainer, self.step = trainer, step

    def __call__(self, step, values):
        if step == self.step:
            self.trainer.stop()


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_an_interrupted_and_resumed_run_ends_in_the_same_bits(folder, stop):
    trainer_of(folder, "straight").run()
    first = trainer_of(folder, "resumed")
    outcome = first.run(StopAt(first, stop))
    assert (outcome.step, outcome.weights) == (stop, None)
    second = trainer_of(folder, "resumed")
    assert second.resume()
    assert second.step == stop
    second.run()
    straight, resumed = (load_file(folder / run / "model.safetensors") for run in ("straight", "resumed"))
    assert all(torch.equal(straight[name], resumed[name]) for name in straight)
    assert [line["total"] for line in metrics(folder, "straight")] == [
        line["total"] for line in metrics(folder, "resumed")
    ]


@pytest.mark.parametrize("fused", [True, None])
def test_a_run_goes_on_that_began_on_another_device(folder, fused):
    first = trainer_of(folder, "run")
    first.run(StopAt(first, 2))
    checkpoints = folder / "run" / "checkpoints"
    state = checkpoint.load(checkpoint.latest(checkpoints))
    for group in state["optimizer"]["param_groups"]:
        group["fused"] = fused
    checkpoint.save(checkpoints, 2, state)
    second = trainer_of(folder, "run")
    second.resume()
    assert [group["fused"] for group in second._optimizer.param_groups] == [False]
    assert second.run().step == 4


def test_a_run_of_an_older_version_goes_on(folder):
    first = trainer_of(folder, "run")
    first.run(StopAt(first, 2))
    checkpoints = folder / "run" / "checkpoints"
    state = checkpoint.load(checkpoint.latest(checkpoints))
    older = json.loads(state["recipe"])
    del older["losses"]["network"]
    older |= {"task": "adain", "wct": {"pixels": 1.0}}
    checkpoint.save(checkpoints, 2, {**state, "recipe": json.dumps(older)})
    second = trainer_of(folder, "run")
    assert second.resume()
    assert second.run().step == 4


def test_a_run_with_a_discriminator_resumes_to_the_same_bits(folder):
    table = recipes.as_dict(recipe_of())
    recipe = recipes.parse({**table, "losses": {**table["losses"], "adversarial": 0.1}})
    trainer_of(folder, "straight", recipe).run()
    first = trainer_of(folder, "resumed", recipe)
    first.run(StopAt(first, 2))
    second = trainer_of(folder, "resumed", recipe)
    second.resume()
    second.run()
    assert [line["discriminator"] for line in metrics(folder, "straight")] == [
        line["discriminator"] for line in metrics(folder, "resumed")
    ]
    straight, resumed = (load_file(folder / run / "model.safetensors") for run in ("straight", "resumed"))
    assert all(torch.equal(straight[name], resumed[name]) for name in straight)


@pytest.mark.parametrize("weight", [0.0, 0.1])
def test_a_discriminator_is_in_the_checkpoint_only_when_used(folder, weight):
    table = recipes.as_dict(recipe_of())
    recipe = recipes.parse({**table, "losses": {**table["losses"], "adversarial": weight}})
    trainer_of(folder, "run", recipe).run()
    state = checkpoint.load(checkpoint.latest(folder / "run" / "checkpoints"))
    assert ("task" in state) == bool(weight)
    assert ("adversarial" in metrics(folder, "run")[0]) == bool(weight)
    assert load_file(folder / "run" / "model.safetensors").keys() == Tiny().state_dict().keys()


def test_two_checkpoints_are_kept_and_no_partial_file(folder):
    trainer_of(folder, "run").run()
    names = sorted(path.name for path in (folder / "run" / "checkpoints").iterdir())
    assert names == ["step-00000003.pt", "step-00000004.pt"]


def test_resuming_with_another_recipe_names_what_differs(folder):
    trainer_of(folder, "run").run()
    with pytest.raises(InputError, match="differs in: seed"):
        trainer_of(folder, "run", recipe_of(seed=5)).resume()


def test_resuming_with_other_pictures_is_an_error(folder):
    trainer_of(folder, "run").run()
    (folder / "style" / "0.jpg").unlink()
    with pytest.raises(InputError, match="other pictures"):
        trainer_of(folder, "run").resume()


def test_frozen_parameters_do_not_change(folder):
    trainer = trainer_of(folder, "run")
    before = {name: tensor.clone() for name, tensor in trainer.network.state_dict().items()}
    trainer.network.encoder.requires_grad_(False)
    trainer = Trainer(
        recipe_of(),
        network=trainer.network,
        features=LossNetwork([(Encoder((4, 6, 8, 8, 8), 3), LAYERS)]),
        datasets=trainer.datasets,
        run_dir=folder / "frozen",
        device=torch.device("cpu"),
    )
    trainer.run()
    after = load_file(folder / "frozen" / "model.safetensors")
    assert torch.equal(after["encoder.weight"], before["encoder.weight"])
    assert not torch.equal(after["decoder.weight"], before["decoder.weight"])


def test_a_diverged_run_says_so_and_keeps_its_last_checkpoint(folder):
    phase = {"iterations": 30, "batch": 1, "crop": 32, "content_side": [32, 32], "style_side": [40, 48]}
    trainer = trainer_of(folder, "run", recipe_of(phases=[phase]))
    with torch.no_grad():
        trainer.network.decoder.bias.fill_(float("nan"))
    with pytest.raises(AdainError, match="diverged"):
        trainer.run()


# Data


def test_tar_and_folder_give_the_same_pictures(folder):
    with tarfile.open(folder / "content.tar", "w") as tar:
        tar.add(folder / "content", "content")
    packed = data.open_pictures(["content.tar"], folder)
    plain = data.open_pictures(["content"], folder)
    pixels = [sorted(ref.decode().tobytes() for ref in pictures.refs) for pictures in (packed, plain)]
    assert pixels[0] == pixels[1]


def test_a_sample_follows_from_seed_and_index_whatever_the_workers(folder):
    phases = recipe_of().phases
    pictures = [data.open_pictures([folder / name]) for name in ("content", "style")]

    def batches(seed: int, workers: int, start: int = 0) -> list[data.Batch]:
        return list(data.loader(data.PairDataset(*pictures, seed=seed), phases, start=start, workers=workers))

    straight = batches(0, 0)
    assert [tuple(batch.content.shape) for batch in straight] == [(2, 3, 32, 32)] * 3 + [(1, 3, 40, 40)]
    for other, offset in ((batches(0, 1), 0), (batches(0, 0, start=2), 2)):
        for a, b in zip(straight[offset:], other, strict=True):
            assert torch.equal(a.content, b.content)
            assert torch.equal(a.style, b.style)
    assert not torch.equal(batches(1, 0)[0].style, straight[0].style)


@pytest.mark.parametrize(("side", "crop", "sharp"), [(96, 32, True), (96, 64, False)])
def test_a_picture_is_enlarged_to_no_more_than_the_crop(tmp_path, side, crop, sharp):
    board = (np.indices((48, 60)).sum(0) % 2 * 255).astype(np.uint8)
    Image.fromarray(board).save(tmp_path / "board.png")
    pictures = data.open_pictures([tmp_path])
    phase = recipes.Phase(iterations=1, batch=2, crop=crop, content_side=(side, side), style_side=(side, side))
    (batch,) = data.loader(data.PairDataset(pictures, pictures, seed=0), (phase,), start=0, workers=0)
    for crops in (batch.content, batch.style):
        assert crops.shape == (2, 3, crop, crop)
        assert (set(crops.unique().tolist()) == {0, 255}) == sharp


def test_unreadable_pictures_are_listed_with_a_reason(folder):
    (folder / "style" / "text.jpg").write_text("no picture")
    Image.new("RGB", (5, 40)).save(folder / "style" / "thin.png")
    pictures = data.open_pictures([folder / "style"])
    assert len(pictures.refs) == 4
    assert any("text.jpg" in line for line in pictures.problems)
    assert any("only 5 x 40" in line for line in pictures.problems)


def test_a_truncated_picture_is_replaced_and_named(folder):
    whole = io.BytesIO()
    Image.effect_noise((64, 64), 80).convert("RGB").save(whole, "JPEG")
    for path in (folder / "style").iterdir():
        path.unlink()
    (folder / "style" / "cut.jpg").write_bytes(whole.getvalue()[:900])
    (folder / "style" / "good.jpg").write_bytes(whole.getvalue())
    pictures = [data.open_pictures([folder / name]) for name in ("content", "style")]
    batches = list(data.loader(data.PairDataset(*pictures, seed=0), recipe_of().phases, workers=0))
    assert any("cut.jpg" in line for batch in batches for line in batch.problems)
    assert all(batch.style.shape == batch.content.shape for batch in batches)


@pytest.mark.parametrize("name", ["missing", "missing.tar", "text.tar"])
def test_a_source_that_cannot_be_opened_is_an_error(folder, name):
    (folder / "text.tar").write_text("no tar")
    with pytest.raises(InputError, match=name):
        data.open_pictures([name], folder)


def test_a_phase_weighs_its_own_losses(folder):
    phase = {"iterations": 1, "batch": 2, "crop": 32, "content_side": [32, 48], "style_side": [40, 48]}
    trainer = trainer_of(folder, "run", recipe_of(phases=[phase, {**phase, "losses": {"style": 0, "grid": 9}}]))
    content, style = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)
    features = LossNetwork([(Encoder((4, 6, 8, 8, 8), 3), LAYERS)])
    loss = StepLoss(trainer.recipe, features, {}, torch.device("cpu"))
    named = [set(loss(trainer.network, content, style, step)[1]) for step in range(2)]
    assert "style" in named[0] - named[1]
    assert "grid" in named[1] - named[0]


def test_a_quick_phase_looks_through_the_quick_layers_and_the_next_one_does_not(folder):
    phases = [
        {"iterations": 1, "batch": 2, "crop": 32, "content_side": [32, 48], "style_side": [40, 48], "quick": quick}
        for quick in (True, False)
    ]
    trainer = trainer_of(folder, "run", recipe_of(phases=phases))
    asked: list[set[str]] = []

    def features(picture, layers):
        asked.append(set(layers))
        found = network(picture, LAYERS)
        return {layer: found[layer.removeprefix("quick_")] for layer in layers}

    network = LossNetwork([(Encoder((4, 6, 8, 8, 8), 3), LAYERS)])
    loss = StepLoss(trainer.recipe, features, {}, torch.device("cpu"))
    content, style = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)
    for step, expected in ((0, {f"quick_{layer}" for layer in LAYERS}), (1, set(LAYERS))):
        asked.clear()
        loss(trainer.network, content, style, step)
        assert set().union(*asked) == expected
