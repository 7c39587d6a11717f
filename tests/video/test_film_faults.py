"""Films with faults and of rare kinds: right values are those of the program ffmpeg."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from mean_backend import mean_stylizer
from pictures import painting

from adain.video import Summary, stylize
from adain.video.clip import Frame

pytest.importorskip("av", reason="video files need the extra video")

import av
from film_kinds import HEIGHT, WIDTH, Kind, facts, frame_times, joined, make, motion_jpeg, picture

from adain.video.decoding import VideoSource

TENTHS = [round(0.1 * number, 3) for number in range(10)]


@pytest.fixture
def copy(tmp_path: Path) -> Callable[..., tuple[Path, Summary]]:
    """Stylize with alpha 0: the network here answers with the content itself."""

    def to(source: Path, name: str = "out.mp4", **options: object) -> tuple[Path, Summary]:
        summary = stylize(mean_stylizer(), source, painting(), tmp_path / name, alpha=0, **options)
        return tmp_path / name, summary

    return to


def frames(path: Path) -> list[Frame]:
    source = VideoSource.open(path)
    found = [item for item in source if isinstance(item, Frame)]
    source.close()
    return found


class TestExif:
    @pytest.mark.parametrize("suffix", [".avi", ".mov", ".mkv"])
    def test_motion_jpeg_with_exif_is_read(self, tmp_path: Path, copy: Callable, suffix: str) -> None:
        out, summary = copy(motion_jpeg(tmp_path / f"in{suffix}"))
        assert summary.frames == 5
        assert not summary.damage
        assert frame_times(out) == TENTHS[:5]

    @pytest.mark.parametrize(("orientation", "turned"), [(1, False), (3, False), (5, True), (6, True), (8, True)])
    def test_its_orientation_is_applied(self, tmp_path: Path, orientation: int, turned: bool) -> None:
        shown = frames(motion_jpeg(tmp_path / "in.mov", orientation))[2].rgb
        upright = {1: lambda p: p, 3: lambda p: p[::-1, ::-1], 5: lambda p: p.swapaxes(0, 1)}
        upright |= {6: lambda p: np.rot90(p, -1), 8: lambda p: np.rot90(p, 1)}
        expected = upright[orientation](picture(2)[..., :3])
        assert shown.shape == ((WIDTH, HEIGHT, 3) if turned else (HEIGHT, WIDTH, 3))
        assert np.abs(shown.astype(int) - expected).mean() < 8  # of JPEG


class TestTimeStamps:
    @pytest.mark.parametrize("sound", [True, False])
    @pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
    def test_two_recordings_that_were_joined_go_on_without_a_gap(
        self, tmp_path: Path, copy: Callable, sound: bool, suffix: str
    ) -> None:
        part = make(tmp_path / "part.ts", Kind(count=5, options={"bf": "0"}))
        out, summary = copy(joined(tmp_path / "two.ts", [part, part]), f"out{suffix}", sound=sound)
        assert summary.frames == 10
        steps = np.diff(frame_times(out))
        assert steps == pytest.approx([0.1] * 9, abs=0.025)  # the sound of a part is up to one of its frames longer
        with av.open(str(out)) as file:
            if sound:
                packets = [packet for packet in file.demux(audio=0) if packet.dts is not None]
                times = [float(packet.dts * packet.time_base) for packet in packets]
                assert len(packets) == 2 * len(_sound(part))
                assert min(np.diff(times)) >= 0
                assert times[-1] == pytest.approx(1, abs=0.05)

    def test_an_avi_with_b_frames_keeps_the_order(self, tmp_path: Path, copy: Callable) -> None:
        source = make(tmp_path / "in.avi", Kind("mpeg4", sound=None, options={"bf": "2"}))
        out, _ = copy(source)
        assert np.diff(frame_times(out)) == pytest.approx([0.1] * 9, abs=1e-3)
        shown = [frame.rgb[24, :, 0] > 150 for frame in frames(source)]
        assert [int(np.argmax(row)) for row in shown] == pytest.approx([4 * n for n in range(10)], abs=2)


def _sound(path: Path) -> list[av.Packet]:
    with av.open(str(path)) as file:
        return [packet for packet in file.demux(audio=0) if packet.dts is not None]


class TestShape:
    @pytest.mark.parametrize("name", ["out.webm", "out.mkv", "out.mp4"])
    @pytest.mark.parametrize("codec", [None, "vp9"])
    def test_the_shape_of_pixels_stays(self, tmp_path: Path, copy: Callable, name: str, codec: str | None) -> None:
        source = make(tmp_path / "in.mp4", Kind(aspect=Fraction(4, 3), sound="libopus"))
        out, _ = copy(source, name, codec=codec)
        assert facts(out).aspect == Fraction(4, 3) if name == "out.mp4" else Fraction(85, 64)  # whole pixels, as ffmpeg
        assert facts(out).frames == 10

    def test_a_title_stays_beside_it(self, tmp_path: Path, copy: Callable) -> None:
        titled = tmp_path / "titled.mkv"
        _remux(make(tmp_path / "in.mp4", Kind(aspect=Fraction(4, 3))), titled, title="Der Garten")
        for name in ("out.webm", "out.mkv"):
            out, _ = copy(titled, name)
            with av.open(str(out)) as file:
                assert file.streams.video[0].metadata["title"] == "Der Garten"
                assert file.streams.video[0].sample_aspect_ratio == Fraction(85, 64)


def _remux(source: Path, target: Path, title: str) -> None:
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        streams = {stream.index: new.add_stream_from_template(stream) for stream in old.streams}
        new.streams.video[0].metadata["title"] = title
        for packet in old.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                new.mux(packet)


class TestDamage:
    @pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".avi", ".flv"])
    def test_a_film_that_is_cut_off_is_kept_and_counted(self, tmp_path: Path, copy: Callable, suffix: str) -> None:
        video = {".webm": "libvpx-vp9", ".avi": "mpeg4"}.get(suffix, "libx264")
        sound = {".webm": "libopus", ".avi": "libmp3lame"}.get(suffix, "aac")
        whole = tmp_path / f"whole{suffix}"
        make(whole, Kind(video, sound=sound, count=30))
        if suffix == ".mp4":
            whole = _with_index_first(whole)
        assert not copy(whole, "whole.mkv")[1].damage
        cut = tmp_path / f"cut{suffix}"
        cut.write_bytes(whole.read_bytes()[: int(0.6 * whole.stat().st_size)])
        out, summary = copy(cut)
        assert summary.damage
        assert summary.damage.cut
        assert 5 <= summary.damage.decoded < 30
        assert summary.damage.declared in (30, 31, 32, 60)  # an AVI counts fields, an FLV the sound
        assert len(frame_times(out)) == summary.frames == summary.damage.decoded
        assert "is cut off" in str(summary.damage)

    @pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
    def test_damage_in_the_middle_is_passed_over_and_counted(self, tmp_path: Path, copy: Callable, suffix: str) -> None:
        video = "mpeg4" if suffix == ".avi" else "libx264"
        source = make(tmp_path / f"in{suffix}", Kind(video, sound=None, count=30))
        data = bytearray(source.read_bytes())
        middle = len(data) // 2
        data[middle : middle + 400] = np.random.default_rng(0).bytes(400)
        source.write_bytes(data)
        out, summary = copy(source)
        assert summary.damage
        assert not summary.damage.cut
        assert summary.damage.broken + summary.damage.corrupt >= 1
        assert frame_times(out)[-1] >= 2.8  # it goes on to the end

    def test_a_film_whose_start_is_hidden_is_whole(self, tmp_path: Path, copy: Callable) -> None:
        """An edit list hides frames that must be decoded for the first one that is shown."""
        source = make(tmp_path / "in.mp4", Kind(sound=None, options={"g": "30"}))
        assert not copy(source)[1].damage

    def test_a_frame_of_a_whole_film_shows_no_damage(self, tmp_path: Path, copy: Callable) -> None:
        for suffix in (".mp4", ".mkv", ".ts", ".mpg", ".flv", ".avi"):
            video = "mpeg2video" if suffix == ".mpg" else "libx264"
            source = make(tmp_path / f"in{suffix}", Kind(video, sound="mp2" if suffix == ".mpg" else "aac"))
            _, summary = copy(source, f"{suffix[1:]}.mkv")
            assert not summary.damage, str(summary.damage)
            assert summary.frames == 10

    def test_the_command_keeps_the_film_and_fails(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, painting_file: Path
    ) -> None:
        from click.testing import CliRunner

        from adain import loading
        from adain.cli.main import main

        monkeypatch.setattr(loading, "load", lambda *args, **options: mean_stylizer())
        whole = make(tmp_path / "in.mkv", Kind(count=30))
        whole.write_bytes(whole.read_bytes()[: int(0.6 * whole.stat().st_size)])
        out = tmp_path / "out.mp4"
        result = CliRunner().invoke(main, ["video", str(whole), str(painting_file), "-o", str(out)])
        assert result.exit_code == 1
        assert "is cut off" in result.stderr
        assert "of about 30 declared frames" in result.stderr
        assert frame_times(out)


def _with_index_first(path: Path) -> Path:
    target = path.with_name("indexed.mp4")
    with av.open(str(path)) as old, av.open(str(target), "w", options={"movflags": "faststart"}) as new:
        streams = {stream.index: new.add_stream_from_template(stream) for stream in old.streams}
        for packet in old.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                new.mux(packet)
    return target
