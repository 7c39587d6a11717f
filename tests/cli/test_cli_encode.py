"""`adain encode`: pictures and folders to style codes, one file each or one for all."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from pictures import painting
from PIL import Image

import adain
from adain.cli.main import main
from adain.code import StyleCode
from adain.code_files import CodeFile


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, ["encode", *map(str, args), "--device", "cpu"], prog_name="adain")


@pytest.fixture
def paintings(tmp_path: Path) -> Path:
    folder = tmp_path / "paintings"
    (folder / "sub").mkdir(parents=True)
    for seed, name in enumerate(("a.png", "b.jpg", "sub/c.png")):
        Image.fromarray(painting(seed=seed)).save(folder / name)
    (folder / "notes.txt").write_text("no picture")
    return folder


def same(one: StyleCode, other: StyleCode) -> bool:
    return all(np.array_equal(array, other.arrays[name]) for name, array in one.arrays.items())


def test_a_folder_keeps_its_tree(paintings: Path, tmp_path: Path) -> None:
    out = tmp_path / "codes"
    result = run(paintings, "-o", out)
    assert result.exit_code == 0
    assert "wrote 3 style codes, ignored 1 file" in result.stderr
    found = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert found == {"a.safetensors", "b.safetensors", "sub/c.safetensors"}
    assert same(
        StyleCode.load(out / "sub/c.safetensors"), adain.load(device="cpu").encode_style(paintings / "sub/c.png")
    )


def test_one_file_holds_all(paintings: Path, tmp_path: Path) -> None:
    out = tmp_path / "codes.safetensors"
    assert run(paintings / "*.png", paintings / "sub", "-o", out, "--style-size", 20).exit_code == 0
    codes = CodeFile(out)
    assert (codes.model, codes.names) == ("adain-slim", ("a", "c"))
    assert same(codes[1], adain.load(device="cpu").encode_style(paintings / "sub/c.png", size=20))


def test_one_style_is_a_file_that_stylize_takes(paintings: Path, tmp_path: Path, photo_file: Path) -> None:
    code, out = tmp_path / "a.safetensors", tmp_path / "stylized.png"
    assert run(paintings / "a.png", "-o", code).exit_code == 0
    assert same(StyleCode.load(code), adain.load(device="cpu").encode_style(paintings / "a.png"))
    made = CliRunner().invoke(main, ["stylize", str(photo_file), str(code), "-o", str(out), "--device", "cpu"])
    assert made.exit_code == 0


def test_what_could_not_be_looked_into_does_not_count_as_made(
    paintings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(paintings / "a.png", paintings / "b.jpg", "-o", tmp_path / "codes")
    scan = os.scandir

    def refuse(path: str) -> object:
        if os.path.basename(path) == "sub":
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    result = run(paintings, "-o", tmp_path / "codes")
    assert result.exit_code == 1
    assert "wrote 0 style codes, left 2 that existed (--overwrite makes them again), ignored 1 file" in result.stderr
    assert "sub: the folder cannot be read" in result.stderr


def test_started_again_it_does_what_is_left(paintings: Path, tmp_path: Path) -> None:
    out = tmp_path / "codes"
    run(paintings, "-o", out)
    (out / "a.safetensors").unlink()
    before = (out / "b.safetensors").stat().st_mtime_ns
    result = run(paintings, "-o", out)
    assert "wrote 1 style code, left 2 that existed" in result.stderr
    assert (out / "b.safetensors").stat().st_mtime_ns == before
    assert "wrote 3 style codes" in run(paintings, "-o", out, "--overwrite").stderr
    assert (out / "b.safetensors").stat().st_mtime_ns > before


def test_codes_of_another_model_are_not_taken_for_done(paintings: Path, tmp_path: Path) -> None:
    other = tmp_path / "codes" / "a.safetensors"
    other.parent.mkdir()
    StyleCode("wct-vgg19", {"x": np.zeros(1, np.float32)}).save(other)
    result = run(paintings, "-o", other.parent)
    assert result.exit_code == 1
    assert "is a style code of wct-vgg19, not of adain-slim" in result.stderr
    assert list(other.parent.iterdir()) == [other]


@pytest.mark.parametrize("out", ["codes", "codes.safetensors"])
def test_a_bad_picture_is_told_and_stops_nothing(paintings: Path, tmp_path: Path, out: str) -> None:
    (paintings / "aa.jpg").write_text("no picture")
    result = run(paintings, "-o", tmp_path / out)
    assert result.exit_code == 1
    assert f"failed: {paintings / 'aa.jpg'} is no picture" in result.stderr
    assert "Error: 1 style could not be encoded" in result.stderr
    written = CodeFile(tmp_path / out).names if "." in out else list((tmp_path / out).rglob("*.safetensors"))
    assert len(written) == 3


def test_where_all_are_bad_no_file_is_written(tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_text("no picture")
    assert run(tmp_path / "bad.jpg", "-o", tmp_path / "codes.safetensors").exit_code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["bad.jpg"]


def test_styles_of_one_name_get_longer_names(paintings: Path, tmp_path: Path) -> None:
    Image.fromarray(painting(seed=9)).save(paintings / "a.webp")
    assert run(paintings / "a.png", paintings / "a.webp", "-o", tmp_path / "codes").exit_code == 0
    assert sorted(path.name for path in (tmp_path / "codes").iterdir()) == ["a-png.safetensors", "a-webp.safetensors"]
    assert run(paintings / "a.png", paintings / "a.webp", "-o", tmp_path / "all.safetensors").exit_code == 0
    assert CodeFile(tmp_path / "all.safetensors").names == ("a-png", "a-webp")


def test_a_target_that_cannot_be_is_an_error(paintings: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for place in (tmp_path / "file", tmp_path / "file" / "codes.safetensors"):
        result = run(paintings, "-o", place)
        assert result.exit_code == 1
        assert "file is no folder" in result.stderr


def test_a_style_that_is_not_there_is_a_wrong_use(tmp_path: Path) -> None:
    result = run(tmp_path / "nowhere", "-o", tmp_path / "codes")
    assert result.exit_code == 2
    assert "nowhere' does not exist" in result.stderr
