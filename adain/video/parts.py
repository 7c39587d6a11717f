"""Write a film in parts that survive a killed run, and join them (`adain.video.unfinished`)."""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TypeAlias, cast

import av
import av.container
import numpy as np
from av.stream import Stream

from adain.errors import InputError, OutputError
from adain.video.clip import Clip, Frame, TrackPacket
from adain.video.codecs import Encoding
from adain.video.encoding import VideoSink
from adain.video.extras import Extras
from adain.video.unfinished import Part

__all__ = ["PartSink", "join", "whole_frames"]


_Timed: TypeAlias = "tuple[Fraction, int, av.Packet[Stream] | TrackPacket]"  # seconds, and 0 for picture, 1 for others


class PartSink:
    """Writes the frames of one run into a part. A `Sink`; other tracks are added by `join`.

    Args:
        part: a new one.
        clip: the clip's metadata.
        encoding: codec and quality of the result.

    Raises:
        InputError: the format or the codec does not allow the encoding.
        OutputError: the part cannot be written.
    """

    def __init__(self, part: Part, clip: Clip, encoding: Encoding) -> None:
        self._clip = clip
        try:
            self._file = part.video.open("wb", buffering=0)
            self._log = part.log.open("w", encoding="ascii")
        except OSError as error:
            raise OutputError(f"{part.video} cannot be written ({error.strerror}); choose another place") from error
        bare = replace(clip, extras=Extras())
        try:
            self._sink = VideoSink(self._file, bare, part.video.suffix, encoding=encoding, crash_safe=True)
        except BaseException:
            self._close()
            part.log.unlink()
            raise

    def write(self, item: Frame | TrackPacket) -> None:
        """See `adain.video.clip.Sink`."""
        if isinstance(item, TrackPacket):
            return
        try:
            self._log.write(f"{round(item.time / self._clip.time_base)}\n")
            self._log.flush()
        except OSError as error:
            raise OutputError(f"{self._log.name} cannot be written ({error.strerror}); make space") from error
        self._sink.write(item)

    def finish(self) -> None:
        """See `adain.video.clip.Sink`."""
        self._sink.finish()
        self._close()

    def discard(self) -> None:
        """End the part; it stays."""
        with suppress(OutputError):
            self._sink.finish()
        self._close()

    def _close(self) -> None:
        self._file.close()
        self._log.close()


def whole_frames(part: Part, clip: Clip) -> int:
    """Count the frames at the start of a part that are all there.

    Packets are in the order of decoding. A killed run may have written a packet, and not yet one that is shown earlier.
    """
    ticks, stamps = part.ticks, _stamps(part, clip)
    if not stamps:
        return 0
    shift = ticks[0] - min(stamps)
    tolerance = max(1, round(Fraction(1, 1000) / clip.time_base))  # Matroska counts thousandths of a second
    whole, latest = 0, -1
    for count, stamp in enumerate(stamps, 1):
        frame = bisect_left(ticks, stamp + shift - tolerance)
        if frame == len(ticks) or abs(ticks[frame] - stamp - shift) > tolerance:
            break
        latest = max(latest, frame)
        if latest == count - 1:  # all frames up to the latest are there
            whole = count
    return whole


def join(
    target: Path, clip: Clip, encoding: Encoding, parts: Sequence[tuple[Part, int]], others: Iterator[TrackPacket]
) -> None:
    """Join parts, and add the source's other tracks up to the last frame.

    Args:
        target: the output.
        clip: the clip's metadata.
        encoding: codec and quality of the result.
        parts: each with the number of its frames that count.
        others: packets of the source's other tracks, from its start.

    Raises:
        InputError: the parts were not made by the same version of the encoder.
        OutputError: the target cannot be written.
    """
    used = [(part, count) for part, count in parts if count]
    with av.open(str(used[0][0].video)) as first:
        sink = VideoSink(target, clip, target.suffix.lower(), encoding=encoding, template=first.streams.video[0])
        try:
            _check_alike([part for part, _ in used])
            last, count = used[-1]
            end = (last.ticks[count - 1] + 1) * clip.time_base + 1 / clip.rate
            for _, _, item in heapq.merge(_pictures(used, clip), _timed(others, end), key=lambda each: each[:2]):
                if isinstance(item, TrackPacket):
                    sink.write(item)
                else:
                    sink.copy(item)
            sink.finish()
        except BaseException:
            sink.discard()
            raise


def _check_alike(parts: Sequence[Part]) -> None:
    headers = set()
    for part in parts:
        with av.open(str(part.video)) as file:
            headers.add(file.streams.video[0].codec_context.extradata)
    if len(headers) > 1:
        raise InputError("the parts come from two versions of the encoder and cannot be joined; delete them")


def _pictures(parts: Sequence[tuple[Part, int]], clip: Clip) -> Iterator[_Timed]:
    """Yield the packets of all parts with their time of decoding.

    Time stamps of decoding are made anew, because they begin before the frames in each part: packet n is decoded when
    frame n - d is shown, with the smallest d for which no packet is decoded after its frame is shown.
    """
    shown: list[int] = []  # ticks in the order of packets
    for part, count in parts:
        stamps = _stamps(part, clip)[:count]
        ranks = np.argsort(np.argsort(stamps, kind="stable"), kind="stable")
        ticks = part.ticks
        shown += [ticks[rank] for rank in ranks]  # exact, also where the part counts thousandths
    order = sorted(shown)
    delay = max(n - bisect_left(order, tick) for n, tick in enumerate(shown))
    step = max(1, round(1 / (clip.rate * clip.time_base)))
    decoded = [order[0] - step * (delay - n) for n in range(delay)] + order
    numbered = enumerate(packet for part, count in parts for packet in islice(_packets(part), count))
    for n, packet in numbered:
        packet.duration = round((packet.duration or 0) * (packet.time_base / clip.time_base))
        packet.time_base = clip.time_base
        packet.pts, packet.dts = shown[n], decoded[n]
        yield decoded[n] * clip.time_base, 0, packet


def _timed(others: Iterator[TrackPacket], end: Fraction) -> Iterator[_Timed]:
    for item in others:
        time = (item.packet.dts or 0) * item.packet.time_base
        if time <= end:
            yield time, 1, item


def _stamps(part: Part, clip: Clip) -> list[int]:
    """Time stamps of a part's packets in ticks of the clip."""
    return [round((packet.pts or 0) * (packet.time_base / clip.time_base)) for packet in _packets(part)]


def _packets(part: Part) -> Iterator[av.Packet[Stream]]:
    """Yield a part's packets, up to where it was cut off."""
    with suppress(av.FFmpegError), av.open(str(part.video)) as file:
        for packet in file.demux(file.streams.video[0]):
            if packet.size and packet.pts is not None and not packet.is_corrupt:
                yield cast("av.Packet[Stream]", packet)
