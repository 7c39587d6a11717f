"""Large pictures in tiles: what is covered, that nothing tells tiles from the whole, and when they are chosen."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import photo

from adain import memory, registry
from adain.engine import loop, tiles
from adain.engine.backend import Maps
from adain.engine.framing import Framing
from adain.engine.loop import Styles, stylize
from adain.engine.moments import MapMoments, Moments
from adain.engine.smoothing import Smoothing
from adain.errors import AdainError, InputError
from adain.registry import FusedMap, Stage

MODEL = registry.get(registry.DEFAULT)
STAGES = tuple(Stage(name, (FusedMap("y", 1, 3, "adain"),), 8.0) for name in ("first", "second"))


class Asked(Smoothing):
    """Changes nothing, and remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__(0)
        self.keys: list[Any] = []

    def moments(self, key: tuple[int, int, int], own: Moments) -> Moments:
        self.keys.append(key)
        return super().moments(key, own)

    def draft(self, level: int, seen: NDArray[np.float32], own: NDArray[np.float32]) -> NDArray[np.float32]:
        self.keys.append(level)
        return super().draft(level, seen, own)


@dataclass
class Blur:
    """Stands in for a network: two stages that each take the mean of 3 x 3 pixels twice, minus their picture's mean.

    As with a network, zeros beyond a border spoil what is near it, and what is true of a window is not of the picture.
    With regions, each takes its own mean away, where it counts.
    """

    model: registry.Model = MODEL
    device: str = "cpu"
    stages: tuple[Stage, ...] = STAGES
    margin: int = 0
    context: int = 0
    encoded: list[tuple[int, ...]] = field(default_factory=list)
    decoded: list[tuple[int, ...]] = field(default_factory=list)

    def framing(self, stage: Stage) -> Framing:
        return Framing(multiple=4, minimum=8, encoder_band=4, decoder_band=4, margin=self.margin, context=self.context)

    def encode(
        self, picture: NDArray[np.float32], stage: Stage, masks: NDArray[np.float32]
    ) -> tuple[Maps, list[Moments]]:
        self.encoded.append(picture.shape)
        inner = without(picture, self.context)
        maps = without(blurred(picture), self.context)
        assert masks.shape[2:] == inner.shape[2:]
        return {"x": maps[:, :, ::2, ::2], "y": maps}, [moments(maps[0], mask) for mask in masks[0]]

    def decode(self, maps: Maps, stage: Stage, moments: Moments, code: Any, alpha: float) -> Any:
        self.decoded.append(maps["y"].shape)
        mean = moments.maps["y"].mean.astype(np.float32)[None, :, None, None]
        wide = np.repeat(np.repeat(maps["x"], 2, axis=2), 2, axis=3)
        return blurred(np.asarray(maps["y"] + wide, np.float32)) / 2 - mean + code["mean"]

    def decode_regions(self, maps: Maps, stage: Stage, moments: Any, codes: Any, masks: Any, alpha: float) -> Any:
        self.decoded.append(maps["y"].shape)
        shift = sum(
            mask * (code["mean"] - own.maps["y"].mean.astype(np.float32)[:, None, None])
            for mask, own, code in zip(masks[0], moments, codes, strict=False)
        )
        wide = np.repeat(np.repeat(maps["x"], 2, axis=2), 2, axis=3)
        return np.asarray(blurred(np.asarray(maps["y"] + wide, np.float32)) / 2 + shift, np.float32)

    def encode_style(self, style: Any) -> Any:
        raise NotImplementedError

    def stylize(self, content: NDArray[np.float32], code: Any, alpha: float) -> Any:
        return self.stylize_regions(content, [code], None, alpha)

    def stylize_regions(self, content: Any, codes: Any, masks: Any, alpha: float) -> Any:
        height, width = content.shape[2:]
        picture = content
        for stage in self.stages:
            framing = self.framing(stage)
            whole = np.zeros_like(without(framing.framed(picture), self.context))[:, :1]
            top, left, bottom, right = framing.inside(whole.shape[2:])
            whole[:, :, top:bottom, left:right] = 1
            if masks is None:
                maps, (own,) = self.encode(framing.framed(picture), stage, whole)
                output = self.decode(maps, stage, own, codes[0], alpha)
            else:
                framed = framing.masks(masks)
                weights = np.concatenate([framed / np.maximum(framed.sum(axis=1), 1) * whole, whole], axis=1)
                maps, (*regions, own) = self.encode(framing.framed(picture), stage, weights)
                found = [*(each.of_region(own) for each in regions), own]
                output = self.decode_regions(maps, stage, found, codes, framed, alpha)
            picture = framing.unframed(output)
        return picture[:, :, :height, :width]


def without(picture: NDArray[np.float32], edge: int) -> NDArray[np.float32]:
    return picture[:, :, edge : picture.shape[2] - edge, edge : picture.shape[3] - edge]


def moments(maps: NDArray[np.float32], mask: NDArray[np.float32]) -> Moments:
    count = float(mask.sum(dtype=np.float64))
    mean = (maps * mask).sum(axis=(1, 2), dtype=np.float64) / max(count, 1e-9)
    spread = ((maps - mean[:, None, None]) ** 2 * mask).sum(axis=(1, 2), dtype=np.float64) / max(count, 1e-9)
    return Moments({"y": MapMoments(count, mean, spread)})


def blurred(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    wide = np.pad(picture, ((0, 0), (0, 0), (1, 1), (1, 1)))
    height, width = picture.shape[2:]
    parts = [wide[:, :, y : y + height, x : x + width] for y in range(3) for x in range(3)]
    return np.asarray(sum(parts) / np.float32(9), np.float32)


@pytest.mark.parametrize("shape", [(64, 64), (64, 400), (368, 80), (1024, 736), (80, 96)])
@pytest.mark.parametrize("side", [64, 79, 160, 1000])
def test_cores_cover_the_picture_once_and_are_far_from_inner_borders(shape: tuple[int, int], side: int) -> None:
    counted = np.zeros(shape, int)
    sizes = set()
    for tile in tiles.tiles(shape, side, 16, 16):
        (top, left, bottom, right), core = tile.window, tile.core
        counted[core[0] : core[2], core[1] : core[3]] += 1
        sizes.add((bottom - top, right - left))
        assert core[0] - top >= 16 or core[0] == top == 0
        assert core[1] - left >= 16 or core[1] == left == 0
        assert bottom - core[2] >= 16 or core[2] == bottom == shape[0]
        assert right - core[3] >= 16 or core[3] == right == shape[1]
        assert all(value % 16 == 0 for value in (*tile.window, *core))
        assert max(bottom - top, right - left) <= side
    assert (counted == 1).all()
    assert len(sizes) == 1, "windows of several sizes, for each of which memory is planned anew"


CODE: Any = {"mean": np.float32(0.4)}


def two_regions(size: tuple[int, int]) -> Styles:
    """The left third, soft, and a small part of the right."""
    masks = np.zeros((2, size[1], size[0]), np.float32)
    masks[0, :, : size[0] // 3] = 0.8
    masks[1, :5, size[0] // 4 :] = 1
    return Styles((CODE, {"mean": np.float32(0.9)}), masks)


@pytest.mark.parametrize("size", [(48, 36), (45, 61), (97, 32), (130, 7)])
@pytest.mark.parametrize("side", [32, 36, 40])
@pytest.mark.parametrize("kept", [0, 1, 1000])
@pytest.mark.parametrize(("margin", "context"), [(0, 0), (4, 2)])
@pytest.mark.parametrize("regions", [False, True])
def test_tiled_and_whole_agree_to_a_level(
    size: tuple[int, int],
    side: int,
    kept: int,
    margin: int,
    context: int,
    regions: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop, "_KEPT", kept * side**2 * (3 + 3 / 4) * 4)  # the maps of so many tiles
    rgb, backend = photo(*size), Blur(margin=margin, context=context)
    styles = two_regions(size) if regions else Styles((CODE,))
    tiled = stylize(backend, rgb, styles, 1.0, tile=side)
    assert len(backend.decoded) > 2, "these are no tiles"
    again = len(backend.encoded) - len(backend.decoded)
    if kept == 1:
        assert again < len(backend.decoded), "maps that are kept are not made again"
    else:
        assert again == (0 if kept else len(backend.decoded))
    whole = stylize(backend, rgb, styles, 1.0, tile=0)
    assert tiled.shape == whole.shape
    assert np.abs(tiled.astype(int) - whole).max() <= 1


def test_a_tile_without_its_neighbours_statistics_would_show() -> None:
    rgb, backend = photo(64, 48), Blur(stages=STAGES[:1])
    halves = [stylize(backend, np.ascontiguousarray(half), Styles((CODE,)), 1.0) for half in (rgb[:24], rgb[24:])]
    tiled = stylize(backend, rgb, Styles((CODE,)), 1.0, tile=32)
    assert np.abs(np.concatenate(halves).astype(int) - tiled).max() > 20


@pytest.mark.parametrize("regions", [False, True])
def test_statistics_that_follow_a_film_are_asked_for_by_stage_and_region(regions: bool) -> None:
    rgb, follow = photo(64, 48), Asked()
    styles = two_regions((64, 48)) if regions else Styles((CODE,))
    followed = stylize(Blur(margin=4, context=2), rgb, styles, 1.0, follow=follow)
    whole = stylize(Blur(margin=4, context=2), rgb, styles, 1.0)
    assert np.abs(followed.astype(int) - whole).max() <= 1
    assert follow.keys == [(0, stage, region) for stage in range(2) for region in range(3 if regions else 1)]


@pytest.mark.parametrize("regions", [False, True])
@pytest.mark.parametrize("size", [(64, 48), (61, 47)])
def test_with_strokes_tiles_and_films_give_the_whole_pictures_result(size: tuple[int, int], regions: bool) -> None:
    backend, rgb = Blur(margin=4, context=2), photo(*size)
    styles = two_regions(size) if regions else Styles((CODE,))
    whole = stylize(backend, rgb, styles, 1.0, strokes=0.5)
    tiled = stylize(backend, rgb, styles, 1.0, strokes=0.5, tile=32)
    followed = stylize(backend, rgb, styles, 1.0, strokes=0.5, follow=Smoothing(0))
    assert np.abs(tiled.astype(int) - whole).max() <= 1
    assert np.abs(followed.astype(int) - whole).max() <= 1


def test_a_large_picture_is_drafted_several_times_from_small_to_large() -> None:
    backend = Blur()
    stylize(backend, photo(1700, 1000), Styles((CODE,)), 1.0, strokes=0.5, tile=0)
    assert [shape[2:] for shape in backend.encoded[::2]] == [(144, 240), (376, 640), (1000, 1704)]


def test_films_follow_each_level_of_a_picture_by_itself() -> None:
    follow = Asked()
    stylize(Blur(), photo(64, 48), Styles((CODE,)), 1.0, strokes=0.5, follow=follow)
    assert follow.keys == [(1, 0, 0), (1, 1, 0), 1, (0, 0, 0), (0, 1, 0)]


def test_strokes_of_0_are_one_pass_and_a_seed_changes_only_the_grain() -> None:
    rgb, styles = photo(64, 48), Styles((CODE,))
    plain = stylize(Blur(), rgb, styles, 1.0)
    assert np.array_equal(stylize(Blur(), rgb, styles, 1.0, strokes=0.0, seed=3), plain)
    first, again, other = (stylize(Blur(), rgb, styles, 1.0, strokes=1.0, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, plain)


def test_broad_strokes_come_from_one_further_draft_that_blends_in() -> None:
    rgb, styles = photo(320, 240), Styles((CODE,))
    sizes, few = [], photo(256, 128)

    class Sizes(Blur):
        def stylize(self, content: NDArray[np.float32], code: Any, alpha: float) -> NDArray[np.float32]:
            sizes.append(content.shape[2:])
            return super().stylize(content, code, alpha)

    stylize(Sizes(), rgb, styles, 1.0, strokes=1.0)
    assert sizes == [(36, 45), (96, 120), (240, 320)]
    usual, barely, broad = (stylize(Blur(), few, styles, 1.0, strokes=s).astype(int) for s in (0.5, 0.5001, 1.0))
    assert np.abs(barely - usual).max() <= 1
    assert np.abs(broad - usual).max() > 10


@pytest.mark.parametrize("tone", [0, 255])
def test_broad_strokes_blend_in_where_the_content_is_black_or_white(tone: int) -> None:
    class Contrast(Blur):
        """Shows the grain, also what of it is beyond black and white."""

        def stylize(self, content: NDArray[np.float32], code: Any, alpha: float) -> NDArray[np.float32]:
            return super().stylize(0.5 + 4 * (content - content.mean()), code, alpha)

    blank = np.full((256, 128, 3), tone, np.uint8)
    usual, barely = (stylize(Contrast(), blank, Styles((CODE,)), 1.0, strokes=s).astype(int) for s in (0.5, 0.5001))
    assert usual.std() > 3
    assert np.abs(barely - usual).max() <= 1


def test_a_call_can_be_ended_between_tiles_and_stages() -> None:
    backend, calls = Blur(), []

    def cancel() -> None:
        calls.append(len(backend.encoded))
        if len(calls) == 4:
            raise AdainError("enough")

    with pytest.raises(AdainError, match="enough"):
        stylize(backend, photo(64, 48), Styles((CODE,)), 1.0, tile=32, cancel=cancel)
    assert calls == [0, 1, 2, 3]


def test_masks_make_smaller_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: 1 << 30)
    without_masks, with_two = (tiles.choose(None, Blur(), (5000, 4000), regions) for regions in (0, 2))
    assert without_masks is not None
    assert with_two is not None
    assert with_two < without_masks


def test_small_pictures_are_not_tiled_and_large_ones_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: 64 << 30)
    assert tiles.choose(None, Blur(), (2000, 2000)) is None
    side = tiles.choose(None, Blur(), (5000, 4000))
    assert side is not None
    assert 1000 < side < 4000


def test_as_many_pictures_go_together_as_their_memory_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: 64 << 30)
    few, many = (tiles.most_at_once(None, Blur(), (side, side)) for side in (1000, 100))
    assert many > few > 1
    assert tiles.most_at_once(None, Blur(), (5000, 4000)) == 1, "it needs tiles"
    assert tiles.most_at_once(64, Blur(), (100, 100)) == 1
    assert tiles.most_at_once(0, Blur(), (50_000, 40_000)) == 1


def test_short_memory_makes_smaller_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    sides = []
    for free in (8 << 30, 1 << 28, 1 << 20, 0):
        monkeypatch.setattr(memory, "available", lambda free=free: free)
        sides.append(tiles.choose(None, Blur(), (5000, 4000)))
    assert None not in sides
    assert sides == sorted(sides, reverse=True)
    assert sides[0] > sides[1] > sides[2]
    assert sides[-1] == 32, "the least of this network"


def test_an_unknown_amount_of_memory_is_taken_as_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: None)
    assert tiles.choose(None, Blur(), (1000, 1000)) is None
    assert tiles.choose(None, Blur(), (5000, 4000)) is not None


def test_a_tile_that_is_asked_for_is_taken_unless_it_holds_the_picture() -> None:
    assert tiles.choose(512, Blur(), (600, 400)) == 512
    assert tiles.choose(512, Blur(), (512, 400)) is None
    assert tiles.choose(0, Blur(), (50_000, 40_000)) is None
    assert tiles.choose(False, Blur(), (50_000, 40_000)) is None


@pytest.mark.parametrize("tile", [-1, True, 15, 2.5, math.nan, "512"])
def test_a_tile_that_cannot_be_is_refused(tile: Any) -> None:
    with pytest.raises(InputError, match="tile"):
        tiles.choose(tile, Blur(), (600, 400))


def test_free_memory_is_known_on_linux() -> None:
    if not Path("/proc/meminfo").is_file():
        pytest.skip("no /proc/meminfo here")
    free = memory.available()
    assert free is not None
    assert 1 << 20 < free < 1 << 50


def test_the_limit_of_a_container_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable:    8000 kB\n")
    monkeypatch.setattr(memory, "_SYSTEM", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "_GROUP", tmp_path)
    assert memory.available() == 8000 * 1024, "no limit"
    for name, content in (("max", "max"), ("current", "5000"), ("stat", "anon 1\ninactive_file 1000\n")):
        (tmp_path / f"memory.{name}").write_text(content)
    assert memory.available() == 8000 * 1024, "no limit either"
    (tmp_path / "memory.max").write_text("7000\n")
    assert memory.available() == 3000
    (tmp_path / "meminfo").unlink()
    assert memory.available() is None
