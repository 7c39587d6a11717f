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
from adain.engine import tiling
from adain.engine.backend import Core, Maps, Reach, framed, unframed
from adain.engine.moments import MapMoments, Moments
from adain.errors import InputError

SLIM = registry.get("adain-slim").architecture


@dataclass
class Blur:
    """Stands in for a network: two stages that each take the mean of 3 x 3 pixels twice, minus their picture's mean.

    As with a network, zeros beyond a border spoil what is near it, and what is true of a window is not of the picture.
    """

    device: str = "cpu"
    stages: tuple[str, ...] = ("first", "second")
    margin: int = 0
    rim: int = 0
    encoded: list[tuple[int, ...]] = field(default_factory=list)
    decoded: list[tuple[int, ...]] = field(default_factory=list)

    def reach(self, stage: str) -> Reach:
        return Reach(multiple=4, minimum=8, encode=4, decode=4, margin=self.margin, rim=self.rim)

    def encode(self, picture: NDArray[np.float32], stage: str, core: Core | None = None) -> tuple[Maps, Moments]:
        self.encoded.append(picture.shape)
        maps = blurred(picture)[:, :, self.rim : picture.shape[2] - self.rim, self.rim : picture.shape[3] - self.rim]
        within = self.margin, self.margin, maps.shape[2] - self.margin, maps.shape[3] - self.margin
        top, left, bottom, right = core or within
        values = maps[0, :, top:bottom, left:right].reshape(3, -1).astype(np.float64)
        moments = MapMoments(values.shape[1], values.mean(axis=1), values.var(axis=1))
        return {"x": maps[:, :, ::2, ::2], "y": maps}, Moments({"y": moments})

    def decode(self, maps: Maps, stage: str, own: Moments, code: Any, alpha: float) -> Any:
        self.decoded.append(maps["y"].shape)
        mean = own.maps["y"].mean.astype(np.float32)[None, :, None, None]
        wide = np.repeat(np.repeat(maps["x"], 2, axis=2), 2, axis=3)
        return blurred(np.asarray(maps["y"] + wide, np.float32)) / 2 - mean + code["mean"]

    def encode_style(self, style: Any) -> Any:
        raise NotImplementedError

    def stylize(self, content: NDArray[np.float32], code: Any, alpha: float) -> Any:
        height, width = content.shape[2:]
        picture = content
        for stage in self.stages:
            maps, own = self.encode(framed(picture, self.reach(stage)), stage)
            picture = unframed(self.decode(maps, stage, own, code, alpha), self.reach(stage))
        return picture[:, :, :height, :width]

    def stylize_regions(self, content: Any, codes: Any, masks: Any, alpha: float) -> Any:
        raise NotImplementedError


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
    for tile in tiling.tiles(shape, side, 16, 16):
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


@pytest.mark.parametrize("size", [(48, 36), (45, 61), (97, 32), (130, 7)])
@pytest.mark.parametrize("side", [20, 24, 40])
@pytest.mark.parametrize("kept", [0, 1, 1000])
@pytest.mark.parametrize(("margin", "rim"), [(0, 0), (4, 2)])
def test_tiled_and_whole_agree_to_a_level(
    size: tuple[int, int], side: int, kept: int, margin: int, rim: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiling, "_KEPT", kept * side**2 * (3 + 3 / 4) * 4)  # the maps of so many tiles
    rgb, backend, code = photo(*size), Blur(margin=margin, rim=rim), {"mean": np.float32(0.4)}
    tiled = tiling.stylize(backend, rgb, code, 1.0, side)
    assert len(backend.decoded) > 2, "these are no tiles"
    again = len(backend.encoded) - len(backend.decoded)
    if kept == 1:
        assert again < len(backend.decoded), "maps that are kept are not made again"
    else:
        assert again == (0 if kept else len(backend.decoded))
    whole = tiling.from_tensor(backend.stylize(tiling.to_tensor(rgb), code, 1.0))
    assert tiled.shape == whole.shape
    assert np.abs(tiled.astype(int) - whole).max() <= 1


def test_a_tile_without_its_neighbours_statistics_would_show() -> None:
    rgb, backend = photo(64, 48), Blur(stages=("first",))
    code = {"mean": np.float32(0.4)}
    own = np.concatenate(
        [tiling.stylize(backend, np.ascontiguousarray(half), code, 1.0, 1000) for half in (rgb[:24], rgb[24:])]
    )
    tiled = tiling.stylize(backend, rgb, code, 1.0, 24)
    assert np.abs(own.astype(int) - tiled).max() > 20


def test_small_pictures_are_not_tiled_and_large_ones_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: 64 << 30)
    assert tiling.choose(None, Blur(), SLIM, (2000, 2000)) is None
    side = tiling.choose(None, Blur(), SLIM, (5000, 4000))
    assert side is not None
    assert 1000 < side < 4000


def test_short_memory_makes_smaller_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    sides = []
    for free in (8 << 30, 1 << 28, 1 << 20, 0):
        monkeypatch.setattr(memory, "available", lambda free=free: free)
        sides.append(tiling.choose(None, Blur(), SLIM, (5000, 4000)))
    assert None not in sides
    assert sides == sorted(sides, reverse=True)
    assert sides[0] > sides[1] > sides[2]
    assert sides[-1] == 32, "the least of this network"


def test_an_unknown_amount_of_memory_is_taken_as_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: None)
    assert tiling.choose(None, Blur(), SLIM, (1000, 1000)) is None
    assert tiling.choose(None, Blur(), SLIM, (5000, 4000)) is not None


def test_a_tile_that_is_asked_for_is_taken_unless_it_holds_the_picture() -> None:
    assert tiling.choose(512, Blur(), SLIM, (600, 400)) == 512
    assert tiling.choose(512, Blur(), SLIM, (512, 400)) is None
    assert tiling.choose(0, Blur(), SLIM, (50_000, 40_000)) is None
    assert tiling.choose(False, Blur(), SLIM, (50_000, 40_000)) is None


@pytest.mark.parametrize("tile", [-1, True, 15, 2.5, math.nan, "512"])
def test_a_tile_that_cannot_be_is_refused(tile: Any) -> None:
    with pytest.raises(InputError, match="tile"):
        tiling.choose(tile, Blur(), SLIM, (600, 400))


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
