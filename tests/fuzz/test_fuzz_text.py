"""Random text at every door that takes text: a right value or an `AdainError`, and nothing else.

ADAIN_FUZZ=100000 pytest -n0 tests/fuzz     more cases, by hand
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from adain import code, errors
from adain.cli.inputs import parse_size
from adain.cli.number_types import FiniteNumber, WholeNumber
from adain.cli.wording import in_options
from adain.runtimes.contract import GraphInfo
from adain.runtimes.devices import parse_device
from adain.trained import parse_architecture
from adain.video.keyframes import Timeline, parse

CASES = int(os.environ.get("ADAIN_FUZZ", "300"))
PIECES = [
    *"0123456789.,:;=*+-xX[]{}()\"'\\ \t\n#_%",
    *("²", "٣", "é", "\u202e", "\0", "NaN", "inf", "-inf", "1e999", "9" * 50, "9" * 5000, "[" * 5000, "a" * 300),
    *("alpha", "style", "0:alpha=0", "1:style=1", "512x512", "cuda:", "auto", "true", "null", "0.5", "1 ", "-1"),
    *("phases.0.batch=", "losses.style=", "run.threads=", "network.options=", "seed=", "data.content=", "[[phases]]\n"),
    *("x2.mean", "shape", "data", "AAAA", "float16", "dtype", "arrays"),
]


def texts(seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(PIECES, rng.integers(1, 9))) for _ in range(CASES)]


def recipe(text: str) -> None:
    from adain.training import recipe

    recipe.read("adain-slim-finetune", [text])


def toml(text: str) -> None:
    import tempfile

    from adain.training import recipe

    with tempfile.NamedTemporaryFile("w", suffix=".toml", encoding="utf-8", errors="replace") as file:
        file.write(text)
        file.flush()
        recipe.read(file.name)


def film(text: str) -> None:
    timeline = Timeline(parse(text, 3), 1.0, [1, 1, 1])
    for time in (0.0, 0.5, 1e6):
        assert 0 <= timeline.alpha(time) <= 1
        assert sum(timeline.weights(time)) == pytest.approx(1)


def style_code(text: str) -> None:
    code.StyleCode.from_json(text)
    code.StyleCode.from_json({**json.loads(GOOD), "arrays": {"x": {"shape": [1], "data": text}}})


def code_of_bytes(text: str) -> None:
    code.StyleCode.from_bytes(text.encode())


def options(text: str) -> None:
    import click

    for kind in (WholeNumber(0, 10), FiniteNumber(0, 1)):
        with contextlib.suppress(click.BadParameter):
            assert 0 <= kind.convert(text, None, None) <= 10
    assert isinstance(in_options(text), str)


GOOD = json.dumps(code.StyleCode("m", {"x": np.zeros(1, np.float32)}).to_json())


@pytest.mark.parametrize(
    "door", [parse_size, parse_device, film, style_code, code_of_bytes, options, recipe, toml], ids=lambda f: f.__name__
)
def test_text_is_understood_or_refused_in_short(door: Callable[[str], Any]) -> None:
    for text in texts(len(door.__name__)):
        try:
            door(text)
        except errors.AdainError as error:
            if len(str(error)) > 600:
                pytest.fail(f"a long message for {text!r:.200}: {error!s:.300}")


@pytest.fixture(scope="module")
def metadata() -> dict[str, str]:
    from adain.registry import MODELS

    row = MODELS["wct-slim"]
    info = GraphInfo(
        model="wct-slim",
        graph="apply",
        fusion="wct",
        stages=row.stages,
        precision="fp32",
        io="float",
        portable=False,
        size_multiple=1,
        size_minimum=1,
        default_alpha=1.0,
        licence="MIT",
        paper="",
        weights_sha256={"model": "ab" * 32},
        code_digest="cd" * 32,
        adain_version="0",
    )
    return info.to_metadata()


def test_metadata_of_a_graph_are_read_or_refused(metadata: dict[str, str]) -> None:
    rng = np.random.default_rng(1)
    for text in texts(2):
        key = str(rng.choice(list(metadata)))
        value = list(metadata[key])
        at = int(rng.integers(len(value) + 1))
        value[at : at + int(rng.integers(3))] = text if rng.random() < 0.5 else text[:1]
        with contextlib.suppress(errors.WeightsError):
            info = GraphInfo.from_metadata({**metadata, key: "".join(value)}, "graph.onnx")
            assert info.code_size > 0


def test_an_architecture_is_read_or_refused() -> None:
    rng, values = np.random.default_rng(3), [0, -1, 3, 1 << 40, 1e308, None, "3", [], {}, True, [[2]], "9" * 400]
    for _ in range(CASES):
        plain: dict[str, Any] = {"widths": [4, 6, 8], "hidden": 5, "covariances": [2], "passes": 1}
        name = str(rng.choice(list(plain)))
        wrong = values[rng.integers(len(values))]
        plain[name] = [wrong, 6, 8] if name == "widths" and rng.random() < 0.5 else wrong
        with contextlib.suppress(ValueError, TypeError):  # what its callers expect
            parse_architecture(plain)


def test_arguments_of_commands_are_taken_or_refused() -> None:
    from adain.cli.main import main

    for text in texts(4)[: CASES // 6]:
        for arguments in (["models", "show", text], ["texture", text, "-o", text], ["bench", "--threads", text, text]):
            result = CliRunner().invoke(main, arguments, prog_name="adain")
            assert result.exception is None or isinstance(result.exception, SystemExit), (arguments, result.exception)
