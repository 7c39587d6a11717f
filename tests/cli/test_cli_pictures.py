"""The options of pictures on the command line: metadata, quality, limits; and what is said about pictures."""

from __future__ import annotations

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
