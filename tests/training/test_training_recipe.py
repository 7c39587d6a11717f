"""Recipes: what they may say, and how errors name what is wrong."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from adain.errors import InputError
from adain.training import recipe as recipes
from adain.training import schedule

PHASES = {"phases": [{"iterations": 10}]}


@pytest.mark.parametrize("name", recipes.names())
def test_every_recipe_in_the_package_is_valid(name):
    assert recipes.read(name).phases


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, "'phases' is missing"),
        ({"phases": []}, "at least one phase"),
        ({**PHASES, "speed": 1}, "unknown key 'speed'; allowed: phases"),
        ({**PHASES, "losses": {"stile": 1}}, "unknown key 'losses.stile'"),
        ({**PHASES, "losses": {"style": "much"}}, "'losses.style' must be float, got 'much'"),
        ({**PHASES, "losses": {"style": True}}, "'losses.style' must be float"),
        ({**PHASES, "losses": {"style_form": "gram"}}, "must be one of 'relative'"),
        ({**PHASES, "losses": {"style_layers": ["relu9_1"]}}, "relu9_1"),
        ({**PHASES, "losses": {"style_layer_weights": [1]}}, "one weight of at least 0 per layer"),
        ({**PHASES, "seed": 1.5}, "'seed' must be int"),
        ({**PHASES, "data": "photos"}, "'data' must be a table"),
        ({**PHASES, "data": {"content": "photos.tar"}}, "'data.content' must be a list"),
        ({"phases": [{"batch": 2}]}, "'phases\\[0\\].iterations' is missing"),
        ({"phases": [{"iterations": 1, "crop": 256}]}, "phases\\[0\\].content_side"),
        ({**PHASES, "optimizer": {"ema": 1}}, "optimizer.ema"),
        ({**PHASES, "optimizer": {"decay": 1.5}}, "optimizer.decay"),
        ({**PHASES, "optimizer": {"name": "sgd"}}, "optimizer.name"),
        ({**PHASES, "task": "wct"}, "task 'wct' no longer exists"),
        ("phases", "recipe: it must be a table"),
        ({"phases": 3}, "'phases' must be a list"),
        ({"phases": [3]}, "'phases\\[0\\]' must be a table"),
        ({**PHASES, "seed": -1}, "'seed' must be from 0 to"),
        ({**PHASES, "losses": 3}, "'losses' must be a table"),
        ({**PHASES, "losses": {"style": float("nan")}}, "'losses.style' must be a finite number"),
        ({**PHASES, "losses": {"network": "vgg11"}}, "must be one of 'vgg19', 'vgg16', 'shipped'"),
        ({**PHASES, "losses": {"network": ["vgg16"]}}, "must be one of 'vgg19', 'vgg16', 'shipped'"),
        ({**PHASES, "losses": {"vgg19": 3}}, "'losses.vgg19' must be a table"),
        ({**PHASES, "losses": {"network": "shipped", "style_layers": ["relu1_1"]}}, "must be some of x2, x4, x8"),
        ({**PHASES, "optimizer": {"betas": [0.9, 1.0]}}, "'optimizer.betas' must be two numbers in"),
        ({**PHASES, "optimizer": {"learning_rate": -1}}, "'optimizer.learning_rate' must be at least 0"),
        ({**PHASES, "run": {"samples": 0}}, "'run.samples' must be from 1 to 64"),
        ({**PHASES, "losses": {"adversarial": -1}}, "losses.adversarial"),
        ({**PHASES, "losses": {"identity_fraction": 0.05}}, "identity_fraction' is less than half a picture"),
        ({"phases": [{"iterations": 1, "losses": {"stile": 2}}]}, "unknown key 'phases.losses.stile'"),
        ({"phases": [{"iterations": 1, "losses": {"style_layers": ["relu9_1"]}}]}, "relu9_1"),
        (
            {"phases": [{"iterations": 1, "losses": {"adversarial": 1}}]},
            "losses.adversarial' must be the same",
        ),
    ],
)
def test_a_bad_recipe_is_a_clear_error(table, message):
    with pytest.raises(InputError, match=message):
        recipes.parse(table)


def test_a_recipe_of_an_older_version_is_the_same_recipe():
    now = recipes.parse({**PHASES, "losses": {"style": 2.0}})
    saved = recipes.as_dict(now)
    del saved["losses"]["network"]
    older = {**saved, "task": "adain", "wct": {"pixels": 1.0, "level_weights": [1.0] * 5}}
    assert recipes.fingerprint(recipes.parse_saved(json.dumps(older))) == recipes.fingerprint(now)
    assert recipes.fingerprint(recipes.parse({**PHASES, "task": "adain", "losses": {"style": 2.0}})) == (
        recipes.fingerprint(now)
    )


def test_a_loss_network_has_layers_and_overrides_of_its_own():
    table = {**PHASES, "losses": {"style": 2.0, "shipped": {"style": 5.0, "style_layer_weights": [1, 2, 3]}}}
    assert recipes.parse(table).losses == recipes.parse({**PHASES, "losses": {"style": 2.0}}).losses
    shipped = recipes.parse({**table, "losses": {**table["losses"], "network": "shipped"}}).losses
    assert (shipped.style, shipped.style_layer_weights) == (5.0, (1.0, 2.0, 3.0))
    assert (shipped.style_layers, shipped.content_layers) == (("x2", "x4", "x8"), ("x8",))


def test_metadata_of_weights_hold_no_folder_of_the_user():
    recipe = recipes.read(
        "adain-slim-finetune",
        ['data.content=["/home/me/photos"]', "network.init=/home/me/a.safetensors", 'run.sample_style=["/home/me/x"]'],
    )
    clean = recipes.without_paths(recipe)
    assert "/home" not in json.dumps(recipes.as_dict(clean))
    assert (clean.data.content, clean.network.init, clean.losses) == (("photos",), "a.safetensors", recipe.losses)


def test_an_integer_is_taken_where_a_float_is_wanted():
    assert recipes.parse({**PHASES, "losses": {"style": 2}}).losses.style == 2.0


def test_overrides_change_keys_of_tables_and_phases():
    recipe = recipes.read("adain-slim", ["losses.style=7", "phases.0.batch=3", "network.init=a.safetensors"])
    assert (recipe.losses.style, recipe.phases[0].batch, recipe.network.init) == (7.0, 3, "a.safetensors")


@pytest.mark.parametrize("line", ["losses.style", "phases.9.batch=1", "losses.styl=1", "seed.x=1"])
def test_a_bad_override_is_an_error(line):
    with pytest.raises(InputError):
        recipes.read("adain-slim", [line])


def test_an_unknown_name_lists_the_recipes():
    with pytest.raises(InputError, match="adain-slim"):
        recipes.read("adian-slim")


def test_a_file_that_is_not_toml_is_an_error(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text("= 3")
    with pytest.raises(InputError, match="not valid TOML"):
        recipes.read(path)


def test_only_what_changes_the_result_changes_the_fingerprint():
    one = recipes.parse(PHASES)
    assert recipes.fingerprint(recipes.parse({**PHASES, "run": {"workers": 0}})) == recipes.fingerprint(one)
    assert recipes.fingerprint(recipes.parse({**PHASES, "seed": 9})) != recipes.fingerprint(one)


def test_phases_follow_one_another_and_count_samples():
    phases = recipes.parse({"phases": [{"iterations": 2, "batch": 3}, {"iterations": 2, "batch": 5}]}).phases
    assert [(phase.batch, first) for phase, first in schedule.steps(phases)] == [
        (3, 0),
        (3, 3),
        (5, 6),
        (5, 11),
    ]
    assert [first for _, first in schedule.steps(phases, 3)] == [11]


def test_learning_rate_warms_up_and_decays_evenly():
    optimizer = recipes.OptimizerRecipe(learning_rate=1.0, final_learning_rate=0.1, warmup=10)
    rates = [schedule.learning_rate(optimizer, step, 110) for step in range(110)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(1.0)
    assert rates[-1] == pytest.approx(0.1)
    drops = [before - after for before, after in pairwise(rates[10:])]
    assert drops == pytest.approx([0.9 / 99] * 99)


def test_a_longer_run_has_the_same_learning_rates_until_they_fall():
    optimizer = recipes.OptimizerRecipe(learning_rate=1.0, final_learning_rate=0.1, warmup=10, decay=0.25)
    short, long = ([schedule.learning_rate(optimizer, step, total) for step in range(total)] for total in (111, 211))
    assert short[:86] == long[:86]
    assert short[10:86] == [1.0] * 76
    drops = [before - after for before, after in pairwise(short[85:])]
    assert drops == pytest.approx([0.9 / 25] * 25)


def test_a_phase_has_the_losses_of_the_recipe_but_for_its_own():
    own = {"style": 7, "style_layer_weights": [1, 1, 1, 2, 2]}
    recipe = recipes.parse(
        {"losses": {"style": 3.0, "grid": 5.0}, "phases": [{"iterations": 1}, {"iterations": 1, "losses": own}]}
    )
    first, second = map(recipe.losses_in, recipe.phases)
    assert first == recipe.losses
    assert (second.style, second.grid, second.style_layer_weights) == (7.0, 5.0, (1.0, 1.0, 1.0, 2.0, 2.0))
