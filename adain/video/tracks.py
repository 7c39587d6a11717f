"""Copy sound, subtitles, chapters and attachments of a source into a container."""

from __future__ import annotations

import io
from collections.abc import Iterable
from fractions import Fraction
from typing import cast

import av
import av.container
from av.stream import Stream

from adain.video.clip import TrackPacket
from adain.video.codecs import Container
from adain.video.extras import Extras, Track, named, titles
from adain.video.sound import SoundEncoder

__all__ = ["Tracks"]


_TS_NONSTRICT = 0x20000  # FFmpeg's AVFMT_TS_NONSTRICT: two packets may have the same time stamp


class Tracks:
    """The tracks of a result beside its picture.

    Sound that the container cannot hold is re-encoded. Other parts that it cannot hold are left out.

    Args:
        container: opened for writing; its picture's track is added already.
        kind: row of the table of containers.
        extras: of the source.

    Attributes:
        changed: how sound is changed: "sound track 1 (aac) becomes opus".
        lost: names of the parts that are left out.
    """

    def __init__(self, container: av.container.OutputContainer, kind: Container, extras: Extras) -> None:
        self._container, self._kind = container, kind
        self._step = 0 if container.format.flags & _TS_NONSTRICT else 1  # ticks from packet to packet, at least
        self.changed: list[str] = []
        self.lost: list[str] = list(extras.others)
        container.metadata.update(extras.metadata)
        self._streams: list[Stream | SoundEncoder | None] = [self._added(track) for track in extras.tracks]
        self._last: dict[int, int] = {}  # the last time stamp of each track, in ticks
        for attachment in extras.attachments:
            if not kind.attachments:
                self.lost.append(named(attachment))
                continue
            container.add_attachment(
                attachment.name or "attachment", attachment.mimetype or "application/octet-stream", attachment.data
            )
        if extras.chapters:
            container.set_chapters(list(extras.chapters))

    def write(self, item: TrackPacket) -> None:
        """Write a packet of a track that is kept."""
        stream = self._streams[item.track]
        if isinstance(stream, SoundEncoder):
            self._mux(stream.encode(item.packet), stream.stream)
        elif stream is not None:
            item.packet.stream = stream
            self._mux([item.packet], stream)

    def finish(self) -> None:
        """Write what encoders of sound still hold."""
        for stream in self._streams:
            if isinstance(stream, SoundEncoder):
                self._mux(stream.finish(), stream.stream)

    def _mux(self, packets: Iterable[av.Packet[Stream]] | Iterable[av.Packet[av.AudioStream]], stream: Stream) -> None:
        for packet in packets:
            self._in_order(cast("av.Packet[Stream]", packet), stream)
            self._container.mux(packet)

    def _in_order(self, packet: av.Packet[Stream], stream: Stream) -> None:
        """Give the packet the container's ticks; a time stamp that is too early is moved after the last.

        The program ffmpeg does the same. Containers refuse packets out of order.
        """
        base = stream.time_base
        if not base or not packet.time_base or packet.dts is None:
            return
        scale: Fraction = packet.time_base / base
        dts = round(packet.dts * scale)
        pts = dts if packet.pts is None else round(packet.pts * scale)
        last = self._last.get(stream.index)
        if last is not None and dts < last + self._step:
            dts = last + self._step
        packet.duration = round((packet.duration or 0) * scale)
        packet.time_base = base
        packet.dts, packet.pts = dts, max(pts, dts)
        self._last[stream.index] = dts

    def _added(self, track: Track) -> Stream | SoundEncoder | None:
        stream: Stream | SoundEncoder | None = None
        if _holds(self._kind.name, track):
            stream = self._container.add_stream_from_template(track)
        elif isinstance(track, av.AudioStream) and _encodes(self._kind, track):
            stream = SoundEncoder(self._container, track, self._kind.sound)
            self.changed.append(f"{named(track)} becomes {self._kind.sound.removeprefix('lib')}")
        if stream is None:
            self.lost.append(named(track))
            return None
        added = stream.stream if isinstance(stream, SoundEncoder) else stream
        added.metadata.update(titles(track.metadata))
        added.disposition = track.disposition
        return stream


def _holds(container: str, track: Track) -> bool:
    """Whether a container can hold a track as it is, found by writing a header into memory."""
    try:
        with av.open(io.BytesIO(), "w", format=container) as trial:
            trial.add_stream_from_template(track)
            trial.start_encoding()
    except (ValueError, OSError, av.FFmpegError):
        return False
    return True


def _encodes(kind: Container, track: av.AudioStream) -> bool:
    """Whether the container's encoder takes this sound."""
    try:
        with av.open(io.BytesIO(), "w", format=kind.name) as trial:
            SoundEncoder(trial, track, kind.sound)
            trial.start_encoding()
    except (ValueError, OSError, av.FFmpegError):
        return False
    return True
