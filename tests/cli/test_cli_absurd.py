"""Numbers and names of absurd size or length on the command line: refused at once, in one short sentence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from adain import loading
from adain.cli.main import main

LONG = "9" * 5000
NAME = "n" * 300


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "load", lambda *args, **options: pytest.fail("began to work"))


def run(command: str, photo: Path, painting: Path) -> Result:
    places = {"photo": str(photo), "painting": str(painting), "out": str(photo.with_name("out.png"))}
    arguments = [word.format(**places) for word in command.replace("LONG", LONG).replace("NAME", NAME).split(" ")]
    return CliRunner().invoke(main, arguments, prog_name="adain")


STYLIZE = "stylize {photo} {painting} -o {out} "
TEXTURE = "texture {painting} -o {out} "
VIDEO = "video {photo} {painting} -o out.gif "
BENCH = "bench -o out "
TRAIN = "train adain-slim-finetune -o out --set losses.network=shipped "


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (STYLIZE + "--size LONG", "no number of at most 40 characters"),
        (STYLIZE + "--size 99999999999", "99999999999 is more than the allowed 1,000,000"),
        (STYLIZE + "--style-size 1000001", "1000001 is more than"),
        (STYLIZE + "--tile 99999999", "99999999 is more than"),
        (STYLIZE + "--size ²", "not a valid integer"),
        (STYLIZE + "--seed LONG", "no number of at most"),
        (STYLIZE + "--seed 99999999999999999999", "is more than the allowed 9,223,372,036,854,775,807"),
        (STYLIZE + "--alpha nan", "nan' is not a finite number"),
        (STYLIZE + "--strokes inf", "inf is not in the range"),
        (STYLIZE + "--alpha LONG", "no number of at most"),
        (STYLIZE + "--weights LONG", "no number of at most"),
        (STYLIZE + "--weights inf", "not a finite number"),
        (STYLIZE + "--model NAME", "unknown model 'nnn"),
        (STYLIZE + "--model NAME/NAME", "no such file or folder"),
        (TEXTURE + "--size LONGxLONG", "a size is SIDE or WIDTHxHEIGHT"),
        (TEXTURE + "--size 1000001", "at most 1,000,000 a side"),
        (TEXTURE + "--size ²x²", "a size is SIDE or WIDTHxHEIGHT"),
        (TEXTURE + "--seed LONG", "no number of at most"),
        ("mix {photo} {painting} {painting} -o {out} --steps 100000", "100000 is more than the allowed 1,000"),
        ("grid {photo} {painting} -o {out} --cell LONG", "no number of at most"),
        (VIDEO + "--smoothing nan", "not a finite number"),
        (VIDEO + "--rate inf", "not a finite number"),
        ("webcam {painting} -o out.mkv --seconds nan", "not a finite number"),
        (BENCH + "--threads 999999", "a number of threads is a whole number from 1 to 1,024, got '999999'"),
        (BENCH + "--threads LONG", "a number of threads"),
        (BENCH + "--threads ²", "a number of threads"),
        (BENCH + "--seconds nan", "not a finite number"),
        (BENCH + "--sizes LONG", "a size is SIDE"),
        (BENCH + "--runs LONG", "no number of at most"),
        ("export adain-slim -o out --opset 100", "100 is more than the allowed 21"),
        ("train NAME -o out", "unknown recipe 'nnn"),
        ("train NAME.toml -o out", "does not exist; check the path"),
        (TRAIN + "--set phases.².batch=4", "'²' must be an index from 0 to"),
        (TRAIN + "--set phases.LONG.batch=4", "must be an index from 0 to"),
        (TRAIN + "--set phases.0.batch=LONG", "'phases[0].batch' must be int"),
        (TRAIN + "--set phases.0.batch=999999", "'phases[0].batch' must be from 1 to 32,768, got 999999"),
        (TRAIN + "--set phases.0.crop=64", "'phases[0].crop' must be at least 68 for these losses, got 64"),
        (TRAIN + "--set phases.0.iterations=99999999999", "'phases[0].iterations' must be from 1 to"),
        (TRAIN + "--set phases.0.crop=9999999", "'phases[0].crop' must be from 32 to"),
        (TRAIN + "--set seed=99999999999999999999", "'seed' must be from 0 to"),
        (TRAIN + "--set optimizer.learning_rate=1e999", "'optimizer.learning_rate' must be a finite number"),
        (TRAIN + f"--set optimizer.learning_rate={'9' * 400}", "'optimizer.learning_rate' must be a finite number"),
        (TRAIN + "--set run.threads=999999", "'run.threads' must be from 0 to 1,024"),
        (TRAIN + "--set run.workers=999999", "'run.workers' must be from 0 to 256"),
        (TRAIN + f"--set network.options={'[' * 20_000}", "'network.options' must be a table"),
        (TRAIN + f"--set {'a.' * 20_000}b=1", "unknown key 'a'"),
        (TRAIN + f"--set {NAME}=1", "unknown key 'nnn"),
        (TRAIN + f"--set {NAME}", "an override must look like key=value"),
    ],
    ids=lambda text: text[:70],
)
def test_it_is_refused_in_one_short_sentence(command: str, said: str, photo_file: Path, painting_file: Path) -> None:
    if command.startswith("train") or command.startswith("export"):
        pytest.importorskip("torch", reason="training and exporting need the extra torch")
    result = run(command, photo_file, painting_file)
    assert result.exit_code in (1, 2)
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert said in result.stderr
    (sentence,) = [line for line in result.stderr.splitlines() if line.startswith("Error")]
    assert len(sentence) < 400 + len(str(photo_file))
    assert not re.search("Traceback|Exceeds the limit", result.output)


def test_a_grid_that_is_too_large_is_refused_before_a_style_is_encoded(photo_file: Path) -> None:
    from mean_backend import mean_stylizer
    from pictures import painting

    import adain

    stylizer = mean_stylizer()
    with pytest.raises(adain.InputError, match="a grid of 1000 x 1000 pictures of 48x36 would be"):
        adain.interpolation_grid(stylizer, photo_file, [painting()] * 4, steps=1000, size=None)
    assert stylizer.backend.encoded == 0  # type: ignore[attr-defined]
