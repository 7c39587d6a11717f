"""Grids between styles: what is at each place, what is beside the corners, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from pictures import painting, photo
from PIL import Image

import adain
from adain import registry
from adain.cli.main import main
from adain.mixing import grid_shares
from adain.stylizer import Stylizer

Array = NDArray[np.float32]
WIDTH, HEIGHT, MARGIN = 48, 36, 8


class FlatStyles:
    """A backend whose every result is its style's mean colour."""

    model = registry.get("adain-vgg19")
    stages = model.stages
    device = "cpu"

    def __init__(self) -> None:
        self.encoded: list[Array] = []
        self.runs = 0

    def encode_style(self, style: Array) -> dict[str, Array]:
        self.encoded.append(style)
        return {"mean": style.mean((2, 3))[0]}

    def stylize(self, content: Array, code: Mapping[str, Array], alpha: float) -> Array:
        self.runs += 1
        return np.asarray(alpha * np.ones_like(content) * code["mean"][None, :, None, None], np.float32)


@pytest.fixture
def backend() -> FlatStyles:
    return FlatStyles()


@pytest.fixture
def stylizer(backend: FlatStyles) -> Stylizer:
    return Stylizer(registry.get("adain-vgg19"), backend)  # type: ignore[arg-type]  # it has what a mix needs


def styles(count: int) -> list[NDArray[np.uint8]]:
    return [np.full((20, 20, 3), color, np.uint8) for color in [(200, 0, 0), (0, 200, 0), (0, 0, 200), (9, 9, 9)]][
        :count
    ]


def cell(grid: Image.Image, row: int, column: int, line: int = 0) -> NDArray[np.uint8]:
    """A result, counted without the styles beside the grid."""
    left, top = WIDTH + MARGIN + column * WIDTH, row * (HEIGHT + line) + line
    return np.asarray(grid)[top : top + HEIGHT, left : left + WIDTH]


@pytest.mark.parametrize(("count", "rows"), [(2, 1), (3, 4), (4, 4)])
def test_shares_are_convex_and_the_corners_are_the_styles(count: int, rows: int) -> None:
    grid = grid_shares(count, 4)
    assert [len(row) for row in grid] == [4] * rows
    for shares in (shares for row in grid for shares in row):
        assert len(shares) == count
        assert min(shares) >= 0
        assert sum(shares) == pytest.approx(1)
    corners = [grid[0][0], grid[0][-1], grid[-1][0], grid[-1][-1]]
    pure = [tuple(float(index == style) for index in range(count)) for style in range(count)]
    assert corners == (pure if count == 4 else [*pure, pure[2]] if count == 3 else pure * 2)


@pytest.mark.parametrize(("count", "steps", "said"), [(1, 5, "got 1"), (5, 5, "got 5"), (2, 1, "at least 2, got 1")])
def test_other_grids_are_an_error(stylizer: Stylizer, backend: FlatStyles, count: int, steps: int, said: str) -> None:
    with pytest.raises(adain.InputError, match=said):
        adain.interpolation_grid(stylizer, photo(), [painting()] * count, steps=steps)
    assert not backend.encoded


def test_every_place_has_its_mix(stylizer: Stylizer, backend: FlatStyles) -> None:
    grid = adain.interpolation_grid(stylizer, photo(), styles(4), steps=3, size=None)
    assert grid.size == (5 * WIDTH + 2 * MARGIN, 3 * HEIGHT)
    assert len(backend.encoded) == 4
    for row in range(3):
        for column in range(3):
            x, y = column / 2, row / 2
            shares = np.array([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y])
            expected = shares @ [style[0, 0] for style in styles(4)]
            assert np.abs(cell(grid, row, column) - expected).max() <= 0.5 + 1e-3


def test_the_styles_are_beside_their_corners(stylizer: Stylizer) -> None:
    pixels = np.asarray(adain.interpolation_grid(stylizer, photo(), styles(4), steps=2, size=None))
    for style, (row, column) in zip(styles(4), [(0, 0), (0, 3), (1, 0), (1, 3)], strict=True):
        left = column * WIDTH + (2 * MARGIN if column else 0)
        assert np.array_equal(pixels[row * HEIGHT :, left:][:20, :20], style)


def test_two_styles_are_a_row_and_three_share_the_lower_edge(stylizer: Stylizer, backend: FlatStyles) -> None:
    row = adain.interpolation_grid(stylizer, photo(), styles(2), steps=4, size=None)
    assert row.size == (6 * WIDTH + 2 * MARGIN, HEIGHT)
    backend.runs = 0
    square = adain.interpolation_grid(stylizer, photo(), styles(3), steps=3, size=None)
    assert np.ptp(np.asarray(square)[2 * HEIGHT :, WIDTH + MARGIN : -WIDTH - MARGIN].reshape(-1, 3), axis=0).max() == 0
    assert backend.runs == 7  # the lower edge once


def test_labels_are_lines_over_the_pictures(stylizer: Stylizer) -> None:
    plain = adain.interpolation_grid(stylizer, photo(), styles(2), steps=2, size=None)
    labelled = adain.interpolation_grid(stylizer, photo(), styles(2), steps=2, size=None, labels=True)
    line = labelled.height - plain.height
    assert line >= 16
    assert np.array_equal(cell(labelled, 0, 1, line), cell(plain, 0, 1))
    written = np.asarray(labelled)[:line]
    for left in (0, WIDTH + MARGIN, 2 * WIDTH + MARGIN, 3 * WIDTH + 2 * MARGIN):
        assert np.ptp(written[:, left : left + WIDTH]) > 50


def test_size_alpha_and_progress(stylizer: Stylizer) -> None:
    seen: list[tuple[int, int]] = []
    grid = adain.interpolation_grid(
        stylizer, photo(), styles(2), steps=3, size=18, alpha=0.5, progress=lambda *at: seen.append(at)
    )
    assert grid.height == 18
    assert tuple(np.asarray(grid)[9, 24 + MARGIN + 5]) == (100, 0, 0)
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_coral_recolours_each_style_once(stylizer: Stylizer, backend: FlatStyles) -> None:
    kept = [painting(seed=seed) for seed in (1, 2)]
    adain.interpolation_grid(stylizer, photo(), kept, steps=4, preserve_color="coral", size=None)
    assert len(backend.encoded) == 2
    for style in backend.encoded:
        assert style.mean((0, 2, 3)) * 255 == pytest.approx(photo().mean((0, 1)), abs=8)


def test_luminance_keeps_the_contents_chroma_in_each(stylizer: Stylizer) -> None:
    content = np.clip(photo(), 90, 165)
    grid = adain.interpolation_grid(
        stylizer,
        content,
        [np.full((9, 9, 3), grey, np.uint8) for grey in (110, 140)],
        steps=2,
        size=None,
        preserve_color="luminance",
    )
    chroma = np.asarray(Image.fromarray(content).convert("YCbCr"), np.int16)[..., 1:]
    for column in (0, 1):
        found = np.asarray(Image.fromarray(cell(grid, 0, column)).convert("YCbCr"), np.int16)[..., 1:]
        assert np.abs(found - chroma).max() <= 3  # three roundings


def test_a_code_without_picture_leaves_its_place_empty(stylizer: Stylizer, tmp_path: Path) -> None:
    stylizer.encode_style(styles(1)[0]).save(tmp_path / "code.safetensors")
    code = adain.StyleCode.load(tmp_path / "code.safetensors")
    pixels = np.asarray(adain.interpolation_grid(stylizer, photo(), [code, styles(2)[1]], steps=2, size=None))
    assert np.ptp(pixels[:, :WIDTH]) == 0
    assert tuple(pixels[5, WIDTH + MARGIN + 5]) == (200, 0, 0)


def test_a_grid_too_large_for_a_picture_is_an_error(stylizer: Stylizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 8000)
    with pytest.raises(
        adain.InputError, match=r"a grid of 4 x 1 pictures of 48x36 would be 304x36, more than .* 8,000"
    ):
        adain.interpolation_grid(stylizer, photo(), styles(2), steps=4, size=None)


# The command


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, ["mix", *map(str, args)], prog_name="adain")


@pytest.mark.usefixtures("random_weights")
def test_the_command_writes_what_the_function_returns(tmp_path: Path, photo_file: Path, painting_file: Path) -> None:
    out, second = tmp_path / "mix.png", tmp_path / "second.png"
    Image.fromarray(painting(seed=1)).save(second)
    given = [photo_file, painting_file, second, "--steps", "2", "--size", "32", "--names", "--alpha", "0.5"]
    result = run(*given, "-o", out, "--device", "cpu")
    assert result.exit_code == 0, result.output
    expected = adain.interpolation_grid(
        adain.load(device="cpu"), photo_file, [painting_file, second], steps=2, size=32, labels=True, alpha=0.5
    )
    assert np.array_equal(np.asarray(Image.open(out)), np.asarray(expected))


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ([], 1, "two to four styles as its corners, got 1"),
        (["--steps", "1"], 2, "1 is not in the range"),
        (["-o", "photo.png/mix.png"], 1, "is no folder"),
    ],
)
def test_a_wrong_use_is_one_clear_error_before_any_work(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    photo_file: Path,
    painting_file: Path,
    options: list[str],
    code: int,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("adain.loading.load", lambda *args, **kwargs: pytest.fail("began to work"))
    several = [painting_file] if not options else [painting_file, painting_file]
    result = run(photo_file, *several, "-o", "mix.png", *options)
    assert result.exit_code == code
    assert said in result.stderr
    assert not (tmp_path / "mix.png").exists()
