"""Labels: file names of many scripts are shown, not boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFont

from adain import sheets
from adain.images import label_fonts
from adain.images.label_fonts import font_for, normalized

OWN = Path(label_fonts.__file__).parent / "fonts" / "DejaVuSans.ttf"


def is_box(font: ImageFont.FreeTypeFont, character: str) -> bool:
    mask, box = font.getmask(character), font.getmask("\uffff")
    return mask.size == box.size and bytes(mask) == bytes(box)


@pytest.mark.parametrize(
    "text",
    [
        "café Müller.jpg",
        "Zażółć gęślą jaźń",
        "İstanbul ğş",
        "Tiếng Việt",
        "Ελληνικά Ἀθῆναι",
        "Кириллица Ёё Її Ўў",
        "“quotes” – … € №",
        "".join(map(chr, [*range(0x20, 0x7F), *range(0xA1, 0x180)])),
    ],
)
def test_latin_greek_and_cyrillic_need_no_installed_font(text: str) -> None:
    font = font_for(text, 20)
    assert font.path == str(OWN)
    assert [character for character in text if not character.isspace() and is_box(font, character)] == []


def test_accents_apart_are_joined() -> None:
    assert normalized("Mu\u0308ller\ncafe\u0301") == "Müller café"


def test_other_scripts_come_from_installed_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    matplotlib = pytest.importorskip("matplotlib", reason="needs a font with Hebrew letters")
    whole = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    monkeypatch.setattr(label_fonts, "_INSTALLED", ("no such font.ttf", str(whole)))
    assert font_for("שלום.jpg", 20).path == str(whole)
    assert font_for("photo.jpg", 20).path == str(OWN)
    assert font_for("画.jpg", 20).path == str(OWN)  # in neither


def test_a_label_on_a_sheet_is_read_as_it_is_written() -> None:
    drawn = []
    for label in ("café", "cafe\u0301", "caf\uffff"):
        sheet = sheets.ContactSheet(1, 1, 200)
        sheet.put(0, 0, sheets.Cell(Image.new("RGB", (10, 10)), label))
        drawn.append(np.asarray(sheet.picture))
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).any()


def test_the_font_has_its_licence() -> None:
    text = OWN.with_name("LICENSE").read_text(encoding="utf-8")
    assert "Bitstream Vera Fonts Copyright" in text
    assert "DejaVu changes are in public domain" in text
