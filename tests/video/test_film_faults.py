"""Films with faults and of rare kinds: right values are those of the program ffmpeg."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from mean_backend import mean_stylizer
from pictures import painting
from PIL import Image

from adain import ImageError, InputError, OutputError
from adain.video import Summary, stylize
from adain.video.animation import AnimationSink, AnimationSource
from adain.video.clip import Clip, Frame

pytest.importorskip("av", reason="video files need the extra video")

import av
from film_kinds import (
    HEIGHT,
    HLG,
    PQ,
    WIDTH,
    Kind,
    facts,
    frame_times,
    hdr_film,
    joined,
    jpeg,
    make,
    motion_jpeg,
    picture,
    rich_film,
)

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
    @pytest.mark.parametrize("suffix", [".gif", ".png", ".webp"])
    def test_an_animation_keeps_its_times(self, tmp_path: Path, copy: Callable, suffix: str) -> None:
        shown = [Image.fromarray(picture(number)[..., :3]) for number in range(4)]
        source = tmp_path / f"in{suffix}"
        shown[0].save(source, save_all=True, append_images=shown[1:], duration=[40, 200, 70, 90], loop=0)
        for name in ("out.mkv", "out.gif", "out.apng", "out.webp"):
            out, _ = copy(source, name)
            if name == "out.mkv":
                assert frame_times(out) == [0, 0.04, 0.24, 0.31]
                continue
            animation = AnimationSource(out)
            assert [float(item.time) for item in animation] == pytest.approx([0, 0.04, 0.24, 0.31])
            animation.close()

    def test_sound_that_changes_its_channels_is_encoded_on(self, tmp_path: Path, copy: Callable) -> None:
        parts = [
            make(tmp_path / f"{layout}.ts", Kind(sound="ac3", layout=layout, count=5, options={"bf": "0"}))
            for layout in ("stereo", "mono", "stereo")
        ]
        out, summary = copy(joined(tmp_path / "all.ts", parts), "out.webm")
        assert summary.frames == 15
        with av.open(str(out)) as file:
            decoded = [(float(frame.time), frame.samples) for frame in file.decode(audio=0)]
        assert sum(samples for _, samples in decoded) == pytest.approx(1.5 * 48_000, rel=0.1)
        assert decoded[-1][0] == pytest.approx(1.5, abs=0.15)

    @pytest.mark.parametrize("sound", [True, False])
    @pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
    def test_two_recordings_that_were_joined_go_on_without_a_gap(
        self, tmp_path: Path, copy: Callable, sound: bool, suffix: str
    ) -> None:
        part = make(tmp_path / "part.ts", Kind(count=5, options={"bf": "0"}))
        out, summary = copy(joined(tmp_path / "two.ts", [part, part]), f"out{suffix}", sound=sound)
        assert summary.frames == 10
        steps = np.diff(frame_times(out))
        assert steps == pytest.approx([0.1] * 9, abs=0.035)  # the sound of a part is up to two of its frames longer
        with av.open(str(out)) as file:
            if sound:
                packets = [packet for packet in file.demux(audio=0) if packet.dts is not None]
                times = [float(packet.dts * packet.time_base) for packet in packets]
                assert len(packets) == 2 * len(_sound(part))
                assert min(np.diff(times)) >= 0
                assert times[-1] == pytest.approx(1, abs=0.05)

    @pytest.mark.parametrize(("suffix", "longest"), [(".gif", 655.35), (".apng", 65.535), (".webp", 700)])
    def test_a_frame_longer_than_an_animation_can_hold(self, tmp_path: Path, suffix: str, longest: float) -> None:
        sink = AnimationSink(tmp_path / f"out{suffix}", Clip(8, 8, Fraction(1), Fraction(1)))
        for number in range(2):
            sink.write(Frame(np.full((8, 8, 3), 200 * number, np.uint8), Fraction(700 * number), Fraction(1)))
        sink.finish()
        source = AnimationSource(tmp_path / f"out{suffix}")
        assert float(source.clip.rate) == pytest.approx(2 / (longest + 1), rel=1e-3)
        source.close()

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
        assert not copy(whole, "same.mkv")[1].damage
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

    @pytest.mark.parametrize("cut", [False, True])
    def test_a_damaged_frame_of_a_gif_is_passed_over_and_counted(
        self, tmp_path: Path, copy: Callable, cut: bool
    ) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (10, 32, 40, 3), np.uint8)
        first, *others = map(Image.fromarray, noise)
        first.save(tmp_path / "in.gif", save_all=True, append_images=others, duration=100)
        data = bytearray((tmp_path / "in.gif").read_bytes())
        block = data.index(b"\x21\xf9\x04", data.index(b"\x21\xf9\x04") + 1) + 8 + 10 + 3 * 256 + 1
        assert data[block] == 255  # bytes that follow
        data[block + 100 : block + 200] = b"\xff" * 100  # codes that are not in the table
        (tmp_path / "in.gif").write_bytes(data[:-200] if cut else data)
        out, summary = copy(tmp_path / "in.gif")
        assert summary.frames == len(frame_times(out)) == 10
        assert summary.damage.corrupt == 1 + cut
        assert not summary.damage.cut

    def test_a_film_whose_start_is_hidden_is_whole(self, tmp_path: Path, copy: Callable) -> None:
        """An edit list hides frames that are decoded only for the first one that is shown."""
        source, hidden = make(tmp_path / "in.mp4", Kind(sound=None, options={"g": "30", "bf": "0"})), tmp_path / "b.mp4"
        negative = {"avoid_negative_ts": "disabled"}
        with av.open(str(source)) as old, av.open(str(hidden), "w", container_options=negative) as new:
            stream = new.add_stream_from_template(old.streams.video[0], opaque=True)
            for packet in old.demux():
                if packet.dts is not None:
                    ticks = round(Fraction(3, 10) / packet.time_base)
                    packet.pts, packet.dts, packet.stream = packet.pts - ticks, packet.dts - ticks, stream
                    new.mux(packet)
        out, summary = copy(hidden)
        assert not summary.damage
        assert summary.damage.declared == summary.frames == 7
        assert frame_times(out) == TENTHS[:7]

    def test_a_frame_of_a_whole_film_shows_no_damage(self, tmp_path: Path, copy: Callable) -> None:
        for suffix in (".mp4", ".mkv", ".ts", ".mpg", ".flv", ".avi"):
            video = "mpeg2video" if suffix == ".mpg" else "libx264"
            source = make(tmp_path / f"in{suffix}", Kind(video, sound="mp2" if suffix == ".mpg" else "aac"))
            _, summary = copy(source, f"{suffix[1:]}.mkv")
            assert not summary.damage, str(summary.damage)
            assert summary.frames == 10

    def test_a_film_without_its_index_says_so(self, tmp_path: Path, copy: Callable) -> None:
        whole = make(tmp_path / "in.mp4")
        whole.write_bytes(whole.read_bytes()[:3000])
        with pytest.raises(ImageError, match=r"cannot be read as a video \(its index is missing: it is cut off"):
            copy(whole)
        assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]

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


class TestAlpha:
    def alpha_of(self, path: Path) -> np.ndarray:
        if path.is_dir():
            return np.asarray(Image.open(sorted(path.iterdir())[0]).convert("RGBA"))[..., 3]
        if path.suffix in (".gif", ".apng", ".webp"):
            source = AnimationSource(path)
            frame = next(iter(source))
            source.close()
        else:
            frame = frames(path)[0]
        assert isinstance(frame, Frame)
        assert frame.alpha is not None
        return frame.alpha

    @pytest.mark.parametrize("name", ["out.webm", "out.gif", "out.apng", "out.webp", "folder", "out.mov", "out.mkv"])
    @pytest.mark.parametrize("kind", ["vp9", "png"])
    def test_it_stays_where_the_result_can_hold_it(self, tmp_path: Path, copy: Callable, kind: str, name: str) -> None:
        video = {"vp9": ("libvpx-vp9", "yuva420p", ".webm"), "png": ("png", "rgba", ".mov")}[kind]
        source = make(tmp_path / f"in{video[2]}", Kind(video[0], video[1], sound=None, count=3))
        codec = {".mov": "prores", ".mkv": "ffv1"}.get(Path(name).suffix)
        out, _ = copy(source, name, codec=codec)
        alpha = self.alpha_of(out)
        assert (alpha[:, : WIDTH // 2 - 4] > 250).all()
        assert (alpha[:, WIDTH // 2 + 4 :] < 5).all()

    def test_else_one_warning_says_so(self, tmp_path: Path, copy: Callable, caplog: pytest.LogCaptureFixture) -> None:
        source = make(tmp_path / "in.webm", Kind("libvpx-vp9", "yuva420p", sound=None, count=3))
        out, _ = copy(source)
        assert [record.message for record in caplog.records if "alpha" in record.message] == [
            "the result has no alpha channel and is laid on white; .webm, .gif, .apng, .webp or a folder keep it"
        ]
        assert frames(out)[0].rgb[:, 40:].min() > 240

    def test_an_opaque_alpha_channel_is_no_warning(
        self, tmp_path: Path, copy: Callable, caplog: pytest.LogCaptureFixture
    ) -> None:
        Image.new("RGBA", (8, 8), (200, 100, 50, 255)).save(tmp_path / "in.png")
        copy(tmp_path / "in.png")
        assert not caplog.records

    def test_a_side_that_is_too_long_for_a_format_is_an_error(self, tmp_path: Path, copy: Callable) -> None:
        Image.new("RGB", (17_000, 2)).save(tmp_path / "in.png")
        with pytest.raises(OutputError, match="nothing was left behind"):
            copy(tmp_path / "in.png", "out.webp")
        assert [path.name for path in tmp_path.iterdir()] == ["in.png"]


class TestSound:
    @pytest.mark.parametrize(
        ("codec", "source", "name", "becomes"),
        [
            ("aac", "in.mp4", "out.webm", "opus"),
            ("adpcm_ms", "in.avi", "out.mkv", "flac"),
            ("adpcm_ima_wav", "in.avi", "out.mp4", "aac"),
            ("pcm_s16le", "in.mkv", "out.webm", "opus"),
            ("libopus", "in.mkv", "out.mov", "aac"),
            ("pcm_alaw", "in.avi", "out.mkv", "flac"),
            ("wmav1", "in.avi", "out.mkv", "flac"),
        ],
    )
    def test_what_the_format_cannot_hold_is_encoded_again(
        self,
        tmp_path: Path,
        copy: Callable,
        caplog: pytest.LogCaptureFixture,
        codec: str,
        source: str,
        name: str,
        becomes: str,
    ) -> None:
        video = "mpeg4" if source == "in.avi" else "libx264"
        made = make(tmp_path / source, Kind(video, sound=codec))
        out, _ = copy(made, name)
        assert facts(out).sound == (becomes,)
        said = [record.message for record in caplog.records]
        assert len(said) == 1
        assert f"sound track 1 ({codec.removeprefix('lib')}) becomes {becomes}" in said[0]
        heard = _samples(out)
        assert len(heard) == pytest.approx(48_000, abs=3000)
        assert np.corrcoef(_spectrum(heard), _spectrum(_samples(made)))[0, 1] > 0.98

    @pytest.mark.parametrize(("codec", "name"), [("flac", "out.mkv"), ("pcm_s16le", "out.mov"), ("ac3", "out.mp4")])
    def test_what_it_can_hold_is_copied(self, tmp_path: Path, copy: Callable, codec: str, name: str) -> None:
        source = make(tmp_path / "in.mkv", Kind(sound=codec))
        out, _ = copy(source, name)
        assert b"".join(map(bytes, _sound(out))) == b"".join(map(bytes, _sound(source)))
        if codec != "pcm_s16le":  # which is packed anew
            times = [[float(each.pts * each.time_base) for each in _sound(path)] for path in (source, out)]
            assert times[1] == pytest.approx(times[0], abs=1.1e-3)

    def test_sound_whose_length_is_no_multiple_of_a_frame(self, tmp_path: Path, copy: Callable) -> None:
        source = make(tmp_path / "in.avi", Kind("mpeg4", sound="adpcm_ms", count=13))
        for name in ("out.mkv", "out.mp4", "out.webm"):
            assert len(_samples(copy(source, name)[0])) == pytest.approx(62_400, abs=3000)

    def test_an_animation_names_the_sound_that_it_loses(
        self, tmp_path: Path, copy: Callable, caplog: pytest.LogCaptureFixture
    ) -> None:
        source = make(tmp_path / "in.mp4")
        copy(source, "out.gif")
        copy(source, "folder")
        assert [record.message for record in caplog.records] == [
            "left out of .gif: sound track 1 (aac)",
            "left out of the folder of frames: sound track 1 (aac)",
        ]
        caplog.clear()
        copy(source, "silent.gif", sound=False)
        assert not caplog.records


def _samples(path: Path) -> np.ndarray:
    with av.open(str(path)) as file:
        resampler = av.AudioResampler("fltp", "mono", 48_000)
        found = [part.to_ndarray()[0] for frame in file.decode(audio=0) for part in resampler.resample(frame)]
        found += [part.to_ndarray()[0] for part in resampler.resample(None)]
    return np.concatenate(found)


def _spectrum(samples: np.ndarray) -> np.ndarray:
    """How loud each band is."""
    return np.abs(np.fft.rfft(samples[2000:42_000])).reshape(-1)[:20_000].reshape(200, 100).sum(axis=1)


class TestExtras:
    @pytest.fixture
    def rich(self, tmp_path: Path) -> Path:
        return rich_film(tmp_path / "rich.mkv")

    def test_everything_that_matroska_holds_is_copied(
        self, rich: Path, copy: Callable, caplog: pytest.LogCaptureFixture
    ) -> None:
        out, _ = copy(rich, "out.mkv")
        with av.open(str(out)) as file:
            assert file.metadata["title"] == "A film"
            video, sound = file.streams.video[0], file.streams.audio[0]
            words = file.streams.subtitles[0]
            assert (video.metadata["title"], video.metadata["language"]) == ("The picture", "ger")
            assert (sound.metadata["title"], sound.language) == ("The sound", "fre")
            assert (words.metadata["title"], words.language) == ("The words", "eng")
            assert int(sound.disposition) == 0x0001 | 0x0004
            assert int(words.disposition) & 0x0040
            assert [chapter["metadata"]["title"] for chapter in file.chapters()] == ["Part 0", "Part 1"]
            assert [float(each["start"] * each["time_base"]) for each in file.chapters()] == [0, 0.5]
            assert [each.name for each in file.streams.attachments] == ["letters.ttf"]
            assert file.streams.attachments[0].data == b"not really a font"
            packets = [packet for packet in file.demux(words) if packet.dts is not None]
            assert [(bytes(each), float(each.pts * each.time_base)) for each in packets] == [(b"Good evening", 0.2)]
        assert [record.message for record in caplog.records] == ["left out of .mkv: video track 2 (h264)"]

    def test_one_warning_names_all_that_is_lost(
        self, rich: Path, copy: Callable, caplog: pytest.LogCaptureFixture
    ) -> None:
        out, _ = copy(rich, "out.mp4")
        assert [record.message for record in caplog.records] == [
            "left out of .mp4: video track 2 (h264), subtitle track 3 (srt), the attachment letters.ttf"
        ]
        assert facts(out).chapters == 2
        caplog.clear()
        copy(rich, "out.gif")
        assert [record.message for record in caplog.records] == [
            "left out of .gif: sound track 1 (aac), subtitle track 3 (srt), the attachment letters.ttf, chapters, "
            "video track 2 (h264)"
        ]

    def test_a_cover_is_named(self, tmp_path: Path, copy: Callable, caplog: pytest.LogCaptureFixture) -> None:
        source = tmp_path / "cover.mp4"
        with av.open(str(make(tmp_path / "in.mp4"))) as old, av.open(str(source), "w") as new:
            streams = {each.index: new.add_stream_from_template(each, opaque=True) for each in old.streams}
            cover = new.add_mux_stream("mjpeg", width=WIDTH, height=HEIGHT)
            cover.disposition = 0x400  # attached picture
            packet = av.Packet(jpeg(0, 1))
            packet.stream, packet.pts, packet.dts = cover, 0, 0
            new.mux(packet)
            for packet in old.demux():
                if packet.dts is not None:
                    packet.stream = streams[packet.stream.index]
                    new.mux(packet)
        assert copy(source)[1].frames == 10
        assert [record.message for record in caplog.records] == ["left out of .mp4: the cover picture"]

    def test_a_time_code_is_kept(self, tmp_path: Path, copy: Callable) -> None:
        with av.open(str(tmp_path / "in.mov"), "w") as file:
            stream = file.add_stream("libx264", rate=10)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            stream.metadata["timecode"] = "01:00:00:00"
            for number in range(3):
                frame = av.VideoFrame.from_ndarray(picture(number)[..., :3], format="rgb24").reformat(format="yuv420p")
                frame.pts = number
                file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
        with av.open(str(copy(tmp_path / "in.mov", "out.mov")[0])) as file:
            assert file.streams.video[0].metadata["timecode"].startswith("01:00:00:0")


class TestDepth:
    @pytest.mark.parametrize("codec", ["h264", "hevc", "vp9", "av1"])
    @pytest.mark.parametrize("count", [1, 2])
    def test_a_film_of_a_frame_or_two(self, tmp_path: Path, copy: Callable, codec: str, count: int) -> None:
        out, _ = copy(make(tmp_path / "in.mp4", Kind(sound=None, count=count)), codec=codec)
        assert frame_times(out) == TENTHS[:count]

    @pytest.mark.parametrize(
        ("pixels", "name", "codec", "expected"),
        [
            ("yuv444p", "out.mp4", None, "yuv444p"),
            ("yuv422p", "out.mp4", None, "yuv422p"),
            ("yuv420p10le", "out.mp4", None, "yuv420p10le"),
            ("yuv422p10le", "out.mkv", None, "yuv422p10le"),
            ("yuv444p10le", "out.mov", "hevc", "yuv444p10le"),
            ("yuv422p", "out.webm", None, "yuv422p"),
            ("yuv420p10le", "out.webm", "av1", "yuv420p10le"),
            ("yuv420p10le", "out.webm", None, "yuv420p"),  # this VP9 encoder has 8 bits only
            ("yuv420p", "out.mov", "prores", "yuv422p10le"),
            ("yuv422p10le", "out.mkv", "ffv1", "yuv422p10le"),
            ("gray", "out.mp4", None, "yuv420p"),
        ],
    )
    def test_depth_and_chroma_stay_where_the_encoder_can(
        self, tmp_path: Path, copy: Callable, pixels: str, name: str, codec: str | None, expected: str
    ) -> None:
        source = make(tmp_path / "in.mkv", Kind(pixels=pixels, sound=None, count=3))
        out, _ = copy(source, name, codec=codec)
        assert facts(out).pixels == expected or (codec == "prores" and "422p10" in facts(out).pixels)

    @pytest.mark.parametrize("size", [(38, 22), (2, 2), (1, 1), (100, 3), (33, 35), (65, 33)])
    @pytest.mark.parametrize("codec", ["h264", "hevc", "vp9", "av1", "prores", "ffv1"])
    def test_rare_sizes_are_kept_or_refused(
        self, tmp_path: Path, copy: Callable, size: tuple[int, int], codec: str
    ) -> None:
        source = make(tmp_path / "in.mkv", Kind("ffv1", "yuv444p", sound=None, count=3, size=size, options={}))
        name = {"vp9": "out.webm", "prores": "out.mov", "ffv1": "out.mkv"}.get(codec, "out.mp4")
        least = {"hevc": (64, 16), "av1": (32, 32)}.get(codec, (1, 1))
        if size[0] < least[0] or size[1] < least[1]:
            with pytest.raises(
                InputError, match=f"{codec} needs at least {least[0]}x{least[1]} pixels, got {size[0]}x{size[1]}"
            ):
                copy(source, name, codec=codec)
            assert not (tmp_path / name).exists()
            return
        assert facts(copy(source, name, codec=codec)[0]).size == size

    def test_crf_and_preset_reach_the_encoder(self, tmp_path: Path, copy: Callable) -> None:
        source = make(tmp_path / "in.mp4", Kind(sound=None))
        sizes = [copy(source, f"{crf}.mp4", crf=crf)[0].stat().st_size for crf in (10, 30, 50)]
        assert sizes == sorted(sizes, reverse=True)
        assert b"subme=0" in copy(source, "fast.mp4", preset="ultrafast")[0].read_bytes()  # x264's own words

    @pytest.mark.parametrize(
        ("name", "options", "said"),
        [
            ("out.mp4", {"codec": "xvid"}, "codec must be one of h264, hevc"),
            ("out.webm", {"codec": "h264"}, r"\.webm holds vp9, av1, not h264"),
            ("out.mp4", {"crf": 52}, r"crf of h264 must be in \[0, 51\], got 52"),
            ("out.mp4", {"crf": float("nan")}, "got nan"),
            ("out.mp4", {"preset": "quick"}, "preset of h264 must be one of ultrafast"),
            ("out.mov", {"codec": "prores", "crf": 3}, "prores has no crf"),
            ("out.mkv", {"codec": "ffv1", "preset": "slow"}, "preset of ffv1 must be left out"),
            ("out.gif", {"crf": 3}, r"leave them out for \.gif"),
            ("folder", {"codec": "h264"}, "leave them out for a folder"),
            ("out.mp4", {"tone_map": "hable"}, "tone_map must be one of soft, clip"),
        ],
    )
    def test_a_wrong_encoding_is_an_error_before_any_work(
        self, tmp_path: Path, copy: Callable, name: str, options: dict[str, object], said: str
    ) -> None:
        source = make(tmp_path / "in.mp4", Kind(count=1))
        with pytest.raises(InputError, match=said):
            copy(source, name, **options)
        assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


class TestToneMap:
    """Reference values: ITU-R BT.2100 (PQ, HLG), BT.2408 (white of 203 cd/m2), BT.1886 (gamma 2.4)."""

    @staticmethod
    def light(levels: np.ndarray, transfer: int) -> np.ndarray:
        """Light in cd/m2 of grey levels in [0, 1]; HLG on a display of 1000 cd/m2."""
        if transfer == PQ:
            m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
            root = levels ** (1 / m2)
            return 10_000 * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        scene = np.where(levels <= 0.5, levels**2 / 3, (np.exp((levels - c) / a) + b) / 12)
        return 1000 * scene**1.2

    def shown(self, path: Path, mapping: str) -> np.ndarray:
        source = VideoSource.open(path, tone_map=mapping)
        frame = next(iter(source))
        source.close()
        assert isinstance(frame, Frame)
        assert np.ptp(frame.rgb.astype(int), axis=2).max() <= 1  # grey stays grey
        return frame.rgb[8, 32::64, 1].astype(int)

    @pytest.mark.parametrize("transfer", [PQ, HLG])
    def test_clip_shows_light_as_it_is_up_to_the_reference_white(self, tmp_path: Path, transfer: int) -> None:
        levels = np.array([0, 0.1, 0.25, 0.4, 0.5, 0.55, 0.7, 0.75, 0.9, 1])
        shown = self.shown(hdr_film(tmp_path / "in.mkv", levels, transfer), "clip")
        expected = 255 * np.clip(self.light(levels, transfer) / 203, 0, 1) ** (1 / 2.4)
        assert np.abs(shown - expected).max() <= 4  # of 10 bits, and FFmpeg's table

    @pytest.mark.parametrize("transfer", [PQ, HLG])
    def test_soft_keeps_the_order_and_shows_all(self, tmp_path: Path, transfer: int) -> None:
        levels = np.linspace(0, 1, 12)
        shown = self.shown(hdr_film(tmp_path / "in.mkv", levels, transfer), "soft")
        assert (np.diff(shown) > 0).all()
        assert shown[0] == 0
        assert shown[-1] >= 253

    def test_the_result_is_labelled_sdr(self, tmp_path: Path, copy: Callable) -> None:
        source = hdr_film(tmp_path / "in.mkv", np.array([0.25, 0.5]), HLG)
        out, _ = copy(source, tone_map="clip")
        with av.open(str(out)) as file:
            frame = next(file.decode(video=0))
            assert (frame.color_trc, frame.color_primaries, frame.colorspace) == (1, 1, 1)
            assert frame.format.name == "yuv420p10le"

    def test_without_it_hdr_is_an_error(self, tmp_path: Path, copy: Callable) -> None:
        with pytest.raises(ImageError, match=r"is HDR \(PQ\); choose how it becomes SDR with tone_map"):
            copy(hdr_film(tmp_path / "in.mkv", np.array([0.5]), PQ))


class TestDeepFrames:
    """The frames of a 10-bit film keep their steps through the network."""

    @staticmethod
    def ramp(path: Path) -> Path:
        """A film with a grey ramp of 256 of 1024 steps, without loss."""
        with av.open(str(path), "w") as file:
            stream = file.add_stream("ffv1", rate=10)
            stream.width, stream.height, stream.pix_fmt = 256, 16, "yuv444p10le"
            frame = av.VideoFrame(256, 16, "yuv444p10le")
            for number, plane in enumerate(frame.planes):
                values = np.full((plane.height, plane.line_size // 2), 512, np.uint16)
                if number == 0:
                    values[:, :256] = 400 + np.arange(256)
                plane.update(values.tobytes())
            for number in range(3):
                frame.pts = number
                file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
        return path

    def luma(self, path: Path) -> np.ndarray:
        with av.open(str(path)) as file:
            plane = next(file.decode(video=0)).planes[0]
            return np.frombuffer(bytes(plane), np.uint16).reshape(plane.height, -1)[8, :256].astype(int)

    def test_every_step_of_ten_bits_stays(self, tmp_path: Path, copy: Callable) -> None:
        source = self.ramp(tmp_path / "in.mkv")
        out, _ = copy(source, codec="ffv1", name="out.mkv")
        assert facts(out).pixels == "yuv444p10le"
        assert np.abs(self.luma(out) - self.luma(source)).max() <= 1  # with 8 bits it would be 2
        assert len(np.unique(self.luma(out))) > 250  # with 8 bits 65

    def test_eight_bits_do_not_become_more(self, tmp_path: Path) -> None:
        source = VideoSource.open(make(tmp_path / "in.mp4", Kind(count=2)), deep=True)
        assert {item.rgb.dtype for item in source if isinstance(item, Frame)} == {np.dtype(np.uint8)}
        source.close()

    def test_frames_of_other_formats_have_eight_bits(self, tmp_path: Path, copy: Callable) -> None:
        source = self.ramp(tmp_path / "in.mkv")
        for name in ("out.gif", "out.webm", "frames"):
            assert copy(source, name)[1].frames == 3
