"""`adain stylize` over folders and `adain grid`: what is written, what is said, and the exit codes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from pictures import painting, photo
from PIL import Image

import adain
from adain.cli.main import main


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, [*map(str, args), "--device", "cpu"], prog_name="adain")


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders `photos` and `styles` in the working folder."""
    monkeypatch.chdir(tmp_path)
    for folder, name in [("photos", "a.png"), ("photos/deep", "b.jpg"), ("styles", "s.png"), ("styles", "t.png")]:
        (tmp_path / folder).mkdir(exist_ok=True)
        picture = photo(24, 16) if folder.startswith("photos") else painting(20, 20, seed=ord(name[0]))
        Image.fromarray(picture).save(tmp_path / folder / name)
    return tmp_path


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


ALL = ["a_s.png", "a_t.png", "deep/b_s.jpg", "deep/b_t.jpg"]


def test_a_folder_in_the_styles_of_another(pictures: Path) -> None:
    (pictures / "photos" / "notes.txt").write_text("")
    result = run("stylize", "photos", "styles", "-o", "out")
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert files(pictures / "out") == ALL
    assert "wrote 4 pictures, ignored 1 file (hidden, or not named like a picture)" in result.stderr
    assert run("stylize", "photos/a.png", "styles/s.png", "-o", "alone.png").exit_code == 0
    assert (pictures / "alone.png").read_bytes() == (pictures / "out" / "a_s.png").read_bytes()


def test_a_second_run_makes_nothing_unless_told_to(pictures: Path) -> None:
    run("stylize", "photos", "styles", "-o", "out")
    again = run("stylize", "photos", "styles", "-o", "out")
    assert "wrote 0 pictures, left 4 that existed (--overwrite makes them again)" in again.stderr
    assert "wrote 4 pictures" in run("stylize", "photos", "styles", "-o", "out", "--overwrite").stderr


def test_patterns_files_and_folders_go_together(pictures: Path) -> None:
    named = run("stylize", "photos/*.png", "-c", "photos/deep", "styles/s.png", "styles/t.png", "-o", "out/")
    assert named.exit_code == 0, named.output
    assert files(pictures / "out") == ["a_s.png", "a_t.png", "b_s.jpg", "b_t.jpg"]


def test_a_template_and_a_sweep(pictures: Path) -> None:
    swept = run(
        "stylize", "photos", "styles/s.png", "-o", "out", "--alpha", "0.2", "1", "--name", "{style}/{alpha}/{content}"
    )
    assert swept.exit_code == 0, swept.output
    assert files(pictures / "out") == ["s/0.2/a.png", "s/0.2/deep/b.jpg", "s/1/a.png", "s/1/deep/b.jpg"]


def test_weights_mix_styles_in_a_folder_too(pictures: Path) -> None:
    assert run("stylize", "photos", "styles", "-o", "out", "--weights", "1", "3").exit_code == 0
    assert files(pictures / "out") == ["a_s+t.png", "deep/b_s+t.jpg"]


def test_compare_writes_one_picture_with_all_three(pictures: Path) -> None:
    assert run("stylize", "photos/a.png", "styles/s.png", "-o", "plain.png").exit_code == 0
    assert run("stylize", "photos/a.png", "styles/s.png", "-o", "c.png", "--compare").exit_code == 0
    with Image.open("c.png") as sheet, Image.open("plain.png") as plain, Image.open("photos/a.png") as content:
        shown = np.asarray(sheet)
        assert np.array_equal(shown[-16:, -24:], np.asarray(plain))
        assert np.array_equal(shown[-16:, :24], np.asarray(content))


def test_the_same_style_twice_is_two_styles_for_one_picture(pictures: Path) -> None:
    style = "styles/s.png"
    assert run("stylize", "photos/a.png", style, style, "-o", "twice.png", "--weights", "1", "2").exit_code == 0


def test_bad_pictures_are_told_of_at_the_end_and_the_exit_code_is_1(pictures: Path) -> None:
    (pictures / "photos" / "bad.jpg").write_text("no picture")
    result = run("stylize", "photos", "styles", "-o", "out")
    assert result.exit_code == 1
    assert files(pictures / "out") == ALL
    said = result.stderr.splitlines()
    assert said[-2].startswith("failed: photos/bad.jpg is no picture that can be read")
    assert said[-2].endswith("(2 results missing)")
    assert said[-1].startswith("Error: ")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("nowhere styles -o out", 2, "Path 'nowhere' does not exist"),
        ("empty styles -o out", 1, "empty holds no pictures"),
        ("photos/*.gif styles -o out", 1, "photos/*.gif matches no pictures"),
        ("photos styles -o out.png", 1, "out.png is the name of a file, but there are 4 results; give a folder"),
        ("photos/a.png styles/s.png --alpha 0 1 -o out.png", 1, "there are 2 results; give a folder, such as out/"),
        ("photos/a.png styles/s.png -o out.png --name {content}", 1, "--name is for results in a folder"),
        ("photos styles -o photos/out", 1, "choose an output folder elsewhere"),
        ("photos styles -o styles", 1, "choose an output folder elsewhere"),
        ("photos styles -o photos/a.png/", 1, "photos/a.png is no folder"),
        ("photos styles -o out --name {style}.png", 1, "add fields until names differ"),
        ("photos styles -o out --name {nothing}", 1, "unknown field {nothing}; allowed: {content}"),
        ("photos styles -o out --weights 1", 1, "one weight per style is needed: got 1 weights for 2 styles"),
        ("photos styles -o out --alpha 0.5 2", 2, "2.0 is not in the range"),
    ],
)
def test_what_cannot_be_meant_is_one_clear_error_and_nothing_is_written(
    pictures: Path, arguments: str, code: int, said: str
) -> None:
    (pictures / "empty").mkdir()
    before = files(pictures)
    result = run("stylize", *arguments.split())
    assert result.exit_code == code
    assert said in result.stderr
    assert files(pictures) == before
    assert not (pictures / "out").exists()


def test_ctrl_c_ends_a_run_with_130_and_whole_files(pictures: Path) -> None:
    for number in range(40):
        Image.fromarray(photo(160, 120)).save(pictures / "photos" / f"{number}.png")
    command = [sys.executable, "-m", "adain", "stylize", "photos", "styles", "-o", "out", "--device", "cpu"]
    environment = {**os.environ, "PYTHONPATH": str(Path(adain.__file__).parents[1])}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    out = pictures / "out"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None and not (out.is_dir() and files(out)):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130, said
    assert "Interrupted." in said
    assert "Traceback" not in said
    left = files(out)
    assert 0 < len(left) < 84
    for name in left:
        with Image.open(out / name) as image:
            image.load()


def test_a_contact_sheet_of_folders(pictures: Path) -> None:
    result = run("grid", "photos", "styles", "-o", "sheet.png", "--cell", "32", "--size", "16")
    assert result.exit_code == 0, result.output
    assert "wrote sheet.png with 4 results" in result.stderr
    stylizer = adain.load(device="cpu")
    drawn = adain.grid(stylizer, "photos", "styles", cell=32, size=16)
    assert (drawn.made, drawn.failures) == (4, ())
    with Image.open("sheet.png") as sheet:
        assert np.array_equal(np.asarray(sheet), np.asarray(drawn.picture))
        line, step = 16, (40, 56)
        places = {(1, 0): Image.open("photos/a.png"), (0, 2): Image.open("styles/t.png")}
        places[1, 2] = stylizer("photos/a.png", "styles/t.png", size=16)
        for (row, column), picture in places.items():
            left, top = column * step[0], row * step[1] + line
            shown = sheet.crop((left, top, left + picture.width, top + picture.height))
            assert np.array_equal(np.asarray(shown), np.asarray(picture)), (row, column)


def test_strengths_are_columns_of_a_contact_sheet(pictures: Path) -> None:
    drawn = adain.grid(adain.load(device="cpu"), "photos/a.png", "styles/s.png", alphas=[0, 1], cell=32, size=16)
    assert drawn.made == 2
    assert drawn.picture.width == 3 * 40 - 8


def test_a_contact_sheet_with_bad_pictures_is_written_with_empty_places(pictures: Path) -> None:
    (pictures / "photos" / "bad.jpg").write_text("no picture")
    (pictures / "styles" / "broken.png").write_bytes(b"neither")
    result = run("grid", "photos", "styles", "-o", "sheet.png", "--cell", "32", "--size", "16")
    assert result.exit_code == 1
    assert "wrote sheet.png with 4 results" in result.stderr
    assert "failed: photos/bad.jpg is no picture" in result.stderr
    assert "failed: styles/broken.png is no picture" in result.stderr
    assert result.stderr.endswith("Error: places on the sheet are empty\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("photos/bad.jpg styles -o sheet.png", "no result could be made; no sheet written"),
        ("photos styles -o sheet", "suffix"),
        ("photos styles -o sheet.png --cell 30000", "choose smaller cells"),
    ],
)
def test_a_sheet_that_cannot_be_made_is_a_clear_error(pictures: Path, arguments: str, said: str) -> None:
    (pictures / "photos" / "bad.jpg").write_text("no picture")
    result = run("grid", *arguments.split())
    assert result.exit_code == 1
    assert said in result.stderr
    assert not list(pictures.glob("sheet*"))
