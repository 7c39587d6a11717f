"""Repair the time stamps of a film, after the program ffmpeg.

Broadcast recordings (MPEG-TS, MPEG-PS) may start anew in the middle: two recordings that were joined, or a clock that
was set back. From such a jump on, all time stamps are moved so that the film goes on without a gap. Other formats are
kept as they are.

Different from ffmpeg, a track follows a jump of another track only when its own time stamps jump: its last packets from
before the jump often come later in the file.
"""

from __future__ import annotations

import heapq
import math
from fractions import Fraction

import av
from av.stream import Stream

__all__ = ["FrameTimes", "TimeStamps"]

FORWARD = Fraction(10)  # s; ffmpeg's dts_delta_threshold: a longer gap is a jump
BACK = Fraction(1, 10)  # s; ffmpeg's tolerance for packets out of order


class TimeStamps:
    """Moves the packets of one file. Call it with all packets of picture and sound, in the file's order.

    Args:
        jumps: whether the format may have jumps, FFmpeg's `AVFMT_TS_DISCONT`.
    """

    def __init__(self, *, jumps: bool) -> None:
        self._jumps = jumps
        self._newest = Fraction(0)  # s, added to the time stamps since the last jump
        self._offsets: dict[int, Fraction] = {}  # by track; not the newest before the track's own jump
        self._now: dict[int, Fraction] = {}
        self._next: dict[int, Fraction] = {}  # where the track's next packet is expected

    def __call__(self, packet: av.Packet[Stream]) -> None:
        """Move the packet's time stamps in place."""
        if packet.dts is None or not packet.time_base or not self._jumps:
            return
        track, time = packet.stream.index, packet.dts * packet.time_base
        continuous = packet.stream.type in ("video", "audio")  # subtitles come whenever somebody speaks
        offset = self._offset(track, time) if continuous else self._newest
        ticks = round(offset / packet.time_base)
        if ticks:
            packet.dts += ticks
            packet.pts = None if packet.pts is None else packet.pts + ticks
        if not continuous:
            return
        self._now[track] = time + offset
        self._next[track] = time + offset + (packet.duration or 0) * packet.time_base

    def _offset(self, track: int, time: Fraction) -> Fraction:
        """Seconds to add to a track's time."""
        for offset in (self._offsets.get(track, self._newest), self._newest):
            if self._fits(track, time + offset):
                self._offsets[track] = offset
                return offset
        expected = self._next.get(track)
        if expected is None:  # the track's first packet, far from those of the others
            expected = max(self._now.values())
        self._newest = self._offsets[track] = expected - time
        return self._newest

    def _fits(self, track: int, time: Fraction) -> bool:
        """Whether a time follows what is known."""
        if track in self._next:
            return abs(time - self._next[track]) <= FORWARD and time + BACK >= self._now[track]
        return not self._now or abs(time - max(self._now.values())) <= FORWARD


class FrameTimes:
    """Chooses each frame's time stamp.

    It is the one that FFmpeg calls `best_effort_timestamp`, which PyAV does not give: as soon as more of the frames'
    own time stamps are out of order than of those of decoding, the latter are used.

    AVI stores packets in the order of decoding, without a time stamp. Its frames are shown in the order in which they
    come from the decoder, one per packet.

    Args:
        ordered: whether the file is an AVI.
    """

    def __init__(self, *, ordered: bool) -> None:
        self._ordered = ordered
        self._waiting: list[int] = []  # time stamps of decoding that no frame has taken
        self._shown = self._decoded = -math.inf  # the last of each kind
        self._wrong_shown = self._wrong_decoded = 0

    def read(self, decoded: int | None) -> None:
        """Note the time stamp of decoding of a packet that goes to the decoder."""
        if self._ordered and decoded is not None:
            heapq.heappush(self._waiting, decoded)

    def skip(self) -> None:
        """Note that a packet could not be decoded."""
        if self._waiting:
            heapq.heappop(self._waiting)

    def __call__(self, shown: int | None, decoded: int | None) -> int | None:
        """Choose between a frame's own time stamp and that of its packet's decoding."""
        if self._waiting:
            return heapq.heappop(self._waiting)
        if decoded is not None:
            self._wrong_decoded += decoded <= self._decoded
            self._decoded = decoded
        elif shown is not None:
            self._decoded = shown
        if shown is not None:
            self._wrong_shown += shown <= self._shown
            self._shown = shown
        elif decoded is not None:
            self._shown = decoded
        if shown is not None and (decoded is None or self._wrong_shown <= self._wrong_decoded):
            return shown
        return decoded
