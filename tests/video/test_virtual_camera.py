"""`adain webcam --virtual`, with a fake in the place of pyvirtualcam, whose devices need a driver."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from mean_backend import MeanBackend

from adain import loading, registry
from adain.cli.main import main
from adain.errors import DeviceError
from adain.stylizer import Stylizer

pytest.importorskip("av", reason="video files need the extra video")

import av

from adain.video import camera
from adain.video.clip import Clip, Frame
from adain.video.virtual_camera import VirtualCamera

CLIP = Clip(width=64, height=48, time_base=Fraction(1, 90000), rate=Fraction(30))


class Fake:
    """As much of pyvirtualcam.Camera as is used. It refuses what the real one refuses."""

    opened: list[Fake]

    def __init__(self, width: int, height: int, fps: float, *, device: str | None = None) -> None:
        if device == "/dev/none":
            raise RuntimeError("device not found")
        self.size, self.fps, self.device = (width, height), fps, device or "/dev/video9"
        self.frames: list[Any] = []
        self.closed = False
        Fake.opened.append(self)

    def send(self, frame: Any) -> None:
        assert frame.dtype == np.uint8
        assert frame.flags.c_contiguous
        assert frame.shape == (self.size[1], self.size[0], 3)
        self.frames.append(frame)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[Fake]:
    module = ModuleType("pyvirtualcam")
    module.Camera = Fake  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pyvirtualcam", module)
    Fake.opened = []
    return Fake


@pytest.fixture
def painting_on_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test pattern in the place of a camera, and a network that takes no time."""
    if "lavfi" not in av.formats_available:
        pytest.skip("this build of FFmpeg has no test pattern")
    pattern = ("lavfi", "testsrc=size=64x48:rate=10:duration=0.5", "")
    monkeypatch.setattr(camera, "_SYSTEMS", {sys.platform: pattern})
    stylizer = Stylizer(registry.get(registry.DEFAULT), MeanBackend())
    monkeypatch.setattr(loading, "load", lambda *args, **options: stylizer)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["webcam", *map(str, arguments)], prog_name="adain")


@pytest.mark.usefixtures("painting_on_camera")
@pytest.mark.parametrize("device", [None, "/dev/video2"])
def test_the_picture_is_shown_as_a_camera(fake: type[Fake], painting_file: Path, device: str | None) -> None:
    result = run(painting_file, "--virtual", *([device] if device else []))
    assert result.exit_code == 0, result.output
    (shown,) = fake.opened
    assert shown.device == (device or "/dev/video9")
    assert f"the picture is on the camera {shown.device}" in result.stderr
    assert (shown.size, shown.fps, shown.closed) == ((64, 48), 10, True)
    assert 1 <= len(shown.frames) <= 5


@pytest.mark.usefixtures("fake", "painting_on_camera")
def test_a_device_that_is_not_there_is_a_clear_error(painting_file: Path) -> None:
    result = run(painting_file, "--virtual", "/dev/none")
    assert result.exit_code == 1
    assert "there is no virtual camera (device not found)" in result.stderr


def test_deep_frames_are_shown_in_8_bits(fake: type[Fake]) -> None:
    sink = VirtualCamera(CLIP)
    sink.write(Frame(np.full((48, 64, 3), 65535, np.uint16), Fraction(0)))
    sink.finish()
    assert (fake.opened[0].frames[0] == 255).all()
    assert fake.opened[0].closed


def test_without_pyvirtualcam_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(DeviceError, match=r'pip install "adain\[webcam\]"'):
        VirtualCamera(CLIP)


@pytest.mark.parametrize("options", [(), ("-o", "out.mkv", "--virtual")])
def test_it_is_either_a_file_or_a_camera(painting_file: Path, options: tuple[str, ...]) -> None:
    result = run(painting_file, *options)
    assert result.exit_code == 2
    assert "Give either -o FILE, or --virtual" in result.stderr
