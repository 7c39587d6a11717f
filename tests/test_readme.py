"""The README: every command and every Python block in it runs, and its tables agree with the code."""

from __future__ import annotations

import re
import shlex
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import pytest
from click.testing import CliRunner
from pictures import painting, photo
from PIL import Image

import adain
from adain.cli.main import main
from adain.registry import DEFAULT, MODELS, Model

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)
PYTHON = [code for language, code in BLOCKS if language == "python"]
COMMANDS = [
    command.strip()
    for language, code in BLOCKS
    if language == "sh"
    for line in code.splitlines()
    for command in line.split("&&")
]

FUSIONS = {"adain": "AdaIN", "wct": "WCT"}
PICTURES = {
    "photo.jpg": photo(),
    "painting.jpg": painting(),
    "other.jpg": painting(seed=1),
    "tests/data/astronaut.jpg": photo(),
    "tests/data/strokes.jpg": painting(seed=2),
}


@pytest.fixture
def surroundings(tmp_path: Path, random_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with small pictures of the names that the README uses, and random weights."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tests" / "data").mkdir(parents=True)
    for name, picture in PICTURES.items():
        Image.fromarray(picture).save(tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("adain ")])
def test_every_command_runs(surroundings: Path, command: str) -> None:
    if "wave.safetensors" in command:
        adain.load(device="cpu").encode_style("painting.jpg").save("wave.safetensors")
    result = CliRunner().invoke(main, shlex.split(command)[1:], prog_name="adain")
    assert result.exit_code == 0, result.output
    written = re.search(r"-o (\S+)", command)
    if written:
        assert (surroundings / written[1]).exists()


@pytest.mark.parametrize("code", PYTHON)
def test_every_python_block_runs(surroundings: Path, code: str) -> None:
    exec(compile(code, "README.md", "exec"), {})
    for name in re.findall(r'save\("([^"]+)"', code):
        assert (surroundings / name).is_file()


def test_commands_that_are_not_ours_are_the_known_ones() -> None:
    others = [command for command in COMMANDS if not command.startswith("adain ")]
    assert others == ["pip install .", 'pip install ".[torch,test]"', "pytest"]


def test_extras_it_names_exist() -> None:
    try:
        extras = metadata("adain").get_all("Provides-Extra") or []
    except PackageNotFoundError:
        pytest.skip("adain runs from its source folder, not installed")
    for names in re.findall(r"\.\[([\w,]+)\]", README):
        assert set(names.split(",")) <= set(extras)


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
    if not (ROOT / "pyproject.toml").is_file():
        pytest.skip("the README's links are to files of the repository")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
    for picture in re.findall(r"tests/data/\S+\.jpg", README):
        assert (ROOT / picture).is_file(), picture
