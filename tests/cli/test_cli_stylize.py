"""`adain stylize`: its options, what it says, and what it leaves behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from pictures import painting, photo
from PIL import Image

import adain
from adain import loading
from adain.cli.main import main
from adain.cli.stylize import stylize
from adain.request import StyleRequest

pytestmark = pytest.mark.usefixtures("random_weights")


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, ["stylize", *map(str, args)], prog_name="adain")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "stylized.png"


@pytest.fixture
def second_painting(tmp_path: Path) -> Path:
    path = tmp_path / "second.png"
    Image.fromarray(painting(seed=1)).save(path)
    return path


def asked_for(monkeypatch: pytest.MonkeyPatch, *args: str | Path) -> dict[str, object]:
    """The arguments the stylizer is called with."""
    seen: dict[str, object] = {}

    class Recorder:
        def __call__(self, content: object, style: object, *, request: StyleRequest) -> Image.Image:
            seen.update(vars(request), content=content, style=style)
            return Image.new("RGB", (1, 1))

    def load(model: str, **options: object) -> Recorder:
        seen.update(options, model=model)
        return Recorder()

    monkeypatch.setattr(loading, "load", load)
    result = run(*args)
    assert result.exit_code == 0, result.output
    return seen


def test_it_writes_what_the_python_call_returns(photo_file: Path, painting_file: Path, out: Path) -> None:
    result = run(photo_file, painting_file, "-o", out, "--device", "cpu", "--alpha", "0.4", "--size", "30")
    assert result.exit_code == 0
    assert (result.stdout, result.stderr) == ("", f"wrote {out}, 40 x 30 pixels\n")
    expected = adain.load(device="cpu")(photo_file, painting_file, alpha=0.4, size=30)
    assert np.array_equal(np.asarray(Image.open(out)), np.asarray(expected))


def test_every_option_reaches_the_stylizer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, photo_file: Path, painting_file: Path, out: Path
) -> None:
    options = "--model wct-vgg19 --alpha 0.3 --strokes 0.7 --seed 4 --size 256 --style-size 128 --tile 64"
    other = [
        "--preserve-color",
        "coral",
        "--device",
        "cpu",
        "--runtime",
        "torch",
        "--precision",
        "fp32",
        "--weights-dir",
        tmp_path,
    ]
    seen = asked_for(monkeypatch, photo_file, painting_file, "-o", out, *options.split(), *other)
    assert callable(seen.pop("progress"))
    assert seen == {
        "content": photo_file,
        "style": [painting_file],
        "model": "wct-vgg19",
        "alpha": 0.3,
        "strokes": 0.7,
        "seed": 4,
        "weights": None,
        "masks": None,
        "size": 256,
        "style_size": 128,
        "preserve_color": "coral",
        "tile": 64,
        "device": "cpu",
        "runtime": "torch",
        "precision": "fp32",
        "threads": None,
        "weights_dir": tmp_path,
    }


def test_any_device_that_the_library_takes_reaches_it(
    monkeypatch: pytest.MonkeyPatch, photo_file: Path, painting_file: Path, out: Path
) -> None:
    assert asked_for(monkeypatch, photo_file, painting_file, "-o", out, "--device", "cuda:1")["device"] == "cuda:1"


@pytest.mark.parametrize(
    "weights",
    ["--weights 0.7 0.3", "--weights 0.7 --weights 0.3", "--weights=0.7 --weights=0.3", "--weights .7 3e-1"],
)
@pytest.mark.parametrize("first", [True, False])
def test_weights_take_the_numbers_that_follow(
    monkeypatch: pytest.MonkeyPatch,
    photo_file: Path,
    painting_file: Path,
    second_painting: Path,
    out: Path,
    weights: str,
    first: bool,
) -> None:
    pictures = [photo_file, painting_file, second_painting, "-o", out]
    order = [*weights.split(), *pictures] if first else [*pictures, *weights.split()]
    seen = asked_for(monkeypatch, *order)
    assert seen["weights"] == (0.7, 0.3)
    assert seen["style"] == [painting_file, second_painting]


def test_a_style_code_is_a_style(photo_file: Path, painting_file: Path, tmp_path: Path, out: Path) -> None:
    code = tmp_path / "style.safetensors"
    adain.load(device="cpu").encode_style(painting_file).save(code)
    assert run(photo_file, code, "-o", out, "--device", "cpu").exit_code == 0
    from_picture = out.with_name("from_picture.png")
    assert run(photo_file, painting_file, "-o", from_picture, "--device", "cpu").exit_code == 0
    assert out.read_bytes() == from_picture.read_bytes()


def test_verbose_says_device_weights_sizes_and_times(
    photo_file: Path, painting_file: Path, out: Path, random_weights: Path
) -> None:
    result = run(photo_file, painting_file, "-o", out, "--device", "cpu", "-v")
    assert result.stdout == ""
    for said in (
        "on cpu",
        str(random_weights / "adain-slim.safetensors"),
        "48 x 36 pixels",
        "alpha 1, strokes ",
        str(out),
    ):
        assert said in result.stderr


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ("--alpha 1.5", 2, "1.5 is not in the range"),
        ("--size 0", 2, "0 is not in the range"),
        ("--preserve-color lab", 2, "'lab' is not one of"),
        ("--model adian-vgg19", 2, "did you mean adain-vgg19"),
        ("--weights 1 2", 1, "one weight per style is needed: got 2 weights for 1 styles"),
        ("--weights -1", 1, "at least 0"),
        ("--weights 0", 1, "at least one weight must be above 0"),
        ("--weights much", 2, "'much' is not a valid float"),
        ("--weights", 2, "requires an argument"),
        ("--device tpu", 1, "unknown device 'tpu'; allowed: auto, cpu, cuda, cuda:0"),
        ("--weights-dir nowhere", 1, "'nowhere' does not exist"),
    ],
)
def test_a_wrong_option_is_one_clear_error(
    photo_file: Path, painting_file: Path, out: Path, options: str, code: int, said: str
) -> None:
    result = run(photo_file, painting_file, "-o", out, "--device", "cpu", *options.split())  # the last one counts
    assert result.exit_code == code
    assert said in result.stderr
    assert len([line for line in result.stderr.splitlines() if line.startswith("Error")]) == 1
    assert result.stdout == ""
    assert not list(out.parent.iterdir())


def test_a_missing_picture_is_a_clear_error(photo_file: Path, tmp_path: Path, out: Path) -> None:
    result = run(photo_file, tmp_path / "nothing.jpg", "-o", out)
    assert result.exit_code == 2
    assert "nothing.jpg' does not exist" in result.stderr


def test_a_file_that_is_no_picture_is_a_clear_error(painting_file: Path, tmp_path: Path, out: Path) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("not a picture")
    result = run(text, painting_file, "-o", out, "--device", "cpu")
    assert result.exit_code == 1
    assert str(text) in result.stderr
    assert result.stderr.count("\n") == 1
    assert not list(out.parent.iterdir())


def test_a_truncated_picture_is_a_clear_error(photo_file: Path, painting_file: Path, out: Path) -> None:
    photo_file.write_bytes(photo_file.read_bytes()[:-400])
    result = run(photo_file, painting_file, "-o", out, "--device", "cpu")
    assert result.exit_code == 1
    assert str(photo_file) in result.stderr
    assert not list(out.parent.iterdir())


@pytest.mark.parametrize(("name", "said"), [("../photo.png/out.png", "is no folder"), ("out.xyz", "suffix")])
def test_an_unwritable_target_is_an_error_before_any_work(
    monkeypatch: pytest.MonkeyPatch, photo_file: Path, painting_file: Path, out: Path, name: str, said: str
) -> None:
    monkeypatch.setattr(loading, "load", lambda *args, **kwargs: pytest.fail("began to work"))
    result = run(photo_file, painting_file, "-o", out.parent / name)
    assert result.exit_code == 1
    assert said in result.stderr
    assert not list(out.parent.iterdir())


def test_the_contents_transparency_is_kept(tmp_path: Path, painting_file: Path, out: Path) -> None:
    content = Image.fromarray(photo())
    content.putalpha(Image.linear_gradient("L").resize(content.size))
    content.save(tmp_path / "transparent.png")
    assert run(tmp_path / "transparent.png", painting_file, "-o", out, "--device", "cpu").exit_code == 0
    assert np.array_equal(np.asarray(Image.open(out))[..., 3], np.asarray(content)[..., 3])


def test_help_says_what_every_option_is_for() -> None:
    result = run("--help")
    assert result.exit_code == 0
    for parameter in stylize.params:
        if parameter.param_type_name == "option":
            assert parameter.opts[-1] in result.output
