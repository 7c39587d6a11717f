"""Read frames and sound from video files, with PyAV."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import SupportsBytes, TypeAlias, cast

import av
import av.container
import numpy as np
from av.stream import Disposition

from adain.errors import ImageError
from adain.video.clip import Clip, Frame, Sound
from adain.video.colors import Colors, ToRGB
from adain.video.orientation import Orientation

__all__ = ["VideoSource"]

logger = logging.getLogger(__name__)

_SoundPacket: TypeAlias = "av.Packet[av.AudioStream]"

_RATE = Fraction(25)  # frames per second of a file without a rate and time stamps
_ABOUT_THE_FILE = {"major_brand", "minor_version", "compatible_brands", "encoder"}  # not copied to the result


class VideoSource:
    """Reads the first video track of a file or device, and all its sound. A `Source`.

    Time 0 is the file's first video or sound.

    Args:
        container: opened for reading; closed by `close`.
        name: name of the source in messages.
        sound: whether to read sound tracks.

    Raises:
        ImageError: there is no video track, or it cannot be decoded.
    """

    def __init__(self, container: av.container.InputContainer, name: str, *, sound: bool = True) -> None:
        self._container = container
        self._name = name
        self._stream = _video_stream(container, name)
        self._stream.codec_context.thread_type = "AUTO"
        self._sounds = tuple(filter(_is_known, container.streams.audio)) if sound else ()
        if sound and len(self._sounds) < len(container.streams.audio):
            logger.warning("%s has sound that FFmpeg cannot decode; it is left out", name)
        self._time_base = self._stream.time_base or 1 / _RATE
        self._rate = self._stream.average_rate or self._stream.guessed_rate or _RATE
        start = cast("int | None", container.start_time)  # the stubs leave None out
        self._shift = Fraction(max(start or 0, 0), av.time_base)  # seconds
        self._items = self._decoded()
        self._first = self._until_first_frame()
        frame = self._first[-1]
        assert isinstance(frame, av.VideoFrame)
        if start is None and frame.pts is not None:  # a camera's clock does not start at 0
            self._shift = frame.pts * self._time_base
        self._size = frame.width, frame.height
        self._colors = Colors.of(frame, name)
        self._orientation = _orientation(frame)
        self._to_rgb = ToRGB(self._colors)
        self._warn(frame)
        self.clip = self._clip()

    @classmethod
    def open(cls, path: Path, *, sound: bool = True) -> VideoSource:
        """Open a file.

        Raises:
            ImageError: the file is missing, is not a video, or cannot be decoded.
        """
        try:
            container = av.open(str(path))
        except (av.FFmpegError, ValueError) as error:
            raise ImageError(
                f"{path} cannot be read as a video ({_reason(error)}); check the path, or get a complete copy of it"
            ) from error
        try:
            return cls(container, str(path), sound=sound)
        except BaseException:
            container.close()
            raise

    def close(self) -> None:
        """See `adain.video.clip.Source`."""
        self._items.close()
        self._container.close()

    def __iter__(self) -> Iterator[Frame | Sound]:
        """See `adain.video.clip.Source`."""
        last = None
        for item in chain(self._first, self._items):
            if isinstance(item, av.VideoFrame):
                last = self._tick(item, last)
                yield self._frame(item, last)
            else:
                yield self._sound(item)

    def _decoded(self) -> Generator[av.VideoFrame | _SoundPacket, None, None]:
        """Yield frames and sound packets."""
        time = 0.0
        try:
            for packet in self._container.demux(self._stream, *self._sounds):
                if packet.stream is self._stream:
                    for frame in self._stream.decode(packet):
                        time = time if frame.pts is None else float(frame.pts * self._time_base - self._shift)
                        yield frame
                elif packet.dts is not None:  # the last packet is empty and marks the end
                    yield cast("_SoundPacket", packet)
        except av.FFmpegError as error:
            raise ImageError(
                f"{self._name} is damaged or cut off after {time:.2f} s ({_reason(error)}); get a complete copy of it"
            ) from error

    def _until_first_frame(self) -> list[av.VideoFrame | _SoundPacket]:
        found: list[av.VideoFrame | _SoundPacket] = []
        for item in self._items:
            found.append(item)
            if isinstance(item, av.VideoFrame):
                return found
        raise ImageError(f"{self._name} has a video track without any frame; get a complete copy of it")

    def _clip(self) -> Clip:
        width, height = self._size
        aspect = self._stream.sample_aspect_ratio or Fraction(1)
        if self._orientation is not None and self._orientation.swaps_sides:
            width, height = height, width
        return Clip(
            width=width,
            height=height,
            time_base=self._time_base,
            rate=self._rate,
            frames=self._stream.frames or self._estimate(),
            orientation=self._orientation,
            aspect=aspect,
            colors=self._colors,
            sounds=self._sounds,
            metadata={k: v for k, v in self._container.metadata.items() if k not in _ABOUT_THE_FILE},
        )

    def _estimate(self) -> int | None:
        """Estimate the number of frames from duration and rate, for formats that do not store it."""
        if self._container.duration is None:
            return None
        return max(1, round(Fraction(self._container.duration, av.time_base) * self._rate))

    def _warn(self, frame: av.VideoFrame) -> None:
        if frame.interlaced_frame:
            logger.warning("%s is interlaced; its frames are stylised without deinterlacing", self._name)
        if self._container.streams.subtitles:
            logger.warning("%s has subtitles, which are left out", self._name)
        if any(component.is_alpha for component in frame.format.components):
            logger.warning("%s has transparency; the result will be opaque", self._name)

    def _tick(self, frame: av.VideoFrame, last: int | None) -> int:
        """Return a frame's time in ticks from the start; always later than the last frame's."""
        step = max(1, round(1 / (self._rate * self._time_base)))
        if frame.pts is None:
            return 0 if last is None else last + step
        tick = frame.pts - round(self._shift / self._time_base)
        if last is not None and tick <= last:
            logger.debug("%s: the frame of tick %d follows tick %d; moved after it", self._name, tick, last)
            return last + 1
        return tick

    def _frame(self, frame: av.VideoFrame, tick: int) -> Frame:
        time = tick * self._time_base
        if (frame.width, frame.height) != self._size:
            raise ImageError(
                f"{self._name} changes its size from {self._size[0]}x{self._size[1]} to {frame.width}x{frame.height} "
                f"at {float(time):.2f} s; cut it there, or scale it to one size first"
            )
        rgb = self._to_rgb(frame)
        if self._orientation is not None:
            rgb = self._orientation.upright(rgb)
        return Frame(rgb, time, frame.duration * self._time_base if frame.duration else None)

    def _sound(self, packet: _SoundPacket) -> Sound:
        shift = round(self._shift / packet.time_base)
        if shift:
            packet.pts = None if packet.pts is None else packet.pts - shift
            packet.dts = None if packet.dts is None else packet.dts - shift
        return Sound(next(track for track, stream in enumerate(self._sounds) if stream is packet.stream), packet)


def _video_stream(container: av.container.InputContainer, name: str) -> av.VideoStream:
    """Return the first video track that is not a cover picture."""
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            if not _is_known(stream):
                raise ImageError(f"{name} cannot be decoded by this FFmpeg; convert it first, for instance to H.264")
            return stream
    raise ImageError(f"{name} has no video track; give a file that has one")


def _is_known(stream: av.VideoStream | av.AudioStream) -> bool:
    """Whether there is a decoder for a track."""
    return getattr(stream, "codec_context", None) is not None  # the stubs leave None out


def _orientation(frame: av.VideoFrame) -> Orientation | None:
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return None
    return Orientation.parse(np.frombuffer(bytes(cast("SupportsBytes", matrix)), np.int32).tolist())


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
