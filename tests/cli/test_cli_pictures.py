"""The options of pictures on the command line: metadata, quality, limits; and what is said about pictures."""

from __future__ import annotations

import io
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pictures import photo
from PIL import ExifTags, Image

from adain.cli.main import main

pytestmark = pytest.mark.usefixtures("random_weights")


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, list(map(str, args)), prog_name="adain")


@pytest.fixture
def dated_photo(tmp_path: Path) -> Path:
    """A JPEG with a camera's name, taken upright."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Canon"
    exif[ExifTags.Base.Orientation] = 6
    (tmp_path / "photos").mkdir()
    path = tmp_path / "photos" / "dated.jpg"
    Image.fromarray(photo()).save(path, exif=exif, quality=98)
    return path


def make(path: Path) -> str | None:
    """The camera's name in a file."""
    with Image.open(path) as image:
        return image.getexif().get(ExifTags.Base.Make)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "avif", "tif"])
def test_a_result_keeps_the_metadata_of_its_content(
    suffix: str, dated_photo: Path, painting_file: Path, tmp_path: Path
) -> None:
    for options, expected in (((), "Canon"), (("--strip",), None)):
        out = tmp_path / f"out.{suffix}"
        assert run("stylize", dated_photo, painting_file, "-o", out, *options).exit_code == 0
        assert make(out) == expected
        with Image.open(out) as image:
            assert image.size == (36, 48)
            assert image.getexif().get(ExifTags.Base.Orientation, 1) == 1


def test_results_in_a_folder_keep_it_too(dated_photo: Path, painting_file: Path, tmp_path: Path) -> None:
    for options, expected in (((), "Canon"), (("--strip", "--overwrite"), None)):
        assert run("stylize", dated_photo.parent, painting_file, "-o", tmp_path / "out", *options).exit_code == 0
        assert make(tmp_path / "out" / "dated_painting.jpg") == expected


def test_quality_is_for_files_that_have_one(dated_photo: Path, painting_file: Path, tmp_path: Path) -> None:
    Image.fromarray(photo()).save(dated_photo.with_name("other.png"))
    sizes = []
    for quality in ("30", "95"):
        options = ("-o", tmp_path / "out", "--quality", quality, "--overwrite")
        assert run("stylize", dated_photo.parent, painting_file, *options).exit_code == 0
        sizes.append((tmp_path / "out" / "dated_painting.jpg").stat().st_size)
    assert sizes[0] < sizes[1]
    result = run("stylize", dated_photo, painting_file, "-o", tmp_path / "out.png", "--quality", "80")
    assert result.exit_code == 1
    assert "quality is for JPEG, WebP and AVIF" in result.output
    assert not (tmp_path / "out.png").exists()


def test_pictures_that_cannot_be_read_are_named(dated_photo: Path, painting_file: Path, tmp_path: Path) -> None:
    for name in ("a.CR2", "b.psd", "c.svg", "d.jxl", ".hidden.psd", "notes.txt"):
        dated_photo.with_name(name).write_bytes(b"something")
    said = "4 pictures of formats that cannot be read (a.CR2, b.psd, c.svg, ...); convert them to JPEG, PNG or TIFF"
    for command in ("stylize", "grid"):
        out = tmp_path / ("out" if command == "stylize" else "sheet.png")
        result = run(command, dated_photo.parent, painting_file, "-o", out)
        assert result.exit_code == 0
        assert f"left out {said}" in result.stderr
        assert "ignored 2 files" in result.stderr
    result = run("encode", dated_photo.parent, "-o", tmp_path / "codes")
    assert f"left out {said}" in result.stderr
    dated_photo.unlink()
    result = run("stylize", dated_photo.parent, painting_file, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert f"{dated_photo.parent} holds only {said}" in result.stderr


@pytest.fixture
def cut_photo(tmp_path: Path) -> Path:
    """A JPEG of 300 rows, of which the last third is missing."""
    stream = io.BytesIO()
    Image.fromarray(photo(400, 300)).save(stream, "JPEG", quality=95)
    path = tmp_path / "cut.jpg"
    path.write_bytes(stream.getvalue()[: len(stream.getvalue()) * 3 // 4])
    return path


def test_a_jpeg_that_is_cut_off_is_accepted_on_demand(cut_photo: Path, painting_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    result = run("stylize", cut_photo, painting_file, "-o", out, "--size", "64")
    assert result.exit_code == 1
    assert "get a complete copy of it, or accept what is there: --accept-truncated" in result.output
    result = run("stylize", cut_photo, painting_file, "-o", out, "--size", "64", "--accept-truncated")
    assert result.exit_code == 0
    assert "cut.jpg is cut off: the lower" in result.stderr
    with Image.open(out) as image:
        assert image.size == (85, 64)
    assert run("stylize", cut_photo, painting_file, "-o", out, "--size", "64").exit_code == 1  # only while it ran


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_the_pixel_limit_can_be_raised(
    photo_file: Path, painting_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 400)
    out = tmp_path / "out.png"
    result = run("stylize", photo_file, painting_file, "-o", out)
    assert result.exit_code == 1
    assert "more than the allowed 800 pixels" in result.output
    assert "--max-pixels" in result.output
    assert run("stylize", photo_file, painting_file, "-o", out, "--max-pixels", "1728").exit_code == 0
    assert run("stylize", photo_file, painting_file, "-o", out, "--max-pixels", "1720").exit_code == 1
    assert Image.MAX_IMAGE_PIXELS == 400


def test_pillows_warnings_are_not_printed(painting_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process of its own, because pytest has its own ways with warnings."""
    monkeypatch.delenv("ADAIN_WEIGHTS_DIR")  # the row of random weights is this process's
    odd = tmp_path / "odd.jpg"
    Image.fromarray(photo()).save(odd, exif=b"Exif\0\0II*\0\x08\0\0\0\x05\0\x0f\x01\x02\0\xff\0\0\0\xff\0\0\0")
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with Image.open(odd) as image:
            image.getexif().get(271)
    assert heard
    command = [sys.executable, "-W", "always", "-m", "adain", "stylize", odd, painting_file, "-o", tmp_path / "out.png"]
    done = subprocess.run([*command, "--size", "32"], capture_output=True, text=True, check=True)
    assert done.stderr.startswith("wrote ")
    assert done.stderr.count("\n") == 1
