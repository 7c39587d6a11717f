"""Small films of many kinds, made with PyAV: FFmpeg's test pattern and a tone, in any codec and container."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
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
            tone.codec_context.layout = "stereo"
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
    sound: tuple[str, ...]
    subtitles: tuple[str, ...]
    chapters: int


def facts(path: Path) -> Facts:
    """Read a film as `ffprobe -count_frames` does."""
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        context = stream.codec_context
        return Facts(
            context.name,
            str(context.pix_fmt),
            (context.width, context.height),
            stream.sample_aspect_ratio or Fraction(1),
            sum(1 for _ in file.decode(video=0)),
            tuple(each.codec_context.name for each in file.streams.audio),
            tuple(each.codec_context.name for each in file.streams.subtitles),
            len(file.chapters()),
        )
