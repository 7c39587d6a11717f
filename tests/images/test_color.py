"""Keeping the content's colours: what CORAL and luminance transfer promise, on pictures made here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from adain.color import LUMA, coral, luminance
from adain.errors import InputError
from adain.images import read

Colors = NDArray[np.uint8]


def colored_noise(height: int, width: int, seed: int, spread: float = 14.0) -> Colors:
    """Normally distributed colours of a random covariance around a random grey, well inside 0 to 255."""
    rng = np.random.default_rng(seed)
    mixing = rng.uniform(-1, 1, (3, 3)) * spread
    colors = rng.standard_normal((height, width, 3)) @ mixing + rng.uniform(100, 150, 3)
    return colors.round().clip(0, 255).astype(np.uint8)


def flat(height: int, width: int, color: tuple[int, int, int]) -> Colors:
    return np.full((height, width, 3), color, np.uint8)


def mean_and_covariance(rgb: Colors) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    colors = rgb.reshape(-1, 3).astype(np.float64)
    return colors.mean(axis=0), np.cov(colors.T)


def luma(rgb: Colors) -> NDArray[np.float64]:
    return rgb @ LUMA.astype(np.float64)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("content_shape", [(90, 110), (31, 7), (250, 300)], ids=str)
def test_coral_gives_the_style_the_contents_mean_and_covariance(seed: int, content_shape: tuple[int, int]) -> None:
    style = colored_noise(120, 80, seed)
    content = colored_noise(*content_shape, seed + 100)
    mean, covariance = mean_and_covariance(coral(style, content))
    content_mean, content_covariance = mean_and_covariance(content)
    np.testing.assert_allclose(mean, content_mean, atol=0.5)  # rounding, and a few clipped colours
    # The noise floor holds back what varies little in the style: 4 of the style's variance in each direction.
    largest = np.linalg.eigvalsh(content_covariance).max()
    np.testing.assert_allclose(covariance, content_covariance, atol=0.12 * largest)


def test_coral_is_exact_where_the_style_varies_well_in_every_direction() -> None:
    rng = np.random.default_rng(0)
    style = rng.integers(0, 256, (100, 100, 3), dtype=np.uint8)
    content = colored_noise(64, 200, 3)
    mean, covariance = mean_and_covariance(coral(style, content))
    content_mean, content_covariance = mean_and_covariance(content)
    np.testing.assert_allclose(mean, content_mean, atol=0.1)
    np.testing.assert_allclose(covariance, content_covariance, rtol=0.01, atol=1)  # 4 / 5461, and rounding


def test_coral_of_pictures_of_one_size_is_the_published_formula() -> None:
    rng = np.random.default_rng(1)
    style = rng.integers(30, 226, (60, 50, 3), dtype=np.uint8)
    content = colored_noise(60, 50, 8)

    def parts(rgb: Colors) -> tuple[NDArray[np.float64], ...]:
        pixels = rgb.reshape(-1, 3).T.astype(np.float64)
        mean, std = pixels.mean(axis=1, keepdims=True), pixels.std(axis=1, keepdims=True)
        normal = (pixels - mean) / std
        values, vectors = np.linalg.eigh(normal @ normal.T + np.eye(3))
        return mean, std, normal, (vectors * np.sqrt(values)) @ vectors.T

    _, _, normal, style_root = parts(style)
    mean, std, _, content_root = parts(content)
    expected = (content_root @ np.linalg.inv(style_root) @ normal * std + mean).T.reshape(style.shape)
    difference = coral(style, content) - expected.clip(0, 255)
    assert abs(difference).max() < 1.0  # rounding 0.5, and the noise floor: 4 of a variance of 3200


def test_coral_of_a_picture_with_itself_changes_nothing_visible() -> None:
    picture = colored_noise(70, 90, 4, spread=25)
    difference = coral(picture, picture).astype(int) - picture
    assert abs(difference).mean() < 1


def test_coral_of_a_flat_style_is_the_contents_mean_color() -> None:
    content = colored_noise(40, 50, 2)
    result = coral(flat(9, 5, (200, 10, 77)), content)
    np.testing.assert_array_equal(result, flat(9, 5, tuple(content.reshape(-1, 3).mean(axis=0).round())))


@pytest.mark.parametrize("color", [(0, 0, 0), (255, 255, 255), (13, 200, 77)], ids=str)
def test_coral_to_a_flat_content_is_that_color(color: tuple[int, int, int]) -> None:
    result = coral(colored_noise(20, 30, 5), flat(3, 4, color))
    np.testing.assert_array_equal(result, flat(20, 30, color))


def test_coral_of_one_flat_channel_stays_a_picture() -> None:
    style = colored_noise(30, 30, 6)
    style[..., 1] = 128
    content = colored_noise(30, 30, 7)
    content[..., 2] = 0
    result = coral(style, content)
    assert (result[..., 2] == 0).all()
    assert result[..., 0].std() > 1


def test_coral_to_a_grey_content_is_grey() -> None:
    grey = np.repeat(colored_noise(50, 50, 9)[..., :1], 3, axis=2)
    result = coral(colored_noise(40, 40, 10), grey).astype(int)
    assert abs(result - result[..., :1]).max() <= 1  # rounding


def test_coral_does_not_turn_the_rounding_noise_of_a_grey_style_into_colors() -> None:
    rng = np.random.default_rng(11)
    grey = np.repeat(rng.integers(40, 216, (80, 80, 1)), 3, axis=2)
    noisy = (grey + rng.integers(0, 2, grey.shape)).astype(np.uint8)
    content = colored_noise(80, 80, 12, spread=20)
    clean, rough = (coral(style, content).astype(int) for style in (grey.astype(np.uint8), noisy))
    assert abs(clean - rough).mean() < 15


def test_coral_of_single_pixels_takes_the_contents_color() -> None:
    np.testing.assert_array_equal(coral(flat(1, 1, (1, 2, 3)), flat(1, 1, (9, 8, 7))), flat(1, 1, (9, 8, 7)))


def test_luminance_keeps_the_stylized_brightness() -> None:
    rng = np.random.default_rng(0)
    stylized, content = rng.integers(0, 256, (2, 60, 70, 3), dtype=np.uint8)
    assert abs(luma(luminance(stylized, content)) - luma(stylized)).max() <= 0.51  # rounding


def test_luminance_gives_the_contents_chroma_where_the_gamut_allows() -> None:
    stylized, content = colored_noise(50, 60, 1, spread=6), colored_noise(50, 60, 2, spread=6)
    result = luminance(stylized, content)
    chroma = result - luma(result)[..., None]
    np.testing.assert_allclose(chroma, content - luma(content)[..., None], atol=1.01)  # rounding, twice


def test_luminance_keeps_the_hue_where_colors_must_pale() -> None:
    result = luminance(flat(4, 4, (250, 250, 250)), flat(4, 4, (220, 40, 40)))[0, 0].astype(int)
    assert result.max() == 255
    assert result[0] > result[1] == result[2]


def test_luminance_of_a_picture_with_itself_is_the_picture() -> None:
    picture = np.random.default_rng(3).integers(0, 256, (33, 21, 3), dtype=np.uint8)
    np.testing.assert_array_equal(luminance(picture, picture), picture)


def test_luminance_of_a_grey_content_is_grey() -> None:
    stylized = colored_noise(20, 20, 4)
    result = luminance(stylized, flat(20, 20, (90, 90, 90))).astype(int)
    assert abs(result - result[..., :1]).max() == 0


@pytest.mark.parametrize("stylized", [0, 255])
def test_luminance_of_black_and_white_has_no_color(stylized: int) -> None:
    result = luminance(flat(2, 3, (stylized,) * 3), colored_noise(2, 3, 0))
    np.testing.assert_array_equal(result, flat(2, 3, (stylized,) * 3))


def test_neither_changes_its_arguments() -> None:
    one, other = colored_noise(30, 30, 1), colored_noise(30, 30, 2)
    before = one.copy(), other.copy()
    coral(one, other)
    luminance(one, other)
    np.testing.assert_array_equal(one, before[0])
    np.testing.assert_array_equal(other, before[1])


def test_luminance_refuses_pictures_of_two_shapes() -> None:
    with pytest.raises(InputError, match=r"uint8 \(2, 3, 3\) and uint8 \(3, 2, 3\)"):
        luminance(flat(2, 3, (0, 0, 0)), flat(3, 2, (0, 0, 0)))


@pytest.mark.parametrize("function", [coral, luminance])
@pytest.mark.parametrize(
    "wrong", [np.zeros((4, 4, 3), np.float32), np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8)]
)
def test_other_arrays_are_refused(function: type, wrong: NDArray[np.generic]) -> None:
    with pytest.raises(InputError, match="uint8"):
        function(wrong, flat(4, 4, (0, 0, 0)))


def test_a_real_painting_takes_a_real_photographs_colors(shared: Path) -> None:
    style = read(shared / "images/style/woman_with_hat_matisse.jpg").rgb
    content = read(shared / "images/content/cornell.jpg").rgb
    mean, covariance = mean_and_covariance(coral(style, content))
    content_mean, content_covariance = mean_and_covariance(content)
    np.testing.assert_allclose(mean, content_mean, atol=0.5)
    np.testing.assert_allclose(covariance, content_covariance, rtol=0.03)  # less than 1 % of it is clipped


def test_a_real_photograph_keeps_its_hues_under_a_paintings_brightness(shared: Path) -> None:
    content = Image.open(shared / "images/content/golden_gate.jpg").convert("RGB")
    stylized = Image.open(shared / "images/style/la_muse.jpg").convert("RGB").resize(content.size)
    result = luminance(np.array(stylized), np.array(content))
    assert abs(luma(result) - luma(np.array(stylized))).max() <= 0.51
