"""Masks given to the stylizer: what reaches the backend, what colours do, and what is refused.

An AdaIN of pixels stands in for the network, as in test_stylizer: its result can be computed by hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import painting, photo
from PIL import Image

import adain
from adain import color, registry
from adain.stylizer import Stylizer

Array = NDArray[np.float32]
LEFT = np.zeros((36, 48), np.bool_)
LEFT[:, :24] = True


class FlatStyles:
    """A backend whose styles are flat colours: each mask gets its style's mean, the rest is grey."""

    model = registry.get("adain-vgg19")
    stages = model.stages
    device = "cpu"

    def __init__(self) -> None:
        self.encoded: list[Array] = []
        self.masks: list[Array] = []

    def encode_style(self, style: Array) -> dict[str, Array]:
        self.encoded.append(style)
        return {"mean": style.mean((0, 2, 3))}

    def stylize(self, content: Array, code: Mapping[str, Array], alpha: float) -> Array:
        raise AssertionError("there are masks")

    def stylize_regions(
        self, content: Array, codes: Sequence[Mapping[str, Array]], masks: Array, alpha: float
    ) -> Array:
        assert masks.shape == (1, len(codes), *content.shape[2:])
        assert masks.dtype == np.float32
        self.masks.append(masks)
        shares = masks / np.maximum(masks.sum(1, keepdims=True), 1)
        means = np.stack([code["mean"] for code in codes])  # (S, 3)
        return np.asarray(0.5 + np.einsum("nshw,sc->nchw", shares, alpha * (means - 0.5)), np.float32)


@pytest.fixture
def backend() -> FlatStyles:
    return FlatStyles()


@pytest.fixture
def stylizer(backend: FlatStyles) -> Stylizer:
    return Stylizer(registry.get("adain-vgg19"), backend)  # type: ignore[arg-type]  # it has what masks need


def mean(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.asarray(picture.mean((0, 1)), np.float64)


def pixels(picture: Image.Image) -> NDArray[np.float64]:
    return np.asarray(picture, np.float64)


def test_each_style_is_on_its_own_part(stylizer: Stylizer) -> None:
    first, second = painting(seed=1), painting(seed=2)
    stylized = pixels(stylizer(photo(), [first, second], masks=[LEFT, ~LEFT]))
    assert stylized.shape == (36, 48, 3)
    assert stylized[:, :24].reshape(-1, 3) == pytest.approx(np.tile(mean(first), (36 * 24, 1)), abs=1)
    assert stylized[:, 24:].reshape(-1, 3) == pytest.approx(np.tile(mean(second), (36 * 24, 1)), abs=1)


def test_labels_place_a_style_each(stylizer: Stylizer) -> None:
    masks = adain.label_masks(LEFT.astype(np.uint8) * 9)
    assert list(masks) == [0, 9]
    styles = [painting(seed=1), painting(seed=2)]
    expected = pixels(stylizer(photo(), styles, masks=[~LEFT, LEFT]))
    assert np.array_equal(pixels(stylizer(photo(), styles, masks=masks)), expected)
    assert np.array_equal(pixels(stylizer(photo(), styles[::-1], masks=[masks[9], masks[0]])), expected)


def test_what_no_mask_covers_stays_to_the_pixel(stylizer: Stylizer) -> None:
    stylized = pixels(stylizer(photo(), painting(), masks=[LEFT]))
    assert np.array_equal(stylized[:, 24:], photo()[:, 24:])
    assert np.abs(stylized[:, :24] - photo()[:, :24]).mean() > 10


def test_masks_are_scaled_with_the_content(stylizer: Stylizer, backend: FlatStyles) -> None:
    assert stylizer(photo(), painting(), masks=[LEFT], size=18).size == (24, 18)
    assert backend.masks[0].shape == (1, 1, 18, 24)


@pytest.mark.parametrize("pixels_on", [0, 1])
def test_an_empty_mask_and_one_of_a_pixel_work_in_any_colour(stylizer: Stylizer, pixels_on: int) -> None:
    mask = np.zeros((36, 48), np.bool_)
    mask[3, 4] = bool(pixels_on)
    for preserve_color in ("coral", "luminance", None):
        stylized = pixels(
            stylizer(photo(), [painting(), painting(seed=1)], masks=[mask, ~mask], preserve_color=preserve_color)
        )
        assert np.isfinite(stylized).all()
    nothing = stylizer(photo(), painting(), masks=[np.zeros((36, 48), np.bool_)])
    assert np.array_equal(pixels(nothing), photo())


def test_many_regions(stylizer: Stylizer) -> None:
    masks = [np.arange(48)[None] // 4 == index for index in range(12)]
    masks = [np.repeat(mask, 36, axis=0) for mask in masks]
    styles = [painting(seed=seed) for seed in range(12)]
    stylized = pixels(stylizer(photo(), styles, masks=masks))
    for index, style in enumerate(styles):
        assert stylized[5, 4 * index + 1] == pytest.approx(mean(style), abs=1)


# The subject


def test_subject_and_background_by_the_alpha_channel(stylizer: Stylizer) -> None:
    content = np.dstack([photo(), LEFT.astype(np.uint8) * 255])
    styles = [painting(seed=1), painting(seed=2)]
    stylized = stylizer(content, styles, masks="subject")
    assert stylized.mode == "RGB"
    assert np.array_equal(pixels(stylized), pixels(stylizer(photo(), styles, masks=[LEFT, ~LEFT])))


def test_with_one_style_the_background_stays_with_its_hidden_colours(stylizer: Stylizer) -> None:
    content = np.dstack([photo(), LEFT.astype(np.uint8) * 255])
    stylized = stylizer(content, painting(), masks="subject")
    assert np.array_equal(pixels(stylized)[:, 24:], photo()[:, 24:])
    assert stylizer(content, painting(), masks="subject", size=18).size == (24, 18)


def test_an_alpha_channel_is_kept_where_masks_are_given(stylizer: Stylizer) -> None:
    content = np.dstack([photo(), LEFT.astype(np.uint8) * 255])
    assert stylizer(content, painting(), masks=[LEFT]).mode == "RGBA"


# Colour


def test_coral_recolours_each_style_to_its_own_region(stylizer: Stylizer, backend: FlatStyles) -> None:
    content = np.full((36, 48, 3), (200, 90, 60), np.uint8)
    content[:, 24:] = (40, 120, 210)
    content += np.random.default_rng(0).integers(0, 9, content.shape, np.uint8)
    stylizer(content, [painting(seed=1), painting(seed=2)], masks=[LEFT, ~LEFT], preserve_color="coral")
    for style, part in zip(backend.encoded, (content[:, :24], content[:, 24:]), strict=True):
        assert style[0].mean((1, 2)) * 255 == pytest.approx(mean(part), abs=2)


def test_coral_of_a_mask_all_over_is_coral() -> None:
    whole = color.coral(painting(), photo())
    weighted = color.coral(painting(), photo(), np.ones((36, 48), np.float32))
    empty = color.coral(painting(), photo(), np.zeros((36, 48), np.float32))
    assert np.abs(weighted.astype(int) - whole).max() <= 1
    assert np.abs(empty.astype(int) - whole).max() <= 1


def test_coral_of_a_part_is_the_parts_own() -> None:
    part = color.coral(painting(), np.ascontiguousarray(photo()[:, :24]))
    weighted = color.coral(painting(), photo(), LEFT.astype(np.float32))
    assert np.abs(weighted.astype(int) - part).max() <= 3  # `PRIOR` of 864 pixels


def test_coral_with_masks_and_a_code_without_picture_says_what_to_do(stylizer: Stylizer) -> None:
    code = adain.mix([stylizer.encode_style(painting(seed=seed)) for seed in (1, 2)])
    assert stylizer(photo(), code, masks=[LEFT]).size == (48, 36)
    with pytest.raises(adain.InputError, match="pass the picture itself"):
        stylizer(photo(), code, masks=[LEFT], preserve_color="coral")


def test_luminance_keeps_the_contents_chroma(stylizer: Stylizer) -> None:
    content = np.clip(photo(), 90, 165)
    styles = [np.clip(painting(seed=seed), 90, 165) for seed in (1, 2)]
    kept = stylizer(content, styles, masks=[LEFT, ~LEFT], preserve_color="luminance")
    chroma = [np.asarray(picture.convert("YCbCr"), np.int16)[..., 1:] for picture in (kept, Image.fromarray(content))]
    assert np.abs(chroma[0] - chroma[1]).max() <= 3  # three roundings


# What is refused


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"masks": [LEFT]}, "one mask per style is needed: got 1 masks for 2 styles"),
        ({"masks": Path("mask.png")}, "list of one per style, got one .*Path; put it in a list"),
        ({"masks": []}, "got 0 masks for 2 styles"),
        ({"masks": [LEFT, ~LEFT], "weights": [1, 2]}, "give one of the two"),
        ({"masks": "background"}, "or \"subject\", got 'background'"),
    ],
)
def test_masks_that_do_not_fit_are_refused_before_any_work(
    stylizer: Stylizer, backend: FlatStyles, options: dict[str, object], said: str
) -> None:
    with pytest.raises(adain.InputError, match=said):
        stylizer(Path("nowhere.jpg"), [painting(), painting(seed=1)], **options)  # type: ignore[arg-type]
    assert not backend.encoded


def test_a_subject_has_one_background(stylizer: Stylizer) -> None:
    with pytest.raises(adain.InputError, match="one or two styles, got 3"):
        stylizer(photo(), [painting()] * 3, masks="subject")


def test_a_mask_of_another_aspect_is_refused_before_a_style_is_encoded(stylizer: Stylizer, backend: FlatStyles) -> None:
    with pytest.raises(adain.InputError, match="mask 1 is 48x48, of another aspect"):
        stylizer(photo(), painting(), masks=[np.ones((48, 48), np.bool_)])
    assert not backend.encoded
