"""Films in and out: nothing of a file is lost but its look."""

from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from mean_backend import MeanBackend, mean_stylizer
from pictures import painting, photo
from PIL import Image

from adain import ImageError, InputError, OutputError
from adain.stylizer import Stylizer
from adain.video import stylize
from adain.video.animation import AnimationSource
from adain.video.clip import Clip, Frame
from adain.video.folder import FolderSink
from adain.video.orientation import Orientation

pytest.importorskip("av", reason="video files need the extra video")

import av
from clips import (
    COLORS,
    Labels,
    decoded,
    flat,
    levels,
    moving,
    sound_packets,
    times,
    write_clip,
    ycbcr,
)

from adain.video.decoding import VideoSource
from adain.video.encoding import VideoSink

LABELS = [Labels(matrix, full) for matrix in (1, 6, 9) for full in (False, True)]
EIGHT = [  # a quarter turn and a mirror, in every combination; a, b, c, d of the display matrix
    (a, b, c, d) for a, b, c, d in [(1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0)]
] + [(-1, 0, 0, 1), (0, 1, 1, 0), (1, 0, 0, -1), (0, -1, -1, 0)]


def display(a: int, b: int, c: int, d: int) -> tuple[int, ...]:
    return (a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)


@pytest.fixture
def style() -> np.ndarray:
    return painting()


@pytest.fixture
def copy(tmp_path: Path, style: np.ndarray) -> Callable[..., Path]:
    """Stylise with alpha 0, which the network here answers with the content itself."""

    def to(source: Path, name: str = "out.mp4", **options: object) -> Path:
        stylize(mean_stylizer(), source, style, tmp_path / name, alpha=0, **options)
        return tmp_path / name

    return to


@pytest.mark.parametrize("labels", LABELS, ids=str)
def test_colors_are_read_by_the_files_own_matrix_and_range(tmp_path: Path, labels: Labels) -> None:
    frames = [flat(color, labels.matrix, labels.full) for color in COLORS]
    source = VideoSource.open(write_clip(tmp_path / "in.mp4", frames, labels=labels))
    read = [item.rgb for item in source if isinstance(item, Frame)]
    source.close()
    for rgb, color in zip(read, COLORS, strict=True):
        assert np.abs(rgb.astype(int) - color).max() <= 2  # one for rounding to YCbCr, one for rounding back


@pytest.mark.parametrize("labels", LABELS, ids=str)
def test_colors_are_written_by_the_matrix_and_range_the_file_names(
    tmp_path: Path, labels: Labels, copy: Callable[..., Path]
) -> None:
    frames = [flat(color, labels.matrix, labels.full) for color in COLORS]
    result = decoded(copy(write_clip(tmp_path / "in.mp4", frames, labels=labels)))
    for frame, color in zip(result, COLORS, strict=True):
        assert (frame.colorspace, frame.color_range) == (labels.matrix, 2 if labels.full else 1)
        expected = np.clip(ycbcr(color, labels.matrix, labels.full), 0, 255)
        assert np.abs(np.array(levels(frame)) - expected).max() <= 3  # 2, and one for the compression


@pytest.mark.parametrize(("size", "matrix"), [((32, 24), 6), ((1280, 16), 1), ((16, 578), 1)])
def test_unlabelled_colors_are_those_of_the_size_and_labelled_so(
    tmp_path: Path, copy: Callable[..., Path], size: tuple[int, int], matrix: int
) -> None:
    clip = write_clip(tmp_path / "in.mp4", [flat((200, 80, 40), matrix, False, size)])
    with av.open(str(clip)) as file:
        assert file.streams.video[0].codec_context.colorspace == 2  # unspecified
    source = VideoSource.open(clip)
    assert [np.abs(item.rgb.astype(int) - (200, 80, 40)).max() <= 2 for item in source] == [True]
    source.close()
    assert decoded(copy(clip))[0].colorspace == matrix


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_time_stamps_stay_also_where_they_are_uneven(tmp_path: Path, copy: Callable[..., Path], suffix: str) -> None:
    ticks = [0, 512, 1024, 4096, 4608, 5000, 9000, 9040, 12288, 12800]
    clip = write_clip(tmp_path / "in.mp4", moving(), ticks=ticks)
    expected = times(clip)
    assert [time * 12288 for time in expected] == ticks
    result = copy(clip, f"out{suffix}")
    if suffix in (".mkv", ".webm"):  # these count in thousandths of a second
        assert times(result) == [Fraction(round(time * 1000), 1000) for time in expected]
    else:
        assert times(result) == expected


def test_what_does_not_begin_at_zero_is_moved_there_with_its_sound(tmp_path: Path, copy: Callable[..., Path]) -> None:
    clip = write_clip(tmp_path / "in.mkv", moving(), time_base=Fraction(1, 1000), start=3, sound="aac")
    assert min(times(clip)[0], sound_packets(clip)[0][0]) > 2.9
    result = copy(clip, "out.mkv")
    assert times(result)[0] == 0
    assert lag(result) == lag(clip)


def lag(path: Path) -> Fraction:
    """Seconds by which sound begins after the picture."""
    return sound_packets(path)[0][0] - times(path)[0]


@pytest.mark.parametrize(("width", "height"), [(32, 24), (33, 24), (32, 25), (17, 19), (2, 2)])
@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_every_size_stays(tmp_path: Path, copy: Callable[..., Path], width: int, height: int, suffix: str) -> None:
    clip = write_clip(tmp_path / "in.mp4", moving(3, width, height))
    assert [(frame.width, frame.height) for frame in decoded(copy(clip, f"out{suffix}"))] == [(width, height)] * 3


def test_the_shape_of_pixels_stays(tmp_path: Path, copy: Callable[..., Path]) -> None:
    clip = write_clip(tmp_path / "in.mp4", moving(3), labels=Labels(aspect=Fraction(16, 15)))
    with av.open(str(copy(clip))) as file:
        assert file.streams.video[0].sample_aspect_ratio == Fraction(16, 15)


@pytest.mark.parametrize(("codec", "suffix"), [("aac", ".mp4"), ("aac", ".mkv"), ("libopus", ".webm")])
def test_sound_is_copied_bit_by_bit(tmp_path: Path, copy: Callable[..., Path], codec: str, suffix: str) -> None:
    clip = write_clip(tmp_path / "in.mp4", moving(), sound=codec)
    before, after = sound_packets(clip), sound_packets(copy(clip, f"out{suffix}"))
    assert [data for _, data in after] == [data for _, data in before]
    assert len(before) >= 20
    steps = [{round(float(b[0] - a[0]), 2) for a, b in pairwise(packets)} for packets in (before, after)]
    assert steps[0] == steps[1]
    assert abs(lag(tmp_path / f"out{suffix}") - lag(clip)) <= Fraction(1, 1000)  # that is what Matroska counts in


def test_sound_can_be_left_out(tmp_path: Path, copy: Callable[..., Path]) -> None:
    clip = write_clip(tmp_path / "in.mp4", moving(), sound="aac")
    with av.open(str(copy(clip, sound=False))) as file:
        assert not file.streams.audio


@pytest.mark.parametrize("turn", EIGHT)
def test_the_display_matrix_stays_and_the_network_sees_frames_upright(
    tmp_path: Path, copy: Callable[..., Path], turn: tuple[int, int, int, int]
) -> None:
    matrix = display(*turn)
    clip = write_clip(tmp_path / "in.mp4", moving(2), labels=Labels(display=matrix))
    source = VideoSource.open(clip)
    seen = next(item.rgb for item in source if isinstance(item, Frame))
    source.close()
    lying = decoded(clip)[0].to_ndarray(format="rgb24")
    # Each corner of the file's picture is shown where the matrix puts it.
    height, width = lying.shape[:2]
    for row, column in [(0, 0), (0, width - 1), (height - 1, 0), (height - 1, width - 1)]:
        x = turn[0] * (column + 0.5) + turn[2] * (row + 0.5)  # of the pixel's middle
        y = turn[1] * (column + 0.5) + turn[3] * (row + 0.5)
        shown = seen[int(y % seen.shape[0]), int(x % seen.shape[1])]
        assert np.abs(shown.astype(int) - lying[row, column]).max() <= 12  # of two ways to convert
    result = decoded(copy(clip))[0]
    side_data = result.side_data.get("DISPLAYMATRIX")
    assert tuple(np.frombuffer(bytes(side_data), np.int32)) == matrix if turn != (1, 0, 0, 1) else True
    assert np.abs(result.to_ndarray(format="rgb24").astype(int) - lying).mean() < 6  # compression


@pytest.mark.parametrize("turn", EIGHT)
def test_turning_upright_and_back_is_nothing(turn: tuple[int, int, int, int]) -> None:
    orientation, picture = Orientation(display(*turn)), photo(7, 5)
    assert np.array_equal(orientation.lying(orientation.upright(picture)), picture)
    assert orientation.swaps_sides == (turn[0] == 0)


def test_a_gif_keeps_durations_and_repeats(tmp_path: Path, copy: Callable[..., Path]) -> None:
    frames = [Image.fromarray(np.roll(photo(), 5 * number, axis=1)) for number in range(4)]
    durations = [40, 200, 0, 1230]  # ms; 0 is shown for a tenth of a second
    frames[0].save(tmp_path / "in.gif", save_all=True, append_images=frames[1:], duration=durations, loop=3)
    with Image.open(copy(tmp_path / "in.gif", "out.gif")) as result:
        shown = []
        for number in range(result.n_frames):
            result.seek(number)
            shown.append(result.info["duration"])
        assert shown == [40, 200, 100, 1230]
        assert result.info["loop"] == 3
        assert result.size == (48, 36)


def test_a_gif_that_plays_once_still_does(tmp_path: Path, copy: Callable[..., Path]) -> None:
    frames = [Image.fromarray(np.roll(photo(), 5 * number, axis=1)) for number in range(2)]
    frames[0].save(tmp_path / "in.gif", save_all=True, append_images=frames[1:], duration=50)
    with Image.open(copy(tmp_path / "in.gif", "out.gif")) as result:
        assert "loop" not in result.info


def test_a_transparent_gif_stays_transparent_and_is_white_in_a_video(tmp_path: Path, copy: Callable[..., Path]) -> None:
    picture = Image.fromarray(photo()).convert("RGBA")
    picture.putalpha(Image.fromarray((np.arange(48) < 24).astype(np.uint8)[None].repeat(36, 0) * 255))
    other = picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    picture.save(tmp_path / "in.gif", save_all=True, append_images=[other], duration=50, disposal=2, loop=0)
    source = AnimationSource(copy(tmp_path / "in.gif", "out.gif"))
    for frame in source:
        assert isinstance(frame, Frame)
        assert frame.alpha is not None
        assert np.array_equal(frame.alpha[0] > 0, np.arange(48) < 24)
    source.close()
    for frame in decoded(copy(tmp_path / "in.gif", "out.mp4")):
        assert frame.to_ndarray(format="rgb24")[:, 30:].min() > 240


def test_a_video_becomes_a_gif_of_the_same_length(tmp_path: Path, copy: Callable[..., Path]) -> None:
    clip = write_clip(tmp_path / "in.mp4", moving())
    source = AnimationSource(copy(clip, "out.gif"))
    frames = list(source)
    source.close()
    assert [frame.time for frame in frames] == [Fraction(round(time * 100), 100) for time in times(clip)]
    assert frames[-1].time + frames[-1].duration == Fraction(42, 100)  # ten frames of 1/24 s


def test_a_folder_of_frames_goes_in_the_order_of_its_numbers(tmp_path: Path, copy: Callable[..., Path]) -> None:
    (tmp_path / "in").mkdir()
    for number in (1, 2, 10, 9):
        Image.new("RGB", (8, 6), (20 * number, 0, 0)).save(tmp_path / "in" / f"frame{number}.png")
    (tmp_path / "in" / "notes.txt").write_text("no frame")
    result = decoded(copy(tmp_path / "in", "out.mkv", rate=10))
    assert [frame.time for frame in result] == [0, 0.1, 0.2, 0.3]
    reds = [int(frame.to_ndarray(format="rgb24")[..., 0].mean()) for frame in result]
    assert reds == sorted(reds)
    folder = copy(tmp_path / "in", "frames")
    assert sorted(path.name for path in folder.iterdir()) == [f"frame{number}.png" for number in (1, 10, 2, 9)]
    for number in (1, 2, 10, 9):
        assert Image.open(folder / f"frame{number}.png").getpixel((3, 3)) == (20 * number, 0, 0)


def test_a_video_becomes_a_folder_of_numbered_frames(tmp_path: Path, copy: Callable[..., Path]) -> None:
    folder = copy(write_clip(tmp_path / "in.mp4", moving(3)), "frames")
    assert sorted(path.name for path in folder.iterdir()) == ["000001.png", "000002.png", "000003.png"]
    with pytest.raises(InputError, match="not empty"):
        copy(tmp_path / "in.mp4", "frames")


def test_hidden_files_are_no_frames(tmp_path: Path, copy: Callable[..., Path]) -> None:
    (tmp_path / "in").mkdir()
    Image.new("RGB", (8, 6)).save(tmp_path / "in" / "1.png")
    (tmp_path / "in" / "._1.png").write_bytes(b"what macOS leaves on other systems")
    assert [path.name for path in copy(tmp_path / "in", "frames").iterdir()] == ["1.png"]


@pytest.mark.parametrize("existed", [False, True])
def test_a_folder_without_a_frame_is_left_as_it_was(tmp_path: Path, existed: bool) -> None:
    folder = tmp_path / "frames"
    if existed:
        folder.mkdir()
    sink = FolderSink(folder)
    with pytest.raises(OutputError):
        sink.write(Frame(photo(8, 6), Fraction(0), name="a" * 300))
    sink.discard()
    assert folder.exists() == existed


def test_a_stream_that_was_closed_is_an_output_error() -> None:
    class Closed(io.BytesIO):
        def write(self, content: object) -> int:
            raise BrokenPipeError(32, "Broken pipe")

    def record() -> None:
        sink = VideoSink(Closed(), Clip(8, 6, Fraction(1, 10), Fraction(10)), ".mkv", live=True)
        try:
            for number in range(100):
                sink.write(Frame(photo(8, 6), Fraction(number, 10)))
            sink.finish()
        finally:
            sink.discard()

    with pytest.raises(OutputError, match=r"the stream cannot be written .*Broken pipe"):
        record()


def test_a_gif_larger_than_allowed_is_an_error(
    tmp_path: Path, copy: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("P", (30, 20)).save(tmp_path / "in.gif")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(ImageError, match="unpacks to more than the allowed 200 pixels"):
        copy(tmp_path / "in.gif")


def test_frames_of_two_sizes_are_an_error_that_names_the_file(tmp_path: Path, copy: Callable[..., Path]) -> None:
    (tmp_path / "in").mkdir()
    Image.new("RGB", (8, 6)).save(tmp_path / "in" / "1.png")
    Image.new("RGB", (8, 7)).save(tmp_path / "in" / "2.png")
    with pytest.raises(ImageError, match=r"2\.png is 8x7, the frames before it 8x6"):
        copy(tmp_path / "in", "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("cut", [0.25, 0.6])
def test_a_file_that_is_cut_off_is_an_error_and_leaves_nothing(
    tmp_path: Path, copy: Callable[..., Path], cut: float
) -> None:
    clip = write_clip(tmp_path / "in.mp4", moving(40, 64, 48))
    content = clip.read_bytes()
    clip.write_bytes(content[: int(len(content) * cut)])
    with pytest.raises(ImageError, match=r"in\.mp4"):
        copy(clip)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


@pytest.mark.parametrize(("content", "said"), [(b"", "is an empty file of 0 bytes"), (b"no video", "cannot be read")])
def test_a_file_that_is_no_video_is_an_error(
    tmp_path: Path, copy: Callable[..., Path], content: bytes, said: str
) -> None:
    (tmp_path / "in.mp4").write_bytes(content)
    with pytest.raises(ImageError, match=said):
        copy(tmp_path / "in.mp4")


def test_a_file_without_a_video_track_is_an_error(tmp_path: Path, copy: Callable[..., Path]) -> None:
    from clips import sing

    with av.open(str(tmp_path / "in.mp4"), "w") as file:
        sing(file, file.add_stream("aac", rate=48_000))
    with pytest.raises(ImageError, match=r"in\.mp4 has no video track"):
        copy(tmp_path / "in.mp4")


def test_hdr_is_an_error_that_says_what_to_do(tmp_path: Path, copy: Callable[..., Path]) -> None:
    frames = moving(2)
    with av.open(str(tmp_path / "in.mp4"), "w") as file:
        stream = file.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 32, 24, "yuv444p"
        stream.codec_context.colorspace, stream.codec_context.color_trc = 9, 16
        for tick, frame in enumerate(frames):
            frame.pts, frame.time_base = tick, Fraction(1, 24)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    with pytest.raises(ImageError, match=r"HDR \(PQ\).*tone_map"):
        copy(tmp_path / "in.mp4")


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("out.avi", InputError, r"suffix must be one of \.mp4.*got '\.avi'"),
        ("in.mp4", InputError, "read and cannot be written at the same time"),
        ("in.mp4/out.mp4", OutputError, "in.mp4 is no folder"),
        ("in.mp4/frames", OutputError, "in.mp4 is no folder"),
    ],
)
def test_an_output_that_cannot_be_is_an_error(
    tmp_path: Path, copy: Callable[..., Path], name: str, error: type[Exception], said: str
) -> None:
    clip = write_clip(tmp_path / "in.mp4", moving(2))
    with pytest.raises(error, match=said):
        copy(clip, name)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_a_rate_is_for_folders_only(tmp_path: Path, copy: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match="has its own"):
        copy(write_clip(tmp_path / "in.mp4", moving(2)), rate=10)
    (tmp_path / "in").mkdir()
    for rate in (0, -1, float("nan"), 1e9):
        with pytest.raises(InputError, match="above 0 and at most 1000"):
            copy(tmp_path / "in", rate=rate)
    with pytest.raises(ImageError, match="holds no pictures"):
        copy(tmp_path / "in")


def test_a_clip_without_durations_is_written_at_its_rate(tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "out.mp4", Clip(8, 6, Fraction(1, 600), Fraction(20)), ".mp4")
    for number in range(3):
        sink.write(Frame(photo(8, 6), Fraction(number, 20)))
    sink.finish()
    with av.open(str(tmp_path / "out.mp4")) as file:
        assert file.streams.video[0].duration * file.streams.video[0].time_base == Fraction(3, 20)


def test_the_style_is_encoded_once(tmp_path: Path, style: np.ndarray) -> None:
    stylizer: Stylizer = mean_stylizer()
    summary = stylize(stylizer, write_clip(tmp_path / "in.mp4", moving()), style, tmp_path / "out.mp4")
    assert summary.frames == 10
    assert isinstance(stylizer.backend, MeanBackend)
    assert stylizer.backend.encoded == 1
    assert len(stylizer.backend.seen) == 10
