"""Trained models on the command line: wherever a model's name stands, a path may."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from safetensors.numpy import load_file, save_file

pytest.importorskip("torch", reason="training and exporting need the extra torch")

from small_models import make

from adain import registry, trained
from adain.cli.main import main
from adain.code import StyleCode


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    small = make("small-slim-wct", folder)
    options = {"widths": [4, 6, 8], "hidden": 8, "covariances": [4]}
    save_file(load_file(small.file), folder / "model.safetensors", trained.describe("wct-slim", options))
    return folder / "model.safetensors"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], prog_name="adain")


def test_commands_that_stylize_take_a_trained_file(
    model: Path, photo_file: Path, painting_file: Path, tmp_path: Path
) -> None:
    code = tmp_path / "wave.safetensors"
    commands = [
        ("encode", painting_file, "-o", code),
        ("stylize", photo_file, code, "-o", tmp_path / "one.png"),
        ("stylize", photo_file, code, "-o", tmp_path / "named", "--name", "{model}/{content}"),
        ("grid", photo_file, painting_file, "-o", tmp_path / "sheet.png", "--size", 32),
        ("mix", photo_file, painting_file, painting_file, "-o", tmp_path / "mix.png", "--steps", 2, "--size", 32),
        ("texture", painting_file, "-o", tmp_path / "texture.png", "--size", 48),
    ]
    for command in commands:
        result = run(*command, "--model", model, "--device", "cpu")
        assert result.exit_code == 0, result.output
    assert (tmp_path / "named" / "model" / "photo.png").is_file()
    assert StyleCode.load(code).model == "model"
    result = run("stylize", photo_file, code, "-o", tmp_path / "two.png", "--model", "wct-slim")
    assert result.exit_code == 1
    assert "this style code is of model (weights" in result.output


def test_a_folder_of_codes_of_other_weights_is_not_continued(model: Path, painting_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "codes"
    assert run("encode", painting_file, "-o", folder).exit_code == 0
    result = run("encode", painting_file, "-o", folder, "--model", model, "--device", "cpu")
    assert result.exit_code == 1
    digest = registry.get("adain-slim").code_digest
    assert digest is not None
    assert f"is a style code of adain-slim (weights {digest[:8]}), not of model (weights" in result.output


@pytest.mark.heavy
def test_what_is_exported_runs(
    model: Path, photo_file: Path, painting_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxscript", reason="exporting needs the extra torch")
    monkeypatch.setattr("adain.runtimes.graph_files.GRAPHS", ("encode_style", "level"))  # the others take as long again
    graphs = tmp_path / "graphs"
    result = run("export", model, "-o", graphs, "--runtime")
    assert result.exit_code == 0, result.output
    assert {path.name for path in graphs.iterdir()} == {
        "model.safetensors",
        "model.level.onnx",
        "model.encode_style.onnx",
    }
    for backend in ("onnx", "torch"):
        command = ("stylize", photo_file, painting_file, "-o", tmp_path / "x.png", "--model", graphs)
        result = run(*command, "--backend", backend, "--device", "cpu")
        assert result.exit_code == 0, result.output


@pytest.mark.heavy
def test_bench_measures_a_trained_file(model: Path, tmp_path: Path) -> None:
    result = run(
        "bench",
        "--models",
        model,
        "--backends",
        "torch",
        "--sizes",
        32,
        "--style-size",
        32,
        "--runs",
        3,
        "-o",
        tmp_path,
    )
    assert result.exit_code == 0, result.output
    assert str(model) in (tmp_path / "bench.md").read_text()


def test_models_describes_a_trained_file(model: Path) -> None:
    result = run("models", "show", model)
    assert result.exit_code == 0, result.output
    assert "model: A variant of wct-slim" in result.output
    assert f"is {model}" in result.output
    assert "adain at x2, x8, wct at x4, in 2 passes" in result.output
    for command in ("verify", "download"):
        result = run("models", command, model)
        assert result.exit_code == 1
        assert "has no published hash or address; `adain models show" in result.output


def test_a_wrong_path_is_a_wrong_command_line(photo_file: Path, tmp_path: Path) -> None:
    result = run("stylize", photo_file, photo_file, "-o", tmp_path / "x.png", "--model", tmp_path / "modle.safetensors")
    assert result.exit_code == 2
    assert "no such file or folder" in result.output
    result = run("stylize", photo_file, photo_file, "-o", tmp_path / "x.png", "--model", photo_file)
    assert result.exit_code == 1
    assert "cannot be read as a model" in result.output


def test_a_model_is_no_style(model: Path, photo_file: Path, tmp_path: Path) -> None:
    result = run("stylize", photo_file, model, "-o", tmp_path / "x.png")
    assert result.exit_code == 1
    assert "is a model, not a style code; name it with --model" in result.output
