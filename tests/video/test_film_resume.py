"""Films that were ended go on where they stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from mean_backend import MeanBackend, mean_stylizer
from pictures import painting

from adain import InputError
from adain.stylizer import Stylizer
from adain.video import Summary, stylize
from adain.video.unfinished import digest

pytest.importorskip("av", reason="video files need the extra video")

import av
from film_kinds import Kind, facts, frame_times, make

COUNT = 40


class Ending(MeanBackend):
    """Ends the run at a frame."""

    def __init__(self, frame: int, error: type[BaseException] = KeyboardInterrupt) -> None:
        super().__init__()
        self._frame, self._error = frame, error

    def decode(self, *args: object, **options: object) -> np.ndarray:
        if len(self.seen) == self._frame:
            raise self._error
        return super().decode(*args, **options)


def ended(frame: int, error: type[BaseException] = KeyboardInterrupt) -> Stylizer:
    return Stylizer(MeanBackend.model, Ending(frame, error))


def run(stylizer: Stylizer, source: Path, out: Path, **options: object) -> Summary:
    return stylize(stylizer, source, painting(), out, resume=True, **{"alpha": 0.5, "smoothing": 0.1, **options})


def pictures(path: Path) -> np.ndarray:
    with av.open(str(path)) as file:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]).astype(int)


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("out.mp4", None, "yuv420p"),
        ("out.mkv", None, "yuv422p10le"),
        ("out.webm", None, "yuv420p"),
        ("out.webm", "av1", "yuv420p"),
        ("out.mov", "prores", "yuv422p10le"),
        ("out.mp4", "hevc", "yuv420p"),
        ("out.mkv", "ffv1", "yuv420p"),
    ],
)
def test_a_film_goes_on_after_ctrl_c(tmp_path: Path, name: str, codec: str | None, pixels: str) -> None:
    source = make(tmp_path / "in.mkv", Kind(pixels=pixels, count=COUNT))
    whole, out = tmp_path / f"whole{Path(name).suffix}", tmp_path / name
    stylize(mean_stylizer(), source, painting(), whole, alpha=0.5, smoothing=0.1, codec=codec)
    for frame in (13, 16):  # frames near the seam are stylized again, for the smoothing
        with pytest.raises(KeyboardInterrupt):
            run(ended(frame), source, out, codec=codec)
        assert frame_times(out)  # it plays
    stylizer = mean_stylizer()
    summary = run(stylizer, source, out, codec=codec)
    assert summary.frames == COUNT
    assert isinstance(stylizer.backend, MeanBackend)
    assert len(stylizer.backend.seen) < COUNT
    assert frame_times(out) == frame_times(whole)
    assert facts(out) == facts(whole)
    assert np.abs(pictures(out) - pictures(whole)).mean() < 3  # of compression
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["in.mkv", whole.name, out.name])


def test_ctrl_c_before_the_first_frame_is_no_error_of_its_own(tmp_path: Path) -> None:
    source, out = make(tmp_path / "in.mp4", Kind(count=3)), tmp_path / "out.mp4"
    with pytest.raises(KeyboardInterrupt):
        run(ended(0), source, out)
    assert not out.exists()
    assert run(mean_stylizer(), source, out).frames == 3


def test_a_fraction_can_be_a_rate_of_a_film_that_is_resumed() -> None:
    assert digest(Fraction(25)) != digest(Fraction(24))


def test_sound_is_that_of_one_run(tmp_path: Path) -> None:
    source, out = make(tmp_path / "in.mp4", Kind(count=COUNT)), tmp_path / "out.mp4"
    with pytest.raises(KeyboardInterrupt):
        run(ended(20), source, out)
    run(mean_stylizer(), source, out)
    whole = tmp_path / "whole.mp4"
    stylize(mean_stylizer(), source, painting(), whole, alpha=0.5, smoothing=0.1)
    sounds = []
    for path in (out, whole):
        with av.open(str(path)) as file:
            sounds.append([(each.pts, bytes(each)) for each in file.demux(audio=0) if each.dts is not None])
    assert sounds[0] == sounds[1]


def test_a_folder_of_frames_goes_on(tmp_path: Path) -> None:
    source, out = make(tmp_path / "in.mp4", Kind(count=COUNT)), tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        run(ended(25), source, out)
    first = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    assert len(first) == 25
    run(mean_stylizer(), source, out)
    stylize(mean_stylizer(), source, painting(), tmp_path / "whole", alpha=0.5, smoothing=0.1)
    assert sorted(path.name for path in out.iterdir()) == [f"{n + 1:06d}.png" for n in range(COUNT)]
    assert all((out / name).stat().st_mtime_ns == changed for name, changed in first.items())
    from PIL import Image

    for path in out.iterdir():
        other = np.asarray(Image.open(tmp_path / "whole" / path.name)).astype(int)
        assert np.abs(np.asarray(Image.open(path)) - other).max() <= 1  # the smoothing has forgotten the rest


def test_work_of_another_job_is_an_error(tmp_path: Path) -> None:
    source, out = make(tmp_path / "in.mp4", Kind(count=COUNT)), tmp_path / "out.mp4"
    with pytest.raises(KeyboardInterrupt):
        run(ended(20), source, out)
    with pytest.raises(InputError, match=r"unfinished work with other options; repeat that command, or delete"):
        run(mean_stylizer(), source, out, alpha=0.6)
    with pytest.raises(InputError, match="other source"):
        run(mean_stylizer(), make(tmp_path / "in2.mp4", Kind(count=COUNT)), out)


def test_a_film_to_resume_makes_its_folder(tmp_path: Path) -> None:
    out = tmp_path / "new" / "films" / "out.mkv"
    run(mean_stylizer(), make(tmp_path / "in.mp4", Kind(count=3)), out)
    assert [path.name for path in out.parent.iterdir()] == ["out.mkv"]


def test_an_animation_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.gif cannot be resumed; allowed are \.mp4"):
        run(mean_stylizer(), make(tmp_path / "in.mp4"), tmp_path / "out.gif")


def test_a_full_folder_of_other_pictures_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "000001.png").write_bytes(b"of somebody else")
    with pytest.raises(InputError, match="is not empty"):
        run(mean_stylizer(), make(tmp_path / "in.mp4"), tmp_path / "out")


_KILLED = """
import sys, time
sys.path.insert(0, {tests!r})
from test_film_resume import *
class Slow(MeanBackend):
    def decode(self, *args, **options):
        time.sleep(0.02)
        return super().decode(*args, **options)
run(Stylizer(MeanBackend.model, Slow()), Path({source!r}), Path({out!r}), preset="ultrafast")
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_a_killed_run_goes_on(tmp_path: Path, name: str) -> None:
    source, out = make(tmp_path / "in.mp4", Kind(count=150)), tmp_path / name
    here = Path(__file__).parent
    script = _KILLED.format(tests=str(here), source=str(source), out=str(out))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here.parent), *sys.path])}
    process = subprocess.Popen([sys.executable, "-c", script], env=environment)
    part = tmp_path / f".{name}.adain-unfinished" / f"1{out.suffix}"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if part.exists() and part.stat().st_size > 8000:
            break
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not out.exists()
    stylizer = mean_stylizer()
    assert run(stylizer, source, out, preset="ultrafast").frames == 150
    assert isinstance(stylizer.backend, MeanBackend)
    assert len(stylizer.backend.seen) < 150
    assert np.diff(frame_times(out)) == pytest.approx(0.1, abs=1e-3)
    assert facts(out).frames == 150
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
