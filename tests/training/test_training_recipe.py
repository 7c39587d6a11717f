"""Recipes: what they may say, and how errors name what is wrong."""

from __future__ import annotations

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
        ({**PHASES, "losses": {"style_layer_weights": [1]}}, "one per layer"),
        ({**PHASES, "seed": 1.5}, "'seed' must be int"),
        ({**PHASES, "data": "photos"}, "'data' must be a table"),
        ({**PHASES, "data": {"content": "photos.tar"}}, "'data.content' must be a list"),
        ({"phases": [{"batch": 2}]}, "'phases\\[0\\].iterations' is missing"),
        ({"phases": [{"iterations": 1, "crop": 256}]}, "phases\\[0\\].content_side"),
        ({**PHASES, "optimizer": {"ema": 1}}, "optimizer.ema"),
        ({**PHASES, "optimizer": {"decay": 1.5}}, "optimizer.decay"),
        ({**PHASES, "optimizer": {"name": "sgd"}}, "optimizer.name"),
        ({**PHASES, "task": "wtc"}, "'task' must be one of 'adain', 'wct', 'distill'"),
        ({**PHASES, "losses": {"adversarial": -1}}, "losses.adversarial"),
        ({**PHASES, "losses": {"identity_fraction": 0.05}}, "identity_fraction' is less than half a picture"),
        (
            {**PHASES, "wct": {"pixels": 2}},
            "'wct' is not read by task 'adain'; leave it out, got \\['pixels'\\]",
        ),
        ({**PHASES, "task": "wct", "losses": {"style": 2}}, "'losses' is not read by task 'wct'"),
        ({"task": "wct", "phases": [{"iterations": 1, "losses": {"style": 2}}]}, "phases\\[0\\].losses' is for task"),
        ({"phases": [{"iterations": 1, "losses": {"stile": 2}}]}, "unknown key 'phases.losses.stile'"),
        ({"phases": [{"iterations": 1, "losses": {"style_layers": ["relu9_1"]}}]}, "relu9_1"),
        ({"phases": [{"iterations": 1, "losses": {"adversarial": 1}}]}, "losses.adversarial' is of the whole run"),
        ({**PHASES, "task": "wct", "wct": {"feature_layers": []}}, "wct.feature_layers"),
        ({**PHASES, "task": "wct", "wct": {"level_weights": [1, 2]}}, "wct.level_weights"),
        ({**PHASES, "task": "wct", "wct": {"feature_levels": 0}}, "wct.feature_levels"),
        ({**PHASES, "task": "wct", "wct": {"stylized_alpha": [0.5, 1.2]}}, "wct.stylized_alpha"),
        ({**PHASES, "task": "wct", "wct": {"distillation_layer_weights": [1]}}, "one per layer"),
    ],
)
def test_a_bad_recipe_is_a_clear_error(table, message):
    with pytest.raises(InputError, match=message):
        recipes.parse(table)


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
