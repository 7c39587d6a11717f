"""Write frames and sound to video files with PyAV, completely or not at all.

A temporary file is written beside the target, and replaces the target when it is finished (see `adain.atomic`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO

import av
import av.container
import numpy as np
from av.codec.context import Flags
from numpy.typing import NDArray
from PIL import Image

from adain.atomic import beside
from adain.errors import InputError, OutputError
from adain.video.clip import Clip, Frame, Sound
from adain.video.colors import ToYUV, assumed

__all__ = ["FORMATS", "VideoSink"]

_PROBLEMS = (av.FFmpegError, OSError)  # a closed stream raises OSError only


@dataclass(frozen=True)
class _Format:
    name: str  # FFmpeg's
    codec: str
    options: Mapping[str, str]
    live: dict[str, str]  # update the options for live frames
    odd: bool  # whether the codec allows odd sides with halved chroma


_X264 = {"crf": "18"}  # visually lossless; stylised frames are rich in detail
_X264_LIVE = {"preset": "veryfast", "tune": "zerolatency"}
_VP9 = {"crf": "24", "b:v": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"}  # of like quality
_VP9_LIVE = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
FORMATS: Mapping[str, _Format] = {
    ".mp4": _Format("mp4", "libx264", _X264, _X264_LIVE, odd=False),
    ".m4v": _Format("mp4", "libx264", _X264, _X264_LIVE, odd=False),
    ".mov": _Format("mov", "libx264", _X264, _X264_LIVE, odd=False),
    ".mkv": _Format("matroska", "libx264", _X264, _X264_LIVE, odd=False),
    ".webm": _Format("webm", "libvpx-vp9", _VP9, _VP9_LIVE, odd=True),
}


class VideoSink:
    """Writes a video file. A `Sink`.

    The codec is H.264, or VP9 for `.webm`. Size, time stamps, colours, display matrix and sound are the source's. H.264
    allows halved chroma for even sides only; with an odd side, chroma is written in full (4:4:4), which some players
    cannot show.

    Args:
        target: the file, or a stream that is written as frames come.
        clip: the clip's metadata.
        suffix: the format, a key of `FORMATS`.
        live: whether frames come from a camera and are written without delay, at the cost of more bytes.

    Raises:
        InputError: the format cannot hold the clip's sound.
        OutputError: the target cannot be written.
    """

    def __init__(self, target: Path | IO[bytes], clip: Clip, suffix: str, *, live: bool = False) -> None:
        self._clip = clip
        self._target = Path(os.path.realpath(target)) if isinstance(target, Path) else None
        self._beside: Path | None = None
        kind = FORMATS[suffix]
        try:
            self._beside = None if self._target is None else beside(self._target)
            self._container = av.open(self._beside or target, "w", format=kind.name)
        except _PROBLEMS as error:
            raise self._error(error) from error
        self._ended = False
        try:
            self._container.metadata.update(clip.metadata)
            self._stream = self._video_stream(kind, dict(kind.options) | (kind.live if live else {}))
            self._sounds = [self._sound_stream(stream, suffix) for stream in clip.sounds]
        except BaseException:
            self.discard()
            raise

    def write(self, item: Frame | Sound) -> None:
        """See `adain.video.clip.Sink`."""
        try:
            if isinstance(item, Sound):
                item.packet.stream = self._sounds[item.track]
                self._container.mux(item.packet)
            else:
                self._container.mux(self._stream.encode(self._encodable(item)))
        except _PROBLEMS as error:
            raise self._error(error) from error

    def finish(self) -> None:
        """See `adain.video.clip.Sink`."""
        try:
            self._container.mux(self._stream.encode(None))
            self._ended = True
            self._container.close()
            if self._beside is not None and self._target is not None:
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

    def _video_stream(self, kind: _Format, options: dict[str, str]) -> av.VideoStream:
        clip = self._clip
        swapped = clip.orientation is not None and clip.orientation.swaps_sides
        width, height = (clip.height, clip.width) if swapped else (clip.width, clip.height)
        odd = bool(width % 2 or height % 2)
        stream = self._container.add_stream(kind.codec, rate=clip.rate, options=options)
        assert isinstance(stream, av.VideoStream)
        colors = clip.colors or assumed(width, height)
        context = stream.codec_context
        context.width, context.height = width, height
        context.pix_fmt = "yuv444p" if odd and not kind.odd else "yuv420p"
        context.time_base = stream.time_base = clip.time_base
        context.sample_aspect_ratio = clip.aspect
        context.colorspace, context.color_range = colors.matrix, colors.range
        context.color_primaries, context.color_trc = colors.primaries, colors.transfer
        context.flags |= Flags.frame_duration
        if clip.orientation is not None:
            stream.set_display_matrix(clip.orientation.matrix)
        self._to_yuv = ToYUV(colors, context.pix_fmt)
        return stream

    def _sound_stream(self, template: av.AudioStream, suffix: str) -> av.AudioStream:
        try:
            stream = self._container.add_stream_from_template(template)
        except ValueError as error:
            raise InputError(
                f"{suffix} cannot hold sound of the kind {template.codec_context.name}, and sound is not converted; "
                "write .mkv, or leave the sound out"
            ) from error
        stream.metadata.update(template.metadata)
        return stream

    def _encodable(self, item: Frame) -> av.VideoFrame:
        clip = self._clip
        rgb = item.rgb if item.alpha is None else _on_white(item.rgb, item.alpha)
        rgb = rgb if clip.orientation is None else clip.orientation.lying(rgb)
        frame = self._to_yuv(rgb)
        frame.time_base = clip.time_base
        frame.pts = round(item.time / clip.time_base)
        duration = 1 / clip.rate if item.duration is None else item.duration
        frame.duration = max(1, round(Fraction(duration) / clip.time_base))
        return frame

    def _error(self, error: OSError | av.FFmpegError) -> OutputError:
        place = "the stream" if self._target is None else str(self._target)
        reason = getattr(error, "strerror", None) or error
        return OutputError(f"{place} cannot be written ({reason}); nothing was left behind")


def _on_white(rgb: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay a transparent frame on white, as for pictures in formats without an alpha channel."""
    white = Image.new("RGB", (rgb.shape[1], rgb.shape[0]), "white")
    white.paste(Image.fromarray(rgb), mask=Image.fromarray(alpha))
    return np.array(white)
