"""`adain video` and `adain webcam`: their options, what they say, and what they leave behind."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args
from unittest.mock import Mock

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result
from mean_backend import MeanBackend
from numpy.typing import NDArray
from pictures import photo
from PIL import Image

import adain
from adain import loading
from adain.cli.main import main
from adain.cli.video import video
from adain.engine.backend import Maps
from adain.engine.moments import Moments
from adain.request import StyleRequest
from adain.stylizer import Stylizer

pytest.importorskip("av", reason="video files need the extra video")

import av
from clips import decoded, moving, sound_packets, times, write_clip

from adain.video import camera


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, [*map(str, args)], prog_name="adain")


class Interrupting(MeanBackend):
    """As if Ctrl-C were pressed in its sixth frame."""

    def decode(
        self,
        maps: Maps,
        stage: str,
        own: Moments,
        code: Mapping[str, NDArray[np.float32]],
        alpha: float,
    ) -> NDArray[np.float32]:
        if len(self.seen) == 5:
            raise KeyboardInterrupt
        return super().decode(maps, stage, own, code, alpha)


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> MeanBackend:
    """The network that every model turns out to be."""
    return _loaded(monkeypatch, MeanBackend())


def _loaded(monkeypatch: pytest.MonkeyPatch, network: MeanBackend) -> MeanBackend:
    stylizer = Stylizer(MeanBackend.model, network)
    monkeypatch.setattr(loading, "load", lambda *args, **options: stylizer)
    return network


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return write_clip(tmp_path / "in" / "clip.mp4", moving(), sound="aac")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "stylized.mp4"


def test_it_writes_a_film_and_says_how_fast(clip: Path, painting_file: Path, out: Path, backend: MeanBackend) -> None:
    result = run("video", clip, painting_file, "-o", out, "--alpha", "0.5")
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert "10 frames, " in result.stderr
    assert "frames per second" in result.stderr
    assert times(out) == times(clip)
    assert [data for _, data in sound_packets(out)] == [data for _, data in sound_packets(clip)]
    assert {alpha for alpha, _ in backend.seen} == {0.5}


def test_a_frame_without_smoothing_is_what_a_picture_is(tmp_path: Path, painting_file: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the network that ships runs in onnxruntime")
    (tmp_path / "in").mkdir()
    for number in range(2):
        Image.fromarray(np.roll(photo(), 9 * number, axis=1)).save(tmp_path / "in" / f"{number}.png")
    options = ["--smoothing", "0", "--alpha", "0.8", "--device", "cpu"]
    result = run("video", tmp_path / "in", painting_file, "-o", tmp_path / "out", *options)
    assert result.exit_code == 0, result.output
    stylizer = adain.load(device="cpu")
    for number in range(2):
        expected = stylizer(tmp_path / "in" / f"{number}.png", painting_file, alpha=0.8)
        assert np.array_equal(Image.open(tmp_path / "out" / f"{number}.png"), np.asarray(expected))


def test_keyframes_weights_and_the_other_options_arrive(
    clip: Path, painting_file: Path, photo_file: Path, out: Path, backend: MeanBackend
) -> None:
    options = ["--keyframes", "0:alpha=0 0.375:alpha=0.9", "--weights", "3", "1", "--smoothing", "0", "--no-sound"]
    result = run("video", clip, painting_file, photo_file, "-o", out, *options, "--style-size", "8")
    assert result.exit_code == 0, result.output
    assert backend.encoded == 2
    assert [alpha for alpha, _ in backend.seen] == pytest.approx([0.1 * n for n in range(10)])
    with av.open(str(out)) as file:
        assert not file.streams.audio


def test_masks_colors_and_tiles_arrive(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clip: Path, painting_file: Path, photo_file: Path, out: Path
) -> None:
    stylize = Mock(return_value=Mock(damage=None))
    monkeypatch.setattr("adain.video.stylizing.stylize", stylize)
    monkeypatch.setattr(loading, "load", lambda *args, **options: None)
    moving_mask = tmp_path / "in"
    options = ["--mask", moving_mask, "--mask", photo_file, "--tile", "64", "--preserve-color", "coral"]
    result = run("video", clip, painting_file, photo_file, "-o", out, *options)
    assert result.exit_code == 0, result.output
    request = StyleRequest(masks=[moving_mask, photo_file], tile=64, preserve_color="coral")
    assert vars(stylize.call_args.kwargs["request"]) == vars(request)


def test_encoding_tone_map_and_resume_arrive(
    monkeypatch: pytest.MonkeyPatch, clip: Path, painting_file: Path, out: Path
) -> None:
    stylize = Mock(return_value=Mock(damage=None))
    monkeypatch.setattr("adain.video.stylizing.stylize", stylize)
    monkeypatch.setattr(loading, "load", lambda *args, **options: None)
    options = ["--codec", "hevc", "--crf", "30", "--preset", "fast", "--tone-map", "soft", "--resume"]
    assert run("video", clip, painting_file, "-o", out, *options).exit_code == 0
    expected = {"codec": "hevc", "crf": 30.0, "preset": "fast", "tone_map": "soft", "resume": True}
    assert {name: stylize.call_args.kwargs[name] for name in expected} == expected


def test_a_run_that_was_interrupted_goes_on(
    monkeypatch: pytest.MonkeyPatch, clip: Path, painting_file: Path, out: Path
) -> None:
    _loaded(monkeypatch, Interrupting())
    command = ("video", clip, painting_file, "-o", out, "--resume", "--smoothing", "0")
    assert run(*command).exit_code == 130
    network = _loaded(monkeypatch, MeanBackend())
    result = run(*command)
    assert result.exit_code == 0, result.output
    assert len(network.seen) == 5
    assert times(out) == times(clip)
    assert [path.name for path in out.parent.iterdir()] == [out.name]


def test_ctrl_c_leaves_a_film_that_plays_with_what_is_done(
    monkeypatch: pytest.MonkeyPatch, clip: Path, painting_file: Path, out: Path
) -> None:
    _loaded(monkeypatch, Interrupting())
    result = run("video", clip, painting_file, "-o", out)
    assert result.exit_code == 130
    assert "interrupted; the first 5 frames are written" in result.stderr
    assert times(out) == times(clip)[:5]
    assert [path.name for path in out.parent.iterdir()] == [out.name]
    assert sound_packets(out)


@pytest.mark.parametrize("limit", [4096, 60_000])  # bytes: in the first frames, and near the end
def test_a_disk_that_fills_up_half_way_is_an_error_and_leaves_nothing(
    tmp_path: Path, painting_file: Path, out: Path, backend: MeanBackend, limit: int
) -> None:
    resource = pytest.importorskip("resource", reason="limits on a file's size are Unix's")
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (96, 96, 3)).astype(np.uint8) for _ in range(12)]
    frames = [av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv444p") for picture in noise]
    source = write_clip(tmp_path / "noise.mp4", frames)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))  # writing more fails, as on a full disk
    try:
        result = run("video", source, painting_file, "-o", out, "--alpha", "0")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert result.exit_code == 1
    assert f"{out} cannot be written" in result.stderr
    assert "nothing was left behind" in result.stderr
    assert not list(out.parent.iterdir())


def test_a_film_that_was_there_stays_when_the_new_one_fails(clip: Path, painting_file: Path, out: Path) -> None:
    out.write_bytes(b"the old film")
    clip.write_bytes(clip.read_bytes()[:3000])
    assert run("video", clip, painting_file, "-o", out).exit_code == 1
    assert out.read_bytes() == b"the old film"
    assert [path.name for path in out.parent.iterdir()] == [out.name]


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ("--alpha 1.5", 2, "1.5 is not in the range"),
        ("--alpha nan", 2, "nan"),
        ("--smoothing -1", 2, "-1.0 is not in the range"),
        ("--keyframes 0:alpha=2", 1, "at 0 s, alpha must be in [0, 1], got 2.0"),
        ("--keyframes 5:alpha=1_2:alpha=0", 1, "must be in the order of time"),
        ("--keyframes 0:style=2", 1, "styles are numbered 1 to 1, got '2'"),
        ("--keyframes _", 1, "there are no keyframes in"),
        ("--weights 1 2", 1, "one weight per style"),
        ("--rate 30", 1, "has its own"),
        ("--preserve-color lab", 2, "'lab' is not"),
        ("--crf -1", 2, "-1"),
        ("--codec xvid", 2, "'xvid' is not"),
        ("--codec prores", 1, ".mp4 holds h264, hevc, av1, vp9, not prores"),
        ("--crf 70", 1, "--crf of h264 must be in [0, 51], got 70"),
        ("--preset quick", 1, "--preset of h264 must be one of"),
        ("--subject", 1, "the film has no alpha channel"),
    ],
)
def test_a_wrong_option_is_one_clear_error(
    clip: Path, painting_file: Path, out: Path, backend: MeanBackend, options: str, code: int, said: str
) -> None:
    words = [word.replace("_", " ") for word in options.split()]
    result = run("video", clip, painting_file, "-o", out, *words)
    assert result.exit_code == code
    assert said in result.stderr
    assert len([line for line in result.stderr.splitlines() if line.startswith("Error")]) == 1
    assert not list(out.parent.iterdir())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("out.avi", "suffix must be one of"),
        ("../in/clip.mp4", "cannot be written at the same time"),
        ("../in/clip.mp4/a.mp4", "is no folder"),
        ("../in", "is not empty"),
    ],
)
def test_an_unwritable_output_is_an_error_before_a_model_is_loaded(
    monkeypatch: pytest.MonkeyPatch, clip: Path, painting_file: Path, out: Path, name: str, said: str
) -> None:
    monkeypatch.setattr(loading, "load", lambda *args, **options: pytest.fail("began to work"))
    result = run("video", clip, painting_file, "-o", out.parent / name)
    assert result.exit_code == 1
    assert said in result.stderr
    assert clip.exists()


def test_without_pyav_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, clip: Path, painting_file: Path, out: Path, backend: MeanBackend
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    result = run("video", clip, painting_file, "-o", out)
    assert result.exit_code == 1
    assert 'pip install "adain[video]"' in result.stderr
    assert run("webcam", painting_file, "-o", out).exit_code == 1


@pytest.mark.parametrize("command", ["video", "webcam"])
def test_help_says_what_every_option_is_for(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    for parameter in video.params if command == "video" else ():
        if parameter.param_type_name == "option":
            assert parameter.opts[-1] in result.output


def test_no_camera_is_a_clear_error(painting_file: Path, out: Path, backend: MeanBackend) -> None:
    result = run("webcam", painting_file, "-o", out, "--camera", "/dev/no-camera")
    assert result.exit_code == 1
    assert "the camera /dev/no-camera cannot be used" in result.stderr
    assert not list(out.parent.iterdir())


@pytest.fixture
def fake_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    """FFmpeg's test pattern in the place of a camera: ten frames a second, and six in all."""
    if "lavfi" not in av.formats_available:
        pytest.skip("this build of FFmpeg has no test pattern")
    pattern = ("lavfi", "testsrc=size=64x48:rate=10:duration=0.6,realtime", "")
    monkeypatch.setattr(camera, "_SYSTEMS", {sys.platform: pattern})


@pytest.mark.usefixtures("fake_camera")
def test_a_camera_is_recorded_leaving_out_what_is_too_fast(
    monkeypatch: pytest.MonkeyPatch, painting_file: Path, out: Path
) -> None:
    class Slow(MeanBackend):
        def encode(self, *args: Any, **options: Any) -> tuple[Maps, Moments]:
            time.sleep(0.25)
            return super().encode(*args, **options)

    _loaded(monkeypatch, Slow())
    result = run("webcam", painting_file, "-o", out)
    assert result.exit_code == 0, result.output
    frames = decoded(out)
    assert 1 <= len(frames) <= 4
    assert (frames[0].width, frames[0].height) == (64, 48)


@pytest.mark.usefixtures("fake_camera")
def test_a_recording_ends_at_the_given_second(painting_file: Path, out: Path, backend: MeanBackend) -> None:
    assert run("webcam", painting_file, "-o", out, "--seconds", "0.45").exit_code == 0
    assert max(times(out)) < 0.45


@pytest.mark.usefixtures("fake_camera")
def test_ctrl_c_is_how_a_recording_ends(monkeypatch: pytest.MonkeyPatch, painting_file: Path, out: Path) -> None:
    monkeypatch.setattr(camera, "_SYSTEMS", {sys.platform: ("lavfi", "testsrc=size=64x48:rate=10,realtime", "")})
    _loaded(monkeypatch, Interrupting())
    assert run("webcam", painting_file, "-o", out).exit_code == 0
    assert len(decoded(out)) == 5


@pytest.mark.usefixtures("fake_camera")
def test_a_camera_goes_to_standard_output(painting_file: Path, tmp_path: Path, backend: MeanBackend) -> None:
    result = run("webcam", painting_file, "-o", "-")
    assert result.exit_code == 0, result.stderr
    (tmp_path / "out.mkv").write_bytes(result.stdout_bytes)
    assert 1 <= len(decoded(tmp_path / "out.mkv")) <= 6


@pytest.mark.usefixtures("fake_camera")
def test_a_camera_is_no_gif(painting_file: Path, out: Path, backend: MeanBackend) -> None:
    result = run("webcam", painting_file, "-o", out.with_suffix(".gif"))
    assert result.exit_code == 1
    assert "or be - for standard output" in result.stderr


def test_choices_are_those_of_the_encoders() -> None:
    from adain.video.codecs import CODECS, ToneMapping

    choices = {each.name: each.type.choices for each in video.params if isinstance(each.type, click.Choice)}
    assert choices["codec"] == tuple(CODECS)
    assert choices["tone_map"] == get_args(ToneMapping)
