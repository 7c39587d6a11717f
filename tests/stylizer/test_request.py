"""The one request: what may be in it, that it is checked once, and that it goes whole through every way."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from mean_backend import MeanBackend, mean_stylizer
from pictures import painting, photo

import adain
from adain import InputError, StyleRequest
from adain.request import spec
from adain.video import stylize

MASK = np.ones((36, 48), np.bool_)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"alpha": "0.5"}, r"alpha must be in \[0, 1\], got '0.5'"),
        ({"alpha": True}, "got True"),
        ({"alpha": float("nan")}, "got nan"),
        ({"alpha": 10**400}, "alpha must be in"),
        ({"alpha": [0.5]}, r"got \[0.5\]"),
        ({"strokes": 1.5}, r"strokes must be in \[0, 1\], got 1.5"),
        ({"strokes": float("nan")}, "got nan"),
        ({"strokes": "broad"}, "strokes must be in"),
        ({"seed": -1}, "seed must be a whole number, at least 0, got -1"),
        ({"seed": 0.5}, "got 0.5"),
        ({"weights": 0.5}, "weights must be a list, got 0.5"),
        ({"weights": "12"}, "weights must be a list, got '12'"),
        ({"weights": [None]}, "each of the weights must be a finite number, at least 0, got None"),
        ({"weights": [1, float("inf")]}, "got inf"),
        ({"weights": [0, 0]}, "at least one weight must be above 0"),
        ({"weights": np.float32(1)}, "weights must be a list"),
        ({"masks": 3}, "masks must be a list of one per style, got one int; put it in a list"),
        ({"masks": MASK}, "got one ndarray; put it in a list"),
        ({"masks": "background"}, "or \"subject\", got 'background'"),
        ({"masks": [MASK], "weights": [1]}, "give one of the two"),
        ({"preserve_color": 3}, "preserve_color must be one of .*'coral', 'luminance', None.*got 3"),
        ({"preserve_color": MASK}, "preserve_color must be one of"),
        ({"size": "3"}, "size must be a whole number of pixels, at least 1, got '3'"),
        ({"size": 3.0}, "got 3.0"),
        ({"style_size": 0}, "style_size must be a whole number of pixels, at least 1, got 0"),
        ({"tile": 1.5}, "tile must be a whole number of pixels, at least 0, got 1.5"),
        ({"tile": True}, "got True"),
    ],
)
def test_a_wrong_value_or_type_is_an_error_at_once(options: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        StyleRequest(**options)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=said):
        mean_stylizer()("nowhere.jpg", "nowhere.png", **options)  # type: ignore[arg-type]


def test_numbers_of_numpy_are_numbers() -> None:
    request = StyleRequest(alpha=np.float32(0.5), size=np.int64(7), weights=np.array([1, 3]))  # type: ignore[arg-type]
    assert vars(request) == vars(StyleRequest(alpha=0.5, size=7, weights=(1.0, 3.0)))
    assert type(request.alpha) is float
    assert type(request.size) is int


def test_it_travels_and_keeps_what_it_holds() -> None:
    request = StyleRequest(alpha=0.5, masks=[MASK], tile=0)
    copied = pickle.loads(pickle.dumps(request))
    assert np.array_equal(copied.masks[0], MASK)
    assert replace(copied, masks=None).tile == 0
    assert len({request, copied}) == 2  # hashed by identity: masks may be arrays


def test_every_field_says_what_it_is_and_its_default_is_allowed() -> None:
    for field in fields(StyleRequest):
        assert spec(field.name).help
        if field.default is not None:
            assert spec(field.name).checked(field.name, field.default) == field.default


def test_importing_it_is_quick() -> None:
    code = "import sys, adain.request; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"numpy", "PIL", "torch"} & set(loaded)


# The ways it goes


def test_a_ready_request_is_what_its_keywords_are() -> None:
    request = StyleRequest(alpha=0.3, size=20, preserve_color="luminance")
    expected = mean_stylizer()(photo(), painting(), alpha=0.3, size=20, preserve_color="luminance")
    assert np.array_equal(mean_stylizer()(photo(), painting(), request=request), expected)


@pytest.mark.parametrize("keywords", [{"alpha": 0.5}, {"size": 9}, {"style_size": None}, {"masks": [MASK]}])
def test_a_ready_request_and_keywords_are_an_error(keywords: dict[str, object]) -> None:
    with pytest.raises(InputError, match=f"a request holds {next(iter(keywords))} already"):
        mean_stylizer()(photo(), painting(), request=StyleRequest(), **keywords)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="request must be a StyleRequest, got 3"):
        mean_stylizer()(photo(), painting(), request=3)  # type: ignore[arg-type]


def _grid(request: StyleRequest, folder: Path) -> object:
    return adain.grid(mean_stylizer(), folder / "photo.png", folder / "painting.png", request=request)


def _mixes(request: StyleRequest, folder: Path) -> object:
    return adain.interpolation_grid(mean_stylizer(), folder / "photo.png", [painting()] * 2, request=request)


def _film(request: StyleRequest, folder: Path) -> object:
    return stylize(mean_stylizer(), folder, painting(), folder.parent / "frames", request=request)


@pytest.mark.parametrize(
    ("way", "field", "value"),
    [
        (_grid, "masks", [MASK]),
        (_grid, "weights", [1]),
        (_mixes, "masks", [MASK, ~MASK]),
        (_mixes, "weights", [1, 2]),
        (_film, "size", 8),
    ],
)
def test_a_field_that_makes_no_sense_there_is_an_error(
    way: Callable[[StyleRequest, Path], object], field: str, value: object, photo_file: Path, painting_file: Path
) -> None:
    with pytest.raises(InputError, match=f"takes no {field}; leave {field} out"):
        way(StyleRequest(**{field: value}), photo_file.parent)  # type: ignore[arg-type]


# Other arguments of the public API


@pytest.mark.parametrize(
    ("function", "options", "said"),
    [
        ("stylize_many", {"contents": 3}, "contents must be a list, got 3"),
        ("stylize_many", {"contents": [3]}, "must be a path, got 3"),
        ("stylize_many", {"output": 3}, "output must be a path, got 3"),
        ("stylize_many", {"name": 3}, "a name is a template"),
        ("stylize_many", {"alphas": 0.5}, "alphas must be a list, got 0.5"),
        ("stylize_many", {"alphas": ["a"]}, r"alpha must be in \[0, 1\], got 'a'"),
        ("stylize_many", {"progress": 3}, "progress must be a function or None, got 3"),
        ("stylize_many", {"cancel": "now"}, "cancel must be a function or None, got 'now'"),
        ("grid", {"cell": "a"}, "cell must be a whole number of pixels, at least 1, got 'a'"),
        ("grid", {"size": "a"}, "size must be a whole number"),
        ("grid", {"styles": None}, "must be a list, got None"),
        ("interpolation_grid", {"steps": 2.5}, "steps must be a whole number, at least 2, got 2.5"),
        ("interpolation_grid", {"styles": 3}, "styles must be a list, got 3"),
        ("interpolation_grid", {"content": 3}, "a picture must be"),
        ("video.stylize", {"source": 3}, "source must be a path, got 3"),
        ("video.stylize", {"output": None}, "output must be a path, got None"),
        ("video.stylize", {"rate": "fast"}, "a frame rate must be above 0 and at most 1000, got 'fast'"),
        ("video.stylize", {"smoothing": None}, "smoothing must be a finite number of seconds"),
        ("video.stylize", {"keyframes": 3}, "keyframes must be a list, got 3"),
        ("video.stylize", {"style": 3}, "a picture must be"),
    ],
)
def test_wrong_types_are_input_errors(
    function: str, options: dict[str, object], said: str, photo_file: Path, painting_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "frames").mkdir()
    photo_file.rename(tmp_path / "frames" / "photo.png")
    arguments: dict[str, dict[str, object]] = {
        "stylize_many": {"contents": tmp_path / "frames", "styles": painting_file, "output": tmp_path / "out"},
        "grid": {"contents": tmp_path / "frames", "styles": painting_file},
        "interpolation_grid": {"content": photo(), "styles": [painting(), painting()]},
        "video.stylize": {"source": tmp_path / "frames", "style": painting(), "output": tmp_path / "out"},
    }
    called = stylize if function == "video.stylize" else getattr(adain, function)
    stylizer = mean_stylizer()
    with pytest.raises(InputError, match=said):
        called(stylizer, **{**arguments[function], **options})
    assert isinstance(stylizer.backend, MeanBackend)
    assert not stylizer.backend.seen
    assert not (tmp_path / "out").exists()
