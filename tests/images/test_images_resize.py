"""Resizing: the asked size exactly, no aliasing, no bleeding of what is transparent."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from adain.errors import InputError
from adain.images import Picture, resize


def noise(width: int, height: int, seed: int = 0) -> Picture:
    return Picture(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def over(picture: Picture, background: int) -> np.ndarray:
    assert picture.alpha is not None
    weight = picture.alpha[..., None] / 255
    return picture.rgb * weight + background * (1 - weight)


@pytest.mark.parametrize(
    ("before", "size", "after"),
    [
        ((640, 480), 120, (160, 120)),
        ((480, 640), 120, (120, 160)),
        ((101, 67), 33, (50, 33)),  # 49.7
        ((100, 100), 1, (1, 1)),
        ((30, 20), 50, (75, 50)),
        ((1, 1), 7, (7, 7)),
        ((1, 50), 2, (2, 100)),
        ((200, 3), 1, (67, 1)),
    ],
    ids=str,
)
def test_the_shorter_side_is_exactly_the_size_and_the_aspect_stays(
    before: tuple[int, int], size: int, after: tuple[int, int]
) -> None:
    result = resize(noise(*before), size)
    assert result.size == after
    assert result.rgb.dtype == np.uint8


@pytest.mark.parametrize("size", [1, 7, 64, 99, 100, 101, 333])
@pytest.mark.parametrize("before", [(100, 173), (311, 100)], ids=str)
def test_the_shorter_side_is_exact_for_every_size(before: tuple[int, int], size: int) -> None:
    assert min(resize(noise(*before), size).size) == size


def test_nothing_to_do_is_nothing_done() -> None:
    picture = noise(40, 30)
    assert resize(picture, 30) is picture
    assert resize(picture, 60, enlarge=False) is picture


def test_without_enlarging_a_picture_can_still_shrink() -> None:
    assert resize(noise(40, 30), 15, enlarge=False).size == (20, 15)


def test_shrinking_averages_and_does_not_alias() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    result = resize(Picture(stripes), 16).rgb
    inner = result[:, 2:-2].astype(int)  # the filter is cut off at the edges
    assert abs(inner - 128).max() <= 3  # picking pixels would give 0 and 255


def test_a_flat_picture_stays_flat() -> None:
    result = resize(Picture(np.full((31, 47, 3), (9, 130, 250), np.uint8)), 77)
    np.testing.assert_array_equal(result.rgb, np.full_like(result.rgb, (9, 130, 250)))


@pytest.mark.parametrize("size", [9, 90])
def test_alpha_is_resized_with_the_colors(size: int) -> None:
    alpha = np.zeros((30, 40), np.uint8)
    alpha[:, 20:] = 255
    result = resize(Picture(noise(40, 30).rgb, alpha), size)
    assert result.alpha is not None
    assert result.alpha.shape == result.rgb.shape[:2]
    assert (result.alpha[:, 0] == 0).all()
    assert (result.alpha[:, -1] == 255).all()


@pytest.mark.parametrize("size", [11, 75])
@pytest.mark.parametrize("background", [0, 255])
def test_a_resized_cutout_looks_as_if_it_had_been_resized_in_place(size: int, background: int) -> None:
    y, x = np.mgrid[:40, :50]
    alpha = (255 * np.exp(-((x - 25) ** 2 + (y - 20) ** 2) / 90)).round().astype(np.uint8)  # no overshoot
    smooth = np.stack([5 * x, 6 * y, 255 - 5 * x], axis=-1).clip(0, 255).astype(np.uint8)
    picture = Picture(smooth, alpha)
    composed = Picture(over(picture, background).round().astype(np.uint8))
    difference = over(resize(picture, size), background) - resize(composed, size).rgb
    assert abs(difference).max() < 4  # 8-bit premultiplied colours, rounded three times on the way
    assert abs(difference).mean() < 0.5


def test_hidden_colors_do_not_bleed_into_what_is_visible() -> None:
    rgb = np.full((40, 40, 3), (200, 100, 50), np.uint8)
    alpha = np.full((40, 40), 255, np.uint8)
    rgb[:, :20], alpha[:, :20] = (0, 255, 0), 0
    result = resize(Picture(rgb, alpha), 10)
    assert result.alpha is not None
    solid = result.alpha > 20  # below, 8-bit premultiplied colours are coarse
    assert abs(result.rgb[solid].astype(int) - (200, 100, 50)).max() <= 6
    assert abs(result.rgb[result.alpha == 0].astype(int) - (200, 100, 50)).max() <= 20


@pytest.mark.parametrize("size", [0, -3, 1.5, "512", None, True], ids=lambda value: type(value).__name__)
def test_other_sizes_are_refused(size: object) -> None:
    with pytest.raises(InputError, match="size must be a whole number of pixels, at least 1, got"):
        resize(noise(4, 4), size)  # type: ignore[arg-type]


def test_a_numpy_integer_is_a_size() -> None:
    assert resize(noise(8, 8), np.int64(4)).size == (4, 4)  # type: ignore[arg-type]


def test_a_thin_picture_is_not_enlarged_beyond_all_memory() -> None:
    thin = Picture(np.zeros((1, 20_000, 3), np.uint8))
    with pytest.raises(InputError, match=r"20000x1 to 20480000x1024.*smaller size"):
        resize(thin, 1024)


def test_the_limit_is_pillows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    with pytest.raises(InputError, match="more than the allowed 100 pixels"):
        resize(noise(4, 4), 11)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert resize(noise(4, 4), 11).size == (11, 11)
