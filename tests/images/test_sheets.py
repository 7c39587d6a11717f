"""Pictures side by side: each where it belongs, whole, with a label that fits."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import painting, photo
from PIL import Image

from adain.errors import InputError
from adain.sheets import Cell, ContactSheet, compare, shrunk

CONTENT = Image.fromarray(photo(48, 36))
RESULT = Image.fromarray(painting(48, 36))
STYLE = Image.fromarray(painting(20, 30, seed=1))
LINE, MARGIN = 16, 8  # px, for pictures of this size


def part(sheet: Image.Image, left: int, top: int, like: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(sheet.crop((left, top, left + like.width, top + like.height)))


def inked(sheet: Image.Image, box: tuple[int, int, int, int]) -> bool:
    """Whether something is written there."""
    return bool((np.asarray(sheet.crop(box)) > 200).any())


def test_a_comparison_shows_content_style_and_result_pixel_for_pixel() -> None:
    sheet = compare(CONTENT, [Cell(STYLE, "style")], RESULT)
    assert sheet.size == (48 + MARGIN + 20 + MARGIN + 48, 36 + LINE)
    for left, picture in [(0, CONTENT), (56, STYLE), (84, RESULT)]:
        assert np.array_equal(part(sheet, left, LINE, picture), np.asarray(picture))
        assert inked(sheet, (left, 0, left + picture.width, LINE))


def test_a_content_that_was_scaled_is_shown_in_the_results_size_and_a_higher_style_is_shrunk() -> None:
    sheet = compare(CONTENT.resize((480, 360)), [Cell(STYLE.resize((200, 300)), "")], RESULT)
    assert sheet.size == (48 + MARGIN + 24 + MARGIN + 48, 36 + LINE)
    shown = part(sheet, 0, LINE, CONTENT).astype(float)
    assert np.abs(shown - np.asarray(CONTENT)).mean() < 6  # of 255: scaled up and down again


def test_a_style_without_a_picture_has_a_place_with_its_name() -> None:
    sheet = compare(CONTENT, [Cell(None, "code")], RESULT)
    assert inked(sheet, (56, 0, sheet.width - 56, LINE))
    assert np.array_equal(part(sheet, sheet.width - 48, LINE, RESULT), np.asarray(RESULT))


def test_what_is_transparent_lies_on_white() -> None:
    clear = Image.new("RGBA", CONTENT.size, (0, 0, 0, 0))
    sheet = compare(CONTENT, [], clear)
    assert (part(sheet, sheet.width - 48, LINE, CONTENT) == 255).all()


def test_a_contact_sheet_has_each_picture_at_its_place() -> None:
    sheet = ContactSheet(2, 3, side=48)
    sheet.put(0, 1, Cell(STYLE, "style"))
    sheet.put(1, 2, Cell(RESULT, "result"))
    assert sheet.picture.size == (3 * 48 + 2 * MARGIN, 2 * (48 + LINE) + MARGIN)
    assert np.array_equal(part(sheet.picture, 56, LINE, STYLE), np.asarray(STYLE))
    assert np.array_equal(part(sheet.picture, 112, 48 + LINE + MARGIN + LINE, RESULT), np.asarray(RESULT))
    assert (np.asarray(sheet.picture.crop((0, 0, 48, 120))) == 128).all()  # nothing was put there


@pytest.mark.parametrize(
    "label", ["a name that is much longer than its picture is wide", "語" * 40, "two\nlines", "x", ""]
)
def test_a_label_stays_over_its_picture(label: str) -> None:
    sheet = ContactSheet(1, 2, side=48)
    sheet.put(0, 0, Cell(None, label))
    assert inked(sheet.picture, (0, 0, 52, LINE)) == bool(label)
    assert not inked(sheet.picture, (52, 0, sheet.picture.width, LINE))


def test_a_picture_is_never_enlarged_and_keeps_its_aspect() -> None:
    assert shrunk(STYLE, (100, 100)) is STYLE
    assert shrunk(STYLE, (15, 15)).size == (10, 15)


def test_a_sheet_that_pillow_would_warn_of_is_refused_before_it_is_made() -> None:
    with pytest.raises(InputError, match="choose smaller cells or fewer pictures"):
        ContactSheet(1000, 1000, side=256)
