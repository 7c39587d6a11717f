"""Read the packets of a video file, past damage."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from fractions import Fraction

import av
import av.container
from av.stream import Stream

from adain.video.damage import Damage
from adain.video.messages import Message, heard
from adain.video.reading import reason
from adain.video.time_stamps import TimeStamps

__all__ = ["Packets"]

_STORED_DURATION = ("matroska", "mov", "avi", "flv", "asf")  # formats that store how long they are; others guess
_LONGER = Fraction(1, 4)  # s; a file may declare this much more than it holds
_TS_DISCONT = 0x0200  # FFmpeg's AVFMT_TS_DISCONT


class Packets:
    """The packets of some tracks, with repaired time stamps.

    All tracks of the file are read, because the longest tells whether the file is cut off.

    Args:
        container: opened for reading.
        streams: the tracks to yield.
        video: the video track, one of them.
        damage: counts what could not be read.
        messages: of FFmpeg, from opening the file.
    """

    def __init__(
        self,
        container: av.container.InputContainer,
        streams: Sequence[Stream],
        video: av.VideoStream,
        damage: Damage,
        messages: Iterable[Message] = (),
    ) -> None:
        self._container = container
        self._streams = streams
        self._video = video
        self._damage = damage
        self.streamed = bool(container.format.flags & _TS_DISCONT)  # may begin anywhere, also between key frames
        self._repair = TimeStamps(jumps=self.streamed)
        self._stored = any(name in container.format.name for name in _STORED_DURATION)
        self._indexed = 0 if not video.frames else sum(entry.size > 0 for entry in video.index_entries)
        self._end = Fraction(0)  # s, of the last packet of any track
        self._count = 0  # packets of the video track
        self._declare()
        self._hear(messages)

    def __iter__(self) -> Iterator[av.Packet[Stream]]:
        for packet in self._readable():
            if not packet.size:
                continue  # marks the end of a track, or a frame that is shown again
            self._count += packet.stream is self._video
            if packet.pts is not None and packet.time_base:
                end = (packet.pts + (packet.duration or 0)) * packet.time_base
                self._end = max(self._end, end)
            if packet.stream in self._streams:
                self._repair(packet)
                yield packet
        self._damage.cut = self._is_cut()
        lost = self._indexed - self._count
        if lost > 0 and not self._damage:
            self._damage.skip(f"{lost} frames of the index are not in the file", lost)

    def _readable(self) -> Generator[av.Packet[Stream], None, None]:
        """Yield all packets; after an error, go on behind it."""
        went_on = True
        while went_on:
            went_on = False
            packets = self._container.demux()
            try:
                while (packet := self._next(packets)) is not None:
                    went_on = went_on or bool(packet.size)
                    yield packet
            except av.FFmpegError as error:
                self._damage.skip(reason(error))
            else:
                return

    def _next(self, packets: Iterator[av.Packet[Stream]]) -> av.Packet[Stream] | None:
        """The next packet; None at the end."""
        with heard() as messages:
            packet = next(packets, None)
        self._hear(messages)
        return packet

    def _hear(self, messages: Iterable[Message]) -> None:
        """Count what the demuxer complains about: many messages at once are one place."""
        own = [message.text for message in messages if message.part == self._container.format.name]
        if own:
            self._damage.skip(own[0])

    def _declare(self) -> None:
        """Set the number of frames that the file says it has."""
        damage, video = self._damage, self._video
        if self._indexed and "mov" in self._container.format.name:
            damage.declared = sum(not entry.is_discard for entry in video.index_entries)
            return
        damage.declared = _stated(video.metadata)
        if damage.declared is None:
            seconds, rate = self._seconds(), video.average_rate or video.guessed_rate
            damage.exact = False
            damage.declared = None if seconds is None or not rate else max(1, round(seconds * rate))

    def _seconds(self) -> Fraction | None:
        """How long the picture is, if the format stores it."""
        video, container = self._video, self._container
        if not self._stored:
            return None
        if "avi" in container.format.name and video.frames and video.time_base:
            return video.frames * video.time_base  # the duration is an estimate if the file is cut off
        stated = _clock(next((text for key, text in video.metadata.items() if key.upper() == "DURATION"), ""))
        if stated is not None:
            return stated
        return None if container.duration is None else Fraction(container.duration, av.time_base)

    def _is_cut(self) -> bool:
        if self._indexed and "mov" in self._container.format.name:
            return self._count < self._indexed
        seconds = self._seconds()
        if seconds is None:
            return False
        rate = self._video.average_rate or self._video.guessed_rate
        return self._end + _LONGER + (1 / rate if rate else 1) < seconds


def _stated(metadata: dict[str, str]) -> int | None:
    """The number of frames in Matroska's statistics."""
    for key, text in metadata.items():
        if key.upper().startswith("NUMBER_OF_FRAMES") and text.isdecimal():
            return int(text)
    return None


def _clock(text: str) -> Fraction | None:
    """Seconds of a time like 00:01:02.5; None if it is none."""
    try:
        hours, minutes, seconds = text.split(":")
        return 3600 * int(hours) + 60 * int(minutes) + Fraction(seconds)
    except ValueError:
        return None
