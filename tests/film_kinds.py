"""Small films of many kinds, made with PyAV: FFmpeg's test pattern and a tone, in any codec and container."""

from __future__ import annotations

import io
import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import av.container
import av.video.format
import numpy as np
from PIL import Image

RATE = 10  # frames per second
WIDTH, HEIGHT = 64, 48


@dataclass(frozen=True)
class Kind:
    """What to put into a film."""

    video: str = "libx264"
    pixels: str = "yuv420p"
    sound: str | None = "aac"
    layout: str = "stereo"
    count: int = 10
    size: tuple[int, int] = (WIDTH, HEIGHT)
    aspect: Fraction = Fraction(1)
    options: Mapping[str, str] = field(default_factory=lambda: {"g": "5"})


def picture(number: int, size: tuple[int, int] = (WIDTH, HEIGHT)) -> np.ndarray:
    """RGBA: a bar that moves over a gradient; the right half is transparent."""
    width, height = size
    rgba = np.zeros((height, width, 4), np.uint8)
    rgba[..., 1] = np.linspace(40, 200, width).astype(np.uint8)
    rgba[:, number * 4 % width : number * 4 % width + 8] = (230, 60, 20 * number % 255, 0)
    rgba[:, : width // 2, 3] = 255
    return rgba


def make(path: Path, kind: Kind | None = None) -> Path:
    """Write a film of a kind."""
    kind = kind or Kind()
    clusters = {"cluster_time_limit": "500"}  # ms; FFmpeg goes on behind damage at the next cluster of a Matroska file
    with av.open(str(path), "w", container_options=clusters if path.suffix in (".mkv", ".webm") else {}) as file:
        stream = file.add_stream(kind.video, rate=RATE, options=dict(kind.options))
        stream.width, stream.height = kind.size
        stream.pix_fmt = kind.pixels
        stream.codec_context.sample_aspect_ratio = kind.aspect
        tone = file.add_stream(kind.sound, rate=48_000) if kind.sound else None
        if tone is not None:
            tone.codec_context.layout = kind.layout
            if kind.sound.startswith("wma"):  # which has no default
                tone.codec_context.bit_rate = 128_000
        for number in range(kind.count):
            frame = av.VideoFrame.from_ndarray(picture(number, kind.size), format="rgba").reformat(format=kind.pixels)
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            file.mux(stream.encode(frame))
            if tone is not None:
                file.mux(tone.encode(_tone(number)))
        file.mux(stream.encode(None))
        if tone is not None:
            file.mux(tone.encode(None))
    return path


def _tone(number: int) -> av.AudioFrame:
    """A tenth of a second."""
    samples = np.sin((np.arange(4800) + 4800 * number) / 20)
    frame = av.AudioFrame.from_ndarray((samples * 9000).astype(np.int16)[None].repeat(2, 1), "s16", "stereo")
    frame.sample_rate, frame.pts, frame.time_base = 48_000, 4800 * number, Fraction(1, 48_000)
    return frame


def jpeg(number: int, orientation: int) -> bytes:
    """A JPEG with EXIF data."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "Maker"
    data = io.BytesIO()
    Image.fromarray(picture(number)[..., :3]).save(data, "JPEG", exif=exif, quality=95)
    return data.getvalue()


def motion_jpeg(path: Path, orientation: int = 1, count: int = 5) -> Path:
    """Write JPEG pictures with EXIF data as a film."""
    with av.open(str(path), "w") as file:
        stream = file.add_mux_stream("mjpeg", rate=RATE, width=WIDTH, height=HEIGHT)
        stream.time_base = Fraction(1, RATE)
        for number in range(count):
            packet = av.Packet(jpeg(number, orientation))
            packet.stream, packet.time_base = stream, Fraction(1, RATE)
            packet.pts = packet.dts = number
            packet.duration, packet.is_keyframe = 1, True
            file.mux(packet)
    return path


def joined(path: Path, parts: Sequence[Path]) -> Path:
    """Join files byte by byte."""
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def frame_times(path: Path) -> list[float]:
    """When the frames of a film are shown, in seconds."""
    with av.open(str(path)) as file:
        return [round(float(frame.pts * frame.time_base), 3) for frame in file.decode(video=0)]


@dataclass(frozen=True)
class Facts:
    """What FFmpeg says of a film."""

    video: str
    pixels: str
    size: tuple[int, int]
    aspect: Fraction
    frames: int
    alpha: bool
    sound: tuple[str, ...]
    subtitles: tuple[str, ...]
    chapters: int

    def __str__(self) -> str:
        width, height = self.size
        parts = [
            f"{self.video} {self.pixels}" + (" with alpha" if self.alpha and "a" not in self.pixels else ""),
            f"{width}x{height}" + ("" if self.aspect == 1 else f", pixels {self.aspect}"),
            f"{self.frames} frames",
            *self.sound,
            *self.subtitles,
            *([f"{self.chapters} chapters"] if self.chapters else []),
        ]
        return ", ".join(parts)


def facts(path: Path) -> Facts:
    """Read a film as `ffprobe -count_frames` does."""
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        context = stream.codec_context
        pixels = str(context.pix_fmt)
        alpha = stream.metadata.get("alpha_mode") == "1" or any(part.is_alpha for part in context.format.components)
        return Facts(
            context.codec.canonical_name,
            pixels,
            (context.width, context.height),
            stream.sample_aspect_ratio or Fraction(1),
            sum(1 for _ in _decoded(file)),
            alpha,
            tuple(each.codec_context.codec.canonical_name for each in file.streams.audio),
            tuple(each.codec_context.codec.canonical_name for each in file.streams.subtitles),
            len(file.chapters()),
        )


def probed(path: Path) -> Facts:
    """The same by the program ffprobe."""
    wanted = (
        "stream=codec_type,codec_name,pix_fmt,width,height,sample_aspect_ratio,nb_read_frames:stream_tags=alpha_mode"
    )
    command = ["ffprobe", "-v", "quiet", "-count_frames", "-show_chapters", "-show_entries", wanted, "-of", "json"]
    said = json.loads(subprocess.run([*command, str(path)], capture_output=True, check=True).stdout)
    named = {kind: [each for each in said["streams"] if each["codec_type"] == kind] for kind in _TYPES}
    video = named["video"][0]
    across, down = video.get("sample_aspect_ratio", "1:1").split(":")
    return Facts(
        video["codec_name"],
        video["pix_fmt"],
        (video["width"], video["height"]),
        Fraction(int(across), int(down)),
        int(video["nb_read_frames"]),
        "alpha_mode" in video.get("tags", {}) or any(part.is_alpha for part in _parts(video["pix_fmt"])),
        tuple(each["codec_name"] for each in named["audio"]),
        tuple(each["codec_name"] for each in named["subtitle"]),
        len(said.get("chapters", [])),
    )


_TYPES = ("video", "audio", "subtitle")


def _parts(pixels: str) -> tuple[av.video.format.VideoFormatComponent, ...]:
    return av.VideoFormat(pixels).components


def _decoded(file: av.container.InputContainer) -> Iterator[av.VideoFrame]:
    """Decode past damage."""
    packets = file.demux(file.streams.video[0])
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                return
            yield from packet.decode()
        except av.FFmpegError:
            continue


PQ, HLG = 16, 18  # transfers of ITU-T H.273


def hdr_film(path: Path, levels: np.ndarray, transfer: int) -> Path:
    """Write a film of grey bars of 64 pixels in 10 bits, with levels in [0, 1] of an HDR transfer."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx265", rate=RATE, options={"x265-params": "log-level=none:lossless=1"})
        stream.width, stream.height, stream.pix_fmt = 64 * len(levels), 64, "yuv420p10le"
        context = stream.codec_context
        context.colorspace, context.color_range, context.color_primaries = 9, 1, 9
        context.color_trc = transfer
        frame = av.VideoFrame(64 * len(levels), 64, "yuv420p10le")
        luma = np.round(64 + 876 * levels).astype(np.uint16).repeat(64)
        for plane, row in zip(frame.planes, (luma, None, None), strict=True):
            values = np.full((plane.height, plane.line_size // 2), 512, np.uint16)
            if row is not None:
                values[:, : len(row)] = row
            plane.update(values.tobytes())
        for number in range(3):  # with fewer, x265 leaves time stamps undefined
            frame.pts = number
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def rich_film(path: Path) -> Path:
    """Write a Matroska file with subtitles, chapters, titles, flags, an attachment and a second picture track."""
    plain = make(path.with_name("plain.mkv"), Kind(options={"g": "5", "bf": "0"}))
    with av.open(str(plain)) as old, av.open(str(path), "w") as new:
        new.metadata["title"] = "A film"
        streams = {each.index: new.add_stream_from_template(each, opaque=True) for each in old.streams}
        streams[0].metadata.update(title="The picture", language="ger")
        streams[1].metadata.update(title="The sound", language="fre")
        streams[1].disposition = 0x0001 | 0x0004  # default, original
        second = new.add_stream_from_template(old.streams.video[0], opaque=True)
        text = new.add_mux_stream("subrip")
        text.metadata.update(title="The words", language="eng")
        text.disposition = 0x0040  # forced
        new.add_attachment("letters.ttf", "font/ttf", b"not really a font")
        new.set_chapters([_chapter(number) for number in range(2)])
        for packet in old.demux():
            if packet.dts is None:
                continue
            again = av.Packet(bytes(packet)) if packet.stream.index == 0 else None
            if again is not None:
                again.pts, again.dts, again.time_base = packet.pts, packet.dts, packet.time_base
                again.is_keyframe, again.stream = packet.is_keyframe, second
            packet.stream = streams[packet.stream.index]
            new.mux(packet)
            if again is not None:
                new.mux(again)
        words = av.Packet(b"Good evening")
        words.stream, words.time_base = text, Fraction(1, 1000)
        words.pts = words.dts = 200
        words.duration = 300
        new.mux(words)
    return path


def _chapter(number: int) -> dict[str, object]:
    times = {"start": 500 * number, "end": 500 * number + 500, "time_base": Fraction(1, 1000)}
    return {"id": number, **times, "metadata": {"title": f"Part {number}"}}
