"""Batches of pictures of equal shape: the same results as one by one, and one picture's fault is its own."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from mean_backend import MeanBackend
from numpy.typing import NDArray
from pictures import painting, photo
from PIL import Image

import adain
from adain.cli.main import main
from adain.engine import loop
from adain.errors import InputError
from adain.images import Picture
from adain.jobs import running
from adain.jobs.running import windows
from adain.jobs.steps import Job, Stylizing
from adain.stylizer import Stylizer

SIZES = [(24, 16), (20, 20), (24, 16), (24, 16), (20, 20), (9, 30), (24, 16)]


def pictures() -> list[NDArray[np.uint8]]:
    """Pictures of three shapes; each is another."""
    made = [photo(*size) for size in SIZES]
    for number, picture in enumerate(made):
        picture[number : number + 4, :, number % 3] = 40 * number
    return made


def encoded(picture: NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(scope="module")
def paintings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("styles")
    for seed in range(3):
        Image.fromarray(painting(20, 20, seed)).save(folder / f"{seed}.png")
    return folder


@pytest.mark.parametrize("runtime", ["onnx", "torch"])
@pytest.mark.parametrize("strokes", [0, 0.5, 1])
def test_a_batch_gives_the_pictures_of_single_calls(runtime: str, strokes: float) -> None:
    if runtime == "torch":
        pytest.importorskip("torch", reason="needs the extra torch")
    backend = adain.load(device="cpu", runtime=runtime, threads=1 if runtime == "onnx" else None).backend
    some = [photo(43, 30), photo(43, 30)[::-1].copy(), photo(43, 30)[:, ::-1].copy()]
    codes = [
        backend.encode_style(painting(24, 24, seed).transpose(2, 0, 1)[None] / np.float32(255)) for seed in (1, 2, 3)
    ]
    alphas = [1.0, 0.4, 0.0]
    together = loop.stylize_batch(backend, some, codes, alphas, strokes=strokes, seed=5)
    for picture, code, alpha, made in zip(some, codes, alphas, together, strict=True):
        alone = loop.stylize(backend, picture, loop.Styles((code,)), alpha, strokes=strokes, seed=5)
        apart = np.abs(made.astype(int) - alone)
        assert apart.max() <= (runtime == "torch")
        assert (apart > 0).mean() < 5e-3  # 0.0013 was seen, on three passes of tiny copies; photographs have 0.00005


@pytest.mark.parametrize("per_picture", [1, 2])
def test_rows_do_not_depend_on_the_batch(paintings: Path, per_picture: int) -> None:
    rows = [{"id": f"{number}.png", "bytes": encoded(each), "label": number} for number, each in enumerate(pictures())]
    rows.insert(2, {"id": "bad.jpg", "bytes": b"no picture", "label": -1})
    alone = [each for row in rows for each in adain.Stylize(paintings, seed=1, per_picture=per_picture).copies(row)]
    stylize = adain.Stylize(paintings, seed=1, per_picture=per_picture, batch=3)
    together = stylize.rows(rows)
    made_by = {each.pop("made_by") for each in together}
    assert [{name: value for name, value in each.items() if name != "made_by"} for each in alone] == together
    assert all("; batch 3;" in each for each in made_by)
    assert stylize.window == 12
    columns = stylize.columns({name: [row[name] for row in rows] for name in rows[0]})
    assert columns["sha256"] == [each["sha256"] for each in together]
    assert columns["label"] == [each["label"] for each in together]


def test_rows_without_ids_take_their_numbers(paintings: Path) -> None:
    made = adain.Stylize(paintings, batch=2).columns({"bytes": [encoded(each) for each in pictures()[:3]]}, [7, 8, 9])
    assert made["id"] == ["7", "8", "9"]


class Batches(MeanBackend):
    """Keeps the sizes of batches. It has memory for a few pictures only, and cannot take white ones."""

    def __init__(self, memory: int = 100) -> None:
        super().__init__()
        self.sizes: list[int] = []
        self.memory = memory

    def stylize_batch(
        self, contents: NDArray[np.float32], codes: Sequence[Any], alphas: Sequence[float]
    ) -> NDArray[np.float32]:
        if len(contents) > self.memory:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20 MiB")
        self.sizes.append(len(contents))
        made = [
            self.stylize(content[None], code, alpha)
            for content, code, alpha in zip(contents, codes, alphas, strict=True)
        ]
        return np.concatenate(made)

    def stylize(self, content: NDArray[np.float32], code: Any, alpha: float) -> NDArray[np.float32]:
        if content.min() == 1:
            raise InputError("white cannot be stylized")
        return super().stylize(content, code, alpha)


def jobs(stylizer: Stylizer) -> list[Job]:
    code = stylizer.encode_style(painting(8, 8))
    return [Job(Picture(picture), [code], number / 10) for number, picture in enumerate(pictures())]


def stylized(backend: Batches, batch: int) -> list[Any]:
    stylizer = Stylizer(backend.model, backend)
    stylizing = Stylizing(stylizer, adain.StyleRequest(), batch=batch)
    made = stylizing.stylize_all(jobs(stylizer))
    return [each if isinstance(each, Exception) else np.asarray(each).tolist() for each in made]


def test_pictures_of_equal_shape_are_batches() -> None:
    backend = Batches()
    made = stylized(backend, 3)
    assert backend.sizes == [3, 2], "two are alone in their batches, and go the usual way"
    assert made == stylized(Batches(), 1)


def test_a_picture_that_fails_does_not_take_others_with_it() -> None:
    backend = Batches()
    stylizer = Stylizer(backend.model, backend)
    some = jobs(stylizer)
    some[2] = some[2]._replace(content=Picture(np.full((16, 24, 3), 255, np.uint8)))
    made = Stylizing(stylizer, adain.StyleRequest(), batch=8).stylize_all(some)
    assert [type(each) for each in made].count(InputError) == 1
    assert str(made[2]) == "white cannot be stylized"


def test_short_memory_halves_the_batch_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    backend = Batches(memory=2)
    stylizer = Stylizer(backend.model, backend)
    stylizing = Stylizing(stylizer, adain.StyleRequest(), batch=4)
    with caplog.at_level(logging.WARNING):
        made = [np.asarray(each).tolist() for _ in range(2) for each in stylizing.stylize_all(jobs(stylizer))]
    assert made == 2 * stylized(Batches(), 1)
    assert (stylizing.batch, max(backend.sizes)) == (2, 2)
    assert [each.message for each in caplog.records] == ["not enough memory for 4 pictures at once, going on with 2"]


def test_windows_end_at_their_count_or_when_they_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [*windows(range(5), 2, lambda each: 1)] == [[0, 1], [2, 3], [4]]
    monkeypatch.setattr(running, "ROOM", 10)
    assert [*windows([3, 8, 20, 1, 1, 1], 3, int)] == [[3, 8], [20], [1, 1, 1]]


@pytest.mark.parametrize("batch", [0, 1025, 1.5, True, "2"])
def test_a_batch_that_cannot_be_is_an_error(paintings: Path, batch: Any) -> None:
    with pytest.raises(InputError, match="batch must be"):
        adain.Stylize(paintings, batch=batch)


def test_a_folder_is_the_same_in_batches(paintings: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for number, picture in enumerate(pictures()):
        Image.fromarray(picture).save(tmp_path / "photos" / f"{number}.png")
    (tmp_path / "photos" / "bad.png").write_text("no picture")
    for batch in ("1", "3"):
        arguments = ["stylize", str(tmp_path / "photos"), str(paintings), "-o", str(tmp_path / batch), "--random", "1"]
        result = CliRunner().invoke(main, [*arguments, "--batch", batch, "--device", "cpu"], prog_name="adain")
        assert result.exit_code == 1
        assert "wrote 7 pictures" in result.stderr
    for path in (tmp_path / "1").glob("*.png"):
        assert path.read_bytes() == (tmp_path / "3" / path.name).read_bytes()
    headers = [json.loads((tmp_path / batch / "manifest.jsonl").read_text().splitlines()[0]) for batch in ("1", "3")]
    assert [header["runs"][0].get("batch") for header in headers] == [None, "3"]
