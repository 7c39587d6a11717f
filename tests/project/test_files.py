"""Paths are checked before a file is opened, in every module that opens a file of the user."""

from __future__ import annotations

import ast
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import adain
from adain import AdainError, files, images, masking
from adain.code import StyleCode
from adain.code_files import CodeFile
from adain.errors import InputError, OutputError
from adain.model_files import resolve
from adain.weights import places

LONG = 20  # seconds; every door answers in a few milliseconds, and imports take seconds

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")


def in_time(call: Callable[[], object]) -> object:
    """Return what a call returns or raises; fail if it waits, as for a pipe's writer."""
    outcome: list[object] = []

    def run() -> None:
        try:
            outcome.append(call())
        except BaseException as error:  # also a skip
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)  # if it waits forever, the tests can still end
    thread.start()
    thread.join(LONG)
    assert outcome, f"still waiting after {LONG} s"
    return outcome[0]


def a_pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def a_folder(path: Path) -> Path:
    path.mkdir()
    return path


def a_socket(path: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as server:
        before = Path.cwd()
        os.chdir(path.parent)  # a socket's path may have 107 bytes
        try:
            server.bind(path.name)
        finally:
            os.chdir(before)
    return path


def a_device(path: Path) -> Path:
    path.symlink_to("/dev/zero")
    return path


KINDS = [a_pipe, a_socket, a_device, a_folder]


def of_training(name: str) -> Callable[[Path], object]:
    """A door of the training, which needs torch."""

    def call(path: Path) -> object:
        pytest.importorskip("torchvision", reason="training needs the extra torch")
        from adain.training import checkpoint, data, networks, recipe

        doors: dict[str, Callable[[], object]] = {
            "recipe": lambda: recipe.read(path),
            "pictures": lambda: data.open_pictures([path]),
            "first weights": lambda: networks.build(recipe.NetworkRecipe("adain-slim", init=str(path)), 0),
            "checkpoint": lambda: checkpoint.load(path),
        }
        return doors[name]()

    return call


def weights_of_torch(path: Path) -> object:
    pytest.importorskip("torch", reason="reading weights needs the extra torch")
    from adain.nn import checkpoints

    return checkpoints.read(path)


def graphs_beside(path: Path) -> object:
    """Open graphs that read their weights from this file beside them."""
    from adain.runtimes.ort_session import OrtGraph

    graph = path.with_name("wct-slim.level.onnx")
    shipped = next(folder for folder in places._SHIPPED if folder.is_dir())
    shutil.copy(shipped / graph.name, graph)
    return OrtGraph(graph, "cpu")


def graph_in_a_folder(path: Path) -> object:
    path.rename(path.with_name("net.level.onnx"))
    return resolve(path.parent)


def film(path: Path) -> object:
    from adain.video.opening import open_source

    if path.is_dir():
        raise InputError("a folder is a film of its pictures")
    return open_source(path)


def film_of_masks(path: Path) -> object:
    from adain.video.film_masks import FilmMasks

    return FilmMasks([path], 1)


DOORS: dict[str, Callable[[Path], object]] = {
    "picture": images.read,
    "label map": masking.label_masks,
    "mask": lambda path: masking.read([path], (8, 8)),
    "style code": StyleCode.load,
    "style codes": CodeFile,
    "graph": graph_in_a_folder,
    "weights of a graph": graphs_beside,
    "weights of torch": weights_of_torch,
    "film": film,
    **{f"training: {each}": of_training(each) for each in ("recipe", "pictures", "first weights", "checkpoint")},
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("door", DOORS)
def test_what_is_no_file_is_refused_at_once(door: str, kind: Callable[[Path], Path], tmp_path: Path) -> None:
    path = kind(tmp_path / "wct-slim.safetensors")
    outcome = in_time(lambda: DOORS[door](path))
    if isinstance(outcome, BaseException) and not isinstance(outcome, Exception):
        raise outcome  # a skip
    assert isinstance(outcome, AdainError), outcome


def test_a_film_of_masks_that_is_a_pipe_waits_for_nobody(tmp_path: Path) -> None:
    assert not isinstance(in_time(lambda: film_of_masks(a_pipe(tmp_path / "mask.png"))), BaseException)


def test_a_pipe_as_style_code_ends_the_command(photo_file: Path, tmp_path: Path) -> None:
    pipe = a_pipe(tmp_path / "f.safetensors")
    command = [sys.executable, "-m", "adain", "stylize", str(photo_file), str(pipe), "-o", str(tmp_path / "o.png")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=4 * LONG)
    assert ended.returncode == 1
    assert "f.safetensors is not a regular file; give the path of one style code" in ended.stderr


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing", "does not exist"),
        ("a" * 300, "does not exist"),
        ("zero\0byte", "does not exist"),
        ("empty", "0 bytes"),
        ("folder", "is a folder; give the path of one cake"),
        ("pipe", "is not a regular file; give the path of one cake"),
    ],
)
def test_reasons(name: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    reason = files.unreadable(tmp_path / name, "cake")
    assert reason is not None
    assert said in reason


def test_a_link_to_a_file_is_read(photo_file: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(photo_file)
    assert files.unreadable(tmp_path / "link", "picture") is None


@pytest.mark.parametrize("link", [os.symlink, os.link], ids=["symbolic", "hard"])
def test_an_output_is_no_input(link: Callable[[Path, Path], None], photo_file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.png"
    files.refuse_inputs(other, [photo_file, None, 3, b""])
    link(photo_file, other)
    with pytest.raises(InputError, match=r"other\.png is an input, the same file as .*photo\.png, and would be replac"):
        files.refuse_inputs(other, [tmp_path / "nothing", photo_file])
    with pytest.raises(InputError, match=r"photo\.png is an input, and would be replaced; name another output"):
        files.refuse_inputs(photo_file, [photo_file])


def test_folders_to_make(tmp_path: Path) -> None:
    files.check_folder(tmp_path / "a" / "b", "a/b/c.png")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"file/b/c\.png: .*file is no folder"):
        files.check_folder(tmp_path / "file" / "b", "file/b/c.png")


def test_pictures_are_opened_with_a_list_of_formats() -> None:
    """Because Pillow starts Ghostscript for some formats."""
    room, found = Path(images.__file__).parent, 0
    for path in Path(adain.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Image.open":
                assert path.parent == room, path
                assert "formats" in [keyword.arg for keyword in node.keywords], path
                found += 1
    assert found


def test_a_postscript_file_starts_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*args: object, **keywords: object) -> None:
        raise AssertionError("a program was started")

    monkeypatch.setattr(subprocess, "Popen", start)
    path = tmp_path / "a.jpg"
    Image.new("RGB", (40, 40)).save(path, "EPS")
    for door in ("picture", "training: pictures"):
        with pytest.raises(AdainError, match="no picture that can be read"):
            DOORS[door](path)
