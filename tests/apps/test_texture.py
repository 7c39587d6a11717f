"""Textures from noise: what goes through the model, and that what comes out looks like the style."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image

import adain
from adain import loading, registry
from adain.cli.main import main
from adain.code import StyleCode
from adain.errors import InputError
from adain.stylizer import Stylizer
from adain.texture import MARGIN, synthesize

if TYPE_CHECKING:
    from small_models import Exports

COLLAB = "weights/original/collaborative-distillation"


class Echo:
    """A backend that notes what it is given, and returns a picture of the style's mean with some of the content."""

    model = registry.get("wct-vgg19")
    stages = model.stages
    device = "cpu"

    def __init__(self) -> None:
        self.contents: list[NDArray[np.float32]] = []
        self.alphas: list[float] = []

    def encode_style(self, style: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        return {"mean": style.mean(axis=(0, 2, 3))}

    def stylize(
        self, content: NDArray[np.float32], code: Mapping[str, NDArray[np.float32]], alpha: float
    ) -> NDArray[np.float32]:
        self.contents.append(content)
        self.alphas.append(alpha)
        return 0.2 * content + code["mean"][:, None, None] * np.float32(1.6)


def echo(model: str = "wct-vgg19") -> Stylizer:
    return Stylizer(registry.get(model), Echo())  # type: ignore[arg-type]  # as much of one as textures need


RED, GREEN, BRIGHT = (
    np.broadcast_to(np.array(c, np.uint8), (8, 8, 3)) for c in ([100, 0, 0], [0, 100, 0], [255, 0, 0])
)


def test_noise_goes_through_the_model_three_times_in_full() -> None:
    made = echo()
    texture = synthesize(made, BRIGHT, (20, 10), seed=4)
    assert texture.size == (20, 10)
    backend = made.backend
    assert isinstance(backend, Echo)
    noise, second, third = backend.contents
    assert backend.alphas == [1, 1, 1]
    assert noise.shape == (1, 3, 10 + 2 * MARGIN, 20 + 2 * MARGIN)
    assert 0 == noise.min() < 0.49 < noise.mean() < 0.51 < noise.max() == 1
    assert 0 <= third.min() <= third.max() == 1  # clipped in between, as pictures are
    assert not np.array_equal(second, third)


def test_the_border_is_cut_off() -> None:
    made = echo()
    texture = np.asarray(synthesize(made, GREEN, (7, 5)))
    last = made.backend.stylize(
        made.backend.contents[-1],
        made.backend.encode_style(  # type: ignore[attr-defined]
            np.zeros((1, 3, 1, 1), np.float32)
        ),
        1.0,
    )
    inner = last[0, :, MARGIN:-MARGIN, MARGIN:-MARGIN].transpose(1, 2, 0)
    assert texture.shape == inner.shape == (5, 7, 3)
    np.testing.assert_allclose(texture[..., [0, 2]], inner[..., [0, 2]] * 255, atol=0.51)  # where the mean is 0


def test_a_seed_makes_the_same_texture_again_and_another_another() -> None:
    textures = [np.asarray(synthesize(echo(), GREEN, (9, 9), seed=seed)) for seed in (0, 0, 1)]
    assert np.array_equal(textures[0], textures[1])
    assert not np.array_equal(textures[0], textures[2])


def test_styles_mix_by_their_weights() -> None:
    first, second = np.asarray(synthesize(echo(), [RED, GREEN], (4, 4), weights=[3, 1])).mean(axis=(0, 1))[:2]
    assert first == pytest.approx(75 * 1.6 / 0.8, abs=3)  # what three passes of `Echo` come to
    assert second == pytest.approx(25 * 1.6 / 0.8, abs=3)


@pytest.mark.parametrize(
    ("model", "size", "seed", "said"),
    [
        ("adain-slim", (8, 8), 0, r"adain-slim cannot make textures.*use one of .*wct-vgg19"),
        ("wct-vgg19", (0, 8), 0, "a texture's side must be a whole number of pixels, at least 1, got 0"),
        ("wct-vgg19", (8, 8), -1, "got -1"),
        ("wct-vgg19", 8, 0, "size must be a list, got 8"),
        ("wct-vgg19", (8, 8, 8), 0, "size must be a width and a height"),
        ("wct-vgg19", ("8", 8), 0, "a texture's side must be a whole number of pixels, at least 1, got '8'"),
        ("wct-vgg19", (8, 8), "a", "seed must be a whole number, at least 0, got 'a'"),
    ],
)
def test_what_cannot_be_is_an_error_before_any_work(model: str, size: tuple[int, int], seed: int, said: str) -> None:
    made = echo(model)
    with pytest.raises(InputError, match=said):
        synthesize(made, "nowhere.png", size, seed=seed)


def test_a_request_has_what_a_texture_needs() -> None:
    request = adain.StyleRequest(weights=[3, 1], tile=0)
    made, same = (
        synthesize(echo(), [RED, GREEN], (4, 4), **options)  # type: ignore[arg-type]
        for options in ({"request": request}, {"weights": [3, 1]})
    )
    assert np.array_equal(made, same)
    with pytest.raises(InputError, match="a texture takes no alpha"):
        synthesize(echo(), RED, (4, 4), request=adain.StyleRequest(alpha=0.5))


def test_progress_counts_the_passes() -> None:
    seen: list[tuple[int, int]] = []
    synthesize(echo(), RED, (4, 4), progress=lambda *counts: seen.append(counts))
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_a_texture_can_be_cancelled() -> None:
    token = adain.CancelToken()
    token.cancel()
    with pytest.raises(adain.CancelledError):
        synthesize(echo(), RED, (4, 4), cancel=token)


def test_a_code_of_another_model_is_an_error() -> None:
    with pytest.raises(InputError, match="of wct-collab-distill, the loaded model is wct-vgg19"):
        synthesize(echo(), StyleCode("wct-collab-distill", {"mean": np.zeros(3, np.float32)}), (8, 8))


def test_a_texture_has_the_styles_colours_and_none_of_its_places(shared: Path) -> None:
    pytest.importorskip("torch", reason="this model needs the extra torch")
    style = shared / "images/style/mondrian.jpg"
    model = adain.load("wct-collab-distill", device="cpu", backend="torch", weights_dir=shared / COLLAB)
    texture = np.asarray(synthesize(model, style, (96, 64), style_size=192)).reshape(-1, 3)
    colors = np.asarray(Image.open(style).convert("RGB")).reshape(-1, 3)
    assert abs(texture.mean(axis=0) - colors.mean(axis=0)).max() < 20  # of 255; a part of a texture varies
    assert np.all(texture.std(axis=0) > 0.6 * colors.std(axis=0))  # noise alone is averaged away
    noise = np.random.default_rng(0).integers(0, 256, texture.shape)
    assert np.corrcoef(texture.T)[0, 1] > 0.8 > abs(np.corrcoef(noise.T)[0, 1])  # channels go together, as in paint


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, ["texture", *map(str, args)], prog_name="adain")


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The models that the command asks for; it gets an `Echo`."""
    models: list[str] = []

    def load(model: str, **options: object) -> Stylizer:
        models.append(model)
        return echo(model)

    monkeypatch.setattr(loading, "load", load)
    return models


def test_the_command_writes_what_the_function_returns(
    loaded: list[str], photo_file: Path, painting_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "texture.png"
    result = run(photo_file, painting_file, "-o", out, "--size", "30x20", "--seed", 5, "--weights", 2, 1)
    assert (result.exit_code, result.output) == (0, f"wrote {out}, 30 x 20 pixels\n")
    expected = synthesize(echo(), [photo_file, painting_file], (30, 20), seed=5, weights=[2, 1])
    assert np.array_equal(np.asarray(Image.open(out)), np.asarray(expected))
    assert loaded == [registry.preferred("wct")]


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ("--size 0x20", 2, "WIDTHxHEIGHT in pixels"),
        ("--size large", 2, "got 'large'"),
        ("--seed -1", 2, "-1 is not in the range"),
        ("--model adain-slim", 1, "adain-slim cannot make textures"),
        ("--weights 1 2", 1, "got 2 weights for 1 styles"),
    ],
)
def test_a_wrong_option_is_one_clear_error(
    loaded: list[str], painting_file: Path, tmp_path: Path, options: str, code: int, said: str
) -> None:
    out = tmp_path / "texture.png"
    result = run(painting_file, "-o", out, *options.split())
    assert result.exit_code == code
    assert said in result.stderr
    assert not out.exists()


def test_an_unwritable_target_is_an_error_before_any_work(loaded: list[str], painting_file: Path) -> None:
    result = run(painting_file, "-o", painting_file / "out.png")
    assert (result.exit_code, loaded) == (1, [])
    assert "is no folder" in result.stderr


@pytest.mark.heavy
def test_both_backends_make_the_same_texture(exports: Exports) -> None:
    from adain.export.graphs import Options
    from adain.runtimes.graph_files import GraphFiles
    from adain.runtimes.ort_session import OrtBackend
    from adain.runtimes.torch_backend import TorchBackend

    made = exports("small-wct", Options(kinds=("encode_style", "level")))
    row = made.model.row
    graphs = GraphFiles(made.graphs["encode_style"].path, made.graphs["level"].path, shipped=False)
    backends = (OrtBackend(row, graphs, "cpu"), TorchBackend(row, made.model.files, "cpu"))
    textures = [np.asarray(synthesize(Stylizer(row, backend), RED, (24, 16)), int) for backend in backends]
    assert textures[0].std() > 1
    assert abs(textures[0] - textures[1]).max() <= 2  # two ways to a matrix's root, three passes
