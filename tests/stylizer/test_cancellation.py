"""Calls that are ended early: between styles, pictures and frames, and nothing half written is left."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from mean_backend import MeanBackend, mean_stylizer
from pictures import painting, photo
from PIL import Image

import adain
from adain import CancelledError, CancelToken, InputError
from adain.video import stylize


class After:
    """Cancels a token once the network was asked so often."""

    def __init__(self, backend: object, times: int) -> None:
        assert isinstance(backend, MeanBackend)
        self.backend, self.times = backend, times

    def __call__(self) -> None:
        if len(self.backend.seen) >= self.times:
            raise TimeoutError("three is enough")


def test_a_token_that_is_cancelled_ends_a_call_before_any_work() -> None:
    token, stylizer = CancelToken(), mean_stylizer()
    assert stylizer(photo(), painting(), cancel=token).size == (48, 36)
    assert not token.cancelled
    token.cancel()
    assert token.cancelled
    with pytest.raises(CancelledError, match="was cancelled"):
        stylizer("nowhere.jpg", painting(), cancel=token)


def test_a_time_limit_cancels_by_itself() -> None:
    token = CancelToken(timeout=0.05)
    token.check()
    time.sleep(0.06)
    assert token.cancelled
    with pytest.raises(CancelledError, match=r"longer than its limit of 0\.05 seconds"):
        mean_stylizer()(photo(), painting(), cancel=token)


@pytest.mark.parametrize("timeout", [-1, "long", float("nan"), True])
def test_a_wrong_limit_is_an_error(timeout: object) -> None:
    with pytest.raises(InputError, match="timeout must be a finite number of seconds, at least 0"):
        CancelToken(timeout)  # type: ignore[arg-type]


def test_what_a_function_raises_becomes_a_cancellation() -> None:
    def stop() -> None:
        raise TimeoutError("the client is gone")

    with pytest.raises(CancelledError, match="the client is gone") as caught:
        mean_stylizer()(photo(), painting(), cancel=stop)
    assert isinstance(caught.value.__cause__, TimeoutError)
    with pytest.raises(InputError, match="cancel must be a function"):
        mean_stylizer()(photo(), painting(), cancel=3)  # type: ignore[arg-type]


def test_a_run_over_folders_ends_and_goes_on_the_next_time(tmp_path: Path, painting_file: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(6):
        Image.fromarray(photo()).save(tmp_path / "in" / f"{number}.png")
    stylizer, out = mean_stylizer(), tmp_path / "out"
    with pytest.raises(CancelledError):
        adain.stylize_many(stylizer, tmp_path / "in", painting_file, out, cancel=After(stylizer.backend, 3))
    made = sorted(out.iterdir())
    assert 0 < len(made) <= 3
    for path in made:
        Image.open(path).load()
    report = adain.stylize_many(mean_stylizer(), tmp_path / "in", painting_file, out)
    assert (report.existing, len(report.written)) == (len(made), 6 - len(made))


def test_sheets_and_grids_end(photo_file: Path, painting_file: Path) -> None:
    for function, styles in ((adain.grid, painting_file), (adain.interpolation_grid, [painting()] * 2)):
        stylizer = mean_stylizer()
        with pytest.raises(CancelledError):
            function(stylizer, photo_file, styles, cancel=After(stylizer.backend, 0))  # type: ignore[operator]


def test_a_film_leaves_nothing(tmp_path: Path) -> None:
    gif = tmp_path / "in.gif"
    frames = [Image.fromarray(np.full((8, 8, 3), 20 * number, np.uint8)) for number in range(8)]
    frames[0].save(gif, save_all=True, append_images=frames[1:], duration=100)
    stylizer = mean_stylizer()
    with pytest.raises(CancelledError, match="three is enough"):
        stylize(stylizer, gif, painting(), tmp_path / "out.gif", cancel=After(stylizer.backend, 3))
    assert [path.name for path in tmp_path.iterdir()] == ["in.gif"]
    assert isinstance(stylizer.backend, MeanBackend)
    assert len(stylizer.backend.seen) == 3


def test_a_large_picture_ends_between_its_tiles() -> None:
    stylizer = mean_stylizer()
    with pytest.raises(CancelledError, match="three is enough"):
        stylizer(photo(), painting(), tile=16, cancel=After(stylizer.backend, 3))
    assert isinstance(stylizer.backend, MeanBackend)
    assert len(stylizer.backend.seen) == 3
