"""Re-encode sound for a container that cannot hold it as it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias, cast

import av
import av.container
from av.stream import Stream

__all__ = ["SoundEncoder"]

_Kind: TypeAlias = tuple[str, str, int]  # format, layout, samples per second
_BITS = 96_000  # per second and channel, for codecs that lose quality: hardly audible
_NEVER = -(1 << 40)  # ticks; time stamps before are of FFmpeg's "none"
_OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)
_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}  # encoders know these


class SoundEncoder:
    """Decodes the packets of a sound track and encodes them in another codec.

    Args:
        container: opened for writing; gets the new track.
        template: the source's track.
        encoder: FFmpeg's name of the encoder.

    Raises:
        ValueError: the encoder cannot encode this sound.
        av.FFmpegError: likewise.
    """

    def __init__(self, container: av.container.OutputContainer, template: av.AudioStream, encoder: str) -> None:
        source = template.codec_context
        self._decoder = source
        rate = source.sample_rate
        if encoder == "libopus":
            rate = next((allowed for allowed in _OPUS_RATES if allowed >= rate), _OPUS_RATES[-1])
        self.stream = cast("av.AudioStream", container.add_stream(encoder, rate=rate))
        context = self.stream.codec_context
        context.layout = _LAYOUTS.get(source.layout.nb_channels, "stereo")
        if encoder != "flac":
            context.bit_rate = _BITS * context.layout.nb_channels
        elif source.format.bits > 16 or not source.format.name.startswith("s16"):
            context.format = "s32"
        self._alike = _Alike()
        self._next = 0  # tick of the next packet

    def encode(self, packet: av.Packet[Stream]) -> Iterator[av.Packet[av.AudioStream]]:
        """Yield the packets that this packet completes. Sound that cannot be decoded is left out."""
        try:
            frames = self._decoder.decode(cast("av.Packet[av.AudioStream]", packet))
        except av.FFmpegError:
            return
        yield from self._encoded(frames)

    def finish(self) -> Iterator[av.Packet[av.AudioStream]]:
        """Yield the last packets."""
        try:
            frames = self._decoder.decode(None)
        except av.FFmpegError:
            frames = []
        yield from self._encoded(frames)
        yield from self._encoded(self._alike.finish())
        yield from self._timed(self.stream.encode(None))

    def _encoded(self, frames: Iterable[av.AudioFrame]) -> Iterator[av.Packet[av.AudioStream]]:
        for frame in frames:
            for alike in self._alike(frame):
                yield from self._timed(self.stream.encode(alike))

    def _timed(self, packets: Iterable[av.Packet[av.AudioStream]]) -> Iterator[av.Packet[av.AudioStream]]:
        """Give a time stamp to the last packets, which PyAV leaves without one."""
        for packet in packets:
            if packet.pts is None or packet.dts is None or packet.pts < _NEVER:
                packet.pts = packet.dts = self._next
            self._next = packet.pts + (packet.duration or 0)
            yield packet


class _Alike:
    """Converts all sound to the kind of the first frame. Broadcasts change it in the middle, and damage seems to."""

    def __init__(self) -> None:
        self._kinds: list[_Kind] = []  # of the first frame, and of the last
        self._resampler: av.AudioResampler | None = None

    def __call__(self, frame: av.AudioFrame) -> list[av.AudioFrame]:
        """Return frames of the first kind. Sound that cannot be converted is left out."""
        kind = frame.format.name, frame.layout.name, frame.sample_rate
        self._kinds = self._kinds or [kind, kind]
        rest: list[av.AudioFrame] = []
        if kind != self._kinds[1]:
            rest = self.finish()
            self._kinds[1] = kind
            self._resampler = None if kind == self._kinds[0] else av.AudioResampler(*self._kinds[0])
        return rest + ([frame] if self._resampler is None else _resampled(self._resampler, frame))

    def finish(self) -> list[av.AudioFrame]:
        """Return what the conversion still holds."""
        return [] if self._resampler is None else _resampled(self._resampler, None)


def _resampled(resampler: av.AudioResampler, frame: av.AudioFrame | None) -> list[av.AudioFrame]:
    try:
        return resampler.resample(frame)
    except (ValueError, av.FFmpegError):
        return []
