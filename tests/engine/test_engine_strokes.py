"""Drafts: their sizes, the grain, the resizing, and what is composed for the revision."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from adain.engine import canvas, strokes
from adain.export.graph_operators import FixedOperators, GraphOperators, PortableOperators
from adain.nn.grain import grain as torch_grain
from adain.nn.resizing import resized as torch_resized
from adain.nn.resizing import weights
from adain.nn.strokes import DraftAndRevise, Strokes

# Of the tile's upper left corner: a film or a tile stylized tomorrow must get today's grain.
FIRST = [[-0.0, 0.8125, 0.21875], [-1.6875, -1.875, -2.5], [-1.625, -1.4375, -1.625]]


def noise(height: int, width: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).random((3, height, width)).astype(np.float32)


def test_the_grain_never_changes() -> None:
    assert np.array_equal(strokes.tile()[:, 0, :3], FIRST)


def test_the_tile_fits_into_8_bits() -> None:
    steps = strokes.tile() * strokes.STEPS
    assert np.array_equal(steps, steps.astype(np.int8))


@pytest.mark.parametrize("size", [(300, 70), (40, 1500)])
def test_the_grain_is_that_of_the_training(size: tuple[int, int]) -> None:
    wanted = torch_grain(*size, torch.tensor([250, 9]))[0].numpy()
    assert np.array_equal(strokes.grain(*size, (250, 9)), wanted)


@pytest.mark.parametrize("operators", [GraphOperators, PortableOperators, FixedOperators])
@pytest.mark.parametrize("size", [(300, 70), (40, 4000)])
def test_the_grain_is_that_of_the_graphs(operators: type[GraphOperators], size: tuple[int, int]) -> None:
    begin = strokes.offset(0)
    found = operators().grain(torch.zeros(1, 3, *size), torch.tensor([begin]).float())
    assert np.array_equal(found[0].numpy(), strokes.grain(*size, begin))


def test_the_grain_does_not_repeat() -> None:
    wide = strokes.grain(32, 1200, (250, 9)).reshape(-1, 1200)
    for shift in range(24, 1000):
        alike = (wide[:, shift:] * wide[:, :-shift]).mean()
        assert alike < 0.35, f"a tile that repeats has 1; {shift} px"


def test_the_first_rows_and_columns_of_the_grain_are_the_tile() -> None:
    row, column = 200, 3
    wanted = np.roll(strokes.tile(), (-row, -column), (1, 2))
    assert np.array_equal(strokes.grain(256, 300, (row, column))[..., :256], wanted)


def test_the_grain_is_fixed_to_the_canvas() -> None:
    assert np.array_equal(strokes.grain(64, 80, (3, 5))[:, 10:30, 40:70], strokes.grain(20, 30, (13, 45)))


def test_a_seed_says_where_the_grain_begins() -> None:
    places = [strokes.offset(seed) for seed in range(50)]
    assert len(set(places)) == 50
    assert all(0 <= side < strokes.TILE for place in places for side in place)


@pytest.mark.parametrize("size", [(48, 96), (53, 61), (9, 130), (1, 1)])
def test_resizing_is_that_of_the_training(size: tuple[int, int]) -> None:
    source = noise(*size)
    small = strokes.shrunk(source)
    wanted = torch_resized(torch.from_numpy(strokes.padded(source))[None], weights(3, 8))[0].numpy()
    assert small.shape[1:] == strokes.draft_size(*size)
    assert np.abs(small - wanted).max() < 1e-5  # rounding of float32
    blocks = 0, 0, small.shape[1] // 3, small.shape[2] // 3
    wanted = torch_resized(torch.from_numpy(small)[None], weights(8, 3))[0].numpy()
    assert np.abs(strokes.enlarged(small, blocks) - wanted).max() < 1e-5


def test_a_part_is_enlarged_as_in_the_whole() -> None:
    small = noise(18, 36)
    whole = strokes.enlarged(small, (0, 0, 6, 12))
    assert np.abs(strokes.enlarged(small, (2, 3, 5, 12)) - whole[:, 16:40, 24:]).max() < 1e-6


def test_a_picture_is_shrunk_in_bands_as_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    source = noise(101, 50)
    monkeypatch.setattr(canvas, "_BAND", 16)
    assert np.abs(canvas.shrunk(canvas.Floats(source)) - strokes.shrunk(source)).max() < 1e-6


@pytest.mark.parametrize("size", [(64, 96), (53, 61)])
def test_what_is_revised_is_composed_as_in_the_training(size: tuple[int, int]) -> None:
    content = noise(*size)
    shown: list[torch.Tensor] = []

    class Network:
        def encode_style(self, style: torch.Tensor) -> dict[str, torch.Tensor]:
            return {}

        def __call__(self, picture: torch.Tensor, code: object, alpha: object) -> torch.Tensor:
            shown.append(picture)
            return 1.2 * picture**2  # out of [0, 1] in places

    DraftAndRevise(Network(), Strokes(grain=0.0))(torch.from_numpy(content)[None], {}, 1.0)
    small = canvas.shrunk(canvas.Floats(content))
    share, detail = strokes.shares(0.5)
    composed = canvas.Composed(canvas.Floats(content), small, 1.2 * small**2, share, detail)
    assert composed.shape == tuple(shown[1].shape[2:])
    whole = composed.read((0, 0, *composed.shape))
    assert np.abs(whole - shown[1].numpy()).max() < 1e-5
    part = (5, 17, composed.shape[0], 40)
    assert np.abs(composed.read(part) - whole[:, :, 5:, 17:40]).max() < 1e-6


def test_strokes_of_0_leave_the_content_and_more_leave_less_of_it() -> None:
    content, draft = noise(32, 40), np.full((3, 12, 15), 0.5, np.float32)
    small = strokes.shrunk(content)

    def revised(amount: float) -> NDArray[np.float32]:
        composed = canvas.Composed(canvas.Floats(content), small, draft, *strokes.shares(amount))
        return composed.read((0, 0, 32, 40))[0]

    assert np.abs(revised(0.0) - content).max() < 1e-6
    spread = [revised(amount).std() for amount in (0.0, 0.125, 0.25, 0.375, 0.5)]
    assert spread == sorted(spread, reverse=True)
    assert spread[-1] < 0.7 * spread[0]
    assert np.array_equal(revised(1.0), revised(0.5)), "above 0.5 a further draft makes the difference"


def test_the_trained_shares_are_those_of_the_default() -> None:
    share, detail = strokes.shares(0.5)
    assert share == 1
    assert detail == pytest.approx(Strokes().detail)


def test_large_pictures_take_more_drafts() -> None:
    assert [strokes.draft_count(side, 2 * side) for side in (25, 100, 512, 640, 1600, 5000)] == [1, 1, 1, 1, 2, 3]


def test_a_draft_of_fewer_than_12_pixels_is_none() -> None:
    assert [strokes.draft_count(side, 100) for side in (1, 24, 25)] == [0, 0, 1]
    assert [strokes.broadness(1.0, side, 100) for side in (1, 25, 64, 65, 640)] == [0, 0, 0, 1, 1]
    assert strokes.broadness(0.5, 640, 640) == 0
    assert strokes.broadness(0.75, 640, 640) == 0.5
