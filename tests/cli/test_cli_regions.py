"""`adain stylize` with `--mask`, `--labels` and `--subject`: what the stylizer gets, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from pictures import painting, photo
from PIL import Image

import adain
from adain.cli.main import main

pytestmark = pytest.mark.usefixtures("random_weights")

LEFT = np.zeros((36, 48), np.uint8)
LEFT[:, :24] = 255


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, ["stylize", *map(str, args), "--device", "cpu"], prog_name="adain")


def saved(folder: Path, name: str, pixels: NDArray[np.uint8]) -> Path:
    Image.fromarray(pixels).save(folder / name)
    return folder / name


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "stylized.png"


@pytest.fixture
def styles(tmp_path: Path) -> list[Path]:
    return [saved(tmp_path, f"style{seed}.png", painting(seed=seed)) for seed in (1, 2)]


@pytest.fixture
def expected(photo_file: Path, styles: list[Path]) -> NDArray[np.uint8]:
    """The first style left, the second right."""
    return np.asarray(adain.load(device="cpu")(photo_file, styles, masks=[LEFT, 255 - LEFT]))


def test_a_mask_for_each_style(
    tmp_path: Path, photo_file: Path, styles: list[Path], out: Path, expected: NDArray[np.uint8]
) -> None:
    left, right = saved(tmp_path, "left.png", LEFT), saved(tmp_path, "right.png", 255 - LEFT)
    result = run(photo_file, *styles, "--mask", left, "--mask", right, "-o", out)
    assert result.exit_code == 0, result.output
    assert np.array_equal(np.asarray(Image.open(out)), expected)


def test_labels_in_rising_order(
    tmp_path: Path, photo_file: Path, styles: list[Path], out: Path, expected: NDArray[np.uint8]
) -> None:
    labels = saved(tmp_path, "labels.png", np.where(LEFT > 0, 3, 200).astype(np.uint8))
    result = run(photo_file, *styles, "--labels", labels, "-o", out)
    assert result.exit_code == 0, result.output
    assert np.array_equal(np.asarray(Image.open(out)), expected)


@pytest.mark.parametrize("option", ["--labels", "--mask"])
def test_a_folder_does_not_replace_its_masks(
    tmp_path: Path, photo_file: Path, styles: list[Path], out: Path, option: str
) -> None:
    labels = saved(out.parent, "both.png", np.where(LEFT > 0, 3, 200).astype(np.uint8))
    before = labels.read_bytes()
    masks = [option, labels] if option == "--labels" else [option, labels, option, labels]
    result = run(photo_file, *styles, *masks, "-o", out.parent, "--name", "both.png", "--overwrite")
    assert result.exit_code == 1
    assert "both.png is an input and would be replaced" in result.output
    assert labels.read_bytes() == before


def test_subject_and_background(tmp_path: Path, styles: list[Path], out: Path, expected: NDArray[np.uint8]) -> None:
    content = saved(tmp_path, "subject.png", np.dstack([photo(), LEFT]))
    result = run(content, *styles, "--subject", "-o", out)
    assert result.exit_code == 0, result.output
    assert np.array_equal(np.asarray(Image.open(out)), expected)


@pytest.mark.parametrize("size", [None, 18])
def test_a_folder_of_subjects(tmp_path: Path, styles: list[Path], out: Path, size: int | None) -> None:
    (tmp_path / "photos").mkdir()
    contents = [
        saved(tmp_path / "photos", f"{name}.png", np.dstack([picture, LEFT]))
        for name, picture in {"a": photo(), "b": photo()[:, ::-1]}.items()
    ]
    options = [] if size is None else ["--size", str(size)]
    result = run(tmp_path / "photos", *styles, "--subject", "-o", out.parent, *options)
    assert result.exit_code == 0, result.output
    made = sorted(out.parent.iterdir())
    assert len(made) == 2  # all styles in each
    for content, path in zip(contents, made, strict=True):
        alone = adain.load(device="cpu")(content, styles, masks="subject", size=size)
        assert np.array_equal(np.asarray(Image.open(path)), np.asarray(alone))


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--mask", "left.png"], 1, "one mask per style is needed: got 1 masks for 2 styles"),
        (["--mask", "left.png", "--mask", "square.png"], 1, "square.png) is 40x40, of another aspect"),
        (["--mask", "left.png", "--subject"], 2, "give one of them"),
        (["--labels", "left.png", "--subject"], 2, "give one of them"),
        (["--mask", "nowhere.png"], 2, "nowhere.png' does not exist"),
        (["--labels", "three.png"], 1, "has 3 labels (0, 1, 255), but there are 2 styles"),
        (["--labels", "left.png", "--weights", "1", "2"], 1, "give one of the two"),
        (["--subject"], 1, "has no alpha channel"),
    ],
)
def test_masks_that_do_not_fit_are_one_clear_error(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    photo_file: Path,
    styles: list[Path],
    out: Path,
    options: list[str],
    code: int,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    three = LEFT.copy()
    three[0, 0] = 1
    for name, mask in {"left": LEFT, "three": three, "square": np.full((40, 40), 255, np.uint8)}.items():
        saved(tmp_path, f"{name}.png", mask)
    result = run(photo_file, *styles, *options, "-o", out)
    assert result.exit_code == code
    assert said in result.stderr
    assert len([line for line in result.stderr.splitlines() if line.startswith("Error")]) == 1
    assert not list(out.parent.iterdir())
