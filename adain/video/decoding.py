"""Read frames and other tracks from video files, with PyAV."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias, cast

import av
import av.container
import numpy as np
from av.stream import Disposition, Stream
from numpy.typing import NDArray

from adain.errors import ImageError
from adain.images.picture import replace_hidden_colors
from adain.images.rules import pixel_limit, too_large
from adain.video.clip import Clip, Frame, TrackPacket
from adain.video.codecs import ToneMapping
from adain.video.colors import HDR, Colors, ToRGB
from adain.video.damage import Damage
from adain.video.extras import Extras
from adain.video.messages import Message, heard
from adain.video.packets import Packets
from adain.video.pixel_formats import Sampling
from adain.video.reading import reading, reason
from adain.video.side_data import orientation_of
from adain.video.time_stamps import FrameTimes
from adain.video.tone_map import SDR, ToneMap

__all__ = ["VideoSource"]

logger = logging.getLogger(__name__)

_Item: TypeAlias = "av.VideoFrame | av.Packet[Stream]"

_RATE = Fraction(25)  # frames per second of a file without a rate and time stamps
_CAUSES = {"moov atom not found": "its index is missing: it is cut off, or was never finished"}  # FFmpeg's words
_WITH_ALPHA = {"vp9": "libvpx-vp9", "vp8": "libvpx"}  # FFmpeg's own decoders of these leave the alpha channel out


class VideoSource:
    """Reads the first video track of a file or device, and its other tracks. A `Source`.

    Time 0 is the file's first video or sound. Damage is passed over and counted.

    Args:
        container: opened for reading; closed by `close`.
        name: name of the source in messages.
        sound: whether to read sound tracks.
        keep_hidden: whether to keep colours under an alpha of 0.
        tone_map: how an HDR film becomes SDR. None: it is an error.
        deep: whether frames of more than 8 bits per value are given in 16 bits.
        messages: of FFmpeg, from opening the file.

    Raises:
        ImageError: there is no video track, or it cannot be decoded.
    """

    def __init__(
        self,
        container: av.container.InputContainer,
        name: str,
        *,
        sound: bool = True,
        keep_hidden: bool = False,
        tone_map: ToneMapping | None = None,
        deep: bool = False,
        messages: Iterable[Message] = (),
    ) -> None:
        self._container = container
        self._name = name
        self._keep_hidden = keep_hidden
        self._stream = _video_stream(container, name)
        self._decoder = _decoder(self._stream)
        self._time_base = self._stream.time_base or 1 / _RATE
        self._rate = self._stream.average_rate or self._stream.guessed_rate or _RATE
        start = cast("int | None", container.start_time)  # the stubs leave None out
        self._shift = Fraction(max(start or 0, 0), av.time_base)  # seconds
        self._extras = Extras.of(container, self._stream, sound=sound, start=self._shift)
        self.damage = Damage(name)
        tracks = (self._stream, *self._extras.tracks)
        self._packets = Packets(container, tracks, self._stream, self.damage, messages)
        self._times = FrameTimes(ordered="avi" in container.format.name)
        self._reading = iter(self._packets)
        self._items = self._decoded()
        self._first = self._until_first_frame()
        frame = self._first[-1]
        assert isinstance(frame, av.VideoFrame)
        if start is None and frame.pts is not None:  # a camera's clock does not start at 0
            self._shift = frame.pts * self._time_base
        self._size = frame.width, frame.height
        self._orientation = orientation_of(frame)
        sampling = Sampling.of(frame.format.name)
        self._alpha = sampling.alpha
        deep = deep and not self._alpha and sampling.depth > 8
        self._to_rgb: ToRGB | ToneMap
        if tone_map is not None and frame.color_trc in HDR:
            self._alpha = False
            self._colors, self._to_rgb = SDR, ToneMap(tone_map, deep=deep)
        else:
            self._colors = Colors.of(frame, name)
            self._to_rgb = ToRGB(self._colors, alpha=self._alpha, deep=deep)
        if frame.interlaced_frame:
            logger.warning("%s is interlaced; its frames are stylised without deinterlacing", name)
        self.clip = self._clip(frame.format.name)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        sound: bool = True,
        keep_hidden: bool = False,
        tone_map: ToneMapping | None = None,
        deep: bool = False,
    ) -> VideoSource:
        """Open a file.

        Raises:
            ImageError: the file is missing, is not a video, or cannot be decoded.
        """
        with reading(str(path)):
            try:
                with heard() as messages:  # opening reads the first seconds, and so finds their damage
                    container = av.open(str(path), metadata_errors="replace")
            except av.FFmpegError as error:
                cause = messages[0].text.split("\n")[0] if messages else reason(error)
                cause = _CAUSES.get(cause, cause)
                raise ImageError(
                    f"{path} cannot be read as a video ({cause}); check the path, or get a complete copy of it"
                ) from error
            try:
                return cls(
                    container,
                    str(path),
                    sound=sound,
                    keep_hidden=keep_hidden,
                    tone_map=tone_map,
                    deep=deep,
                    messages=messages,
                )
            except BaseException:
                container.close()
                raise

    def close(self) -> None:
        """See `adain.video.clip.Source`."""
        self._items.close()
        self._container.close()

    def __iter__(self) -> Iterator[Frame | TrackPacket]:
        """See `adain.video.clip.Source`."""
        tracks = {stream.index: track for track, stream in enumerate(self._extras.tracks)}
        last = None
        with reading(self._name, "cannot be read on"):
            for item in chain(self._first, self._items):
                if isinstance(item, av.VideoFrame):
                    last = self._tick(item, last)
                    yield self._frame(item, last)
                elif _timed(item):
                    yield self._moved(item, tracks[item.stream.index])

    def track_packets(self) -> Iterator[TrackPacket]:
        """Yield only the packets of other tracks, without decoding frames. Instead of iterating, not beside it."""
        tracks = {stream.index: track for track, stream in enumerate(self._extras.tracks)}
        with reading(self._name, "cannot be read on"):
            for item in chain(self._first, self._reading):
                if isinstance(item, av.Packet) and item.stream.index in tracks and _timed(item):
                    yield self._moved(item, tracks[item.stream.index])

    def _decoded(self) -> Generator[_Item, None, None]:
        """Yield frames, and packets of other tracks."""
        for packet in self._reading:
            if packet.stream is self._stream:
                yield from self._frames(cast("av.Packet[av.VideoStream]", packet))
            else:
                yield packet
        yield from self._frames(None)

    def _frames(self, packet: av.Packet[av.VideoStream] | None) -> list[av.VideoFrame]:
        """Decode a packet, or at the end the frames that the decoder holds back; no frame if that fails."""
        damage = self.damage
        try:
            self._times.read(None if packet is None else packet.dts)
            frames = self._decoder.decode(packet)
        except (av.FFmpegError, ValueError) as error:
            self._times.skip()
            if damage.decoded or not self._packets.streamed:  # a recording may begin between two key frames
                damage.skip(reason(error))
            return []
        for frame in frames:
            frame.pts = self._times(frame.pts, frame.dts)
        damage.decoded += len(frames)
        damage.corrupt += sum(frame.is_corrupt for frame in frames)
        return frames

    def _until_first_frame(self) -> list[_Item]:
        found: list[_Item] = []
        for item in self._items:
            found.append(item)
            if isinstance(item, av.VideoFrame):
                return found
        found_out = f" that can be decoded ({self.damage.reason})" if self.damage.reason else ""
        raise ImageError(f"{self._name} has a video track without any frame{found_out}; get a complete copy of it")

    def _clip(self, pixel_format: str) -> Clip:
        width, height = self._size
        limit = pixel_limit()
        if limit is not None and width * height > limit:
            raise ImageError(f"{self._name} {too_large(f'{width}x{height}')}")
        aspect = self._stream.sample_aspect_ratio or Fraction(1)
        if self._orientation is not None and self._orientation.swaps_sides:
            width, height = height, width
        return Clip(
            width=width,
            height=height,
            time_base=self._time_base,
            rate=self._rate,
            frames=self.damage.declared,
            orientation=self._orientation,
            aspect=aspect,
            colors=self._colors,
            pixel_format=pixel_format,
            alpha=self._alpha,
            extras=self._extras,
        )

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
        rgb, alpha = self._upright(self._to_rgb(frame))
        return Frame(rgb, time, frame.duration * self._time_base if frame.duration else None, alpha)

    def _upright(self, values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.uint8] | None]:
        """Turn a picture upright, and split off its alpha channel."""
        if self._orientation is not None:
            values = self._orientation.upright(values)
        if not self._alpha:
            return values, None
        rgb, alpha = np.ascontiguousarray(values[..., :3]), np.ascontiguousarray(values[..., 3])
        if alpha.min() == 255:
            return rgb, None
        return rgb if self._keep_hidden else replace_hidden_colors(rgb, alpha), alpha

    def _moved(self, packet: av.Packet[Stream], track: int) -> TrackPacket:
        shift = round(self._shift / packet.time_base)
        shown = packet.dts if packet.pts is None else packet.pts
        decoded = shown if packet.dts is None else packet.dts
        assert shown is not None, "the caller checks this"
        assert decoded is not None
        packet.pts, packet.dts = shown - shift, decoded - shift
        return TrackPacket(track, packet)


def _video_stream(container: av.container.InputContainer, name: str) -> av.VideoStream:
    """Return the first video track that is not a cover picture."""
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            if cast("object", stream.codec_context) is None:  # the stubs leave None out
                raise ImageError(f"{name} cannot be decoded by this FFmpeg; convert it first, for instance to H.264")
            return stream
    raise ImageError(f"{name} has no video track; give a file that has one")


def _decoder(stream: av.VideoStream) -> av.VideoCodecContext:
    """Return the track's decoder, which gives its alpha channel."""
    context = stream.codec_context
    with_alpha = _WITH_ALPHA.get(context.name)
    if with_alpha and stream.metadata.get("alpha_mode") == "1" and with_alpha in av.codecs_available:
        context = cast("av.VideoCodecContext", av.CodecContext.create(with_alpha, "r"))
    context.thread_type = "SLICE"  # with several frames at once, PyAV drops frames and errors behind a damaged one
    return context


def _timed(packet: av.Packet[Stream]) -> bool:
    return packet.pts is not None or packet.dts is not None
