"""Tuned style codes: near the encoded ones, better, and usable wherever a code is."""

from __future__ import annotations

import numpy as np
import pytest
from pictures import painting, photo
from PIL import Image

torch = pytest.importorskip("torch", reason="optimisation needs the extra torch")

import adain  # noqa: E402
from adain import InputError, OptimizeOptions  # noqa: E402
from adain.optimization import contents, tuning  # noqa: E402

OPTIONS = OptimizeOptions(features="adain-slim", iterations=12, losses={"sliced": 0.0})


PHOTOS = [photo(96, 80), photo(70, 64)[:, ::-1].copy(), photo(64, 90)]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "SIDE", 64)


def test_a_tuned_code_lowers_the_loss_and_stays_near_the_encoded_one(small: None) -> None:
    seen = []
    style = Image.fromarray(painting(96, 80))
    code = tuning.tune(style, PHOTOS, OPTIONS, progress=seen.append)
    stylizer = adain.load()
    encoded = stylizer.encode_style(style)
    assert code.maker.agrees(encoded.maker)
    assert np.mean([step.losses["total"] for step in seen[-3:]]) < np.mean([step.losses["total"] for step in seen[:3]])
    for name, array in code.arrays.items():
        own, of_map = encoded.arrays[name], name.rpartition(".")[0]
        assert array.dtype == np.float32
        assert np.isfinite(array).all()
        assert (array != own).any()
        spread = encoded.arrays[f"{of_map}.std"]
        if name.endswith("std"):
            assert (abs(np.log(array / own)) <= tuning._BOUND + 1e-3).all()
        elif name.endswith("mean"):
            assert (abs(array - own) <= tuning._BOUND * spread + 1e-4).all()
            assert (array >= -1e-6).all()
    for alpha in (0.5, 1.0):
        mixed = adain.mix([code, encoded], [0.3, 0.7])
        for each in (code, mixed):
            assert 0 < np.asarray(stylizer(photo(80, 64), each, alpha=alpha)).std() < 128


def test_the_seed_and_the_order_decide_the_code(small: None) -> None:
    options = OptimizeOptions(features="adain-slim", iterations=2)
    codes = [
        tuning.tune(painting(64, 64), PHOTOS, options, request=adain.StyleRequest(seed=seed, style_size=None)).arrays
        for seed in (0, 0, 1)
    ]
    assert all((codes[0][name] == codes[1][name]).all() for name in codes[0])
    assert any((codes[0][name] != codes[2][name]).any() for name in codes[0])


def test_every_content_is_used_once_before_any_is_used_again() -> None:
    turns = [tuning._turn(step, 5, 0) for step in range(10)]
    assert sorted(turns[:5]) == sorted(turns[5:]) == list(range(5))


def test_contents_of_the_user_are_cut_to_squares(small: None) -> None:
    crops = contents.crops([photo(100, 80), photo(64, 90)], seed=0)
    assert [crop.shape for crop in crops] == [(1, 3, 64, 64)] * 2
    with pytest.raises(InputError, match="at least 64"):
        contents.crops([photo(100, 40)], seed=0)
    with pytest.raises(InputError, match="at least one content"):
        contents.crops([], seed=0)


def test_a_style_of_one_colour_is_refused() -> None:
    with pytest.raises(InputError, match="one colour"):
        tuning.tune(Image.new("RGB", (64, 64), "teal"), PHOTOS)


def test_losses_of_pixels_count_only_if_they_are_named() -> None:
    assert set(tuning._losses(OptimizeOptions())) == {"content_cosine", "covariance", "sliced"}
    assert tuning._losses(OptimizeOptions(losses={"grid": 2.0}))["grid"] == 2.0
