"""Where results go: no input is ever replaced, missing folders are made, and `-` is standard input and output."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from pictures import painting, photo
from PIL import Image

import adain
from adain import loading
from adain.cli.main import main
from adain.code import StyleCode

LINKS = [os.symlink, os.link]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a photograph, two paintings and a mask."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(photo()).save("photo.png")
    Image.fromarray(photo()).save("mask.png")
    for seed, name in enumerate(["s.png", "t.png"]):
        Image.fromarray(painting(seed=seed)).save(name)
    return tmp_path


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "load", lambda *args, **options: pytest.fail("began to work"))


def run(*args: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(main, args, prog_name="adain", input=stdin)


def a_folder(path: Path) -> dict[str, bytes]:
    return {each.relative_to(path).as_posix(): each.read_bytes() for each in path.rglob("*") if each.is_file()}


REPLACING = [
    "stylize photo.png s.png -o {}",
    "stylize photo.png s.png t.png -o {}",
    "stylize photo.png s.png -o {} --mask mask.png",
    "stylize photo.png s.png t.png -o {} --labels mask.png",
    "mix photo.png s.png t.png -o {}",
    "grid photo.png s.png -o {}",
    "grid . s.png -o {}",
    "texture s.png photo.png -o {}",
]


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("command", REPLACING)
@pytest.mark.parametrize("link", [None, *LINKS], ids=["itself", "symbolic", "hard"])
def test_an_input_is_never_replaced(command: str, link: Callable[[str, str], None] | None, folder: Path) -> None:
    replaced = "mask.png" if "mask.png" in command else "s.png"
    if "--labels" in command:
        Image.fromarray(np.repeat([[0, 1]], 2, axis=0).astype(np.uint8)).save("mask.png")
    output = replaced
    if link is not None:
        output = "result.png"
        link(str(folder / replaced), output)
    before = a_folder(folder)
    result = run(*command.format(output).split())
    assert result.exit_code == 1, result.output
    assert f"{output} is an input" in result.stderr
    assert "would be replaced; name another output" in result.stderr
    assert a_folder(folder) == before


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize(
    "command",
    [
        "encode s.safetensors -o s.safetensors",
        "encode s.safetensors t.png -o . --overwrite",
        "encode s.png -o m.safetensors --model m.safetensors",
        "encode m.png -o . --overwrite --model m.safetensors",
    ],
)
def test_encoding_replaces_neither_a_style_nor_the_model(command: str, folder: Path) -> None:
    (folder / "s.safetensors").write_bytes((folder / "s.png").read_bytes())
    (folder / "m.png").write_bytes((folder / "s.png").read_bytes())
    (folder / "m.safetensors").write_bytes((_shipped() / "adain-slim.safetensors").read_bytes())
    before = a_folder(folder)
    result = run(*command.split())
    assert result.exit_code == 1, result.output
    assert "is an input" in result.stderr
    assert a_folder(folder) == before


def _shipped() -> Path:
    from adain.weights import places

    return next(each for each in places._SHIPPED if each.is_dir())


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize(
    "command", ["s.gif t.gif -o t.gif", "s.gif t.png -o m.gif --mask m.gif", "s.gif t.gif -o l.gif"]
)
def test_a_film_replaces_no_style_and_no_mask(command: str, folder: Path) -> None:
    for name in ("s.gif", "t.gif", "m.gif"):
        Image.fromarray(painting()).save(name)
    os.link("t.gif", "l.gif")
    before = a_folder(folder)
    result = run("video", *command.split())
    assert result.exit_code == 1, result.output
    assert "is an input" in result.stderr
    assert a_folder(folder) == before


@pytest.mark.parametrize(
    "command", ["stylize photo.png s.png", "mix photo.png s.png t.png --steps 2", "grid photo.png s.png"]
)
def test_missing_folders_are_made(command: str, folder: Path) -> None:
    result = run(*command.split(), "-o", "new/folder/out.png", "--size", "16")
    assert result.exit_code == 0, result.output
    with Image.open("new/folder/out.png") as image:
        image.load()


def test_codes_and_films_make_their_folders_too(folder: Path) -> None:
    assert run("encode", "s.png", "-o", "new/codes/s.safetensors").exit_code == 0
    assert run("encode", "s.png", "-o", "new/more/codes").exit_code == 0
    Image.fromarray(photo()).save("film.gif")
    assert run("video", "film.gif", "s.png", "-o", "new/films/film.gif").exit_code == 0
    assert run("video", "film.gif", "s.png", "-o", "new/frames/of/film").exit_code == 0
    made = {"codes/s.safetensors", "more/codes/s.safetensors", "films/film.gif", "frames/of/film/000001.png"}
    assert set(a_folder(folder / "new")) == made


@pytest.mark.parametrize("dash", ["content", "style"])
def test_standard_input_and_output(dash: str, folder: Path) -> None:
    paths = {"content": "photo.png", "style": "s.png"}
    stdin = (folder / paths[dash]).read_bytes()
    args = [*{**paths, dash: "-"}.values(), "-o", "-", "--device", "cpu", "--alpha", "0.5"]
    result = run("stylize", *args, stdin=stdin)
    assert result.exit_code == 0, result.stderr
    with Image.open(io.BytesIO(result.stdout_bytes)) as image:
        assert image.format == "PNG"
        expected = adain.load(device="cpu")("photo.png", "s.png", alpha=0.5)
        assert np.array_equal(np.asarray(image), np.asarray(expected))
    assert "-" not in a_folder(folder)


def test_every_command_that_writes_a_picture_takes_a_dash(folder: Path) -> None:
    commands = ["mix - s.png t.png --steps 2 --size 16", "grid photo.png s.png --size 16", "texture - --size 16"]
    for command in (*commands, "stylize - s.png --compare"):
        result = run(*command.split(), "-o", "-", stdin=(folder / "photo.png").read_bytes())
        assert result.exit_code == 0, result.stderr
        with Image.open(io.BytesIO(result.stdout_bytes)) as image:
            assert image.format == "PNG"


def test_a_style_code_goes_through_pipes(folder: Path) -> None:
    picture = (folder / "s.png").read_bytes()
    assert run("encode", "s.png", "-o", "s.safetensors").exit_code == 0
    result = run("encode", "-", "-o", "-", stdin=picture)
    assert result.exit_code == 0, result.stderr
    assert run("encode", "-", "-o", "new/t.safetensors", stdin=picture).exit_code == 0
    expected = StyleCode.load("s.safetensors")
    for code in (StyleCode.from_bytes(result.stdout_bytes), StyleCode.load("new/t.safetensors")):
        assert code.maker == expected.maker
        assert all(np.array_equal(code.arrays[name], expected.arrays[name]) for name in expected.arrays)


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("encode s.png t.png -o -", 1),
        ("encode - -o codes", 1),
        ("video s.gif t.png -o -", 1),
        ("export adain-slim -o -", 2),
        ("train adain-slim -o -", 2),
        ("bench -o -", 2),
    ],
)
def test_no_folder_is_called_dash(command: str, code: int, folder: Path) -> None:
    Image.fromarray(painting()).save("s.gif")
    before = a_folder(folder)
    result = run(*command.split())
    assert result.exit_code == code, result.output
    assert "standard" in result.stderr
    assert a_folder(folder) == before
    assert not (folder / "-").exists()


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize(
    ("command", "stdin", "said"),
    [
        ("stylize - - -o o.png", b"x", "standard input (-) has one picture; give the others as files"),
        ("stylize - s.png -o o.png", b"", "standard input gives 0 bytes"),
        ("stylize - s.png -o results", b"x", "standard input (-) gives one picture, but results is a folder"),
        (
            "stylize photo.png s.png t.png . -o -",
            b"",
            "(-) is one picture, but there are 4 results",
        ),
    ],
)
def test_a_dash_that_cannot_be_meant(command: str, stdin: bytes, said: str, folder: Path) -> None:
    result = run(*command.split(), stdin=stdin)
    assert result.exit_code == 1, result.output
    assert said in result.stderr


@pytest.mark.usefixtures("no_work")
def test_a_terminal_gets_no_picture(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adain.cli.outputs._is_terminal", lambda: True)
    result = run("stylize", "photo.png", "s.png", "-o", "-")
    assert result.exit_code == 1
    assert "a picture is not written to a terminal; name a file" in result.stderr
