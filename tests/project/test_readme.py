"""The README: every command and every Python block in it runs, and its tables agree with the code."""

from __future__ import annotations

import inspect
import json
import re
import shlex
import shutil
from dataclasses import fields, replace
from importlib.metadata import PackageNotFoundError, metadata
from operator import attrgetter
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner
from pictures import painting, photo
from PIL import Image

import adain
from adain.bench import runner, worker
from adain.bench.cases import Case
from adain.cli.main import main
from adain.registry import DEFAULT, MODELS, Model
from adain.request import StyleRequest
from adain.stylizer import Stylizer

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)


def _commands(language: str) -> list[str]:
    blocks = [code for name, code in BLOCKS if name == language]
    return [command.strip() for code in blocks for line in code.splitlines() for command in line.split("&&")]


PYTHON = [code for language, code in BLOCKS if language == "python"]
COMMANDS = _commands("sh")
OURS = [command for command in COMMANDS if command.startswith("adain ")]
SHORT = [  # a run of seconds
    *("phases.0.iterations=3", "phases.0.crop=96", "phases.0.content_side=[96, 96]", "phases.0.style_side=[96, 96]"),
    *("run.workers=0", "run.samples=1", "run.sample_side=64"),
]
IN_ORDER = _commands("bash")  # each needs what those before it wrote
NOT_RUN = _commands("text")  # they would download

FUSIONS = {"adain": "AdaIN", "wct": "WCT"}
EXTRAS = {  # what a command or block needs beside the package itself
    "adain export": ("torch", "onnxscript"),
    "adain video": ("av",),
    "adain.transforms": ("torch", "torchvision"),
}
SKY = np.arange(36)[:, None] * np.ones(48) < 20  # (H, W) of the photograph
PICTURES = {
    "photo.jpg": photo(),
    "painting.jpg": painting(),
    "other.jpg": painting(seed=1),
    "photos/one.jpg": photo(),
    "photos/two.jpg": photo(36, 48),
    "paintings/one.jpg": painting(),
    "paintings/two.jpg": painting(seed=1),
    "sky.png": (SKY * 255).astype(np.uint8),
    "ground.png": (~SKY * 255).astype(np.uint8),
    "labels.png": SKY.astype(np.uint8),
    "cutout.png": np.dstack([photo(), (~SKY * 255).astype(np.uint8)]),
    "tests/data/astronaut.jpg": photo(),
    "tests/data/strokes.jpg": painting(seed=2),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with small pictures of the names that the README uses, and a style code."""
    folder = tmp_path_factory.mktemp("files")
    for name, picture in PICTURES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(folder / name)
    adain.load(device="cpu").encode_style(painting()).save(folder / "wave.safetensors")
    return folder


@pytest.fixture
def surroundings(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of those files, which is the working directory; and a benchmark that takes no time."""
    shutil.copytree(files, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(worker, "_RATE_SECONDS", 0.01)
    monkeypatch.setattr(runner, "run", _measured_here)
    return tmp_path / "work"


def _measured_here(case: Case, weights_dir: str | None) -> dict[str, Any]:
    """A small picture, a few times, and not in a process of its own."""
    few = replace(case, width=16, height=16, style_size=16, runs=3)
    result: dict[str, Any] = json.loads(json.dumps(worker.measure(few, weights_dir)))
    return {**result, "case": case.to_json()}


def _skip_without_what_it_needs(text: str) -> None:
    for name, modules in EXTRAS.items():
        for module in modules if name in text else ():
            pytest.importorskip(module, reason=f"{name} needs an extra that is not installed")


@pytest.mark.parametrize(
    "command", [pytest.param(each, marks=pytest.mark.heavy) if "export adain-slim" in each else each for each in OURS]
)
def test_every_command_runs(surroundings: Path, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _prepare(command, surroundings, monkeypatch)
    written = re.search(r"-o (\S+)", command)
    if written:  # another command may take what this one writes
        (surroundings / written[1]).unlink(missing_ok=True)
    result = CliRunner().invoke(main, shlex.split(command)[1:], prog_name="adain")
    assert result.exit_code == 0, result.output
    assert result.exception is None
    if written:
        _check_written(surroundings / written[1])


def _prepare(command: str, surroundings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _skip_without_what_it_needs(command)
    if "adain export" in command:  # the other graphs take several times as long, and have tests of their own
        monkeypatch.setattr("adain.export.graphs.Options.graphs", ("whole",))
    if "clip.mp4" in command:
        from clips import moving, write_clip

        write_clip(surroundings / "clip.mp4", moving(3), sound="aac")


def _check_written(path: Path) -> None:
    if path.is_dir():
        assert any(path.iterdir())
    elif path.suffix in (".jpg", ".png"):
        with Image.open(path) as picture:
            picture.load()
    else:
        assert path.stat().st_size > 0


def test_the_training_chapter_runs_in_order(surroundings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _skip_without_what_it_needs("adain export")
    # The other graphs take several times as long, and have tests of their own.
    monkeypatch.setattr("adain.runtimes.graph_files.GRAPHS", ("encode_style", "level"))
    assert len(IN_ORDER) == 6
    for command in IN_ORDER:
        arguments = shlex.split(command)[1:]
        if arguments[0] == "train":
            arguments += [each for value in SHORT for each in ("--set", value)]
        result = CliRunner().invoke(main, arguments, prog_name="adain")
        assert result.exit_code == 0, f"{command}\n{result.output}"
        _check_written(surroundings / arguments[arguments.index("-o") + 1])
    assert adain.load("run/model.safetensors", device="cpu").encode_style("painting.jpg").model == "model"


@pytest.mark.parametrize("command", NOT_RUN)
def test_commands_that_cannot_run_here_have_arguments_that_exist(surroundings: Path, command: str) -> None:
    context, arguments = click.Context(main), shlex.split(command)[1:]
    found: click.Command | None = main
    while isinstance(found, click.Group):
        found = found.get_command(context, arguments.pop(0))
    assert found is not None
    found.make_context(command, arguments)  # reads the arguments, and does not run it


@pytest.mark.parametrize("code", PYTHON)
def test_every_python_block_runs(surroundings: Path, code: str) -> None:
    _skip_without_what_it_needs(code)
    exec(compile(code, "README.md", "exec"), {})
    for name in re.findall(r'save\("([^"]+)"', code):
        assert (surroundings / name).is_file()


def test_commands_that_are_not_ours_are_the_known_ones() -> None:
    others = [command for command in COMMANDS if command not in OURS]
    assert others == ["pip install .", 'pip install -e ".[torch,test]"', "pytest"]


def test_every_extra_is_in_its_table() -> None:
    try:
        extras = metadata("adain").get_all("Provides-Extra") or []
    except PackageNotFoundError:
        pytest.skip("adain runs from its source folder, not installed")
    for names in re.findall(r"\.\[([\w,]+)\]", README):
        assert set(names.split(",")) <= set(extras)
    shown = re.search(r"\| extra \|[^\n]*\n\|[-|]+\n(.*?)\n\n", README, flags=re.DOTALL)
    assert shown
    assert set(re.findall(r"^\| `(\w+)`", shown[1], flags=re.MULTILINE)) == set(extras) - {"test"}


def test_the_table_of_arguments_is_the_requests() -> None:
    shown = re.search(r"<!-- arguments:[^\n]*-->\n(.*?)\n<!-- /arguments -->", README, flags=re.DOTALL)
    assert shown
    names = [field.name for field in fields(StyleRequest)]
    assert re.findall(r"^\| `(\w+)`", shown[1], flags=re.MULTILINE) == names
    parameters = inspect.signature(Stylizer.__call__).parameters
    assert [name for name in parameters if name in names] == names
    assert all(parameters[field.name].default == field.default for field in fields(StyleRequest))


def test_functions_it_names_exist() -> None:
    for name in re.findall(r"`adain\.([\w.]+)", README):
        if name != "transforms":  # needs an extra; the Python that uses it is run
            assert attrgetter(name)(adain)


def test_the_table_of_models_is_the_registrys() -> None:
    table = "\n".join(
        [
            "| name | fusion | weights | licence of the weights | paper |",
            "|---|---|---|---|---|",
            *(_row(model) for model in MODELS.values()),
        ]
    )
    shown = re.search(r"<!-- models:[^\n]*-->\n(.*?)\n?<!-- /models -->", README, flags=re.DOTALL)
    assert shown
    assert shown[1] == table, f"the table of models should be\n{table}"


def _row(model: Model) -> str:
    name = f"`{model.name}`" + (" (default)" if model.name == DEFAULT else "")
    size = "" if model.bytes is None else f", {model.bytes / 1e6:.1f} MB"
    weights = "in the package" if model.shipped else f"[download](https://{model.source})"
    return f"| {name} | {FUSIONS[model.fusion]} | {weights}{size} | {model.licence} | {model.paper} |"


def test_the_files_it_links_to_exist() -> None:
    if not (ROOT / "benchmarks").is_dir():
        pytest.skip("the README's links are to files of the repository, and this is a source distribution")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
    for picture in re.findall(r"tests/data/\S+\.jpg", README):
        assert (ROOT / picture).is_file(), picture
