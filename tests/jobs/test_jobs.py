"""Many pictures at once: what is made, what is left out, and what happens when something goes wrong."""

from __future__ import annotations

import errno
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import painting, photo
from PIL import Image

from adain import registry
from adain.code import StyleCode
from adain.engine.framing import Framing
from adain.errors import InputError, OutputError
from adain.images import writing
from adain.jobs import Report, grid, plan, running, stylize_many
from adain.jobs.plan import Result, Task
from adain.jobs.sources import Source
from adain.registry import Stage
from adain.stylizer import Stylizer

F32 = NDArray[np.float32]


class Tint:
    """A backend that mixes the style's mean colour into the content, and counts what it is asked for."""

    model = registry.get(registry.DEFAULT)
    device = "cpu"
    stages = model.stages

    def __init__(self) -> None:
        self.encoded: list[tuple[int, ...]] = []
        self.stylized = 0
        self.on_stylize = lambda: None

    def framing(self, stage: Stage) -> Framing:
        return Framing(multiple=1, minimum=1, encoder_band=0, decoder_band=0)

    def encode_style(self, style: F32) -> dict[str, F32]:
        self.encoded.append(style.shape)
        return {"mean": style.mean(axis=(0, 2, 3))}

    def stylize(self, content: F32, code: Mapping[str, F32], alpha: float) -> F32:
        self.on_stylize()
        self.stylized += 1
        return (content * (1 - alpha) + alpha * code["mean"][:, None, None]).astype(np.float32)


@pytest.fixture
def backend() -> Tint:
    return Tint()


@pytest.fixture
def stylizer(backend: Tint) -> Stylizer:
    return Stylizer(replace(registry.get(registry.DEFAULT), default_strokes=0.0), backend)  # type: ignore[arg-type]


@pytest.fixture
def contents(tmp_path: Path) -> Path:
    """Three pictures of different sizes, one in a folder of its own."""
    (tmp_path / "contents" / "deep").mkdir(parents=True)
    for name, size in [("a.png", (20, 12)), ("b.jpg", (13, 17)), ("deep/c.png", (8, 8))]:
        Image.fromarray(photo(*size)).save(tmp_path / "contents" / name)
    return tmp_path / "contents"


@pytest.fixture
def styles(tmp_path: Path) -> Path:
    (tmp_path / "styles").mkdir()
    for seed, name in enumerate(["s.png", "t.png"]):
        Image.fromarray(painting(16, 10, seed)).save(tmp_path / "styles" / name)
    return tmp_path / "styles"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "made" / "out"


ALL = ["a_s.png", "a_t.png", "b_s.jpg", "b_t.jpg", "deep/c_s.png", "deep/c_t.png"]


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image)


def test_every_content_gets_every_style_and_the_folders_are_kept(
    stylizer: Stylizer, contents: Path, styles: Path, out: Path
) -> None:
    report = stylize_many(stylizer, contents, styles, out)
    assert files(out) == ALL
    assert report == Report(tuple(out / name for name in ALL), 0, 0, ())
    for content, style in [("a.png", "t.png"), ("deep/c.png", "s.png")]:
        alone = stylizer(contents / content, styles / style)
        assert np.array_equal(pixels((out / content).with_stem(f"{Path(content).stem}_{style[0]}")), np.asarray(alone))


def test_a_style_is_encoded_once(stylizer: Stylizer, backend: Tint, contents: Path, styles: Path, out: Path) -> None:
    stylize_many(stylizer, contents, styles, out, alphas=[0.2, 0.7])
    assert len(backend.encoded) == 2
    assert backend.stylized == 12


def test_many_styles_are_encoded_once_each_though_not_all_are_kept(
    stylizer: Stylizer, backend: Tint, contents: Path, styles: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "LOOKS_AT_ONCE", 1)
    monkeypatch.setattr("adain.jobs.steps.LOOKS_AT_ONCE", 1)
    stylize_many(stylizer, contents, styles, out)
    assert files(out) == ALL
    assert len(backend.encoded) == 2


def test_started_again_it_does_what_is_left(
    stylizer: Stylizer, backend: Tint, contents: Path, styles: Path, out: Path
) -> None:
    stylize_many(stylizer, contents, styles, out)
    for name in ["a_t.png", "deep/c_t.png"]:
        (out / name).unlink()
    (out / "b_s.jpg").write_bytes(b"mine")
    backend.encoded.clear()
    backend.stylized = 0
    report = stylize_many(stylizer, contents, styles, out)
    assert (len(report.written), report.existing, backend.stylized, len(backend.encoded)) == (2, 4, 2, 1)
    assert (out / "b_s.jpg").read_bytes() == b"mine"
    again = stylize_many(stylizer, contents, styles, out, overwrite=True)
    assert (len(again.written), again.existing) == (6, 0)
    assert (out / "b_s.jpg").read_bytes() != b"mine"


def test_strengths_are_results_of_their_own(stylizer: Stylizer, contents: Path, styles: Path, out: Path) -> None:
    stylize_many(stylizer, contents / "a.png", styles / "s.png", out, alphas=[0, 0.5, 1, 0.5])
    assert files(out) == ["a_s_0.5.png", "a_s_0.png", "a_s_1.png"]
    assert np.array_equal(pixels(out / "a_s_0.png"), pixels(contents / "a.png"))


def test_weights_mix_the_styles(stylizer: Stylizer, contents: Path, styles: Path, out: Path) -> None:
    both = [styles / "s.png", styles / "t.png"]
    stylize_many(stylizer, contents / "a.png", styles, out, weights=[0.25, 0.75])
    assert files(out) == ["a_s+t.png"]
    expected = stylizer(contents / "a.png", both, weights=[0.25, 0.75])
    assert np.array_equal(pixels(out / "a_s+t.png"), np.asarray(expected))


@pytest.mark.parametrize("preserve_color", ["coral", "luminance"])
def test_colours_are_preserved_as_for_one_picture(
    stylizer: Stylizer, contents: Path, styles: Path, out: Path, preserve_color: str
) -> None:
    options = {"preserve_color": preserve_color, "size": 9, "style_size": 5}
    stylize_many(stylizer, contents / "a.png", styles, out, **options)  # type: ignore[arg-type]
    expected = stylizer(contents / "a.png", styles / "t.png", **options)  # type: ignore[arg-type]
    assert np.array_equal(pixels(out / "a_t.png"), np.asarray(expected))


def test_a_saved_style_code_is_a_style(stylizer: Stylizer, contents: Path, styles: Path, out: Path) -> None:
    stylizer.encode_style(styles / "s.png").save(styles / "u.safetensors")
    stylize_many(stylizer, contents / "a.png", styles, out)
    assert (out / "a_u.png").read_bytes() == (out / "a_s.png").read_bytes()


def test_a_comparison_shows_content_style_and_result_side_by_side(
    stylizer: Stylizer, contents: Path, styles: Path, out: Path
) -> None:
    stylize_many(stylizer, contents / "a.png", styles / "s.png", out, compare=True)
    assert files(out) == ["a_s_compare.png"]
    sheet = pixels(out / "a_s_compare.png")
    result = np.asarray(stylizer(contents / "a.png", styles / "s.png"))
    assert np.array_equal(sheet[-12:, :20], pixels(contents / "a.png"))
    assert np.array_equal(sheet[-12:-2, 28:44], pixels(styles / "s.png"))
    assert np.array_equal(sheet[-12:, -20:], result)


def test_a_comparison_is_labelled_as_a_contact_sheet(
    stylizer: Stylizer, contents: Path, styles: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels: list[str] = []
    monkeypatch.setattr("adain.sheets._write", lambda sheet, text, box: labels.append(text))
    stylize_many(stylizer, contents / "a.png", styles / "s.png", out, compare=True)
    assert labels == ["a", "s", "s"]
    labels.clear()
    stylize_many(stylizer, contents / "a.png", styles / "s.png", out, compare=True, alphas=[0.5, 1])
    assert sorted(labels) == sorted(["a", "s", "s  0.5", "a", "s", "s  1"])
    labels.clear()
    grid(stylizer, contents / "a.png", styles / "s.png", alphas=[0.5, 1])
    assert sorted(labels) == sorted(["s  0.5", "s  1", "a", "s  0.5", "s  1"])


def test_bad_pictures_are_told_of_and_do_not_stop_the_rest(
    stylizer: Stylizer, contents: Path, styles: Path, out: Path
) -> None:
    (contents / "bad.jpg").write_text("no picture")
    (contents / "notes.txt").write_text("no picture, and not taken for one")
    (styles / "broken.png").write_bytes((styles / "s.png").read_bytes()[:60])
    report = stylize_many(stylizer, contents, styles, out)
    assert files(out) == ALL
    assert report.ignored == 1
    reasons = {failure.path.name: failure for failure in report.failures}
    assert set(reasons) == {"bad.jpg", "broken.png"}
    assert reasons["bad.jpg"].results == 3
    assert reasons["broken.png"].results == 3
    assert str(reasons["bad.jpg"]).startswith(str(contents / "bad.jpg"))


@pytest.mark.parametrize(
    ("model", "options", "said"),
    [
        ("another", {}, "this style code is of another"),
        (registry.DEFAULT, {"preserve_color": "coral"}, "does not hold the picture"),
    ],
)
def test_a_style_code_that_cannot_be_used_is_told_of_once(
    stylizer: Stylizer, contents: Path, styles: Path, out: Path, model: str, options: dict[str, str], said: str
) -> None:
    digest = stylizer.model.code_digest if model == registry.DEFAULT else None
    StyleCode(model, {"mean": np.zeros(3, np.float32)}, digest=digest).save(styles / "u.safetensors")
    report = stylize_many(stylizer, contents, styles, out, **options)  # type: ignore[arg-type]
    assert files(out) == ALL
    (failure,) = report.failures
    assert (failure.path, failure.results) == (styles / "u.safetensors", 3)
    assert said in str(failure)


def test_a_content_that_there_is_no_memory_for_does_not_stop_the_rest(
    stylizer: Stylizer, backend: Tint, contents: Path, styles: Path, out: Path
) -> None:
    def first_fails() -> None:
        backend.on_stylize = lambda: None
        raise MemoryError

    backend.on_stylize = first_fails
    report = stylize_many(stylizer, contents, styles, out)
    assert files(out) == ALL[1:]
    (failure,) = map(str, report.failures)
    assert failure.startswith(f"{contents / 'a.png'}: there is not enough memory")


def test_a_result_that_cannot_be_written_does_not_stop_the_rest(
    stylizer: Stylizer, contents: Path, styles: Path, out: Path
) -> None:
    out.mkdir(parents=True)
    (out / "deep").write_text("a file where a folder has to be")
    report = stylize_many(stylizer, contents, styles, out)
    assert files(out) == [*ALL[:4], "deep"]
    assert [failure.path for failure in report.failures] == [out / name for name in ALL[4:]]
    assert not report.stopped


@pytest.mark.parametrize("writers", [1, 4])
def test_a_full_disk_ends_the_run_and_the_next_goes_on(
    stylizer: Stylizer, contents: Path, styles: Path, out: Path, monkeypatch: pytest.MonkeyPatch, writers: int
) -> None:
    save, left = Image.Image.save, iter([True, True])

    def until_full(self: Image.Image, file: object, **options: object) -> None:
        save(self, file, **options)  # type: ignore[arg-type]
        if not next(left, False):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(running, "WRITERS", writers)
    monkeypatch.setattr(Image.Image, "save", until_full)
    report = stylize_many(stylizer, contents, styles, out)
    assert report.stopped
    assert files(out) == sorted(path.relative_to(out).as_posix() for path in report.written)  # and no half of a third
    assert len(report.written) == 2
    assert "No space left" in str(report.failures[0])
    monkeypatch.setattr(Image.Image, "save", save)
    again = stylize_many(stylizer, contents, styles, out)
    assert (len(again.written), again.existing, again.stopped) == (4, 2, False)


@pytest.mark.parametrize("after", [0, 1, 4])
def test_an_interrupted_run_leaves_whole_files_and_the_next_goes_on(
    stylizer: Stylizer, backend: Tint, contents: Path, styles: Path, out: Path, after: int
) -> None:
    def interrupt() -> None:
        if backend.stylized == after:
            raise KeyboardInterrupt

    backend.on_stylize = interrupt
    with pytest.raises(KeyboardInterrupt):
        stylize_many(stylizer, contents, styles, out)
    left = files(out) if out.exists() else []
    assert set(left) <= set(ALL[:after])
    for name in left:
        pixels(out / name)
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("adain-")]
    backend.on_stylize = lambda: None
    report = stylize_many(stylizer, contents, styles, out)
    assert report.existing == len(left)
    assert files(out) == ALL


def test_a_mistake_in_the_program_is_not_taken_for_a_bad_picture(
    stylizer: Stylizer, contents: Path, styles: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "_suited", lambda image, kind: image.no_such_method())
    with pytest.raises(AttributeError, match="no_such_method"):
        stylize_many(stylizer, contents, styles, out)


def test_progress_counts_every_result_whatever_became_of_it(
    stylizer: Stylizer, contents: Path, styles: Path, out: Path
) -> None:
    (contents / "bad.jpg").write_text("no picture")
    stylize_many(stylizer, contents / "a.png", styles, out)
    seen: list[tuple[int, int]] = []
    stylize_many(stylizer, contents, styles, out, progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, 6)
    assert seen[-1] == (6, 6)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"alphas": [0.5, 1.5]}, r"alpha must be in \[0, 1\], got 1.5"),
        ({"weights": [1.0]}, "one weight per style is needed: got 1 weights for 2 styles"),
        ({"weights": [0, 0]}, "at least one weight must be above 0"),
        ({"weights": [-1, 1]}, "at least 0"),
        ({"masks": [np.ones((2, 2), bool)]}, "one mask per style is needed"),
        ({"preserve_color": "sepia"}, "preserve_color must be one of"),
        ({"size": 0}, "size must be a whole number of pixels, at least 1, got 0"),
        ({"style_size": -1}, "got -1"),
        ({"tile": -1}, "tile must be a whole number of pixels, at least 0, got -1"),
        ({"name": "{style}.png"}, "add fields until names differ"),
        ({"name": "{picture}"}, "unknown field {picture}"),
        ({"contents": []}, "contents must be at least one file or folder, got none"),
        ({"output": "contents"}, "choose an output folder elsewhere"),
    ],
)
def test_a_wrong_argument_is_an_error_before_anything_is_done(
    stylizer: Stylizer,
    backend: Tint,
    contents: Path,
    styles: Path,
    out: Path,
    options: dict[str, object],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(contents.parent)
    arguments = {"contents": contents, "styles": styles, "output": out, **options}
    with pytest.raises(InputError, match=said):
        stylize_many(stylizer, **arguments)  # type: ignore[arg-type]
    assert not out.exists()
    assert not backend.encoded


def test_an_output_folder_that_is_a_file_is_an_error(stylizer: Stylizer, contents: Path, styles: Path) -> None:
    with pytest.raises(OutputError, match=r"a\.png is no folder"):
        stylize_many(stylizer, contents, styles, contents / "a.png" / "out")


def test_reading_runs_ahead_and_no_more_pictures_wait_than_allowed() -> None:
    """While the first result is made, the contents behind it are read, but not all."""
    tasks = [Task(Source(Path(str(n)), str(n)), (Result(plan.Look("s", ()), 1.0, Path(str(n))),)) for n in range(12)]
    steps, sink = _Waiting(), _Count()
    running.run(tasks, steps, sink)
    assert sink.finished == [str(n) for n in range(12)]
    assert steps.read_before_first_result == {str(n) for n in range(running.AHEAD + 1)}


class _Waiting:
    """Steps of which the first result waits until what may be read was read."""

    window = 1

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.enough = threading.Event()
        self.read_before_first_result: set[str] = set()

    def read(self, content: Source) -> str:
        self.names.add(content.name)
        if len(self.names) == running.AHEAD + 1:
            self.enough.set()
        return content.name

    def prepare(self, look: plan.Look) -> str:
        return look.name

    def stylize(self, ready: Sequence[running.Ready]) -> list[str]:
        assert self.enough.wait(30)
        self.read_before_first_result = self.read_before_first_result or set(self.names)
        return [each.content for each in ready]

    def finish(self, content: str, made: str, result: Result) -> None:
        assert content == made


class _Count:
    def __init__(self) -> None:
        self.finished: list[str] = []

    def done(self, result: Result) -> None:
        self.finished.append(str(result.target))

    def failed(self, failure: running.Failure) -> None:
        raise AssertionError(failure)
