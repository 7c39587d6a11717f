"""The pictures in tests/data: where each is from is told, and those made by code can be made again."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from adain.cli.stylize import stylize
from adain.request import StyleRequest

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture
def gallery(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """`gallery.py`, with paintings of an eighth of their size."""
    monkeypatch.syspath_prepend(DATA)
    module, paintings = importlib.import_module("gallery"), importlib.import_module("paintings")
    monkeypatch.setattr(paintings, "SIDE", 64)
    monkeypatch.setattr(paintings, "FULL", 128)
    return module


def test_every_picture_says_where_it_is_from() -> None:
    told = re.findall(
        r"^\| `(\S+)` \| (.+) \| (.+) \|$", (DATA / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert {name for name, _, _ in told} == {path.name for path in DATA.glob("*.jpg")}
    for name, what, source in told:
        if "skimage" in source:
            assert re.search("public domain|CC0", what), name
        else:
            assert re.search(r"paint\.py|adain|gallery\.py", source), name


def test_the_gallery_shows_every_content_in_every_style(gallery: ModuleType) -> None:
    file = DATA / "gallery.jpg"
    assert file.stat().st_size <= gallery.LIMIT
    with Image.open(file) as picture:
        width, height = picture.size
    assert width >= (len(gallery.STYLES) + 1) * gallery.CELL
    assert height >= (len(gallery.CONTENTS) + 1) * gallery.CELL
    assert all((DATA / name).is_file() for name in gallery.CONTENTS)


@pytest.mark.parametrize("name", ["woodcut", "pointillism", "watercolour", "mosaic", "marbling"])
def test_a_painting_is_the_same_every_time_and_no_flat_field(gallery: ModuleType, name: str) -> None:
    first, second = (np.asarray(gallery.STYLES[name]()) for _ in range(2))
    assert first.shape == (64, 64, 3)
    assert np.array_equal(first, second)
    assert first.std(axis=(0, 1)).min() > 20


def test_a_jpeg_is_as_good_as_fits(gallery: ModuleType) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8))
    large, small = gallery.jpeg(noise, 10_000), gallery.jpeg(noise, 3_000)
    assert len(small) <= 3_000 < len(large) <= 10_000
    with pytest.raises(SystemExit, match="does not fit into 100 bytes"):
        gallery.jpeg(noise, 100)


def test_the_page_of_looks_shows_every_look_and_names_options_that_exist(gallery: ModuleType) -> None:
    page = DATA.parents[1] / "docs" / "looks.md"
    if not page.is_file():
        pytest.skip("docs/ is part of the repository only")
    text = page.read_text(encoding="utf-8")
    assert set(re.findall(r"tests/data/(look-\S+\.jpg)", text)) == {f"look-{name}.jpg" for name in gallery.LOOKS}
    known = {option for parameter in stylize.params for option in parameter.opts}
    assert set(re.findall(r"`(--[a-z-]+)", text)) <= known
    for name, options in gallery.LOOKS.items():
        file = DATA / f"look-{name}.jpg"
        assert file.stat().st_size <= gallery.LOOK_LIMIT
        with Image.open(file) as picture:
            assert picture.width >= len(options) * gallery.LOOK_SIDE
        assert [StyleRequest(**each) for each in options.values()]
