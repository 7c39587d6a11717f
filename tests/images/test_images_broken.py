"""What cannot be read: one clear error each, that says what came, what is allowed and what to do."""

from __future__ import annotations

import contextlib
import io
import os
import re
import struct
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from pictures import photo, save_as
from PIL import Image

from adain.errors import ImageError, InputError
from adain.images import formats, read, reading_rules

FORMATS = [row.suffixes[-1][1:] for row in formats.FORMATS if row.reads]


@pytest.mark.parametrize("name", ["missing.jpg", "missing/photo.jpg", "", "a\0b.jpg", "x" * 400 + ".jpg"])
def test_a_missing_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ImageError, match=r"does not exist|is a folder"):
        read(name)


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"is a folder; give the path of one picture"):
        read(tmp_path)


def test_a_file_of_zero_bytes(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.touch()
    with pytest.raises(ImageError, match=r"photo\.jpg is an empty file of 0 bytes; get a complete copy"):
        read(path)


@pytest.mark.parametrize("suffix", [*FORMATS, "xyz"])
@pytest.mark.parametrize("content", [b"Hello, this is text.\n", b"<html>", b"\0" * 1000, b"%!PS-Adobe-3.0 EPSF-3.0"])
def test_what_is_no_picture_whatever_its_name(content: bytes, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"notes.{suffix}"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=rf"notes\.{suffix} is no picture.*starts with b.*JPEG, PNG, WebP"):
        read(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(ImageError, match="not a regular file"):
        read(tmp_path / "pipe.jpg")


@pytest.mark.skipif(sys.platform == "win32" or not hasattr(os, "geteuid"), reason="needs POSIX permissions")
def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(photo()).save(path)

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Image, "open", denied)  # the superuser may read everything
    with pytest.raises(ImageError, match="may not be read by this user"):
        read(path)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.filterwarnings("ignore")  # Pillow warns of some of these before it raises
def test_a_truncated_file_is_an_error_or_the_whole_picture(suffix: str, tmp_path: Path) -> None:
    whole, cut = tmp_path / f"whole.{suffix}", tmp_path / f"cut.{suffix}"
    save_as(Image.fromarray(photo(97, 61)), whole)
    content, expected = whole.read_bytes(), read(whole).rgb
    errors = 0
    for length in [*range(1, 60), *range(60, len(content), max(1, len(content) // 80))]:
        cut.write_bytes(content[:length])
        try:
            result = read(cut).rgb
        except ImageError:
            errors += 1
        else:  # only what follows the pixels was missing
            np.testing.assert_array_equal(result, expected, err_msg=f"{length} of {len(content)} bytes")
    assert errors > 50


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.filterwarnings("ignore")
def test_random_damage_raises_nothing_but_image_errors(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"damaged.{suffix}"
    save_as(Image.fromarray(photo(97, 61)), path)
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(content)
        for position in rng.integers(0, len(content), 10):
            damaged[position] = rng.integers(0, 256)
        path.write_bytes(damaged)
        with contextlib.suppress(ImageError):
            read(path)


def test_a_truncated_file_opened_by_the_user(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(photo(97, 61)).save(path)
    path.write_bytes(path.read_bytes()[:-400])
    with Image.open(path) as image, pytest.raises(ImageError, match="damaged or cut off"):
        read(image)


def bomb(width: int, height: int) -> bytes:
    """A PNG whose header promises a size; its pixels are missing."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def test_a_decompression_bomb_is_refused_before_it_unpacks(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb(50_000, 50_000))
    with pytest.raises(ImageError, match=r"bomb\.png unpacks to more than the allowed 178,956,970 pixels.*MAX_IMAGE"):
        read(path)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("size", [(10_240, 4_096), (14_204, 10_652)], ids=["42-megapixel", "151-megapixel"])
def test_a_real_cameras_size_is_no_bomb(size: tuple[int, int], tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(bomb(*size))
    with pytest.raises(ImageError, match="damaged or cut off"):  # it gets as far as the missing pixels
        read(path)


def test_pillows_own_limit_is_the_one_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(photo(40, 30)).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    with pytest.raises(ImageError, match="more than the allowed 1,000 pixels"):
        read(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert read(path).size == (40, 30)


def test_a_42_megapixel_picture_is_read(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    Image.new("L", (10_240, 4_096), 77).save(path, compress_level=1)
    picture = read(path)
    assert picture.size == (10_240, 4_096)
    assert (picture.rgb == 77).all()


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (0, 0)], ids=str)
def test_an_empty_pil_image(size: tuple[int, int]) -> None:
    with pytest.raises(ImageError, match="is empty"):
        read(Image.new("RGB", size))


def test_the_cause_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(photo()).save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ImageError) as caught:
        read(path)
    assert caught.value.__cause__ is not None


# What is accepted on demand


def jpeg(**options: object) -> bytes:
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (160, 200, 3), np.uint8)
    Image.fromarray(noise).save(stream, "JPEG", quality=80, **options)  # type: ignore[arg-type]
    return stream.getvalue()


def test_a_jpeg_that_is_cut_off_is_read_as_far_as_it_goes(caplog: pytest.LogCaptureFixture) -> None:
    whole = jpeg()
    expected = read(whole).rgb
    with reading_rules(accept_truncated=True):
        for part in (0.3, 0.5, 0.9):
            caplog.clear()
            picture = read(whole[: int(part * len(whole))])
            said = re.search(r"is cut off: the lower (\d+) of its 160 rows are missing", caplog.text)
            assert said is not None
            missing = int(said[1])
            assert missing == pytest.approx(160 * (1 - part), abs=20)
            assert (picture.rgb[160 - missing :] == 128).all()
            there = 160 - missing - 24  # rows of the last block may be there in part
            np.testing.assert_array_equal(picture.rgb[:there], expected[:there])
        np.testing.assert_array_equal(read(whole).rgb, expected)


def test_a_progressive_jpeg_that_is_cut_off_lacks_detail(caplog: pytest.LogCaptureFixture) -> None:
    whole = jpeg(progressive=True)
    with reading_rules(accept_truncated=True):
        picture = read(whole[: int(0.8 * len(whole))])
    assert "is cut off: detail is missing" in caplog.text
    assert abs(picture.rgb.astype(int) - read(whole).rgb).mean() < 30


@pytest.mark.parametrize("suffix", ["png", "webp", "gif", "bmp", "tif"])
@pytest.mark.filterwarnings("ignore")
def test_other_formats_that_are_cut_off_are_refused_all_the_same(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"cut.{suffix}"
    Image.fromarray(photo(97, 61)).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with reading_rules(accept_truncated=True), pytest.raises(ImageError):
        read(path)


@pytest.mark.parametrize("length", [2, 20, 300])
def test_a_jpeg_without_pixels_is_refused_all_the_same(length: int) -> None:
    with reading_rules(accept_truncated=True), pytest.raises(ImageError):
        read(jpeg()[:length])


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_rules_hold_in_the_block_and_in_its_threads() -> None:
    cut = jpeg()[:-2000]
    with reading_rules(accept_truncated=True):
        with reading_rules(max_pixels=200 * 160), ThreadPoolExecutor(2) as pool:
            assert [picture.size for picture in pool.map(read, [cut] * 4)] == [(200, 160)] * 4
        with reading_rules(max_pixels=200 * 160 - 2), pytest.raises(ImageError, match="more than the allowed 31,998"):
            read(cut)
        read(cut)
    with pytest.raises(ImageError, match="--accept-truncated"):
        read(cut)


@pytest.mark.parametrize("pixels", [0, -1, 1.5, "9"])
def test_a_limit_that_is_none(pixels: object) -> None:
    with pytest.raises(InputError, match="max_pixels must be"), reading_rules(max_pixels=pixels):  # type: ignore[arg-type]
        raise AssertionError
