"""`adain optimize` and `adain tune` on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

torch = pytest.importorskip("torch", reason="optimisation needs the extra torch")

from adain.cli import progress  # noqa: E402
from adain.cli.main import INTERRUPTED, main  # noqa: E402
from adain.code import StyleCode  # noqa: E402
from adain.optimization import contents  # noqa: E402

QUICK = ("--iterations", "2", "--coarsest", "0", "--start", "content")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


def test_a_picture_is_written_and_no_state(tiny, photo_file: Path, painting_file: Path, tmp_path: Path) -> None:
    target = tmp_path / "new" / "out.png"
    result = run("optimize", photo_file, painting_file, "-o", target, *QUICK, "--loss", "gram=1", "--loss", "sliced=0")
    assert result.exit_code == 0, result.output
    assert "2/2" in result.stderr
    assert "gram" in result.stderr
    assert "sliced" not in result.stderr
    with Image.open(target) as picture:
        assert picture.size == (48, 36)
    assert [path.name for path in target.parent.iterdir()] == ["out.png"]


def test_ctrl_c_keeps_the_best_so_far_and_resume_continues(
    tiny, photo_file: Path, painting_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, state = tmp_path / "out.png", tmp_path / "out.png.state"
    command = ("optimize", photo_file, painting_file, "-o", target, *QUICK)

    def interrupted(self, done, total, losses) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(progress.LossBar, "__call__", interrupted)
        result = run(*command)
    assert result.exit_code == INTERRUPTED
    assert "after 1 of 2 iterations" in result.stderr
    assert target.is_file()
    assert state.is_file()
    result = run(*command, "--resume")
    assert result.exit_code == 0, result.output
    assert not state.exists()
    assert "there is no" in run(*command, "--resume").stderr


def test_a_picture_every_n_iterations(tiny, photo_file: Path, painting_file: Path, tmp_path: Path) -> None:
    result = run("optimize", photo_file, painting_file, "-o", tmp_path / "out.png", *QUICK, "--every", 1)
    assert result.exit_code == 0, result.output
    assert result.stderr.count("out.png") == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--loss", "gram"), "NAME=WEIGHT"),
        (("--loss", "grams=1"), "unknown loss 'grams'"),
        (("--features", "resnet"), "resnet"),
        (("--start", "missing.png"), "missing.png"),
    ],
)
def test_wrong_options_are_refused(
    tiny, photo_file: Path, painting_file: Path, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    result = run("optimize", photo_file, painting_file, "-o", tmp_path / "out.png", *QUICK, *arguments)
    assert result.exit_code in (1, 2)
    assert said in result.stderr
    assert not (tmp_path / "out.png").exists()


def test_a_folder_that_cannot_be_written_is_named_before_any_work(photo_file: Path, painting_file: Path) -> None:
    result = run("optimize", photo_file, painting_file, "-o", photo_file / "out.png", *QUICK)
    assert result.exit_code == 1
    assert "photo.png" in result.stderr


def test_tune_writes_a_code_that_stylize_takes(
    photo_file: Path, painting_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "SIDE", 32)
    code = tmp_path / "code.safetensors"
    result = run("tune", painting_file, "-c", photo_file, "-o", code, "--features", "adain-slim", "--iterations", 2)
    assert result.exit_code == 0, result.output
    assert "2/2" in result.stderr
    StyleCode.load(code)
    result = run("stylize", photo_file, code, "-o", tmp_path / "out.png")
    assert result.exit_code == 0, result.output
    assert run("tune", painting_file, "-c", photo_file, "-o", tmp_path / "code.png").exit_code == 1
