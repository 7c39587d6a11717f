"""Write films to video files with PyAV, completely or not at all.

A temporary file is written beside the target, and replaces the target when it is finished (see `adain.atomic`).
"""

from __future__ import annotations

import errno
import logging
import os
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import av
import av.container
import numpy as np
from av.codec.context import Flags
from av.stream import Stream
from numpy.typing import NDArray
from PIL import Image

from adain.atomic import beside
from adain.errors import InputError, OutputError
from adain.video.clip import Clip, Frame, TrackPacket
from adain.video.codecs import CONTAINERS, Codec, Encoding
from adain.video.colors import ToYUV, assumed
from adain.video.matroska import reserved, set_display_size
from adain.video.pixel_formats import Sampling, choose
from adain.video.reading import reason
from adain.video.tracks import Tracks

__all__ = ["VideoSink"]

logger = logging.getLogger(__name__)

_SYSTEM = 1000  # FFmpeg's own error numbers are above the system's
_ABSURD = 1 << 40  # ticks
_FLUSH = 0x200  # FFmpeg's AVFMT_FLAG_FLUSH_PACKETS: each packet goes to the disk at once
_PROBLEMS = (av.FFmpegError, OSError)  # a closed stream raises OSError only


class VideoSink:
    """Writes a video file. A `Sink`.

    Size, time stamps, colours, depth, chroma, display matrix and other tracks are the source's, where codec and format
    allow it. H.264 allows halved chroma for even sides only; with an odd side, chroma is written in full (4:4:4), which
    some players cannot show.

    Args:
        target: the file, or a stream that is written as frames come.
        clip: the clip's metadata.
        suffix: the format, a key of `CONTAINERS`.
        encoding: codec and quality.
        live: whether frames come from a camera and are written without delay, at the cost of more bytes.
        crash_safe: whether a file that is never finished must be readable.
        template: track of a file whose packets will be copied (`copy`). None: frames are encoded.

    Raises:
        InputError: the format or the codec does not allow the encoding.
        OutputError: the target cannot be written.
    """

    def __init__(
        self,
        target: Path | IO[bytes],
        clip: Clip,
        suffix: str,
        *,
        encoding: Encoding | None = None,
        live: bool = False,
        crash_safe: bool = False,
        template: av.VideoStream | None = None,
    ) -> None:
        encoding = encoding or Encoding()
        codec = encoding.codec_in(suffix)
        self._clip = clip
        self._target = Path(os.path.realpath(target)) if isinstance(target, Path) else None
        self._beside: Path | None = None
        kind = CONTAINERS[suffix]
        try:
            self._beside = None if self._target is None else beside(self._target)
            self._container = av.open(
                self._beside or target, "w", format=kind.name, container_options=_fragments(kind.name, crash_safe)
            )
        except _PROBLEMS as error:
            raise self._error(error) from error
        if crash_safe:
            self._container.flags |= _FLUSH
        self._template = template
        self._ended = self._warned = False
        self._shaped = kind.name in ("matroska", "webm") and self._beside is not None and clip.aspect != 1
        try:
            self._stream = self._video_stream(codec, encoding.options(codec, live=live), kind.name)
            self._tracks = Tracks(self._container, kind, clip.extras)
            self._start(codec)
        except BaseException:
            self.discard()
            raise
        self._say(suffix)

    def write(self, item: Frame | TrackPacket) -> None:
        """See `adain.video.clip.Sink`."""
        try:
            if isinstance(item, TrackPacket):
                self._tracks.write(item)
            else:
                self._mux(self._stream.encode(self._encodable(item)))
        except _PROBLEMS as error:
            raise self._error(error) from error

    def copy(self, packet: av.Packet[Stream]) -> None:
        """Write a packet of the template's codec, with time stamps in the clip's ticks."""
        packet.stream = self._stream
        try:
            self._container.mux(packet)
        except _PROBLEMS as error:
            raise self._error(error) from error

    def finish(self) -> None:
        """See `adain.video.clip.Sink`."""
        try:
            self._tracks.finish()
            if self._template is None:
                self._mux(self._stream.encode(None))
            self._ended = True
            self._container.close()
            if self._beside is not None and self._target is not None:
                if self._shaped:
                    width, height = self._lying_size()
                    set_display_size(self._beside, max(1, round(width * self._clip.aspect)), height)
                os.replace(self._beside, self._target)
        except _PROBLEMS as error:
            raise self._error(error) from error

    def discard(self) -> None:
        """See `adain.video.clip.Sink`."""
        try:
            if not self._ended:
                self._container.close()
        except _PROBLEMS:
            pass  # the file is deleted anyway
        if self._beside is not None:
            self._beside.unlink(missing_ok=True)

    def _mux(self, packets: list[av.Packet[av.VideoStream]]) -> None:
        for packet in packets:
            # x265 leaves the time stamp of decoding undefined in films of one or two frames.
            if packet.pts is not None and (packet.dts is None or abs(packet.pts - packet.dts) > _ABSURD):
                packet.dts = packet.pts
            self._container.mux(packet)

    def _lying_size(self) -> tuple[int, int]:
        """Width and height as they are in the file."""
        clip = self._clip
        swapped = clip.orientation is not None and clip.orientation.swaps_sides
        return (clip.height, clip.width) if swapped else (clip.width, clip.height)

    def _video_stream(self, codec: Codec, options: dict[str, str], container: str) -> av.VideoStream:
        clip = self._clip
        if self._template is None:
            stream = self._encoder(codec, options)
        else:
            stream = self._container.add_stream_from_template(self._template, opaque=True)
            stream.time_base = clip.time_base
        context = stream.codec_context
        if container in codec.tags:
            context.codec_tag = codec.tags[container]
        if clip.orientation is not None:
            stream.set_display_matrix(clip.orientation.matrix)
        stream.metadata.update(clip.extras.video)
        if self._shaped:
            stream.metadata["title"] = reserved(clip.extras.video.get("title", ""))
        stream.disposition = clip.extras.flags  # type: ignore[assignment]  # PyAV takes the number
        return stream

    def _encoder(self, codec: Codec, options: dict[str, str]) -> av.VideoStream:
        """Add a track whose frames are encoded."""
        clip, (width, height) = self._clip, self._lying_size()
        if width < codec.least[0] or height < codec.least[1]:
            raise InputError(
                f"{codec.name} needs at least {codec.least[0]}x{codec.least[1]} pixels, got {width}x{height}; "
                "choose another codec"
            )
        os.environ.setdefault("SVT_LOG", "1")  # else the encoder of AV1 prints its settings
        try:
            stream = self._container.add_stream(codec.encoder, rate=clip.rate, options=options)
        except ValueError as error:
            raise InputError(f"this FFmpeg cannot write {codec.name} ({error}); choose another codec") from error
        assert isinstance(stream, av.VideoStream)
        colors = clip.colors or assumed(width, height)
        context = stream.codec_context
        context.width, context.height = width, height
        context.pix_fmt = choose(codec, clip.pixel_format, (width, height), alpha=clip.alpha)
        context.time_base = stream.time_base = clip.time_base
        context.sample_aspect_ratio = clip.aspect
        context.colorspace, context.color_range = colors.matrix, colors.range
        context.color_primaries, context.color_trc = colors.primaries, colors.transfer
        context.flags |= Flags.frame_duration
        self._alpha = Sampling.of(context.pix_fmt).alpha
        self._to_yuv = ToYUV(colors, context.pix_fmt)
        return stream

    def _start(self, codec: Codec) -> None:
        """Write the header, so that what a codec or a format refuses is known before any work."""
        try:
            self._container.start_encoding()
        except _PROBLEMS as error:
            if error.errno and errno.EINVAL != error.errno <= _SYSTEM:
                raise self._error(error) from error
            width, height = self._lying_size()
            raise InputError(
                f"{codec.name} cannot encode {self._stream.codec_context.pix_fmt} of {width}x{height} pixels in this "
                f"format ({reason(error)}); choose another codec, or another format"
            ) from error

    def _say(self, suffix: str) -> None:
        for change in self._tracks.changed:
            logger.warning("%s, because %s cannot hold it as it is", change, suffix)
        if self._tracks.lost:
            logger.warning("left out of %s: %s", suffix, ", ".join(self._tracks.lost))

    def _encodable(self, item: Frame) -> av.VideoFrame:
        clip = self._clip
        rgb: NDArray[Any] = item.rgb
        alpha = item.alpha
        if alpha is not None and not self._alpha:
            rgb, alpha = self._on_white(item.rgb8, alpha), None
        if clip.orientation is not None:
            rgb = clip.orientation.lying(rgb)
            alpha = None if alpha is None else clip.orientation.lying(alpha)
        frame = self._to_yuv(rgb, alpha)
        frame.time_base = clip.time_base
        frame.pts = round(item.time / clip.time_base)
        duration = 1 / clip.rate if item.duration is None else item.duration
        frame.duration = max(1, round(Fraction(duration) / clip.time_base))
        return frame

    def _on_white(self, rgb: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Lay a transparent frame on white, as for pictures in formats without an alpha channel."""
        if alpha.min() == 255:
            return rgb
        if not self._warned:
            self._warned = True
            logger.warning(
                "the result has no alpha channel and is laid on white; .webm, .gif, .apng, .webp or a folder keep it"
            )
        white = Image.new("RGB", (rgb.shape[1], rgb.shape[0]), "white")
        white.paste(Image.fromarray(rgb), mask=Image.fromarray(alpha))
        return np.array(white)

    def _error(self, error: OSError | av.FFmpegError) -> OutputError:
        place = "the stream" if self._target is None else str(self._target)
        return OutputError(f"{place} cannot be written ({reason(error)}); nothing was left behind")


def _fragments(container: str, crash_safe: bool) -> dict[str, str]:
    """Options for a file that is readable before it is finished. Matroska always is."""
    if not crash_safe or container not in ("mp4", "mov"):
        return {}
    return {"movflags": "frag_every_frame+empty_moov+default_base_moof"}
