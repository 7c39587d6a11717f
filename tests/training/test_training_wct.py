"""Tasks wct and distill: autoencoders for WCT, on generated pictures with tiny networks."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from pathlib import Path

import pytest
from pictures import save_to_train_on
from PIL import Image

torch = pytest.importorskip("torch", reason="training needs the torch extra")
pytest.importorskip("torchvision", reason="training needs the torch extra")

import published  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from adain import registry  # noqa: E402
from adain.errors import InputError  # noqa: E402
from adain.nn import fusion  # noqa: E402
from adain.nn.build import load, parts  # noqa: E402
from adain.nn.checkpoints import slots  # noqa: E402
from adain.nn.vgg import Encoder  # noqa: E402
from adain.registry import Architecture  # noqa: E402
from adain.training import autoencoding, data, heads, losses, networks  # noqa: E402
from adain.training import recipe as recipes  # noqa: E402
from adain.training.loss_network import LossNetwork  # noqa: E402
from adain.training.trainer import Datasets, Trainer  # noqa: E402

WIDTHS = (4, 6, 8, 10, 12)
ALL = {"stylized_features": 0.5, "stylized_style": 0.5, "feature_levels": 2}
PHASE = {"iterations": 3, "batch": 2, "crop": 32, "content_side": [32, 48], "style_side": [32, 48]}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_to_train_on(tmp_path)


def recipe_of(task: str = "wct", wct: dict[str, object] | None = None, **network: object) -> recipes.Recipe:
    name = {"wct": "wct-levels", "distill": "encoder-slim"}[task]
    return recipes.parse(
        {
            "task": task,
            "phases": [PHASE],
            "network": {"name": name, "options": {"widths": list(WIDTHS)}, **network},
            "wct": {**ALL, **(wct or {})},
            "optimizer": {"warmup": 0, "learning_rate": 3e-3, "loss_precision": "fp32"},
            "run": {"workers": 0, "samples": 2, "sample_side": 32, "metrics_every": 1, "checkpoint_every": 1},
        }
    )


def loss_network() -> LossNetwork:
    torch.manual_seed(0)
    return LossNetwork([(Encoder((4, 6, 8, 8, 8), 5), recipes.LAYERS)])


def trainer_of(folder: Path, run: str, recipe: recipes.Recipe | None = None) -> Trainer:
    recipe = recipe or recipe_of()
    return Trainer(
        recipe,
        network=networks.build(recipe.network, recipe.seed, recipe.task),
        features=loss_network(),
        datasets=Datasets(data.open_pictures([folder / "content"]), data.open_pictures([folder / "style"])),
        run_dir=folder / run,
        device=torch.device("cpu"),
    )


def metrics(folder: Path, run: str) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / run / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("task", ["wct", "distill"])
def test_training_lowers_its_loss(folder, task):
    same = {"iterations": 3, "batch": 3, "crop": 48, "content_side": [48, 48], "style_side": [48, 48]}
    table = recipes.as_dict(recipe_of(task, {"feature_levels": 5}))
    recipe = recipes.parse({**table, "phases": [same]})
    trainer_of(folder, "run", recipe).run()
    lines = metrics(folder, "run")
    assert lines[-1]["total"] < lines[0]["total"]
    assert lines[-1]["distillation"] < lines[0]["distillation"]
    assert "distillation/relu5_1" in lines[0]
    assert ("pixels" in lines[0]) == (task == "wct")
    assert (folder / "run" / "samples").exists() == (task == "wct")


def test_the_result_is_a_model_that_loads_and_stylizes(folder):
    outcome = trainer_of(folder, "run").run()
    shape = Architecture(widths=WIDTHS, levels=(5, 4, 3, 2, 1), encoder_per_level=False, keys="own")
    model = load(published.replace(published.OWN[1], architecture=shape), {"model": outcome.weights})
    code = model.encode_style(torch.rand(1, 3, 20, 30))
    assert model(torch.rand(1, 3, 33, 18), code, 0.6).shape == (1, 3, 33, 18)
    with Image.open(folder / "run" / "samples" / "step-00000003.png") as grid:
        assert grid.size == (32 * 3, 32 * 3)


def test_an_interrupted_and_resumed_run_ends_in_the_same_bits(folder):
    trainer_of(folder, "straight").run()
    first = trainer_of(folder, "resumed")
    first.run(lambda step, values: first.stop() if step == 1 else None)
    second = trainer_of(folder, "resumed")
    assert second.resume()
    second.run()
    straight, resumed = (load_file(folder / run / "model.safetensors") for run in ("straight", "resumed"))
    assert all(torch.equal(straight[name], resumed[name]) for name in straight)
    assert [line["total"] for line in metrics(folder, "straight")] == [
        line["total"] for line in metrics(folder, "resumed")
    ]


def test_a_distilled_encoder_is_where_wct_may_start(folder):
    weights = trainer_of(folder, "encoder", recipe_of("distill")).run().weights
    network = networks.build(recipe_of(init=str(weights)).network, 0, "wct")
    distilled = load_file(weights)
    assert set(distilled) < set(network.state_dict())
    assert all(torch.equal(network.state_dict()[name], tensor) for name, tensor in distilled.items())


def test_wct_starts_from_the_deepest_encoder_and_the_decoders_of_a_model_with_one_per_level(tmp_path, monkeypatch):
    widths = (4, 6, 8)
    theirs = Architecture(widths=widths, levels=(3, 2, 1), encoder_per_level=True, keys="layer", level1_width=5)
    pieces = parts(theirs)
    for role, part in pieces.items():
        tensors = {
            key: part.state_dict()[slot.parameter] for key, slot in slots(part, "layer").items() if slot.parameter
        }
        torch.save(tensors, tmp_path / f"{role}.pth")
    row = dataclasses.replace(registry.get("wct-collab-distill"), name="theirs", architecture=theirs)
    monkeypatch.setattr(registry, "MODELS", {"theirs": row})
    monkeypatch.setattr("adain.weights.find", lambda model: {role: tmp_path / f"{role}.pth" for role in pieces})
    options = {"widths": widths, "levels": [3, 2, 1]}
    plain = networks.build(recipes.NetworkRecipe("wct-levels", options=options), 0, "wct").state_dict()
    network = networks.build(recipes.NetworkRecipe("wct-levels", init="theirs", options=options), 0, "wct").state_dict()
    for name, role in {"encoder": "encoder3", "decoder3": "decoder3", "decoder2": "decoder2"}.items():
        for key, tensor in pieces[role].state_dict().items():
            assert torch.equal(network[f"{name}.{key}"], tensor)
    assert torch.equal(network["decoder1.conv1_1.weight"], plain["decoder1.conv1_1.weight"])  # of another shape
    with pytest.raises(InputError, match="its encoder does not fit this network"):
        networks.build(recipes.NetworkRecipe("wct-levels", init="theirs"), 0, "wct")


def test_a_network_of_another_task_is_an_error():
    with pytest.raises(InputError, match="'adain-slim' is for task 'adain'; task 'wct' trains: wct-levels"):
        networks.build(recipes.NetworkRecipe(), 0, "wct")


# The objective


@pytest.fixture
def network() -> nn.ModuleDict:
    return networks.build(recipe_of().network, 0, "wct")


@pytest.fixture
def pictures() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(2, 3, 32, 32, generator=generator), torch.rand(2, 3, 32, 32, generator=generator)


OFF = {"distillation": 0.0, "pixels": 0.0, "features": 0.0, "stylized_features": 0.0, "stylized_style": 0.0}


def objective(network: nn.ModuleDict, **wct: object) -> autoencoding.Autoencoding:
    recipe = recipe_of(wct={**OFF, **wct}).wct
    features = loss_network()
    made = heads.make_heads(network, features, recipe, seed=0, device=torch.device("cpu"))
    return autoencoding.Autoencoding(recipe, 0, features, made, contextlib.nullcontext)


def test_pixels_are_the_mean_over_levels_and_pictures(network, pictures):
    total, parts = objective(network, pixels=2.0, level_weights=[1, 2, 0, 1, 1])(network, *pictures, step=0)
    both = torch.cat(pictures)
    errors = [
        losses.reconstruction_l1(network[f"decoder{level}"](network["encoder"](both, level)), both)
        for level in (1, 2, 4, 5)
    ]
    expected = (errors[0] + 2 * errors[1] + errors[2] + errors[3]) / 4
    torch.testing.assert_close(parts["pixels"], expected)
    torch.testing.assert_close(total, 2 * expected)


def test_features_are_compared_on_the_layers_up_to_the_level(network, pictures):
    layers = ["relu1_1", "relu3_1"]
    made = objective(network, features=1.0, feature_layers=layers, level_weights=[0, 0, 1, 0, 0])
    both = torch.cat(pictures)
    picture = network["decoder3"](network["encoder"](both, 3))
    found, wanted = made.features(picture, layers), made.features(both, layers)
    expected = sum(losses.relative_mse(found[name], wanted[name]) for name in layers) / 2
    torch.testing.assert_close(made(network, *pictures, step=0)[1]["features"], expected)
    shallow = objective(network, features=1.0, feature_layers=layers, level_weights=[0, 1, 0, 0, 0])
    picture = network["decoder2"](network["encoder"](both, 2))
    expected = losses.relative_mse(made.features(picture, layers)["relu1_1"], wanted["relu1_1"])
    torch.testing.assert_close(shallow(network, *pictures, step=0)[1]["features"], expected)


def test_drawn_levels_stand_for_all_on_average(network, pictures):
    few, every = (objective(network, features=1.0, feature_levels=count) for count in (2, 5))
    with torch.no_grad():
        mean = sum(few(network, *pictures, step=step)[0] for step in range(40)) / 40
        assert mean == pytest.approx(every(network, *pictures, step=0)[0].item(), rel=0.1)


def test_a_draw_follows_from_seed_and_step(network, pictures):
    made = objective(network, features=1.0)
    draws = [made.draw(step, pictures[0], (5, 4, 3, 2, 1)) for step in range(20)]
    again = [made.draw(step, pictures[0], (5, 4, 3, 2, 1)) for step in range(20)]
    assert [d.levels for d in draws] == [d.levels for d in again]
    assert all(torch.equal(a.alpha, b.alpha) for a, b in zip(draws, again, strict=True))
    assert {level for d in draws for level in d.levels} == {1, 2, 3, 4, 5}
    assert len({d.levels for d in draws}) > 5


@pytest.mark.parametrize(("detach", "reaches"), [(False, True), (True, False)])
def test_detach_keeps_the_decoders_out_of_the_encoder(network, pictures, detach, reaches):
    total, _ = objective(network, pixels=1.0, features=1.0, detach=detach)(network, *pictures, step=0)
    total.backward()
    assert all((p.grad is not None) == reaches for p in network["encoder"].parameters())
    assert all(p.grad is not None for p in network["decoder5"].parameters())


def test_stylization_trains_the_decoder_alone(network, pictures):
    made = objective(network, stylized_features=1.0, stylized_style=1.0, level_weights=[0, 0, 0, 1, 0])
    total, parts = made(network, *pictures, step=0)
    total.backward()
    assert parts.keys() == {"stylized_features", "stylized_style"}
    assert all(p.grad is None for p in network["encoder"].parameters())
    assert all(p.grad.abs().sum() > 0 for p in network["decoder4"].parameters())


def test_transformed_features_have_the_styles_mean_and_covariance_at_alpha_1(network, pictures):
    feature = network["encoder"](torch.cat(pictures), 2)
    content, style = feature.chunk(2)
    at_1 = autoencoding._transformed(feature, torch.ones(2, 1))
    for found, wanted in zip(fusion.mean_covariance(at_1), fusion.mean_covariance(style), strict=True):
        torch.testing.assert_close(found, wanted, rtol=0.02, atol=0.02 * wanted.abs().max().item())
    torch.testing.assert_close(autoencoding._transformed(feature, torch.zeros(2, 1)), content)


def test_a_stylized_picture_is_asked_for_moments_between_the_contents_and_the_styles():
    mean, std = autoencoding._between(
        (torch.tensor([[1.0], [3.0]]), torch.tensor([[2.0], [6.0]])), torch.tensor([[0.25]])
    )
    assert (mean.item(), std.item()) == (1.5, 3.0)


def test_only_shallow_maps_are_thinned_and_every_pixel_has_its_turn():
    feature = torch.arange(64.0).view(1, 1, 8, 8)
    assert torch.equal(autoencoding._thinned(feature, 3, 1), feature)
    assert autoencoding._thinned(feature, 1, 3).flatten().tolist() == [27, 31, 59, 63]
    assert autoencoding._thinned(feature, 2, 3).shape == (1, 1, 4, 4)


def test_a_head_maps_the_encoders_channels_to_the_loss_networks(network):
    made = objective(network, distillation=1.0, distillation_layers=["relu2_1", "relu5_1"]).heads
    assert {name: tuple(head.conv.weight.shape) for name, head in made.items()} == {
        "relu2_1": (6, 6, 1, 1),
        "relu5_1": (8, 12, 1, 1),
    }
