"""Small video clips made in code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

TICKS = Fraction(1, 12288)  # what FFmpeg gives an MP4 of 24 frames a second
LUMA = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}  # weights of red and blue, ITU-T H.273
COLORS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (128, 128, 128), (200, 80, 40)]


def ycbcr(rgb: Sequence[int], matrix: int, full: bool) -> tuple[float, float, float]:
    """8-bit Y, Cb and Cr by the formulas of H.273, section 8.3."""
    red, blue = LUMA[matrix]
    r, g, b = (value / 255 for value in rgb)
    y = red * r + (1 - red - blue) * g + blue * b
    cb, cr = (b - y) / (2 * (1 - blue)), (r - y) / (2 * (1 - red))
    if full:
        return 255 * y, 255 * cb + 128, 255 * cr + 128
    return 16 + 219 * y, 128 + 224 * cb, 128 + 224 * cr


def flat(rgb: Sequence[int], matrix: int, full: bool, size: tuple[int, int] = (32, 24)) -> av.VideoFrame:
    """A frame of one colour, coded without the library's conversions."""
    frame = av.VideoFrame(*size, "yuv420p")
    for plane, value in zip(frame.planes, ycbcr(rgb, matrix, full), strict=True):
        plane.update(bytes([min(255, max(0, round(value)))]) * plane.buffer_size)
    return frame


def levels(frame: av.VideoFrame) -> list[float]:
    """The mean of each plane of a decoded frame, as it is in the file."""
    rows = [np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, -1)[:, : plane.width] for plane in frame.planes]
    return [float(plane.mean()) for plane in rows]


def moving(count: int = 10, width: int = 32, height: int = 24) -> list[av.VideoFrame]:
    """Frames that all differ: a bright bar that moves over a gradient."""
    frames = []
    for number in range(count):
        picture = np.zeros((height, width, 3), np.uint8)
        picture[..., 1] = np.linspace(40, 200, width).astype(np.uint8)
        picture[:, number * 2 % width : number * 2 % width + 4] = (230, 60, 20 * number % 255)
        frames.append(av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv444p"))
    return frames


@dataclass(frozen=True)
class Labels:
    """What a clip says of itself."""

    matrix: int = 6
    full: bool = False
    display: tuple[int, ...] | None = None
    aspect: Fraction = Fraction(1)


def write_clip(
    path: Path,
    frames: Sequence[av.VideoFrame],
    *,
    ticks: Sequence[int] | None = None,
    time_base: Fraction = TICKS,
    labels: Labels | None = None,
    start: int = 0,
    sound: str | None = None,
) -> Path:
    """Write frames without loss, 24 a second or at the given ticks, with a tone if a codec for sound is named.

    All begins `start` seconds after 0.
    """
    labels = labels or Labels(2)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=24, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = frames[0].width, frames[0].height, frames[0].format.name
        stream.time_base = stream.codec_context.time_base = time_base
        stream.codec_context.sample_aspect_ratio = labels.aspect
        stream.codec_context.colorspace = labels.matrix
        stream.codec_context.color_range = 2 if labels.full else 1
        if labels.display:
            stream.set_display_matrix(labels.display)
        tone = file.add_stream(sound, rate=48_000) if sound else None
        if tone is not None:
            sing(file, tone, start)
        for frame, tick in zip(
            frames, ticks or [round(Fraction(n, 24) / time_base) for n in range(len(frames))], strict=True
        ):
            frame.pts, frame.time_base = tick + round(start / time_base), time_base
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def sing(file: av.container.OutputContainer, tone: av.AudioStream, start: int = 0) -> None:
    samples = np.sin(np.arange(960) / 20).astype(np.float32)
    for number in range(20):
        frame = av.AudioFrame.from_ndarray(np.stack([samples, samples]), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, 48_000 * start + 960 * number, Fraction(1, 48_000)
        file.mux(tone.encode(frame))
    file.mux(tone.encode(None))


def decoded(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as file:
        return list(file.decode(video=0))


def times(path: Path) -> list[Fraction]:
    return [frame.pts * frame.time_base for frame in decoded(path)]


def sound_packets(path: Path) -> list[tuple[Fraction, bytes]]:
    with av.open(str(path)) as file:
        packets = [packet for packet in file.demux(audio=0) if packet.dts is not None]
        return [(packet.pts * packet.time_base, bytes(packet)) for packet in packets]
