"""Dormant units of the small networks are found, drawn anew and wired so that the picture stays as it was."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from pictures import save_to_train_on
from torch import Tensor, nn

from adain.errors import InputError
from adain.nn.slim import SlimNetwork
from adain.nn.vgg import Encoder
from adain.training import data, networks, recipe, recycling
from adain.training.loss_network import LossNetwork
from adain.training.trainer import Datasets, Trainer

OPTIONS = {"widths": [8, 8, 10], "hidden": 10}
KILLED = {  # by group: the layers whose last units are to be zero for every picture
    "half": ["encoder.to_half"],
    "quarter": ["encoder.to_quarter", "encoder.at_quarter"],
    "eighth": ["encoder.to_eighth"],
    "modulation": ["decoder.modulation.hidden"],
    "at_eighth": ["decoder.layers.at_eighth"],
    "from_eighth": ["decoder.layers.from_eighth", "decoder.layers.at_quarter_2"],
    "at_quarter_1": ["decoder.layers.at_quarter_1"],
    "from_quarter": ["decoder.layers.from_quarter"],
    "at_half": ["decoder.layers.at_half"],
}
SHARE = 1e-9  # what is active somewhere is not dormant


@pytest.fixture
def pair() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(2, 3, 3, 8, 8, generator=generator)
    smooth = nn.functional.interpolate(coarse.flatten(0, 1), size=(64, 64), mode="bicubic")
    content, style = smooth.clamp(0, 1).unflatten(0, (2, 3))
    return content, style


@pytest.fixture
def network(pair: tuple[Tensor, Tensor]) -> SlimNetwork:
    """Without dormant units, and with all of them in use."""
    made = networks.build(recipe.NetworkRecipe("adain-slim", options=OPTIONS), 0)
    assert isinstance(made, SlimNetwork)
    recycling.recycle(made, *pair, SHARE, seed=0)
    modulation = made.decoder.modulation
    for parameter in modulation.out.parameters():
        nn.init.normal_(parameter, std=0.1, generator=torch.Generator().manual_seed(1))
    # The same for all styles: by as much as floors differ, what is drawn anew changes the picture.
    floors = torch.cat([torch.full((n,), name.startswith("floor")) for name, n in modulation.channels.items()])
    with torch.no_grad():
        modulation.out.weight[floors] = 0
        modulation.out.bias[floors] = 1.0
    return made


def picture(network: SlimNetwork, content: Tensor, style: Tensor) -> Tensor:
    with torch.no_grad():
        return network(content, network.encode_style(style), 1.0)


@torch.no_grad()
def kill(network: SlimNetwork, group: str, units: int = 2) -> None:
    for name in KILLED[group]:
        network.get_parameter(f"{name}.bias")[-units:] -= 1000


@pytest.mark.parametrize("group", KILLED)
def test_dead_units_come_alive_and_the_picture_stays(
    network: SlimNetwork, pair: tuple[Tensor, Tensor], group: str
) -> None:
    kill(network, group)
    before = picture(network, *pair)
    assert recycling.recycle(network, *pair, SHARE, seed=0)[group] == 2
    assert not any(recycling.recycle(network, *pair, SHARE, seed=0).values())
    if group != "half":  # where a covariance mixes new units with the others
        torch.testing.assert_close(picture(network, *pair), before, atol=1e-3, rtol=0)


def test_new_units_reach_the_picture_once_they_are_used(network: SlimNetwork, pair: tuple[Tensor, Tensor]) -> None:
    kill(network, "quarter")
    recycling.recycle(network, *pair, SHARE, seed=0)
    before = picture(network, *pair)
    with torch.no_grad():
        network.encoder.to_eighth.weight[:, -2:] += 0.1
    assert (picture(network, *pair) - before).abs().max() > 1e-3


def test_units_of_a_frozen_layer_stay_as_they_are(network: SlimNetwork, pair: tuple[Tensor, Tensor]) -> None:
    kill(network, "quarter")
    network.encoder.requires_grad_(False)
    before = copy.deepcopy(network.encoder.state_dict())
    assert "quarter" not in recycling.recycle(network, *pair, SHARE, seed=0)
    for name, value in network.encoder.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_what_is_drawn_follows_from_the_seed(network: SlimNetwork, pair: tuple[Tensor, Tensor]) -> None:
    kill(network, "quarter")

    def drawn(seed: int) -> Tensor:
        of = copy.deepcopy(network)
        recycling.recycle(of, *pair, SHARE, seed=seed)
        return of.encoder.to_quarter.weight

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))


def test_a_phase_recycles_at_its_first_step_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_to_train_on(tmp_path)
    sides = {"batch": 2, "crop": 32, "content_side": [32, 48], "style_side": [40, 48]}
    plan = recipe.parse(
        {
            "phases": [{"iterations": 2, **sides}, {"iterations": 3, **sides, "recycle": SHARE}],
            "network": {"options": OPTIONS},
            "losses": {"style_layers": ["relu1_1"], "content_layers": ["relu1_1"]},
            "optimizer": {"loss_precision": "fp32"},
            "run": {"workers": 0, "checkpoint_every": 3},
        }
    )
    torch.manual_seed(0)
    features = LossNetwork([(Encoder((4, 6), 1), ("relu1_1",))])

    def trainer(folder: str) -> Trainer:
        made = networks.build(plan.network, plan.seed)
        assert isinstance(made, SlimNetwork)
        kill(made, "eighth")
        pictures = (data.open_pictures([tmp_path / name]) for name in ("content", "style"))
        place = tmp_path / folder
        return Trainer(
            plan,
            network=made,
            features=features,
            datasets=Datasets(*pictures),
            run_dir=place,
            device=torch.device("cpu"),
        )

    real: Callable[..., dict[str, int]] = recycling.recycle
    counted: list[dict[str, int]] = []
    monkeypatch.setattr(recycling, "recycle", lambda *args, **kwargs: counted.append(real(*args, **kwargs)))
    straight = trainer("straight")
    straight.run()
    assert [counts["eighth"] >= 2 for counts in counted] == [True]

    cut = trainer("cut")
    cut.run(on_metrics=lambda *_: None, on_problem=lambda _: None)
    for path in (tmp_path / "cut" / "checkpoints").glob("*5*"):
        path.unlink()
    resumed = trainer("cut")
    assert resumed.resume()
    assert resumed.step == 3
    resumed.run()
    for name, value in resumed.average.state_dict().items():
        assert torch.equal(value, straight.average.state_dict()[name]), name


@pytest.mark.parametrize("share", [1.0, -0.1])
def test_a_share_that_makes_no_sense_is_refused(share: float) -> None:
    with pytest.raises(InputError, match=r"phases\[0\].recycle"):
        recipe.parse({"phases": [{"iterations": 1, "recycle": share}]})
