"""The table of formats: each row keeps its promises, and what is said about formats follows from it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from pictures import photo
from PIL import Image, features

from adain.errors import ImageError, InputError
from adain.images import read, write
from adain.images.formats import FORMATS, READABLE, WRITABLE, Format, listed, named

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")

row_of_each = pytest.mark.parametrize("row", FORMATS, ids=lambda row: row.name)


def saved(image: Image.Image, row: Format, **options: object) -> bytes:
    if row.extra:
        pytest.importorskip("pillow_heif", reason="needs the extra heic").register_heif_opener()
    stream = io.BytesIO()
    image.save(stream, row.pillow, **options)  # type: ignore[arg-type]
    return stream.getvalue()


@row_of_each
def test_a_row_names_a_format_that_pillow_knows(row: Format) -> None:
    Image.init()
    if row.extra:
        pytest.importorskip("pillow_heif", reason="needs the extra heic").register_heif_opener()
    assert row.pillow in Image.OPEN
    assert row.pillow in Image.SAVE or not row.writes
    assert all(Image.EXTENSION[suffix] == row.pillow for suffix in row.suffixes if suffix in Image.EXTENSION)
    assert row.pillow not in ("WEBP", "AVIF") or features.check(row.pillow.lower())


@row_of_each
def test_suffixes_lead_to_their_row(row: Format) -> None:
    for suffix in row.read_only:
        assert suffix not in WRITABLE
        assert READABLE[suffix] is row
    for suffix in row.suffixes:
        assert suffix == suffix.lower()
        assert READABLE.get(suffix) is (row if row.reads else None)
        assert WRITABLE.get(suffix) is (row if row.writes else None)


@row_of_each
def test_a_row_is_read_or_written_as_it_says(row: Format) -> None:
    data = saved(Image.fromarray(photo()), row)
    if row.reads:
        assert read(data).size == (48, 36)
    else:
        with pytest.raises(ImageError):
            read(data)
    for name in (*row.suffixes, row.name, row.pillow, row.suffixes[0][1:]):
        if row.writes:
            assert named(name) is row
        else:
            with pytest.raises(InputError, match="format must be one of"):
                named(name)


@row_of_each
def test_an_alpha_channel_is_written_as_the_row_says(row: Format) -> None:
    if not row.writes:
        return
    stream = io.BytesIO()
    write(Image.new("RGBA", (8, 8), (200, 40, 40, 0)), stream, row.name)
    picture = read(stream.getvalue())
    assert (picture.alpha is not None) == row.alpha
    assert row.alpha or picture.rgb.min() > 245


@pytest.mark.parametrize("row", [row for row in FORMATS if row.deep], ids=lambda row: row.name)
def test_16_bits_are_read_where_the_row_says(row: Format) -> None:
    values = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257
    np.testing.assert_array_equal(read(saved(Image.fromarray(values), row)).rgb[..., 0], values // 257)


@pytest.mark.parametrize("row", [row for row in FORMATS if row.animated], ids=lambda row: row.name)
def test_of_an_animation_the_first_frame_is_read(row: Format) -> None:
    frames = [Image.new("RGB", (8, 6), color) for color in ("red", "lime")]
    data = saved(frames[0], row, save_all=True, append_images=frames[1:], lossless=True)
    with Image.open(io.BytesIO(data)) as image:
        assert getattr(image, "n_frames", 1) == 2
    np.testing.assert_allclose(read(data).rgb, np.full((6, 8, 3), (255, 0, 0)), atol=2 if row.name == "AVIF" else 0)


def test_the_readme_names_the_formats_of_the_table() -> None:
    text = " ".join(README.split())
    reads, writes = (listed(row for row in FORMATS if getattr(row, can)) for can in ("reads", "writes"))
    deep = listed(row for row in FORMATS if row.deep)
    assert f"Pictures are read as {reads}, and written as {writes}." in text
    assert f"16 bits from {deep}." in text


def test_a_list_in_words() -> None:
    assert listed(FORMATS[:1]) == "JPEG"
    assert listed(FORMATS[:2]) == "JPEG and PNG"
    assert listed(FORMATS[:3], "or") == "JPEG, PNG or WebP"
