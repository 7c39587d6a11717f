"""Masks: how they are read and scaled, what a map of labels holds, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import photo
from PIL import Image

import adain
from adain import images, masking

SIZE = (48, 36)  # width, height of the picture


def left(width: int = 48, height: int = 36) -> NDArray[np.uint8]:
    """White on the left half."""
    mask = np.zeros((height, width), np.uint8)
    mask[:, : width // 2] = 255
    return mask


def only(mask: images.PictureInput) -> NDArray[np.float32]:
    return masking.read([mask], SIZE)[0]


# Reading


def test_files_images_arrays_and_bools_are_one_mask(tmp_path: Path) -> None:
    Image.fromarray(left()).save(tmp_path / "mask.png")
    expected = left() / np.float32(255)
    for mask in [
        tmp_path / "mask.png",
        str(tmp_path / "mask.png"),
        Image.fromarray(left()),
        left(),
        left() > 0,
        left() / 255,
        np.repeat(left()[..., None], 3, axis=2),
        left().astype(np.uint16) * 257,
        Image.fromarray(left()).convert("1"),
    ]:
        found = only(mask)
        assert found.dtype == np.float32
        assert np.array_equal(found, expected)


def test_masks_come_in_their_order() -> None:
    found = masking.read([left(), 255 - left()], SIZE)
    assert found.shape == (2, 36, 48)
    assert np.array_equal(found[1], 1 - found[0])


def test_what_is_transparent_counts_less() -> None:
    mask = np.full((36, 48, 4), 255, np.uint8)
    mask[..., 3] = left()
    mask[0, 0, 3] = 51
    assert only(mask)[0, 0] == pytest.approx(0.2)
    assert np.array_equal(only(mask)[1:], left()[1:] / 255)


@pytest.mark.parametrize("size", [(96, 72), (24, 18), (480, 360), (4, 3), (47, 36), (1, 1)])
def test_a_mask_of_the_pictures_aspect_is_scaled(size: tuple[int, int]) -> None:
    found = only(np.full((size[1], size[0]), 255, np.uint8))
    assert found.shape == (36, 48)
    assert found == pytest.approx(1)


def test_a_scaled_mask_is_soft_at_its_edge_and_stays_in_range() -> None:
    found = only(left(12, 9))
    assert found.min() == 0
    assert found.max() == 1
    assert 0 < found[0, 24] < found[0, 23] < 1
    assert found[:, :20].min() == 1
    assert found[:, 28:].max() == 0


@pytest.mark.parametrize("size", [(36, 48), (48, 48), (48, 30), (400, 360), (20, 10)])
def test_a_mask_of_another_aspect_is_an_error(size: tuple[int, int]) -> None:
    mask = np.full((size[1], size[0]), 255, np.uint8)
    with pytest.raises(adain.InputError, match=rf"mask 2 is {size[0]}x{size[1]}, of another aspect .* 48x36"):
        masking.read([left(), mask], SIZE)


def test_zeros_and_ones_are_taken_for_a_mistake(tmp_path: Path) -> None:
    Image.fromarray(left() // 255).save(tmp_path / "mask.png")
    with pytest.raises(adain.InputError, match=r"mask 1 \(.*mask\.png\) holds only 0 and 1.*white is 255"):
        only(tmp_path / "mask.png")


def test_a_mask_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(adain.ImageError, match=r"mask\.png does not exist"):
        only(tmp_path / "mask.png")


# What masks sum to


def test_shares_divide_only_what_is_more_than_white() -> None:
    masks = np.array([[[1.0, 0.25]], [[1.0, 0.5]], [[0.0, 0.0]]], np.float32)
    assert masking.shares(masks)[:, 0].tolist() == [[0.5, 0.25], [0.5, 0.5], [0, 0]]


def test_the_content_shows_where_no_mask_is() -> None:
    content, stylized = photo(), 255 - photo()
    masks = np.zeros((2, 36, 48), np.float32)
    masks[0, :, :16], masks[1, :, 16:32], masks[1, :, 32] = 1, 0.5, 0.125
    shown = masking.over(stylized, content, masks)
    assert np.array_equal(shown[:, :32], stylized[:, :32])
    assert np.array_equal(shown[:, 33:], content[:, 33:])
    assert np.abs(shown[:, 32] - (content[:, 32] / 2 + stylized[:, 32] / 2)).max() <= 0.5


def test_under_masks_everywhere_the_picture_is_as_it_is() -> None:
    stylized = 255 - photo()
    assert masking.over(stylized, photo(), np.ones((1, 36, 48), np.float32)) is stylized


# The subject


def test_the_alpha_channel_is_the_subject_and_hidden_colours_stay() -> None:
    content = np.dstack([photo(), left()])
    picture, masks = masking.split_subject(content, 2)
    assert picture.alpha is None
    assert np.array_equal(picture.rgb, photo())
    assert np.array_equal(masks, [left(), 255 - left()])
    assert len(masking.split_subject(content, 1)[1]) == 1


def test_a_content_without_alpha_channel_has_no_subject(photo_file: Path) -> None:
    with pytest.raises(adain.InputError, match=r"the content \(.*photo\.png\) has no alpha channel.*a mask per style"):
        masking.split_subject(photo_file, 1)


# Labels


def labels() -> NDArray[np.uint8]:
    """Three labels: 7 left, 0 right, 255 in one pixel."""
    found = np.zeros((36, 48), np.uint8)
    found[:, :24] = 7
    found[5, 40] = 255
    return found


def test_a_map_of_labels_is_a_mask_each_in_rising_order() -> None:
    found = adain.label_masks(labels())
    assert list(found) == [0, 7, 255]
    assert found[255].sum() == 1
    assert np.array_equal(found[7], left() > 0)
    assert np.array_equal(sum(mask.astype(int) for mask in found.values()), np.ones((36, 48)))


def test_labels_are_taken_as_they_are_from_any_map(tmp_path: Path) -> None:
    grey, many = Image.fromarray(labels()), labels().astype(np.uint16) + 1000
    palette = Image.fromarray(labels(), "P")
    palette.putpalette([0, 0, 0] * 7 + [200, 0, 0] + [9, 9, 9] * 248)  # colours that sort otherwise
    for name, image in {"grey": grey, "palette": palette, "deep": Image.fromarray(many)}.items():
        image.save(tmp_path / f"{name}.png")
    assert list(adain.label_masks(tmp_path / "grey.png")) == [0, 7, 255]
    assert list(adain.label_masks(tmp_path / "palette.png")) == [0, 7, 255]
    assert list(adain.label_masks(tmp_path / "deep.png")) == [1000, 1007, 1255]
    assert list(adain.label_masks(labels().astype(np.int64) - 1)) == [-1, 6, 254]
    assert list(adain.label_masks(labels()[..., None])) == [0, 7, 255]
    assert list(adain.label_masks(labels() > 0)) == [0, 1]
    assert list(adain.label_masks(np.dstack([labels(), labels() * 0, labels()]))) == [0, 0x070007, 0xFF00FF]
    assert list(adain.label_masks(grey.convert("LA"))) == [0, 7, 255]


def test_a_photograph_is_no_map_of_labels(photo_file: Path) -> None:
    with pytest.raises(adain.InputError, match=r"photo\.png\) has [\d,]+ different values.*at most 64.*not as JPEG"):
        adain.label_masks(photo_file)


def test_a_map_of_another_mode_is_an_error() -> None:
    with pytest.raises(adain.ImageError, match="has mode CMYK; a label map must be grey, palette or RGB"):
        adain.label_masks(Image.fromarray(photo()).convert("CMYK"))
