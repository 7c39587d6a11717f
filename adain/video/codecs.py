"""Table of video codecs and containers that can be written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from adain.errors import InputError

__all__ = ["CODECS", "CONTAINERS", "Codec", "Container", "Encoding", "ToneMapping", "check_tone_map"]

ToneMapping: TypeAlias = Literal["soft", "clip"]
"""How to fit the brightness of an HDR film into SDR.

- `soft`: the film's peak, from its metadata, becomes white. Brightness is compressed, highlights most.
- `clip`: the reference white of HDR, 203 cd/m2 (BT.2408), becomes white. Brighter light is cut off.
"""


@dataclass(frozen=True)
class Codec:
    """A codec, and how this package uses its encoder.

    Attributes:
        name: the codec's common name.
        encoder: FFmpeg's name of the encoder.
        formats: FFmpeg's pixel formats that are used, the most common first.
        crf: default and highest constant rate factor; lower is better. None: it has none.
        presets: names from fast to good, or from small to good.
        preset: FFmpeg's option for a preset.
        options: options of the encoder.
        live: update the options for live frames.
        odd: whether it allows odd sides with halved chroma.
        least: smallest width and height in pixels.
        tags: codec tag by container, where players need another than FFmpeg's default.
    """

    name: str
    encoder: str
    formats: tuple[str, ...]
    crf: tuple[int, int] | None = None
    presets: tuple[str, ...] = ()
    preset: str = "preset"
    options: Mapping[str, str] = field(default_factory=dict)
    live: Mapping[str, str] = field(default_factory=dict)
    odd: bool = False
    least: tuple[int, int] = (1, 1)
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def deep(self) -> bool:
        """Whether it can hold more than 8 bits per value."""
        return any(name.endswith("le") for name in self.formats)


@dataclass(frozen=True)
class Container:
    """A file format for films.

    Attributes:
        name: FFmpeg's name.
        codecs: names of the codecs that it can hold, the default first.
        sound: FFmpeg's encoder for sound that the format cannot hold as it is.
        attachments: whether it holds attached files.
    """

    name: str
    codecs: tuple[str, ...]
    sound: str
    attachments: bool = False


_SPEEDS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
_LIVE = {"preset": "veryfast", "tune": "zerolatency"}
_8_BIT = ("yuv420p", "yuv422p", "yuv444p")
_10_BIT = ("yuv420p10le", "yuv422p10le", "yuv444p10le")
_12_BIT = ("yuv420p12le", "yuv422p12le", "yuv444p12le")
_16_BIT = ("yuv420p16le", "yuv422p16le", "yuv444p16le")

# Constant rate factors are visually lossless; stylized frames are rich in detail.
CODECS: Mapping[str, Codec] = {
    codec.name: codec
    for codec in (
        Codec("h264", "libx264", (*_8_BIT, *_10_BIT), crf=(18, 51), presets=_SPEEDS, live=_LIVE),
        Codec(
            "hevc",
            "libx265",
            (*_8_BIT, *_10_BIT, *_12_BIT),
            crf=(20, 51),
            presets=_SPEEDS,
            options={"x265-params": "log-level=none"},
            live=_LIVE,
            least=(64, 16),  # below a width of 50, x265 corrupts memory
            tags={"mp4": "hvc1", "mov": "hvc1"},  # Apple's players show no hev1
        ),
        Codec(
            "vp9",
            "libvpx-vp9",
            (*_8_BIT, "yuv440p", "yuva420p"),
            crf=(24, 63),
            presets=tuple("876543210"),
            preset="cpu-used",
            options={"cpu-used": "4", "b:v": "0", "deadline": "good", "row-mt": "1"},
            live={"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"},
            odd=True,
        ),
        Codec(
            "av1",
            "libsvtav1",
            ("yuv420p", "yuv420p10le"),
            crf=(24, 63),
            presets=tuple(str(number) for number in range(13, -1, -1)),
            options={"preset": "8"},
            live={"preset": "12"},
            odd=True,
            least=(32, 32),  # below, SVT-AV1 corrupts memory
        ),
        Codec(
            "prores",
            "prores_ks",
            ("yuv422p10le", "yuv444p10le", "yuva444p10le"),
            presets=("proxy", "lt", "standard", "hq", "4444", "4444xq"),
            preset="profile",
        ),
        Codec(
            "ffv1",
            "ffv1",
            (*_8_BIT, *_10_BIT, *_12_BIT, *_16_BIT, "yuva420p", "yuva422p", "yuva444p", "yuva444p10le"),
            options={"level": "3"},
            odd=True,
        ),
    )
}
CONTAINERS: Mapping[str, Container] = {
    ".mp4": Container("mp4", ("h264", "hevc", "av1", "vp9"), "aac"),
    ".m4v": Container("mp4", ("h264", "hevc", "av1", "vp9"), "aac"),
    ".mov": Container("mov", ("h264", "hevc", "prores"), "aac"),
    ".mkv": Container("matroska", ("h264", "hevc", "av1", "vp9", "prores", "ffv1"), "flac", attachments=True),
    ".webm": Container("webm", ("vp9", "av1"), "libopus"),
}


@dataclass(frozen=True)
class Encoding:
    """How to encode a film.

    Attributes:
        codec: a key of `CODECS`. None: H.264, or VP9 for `.webm`.
        crf: constant rate factor; lower is better and larger. None: visually lossless.
        preset: one of the codec's presets: speed against size, or the profile of ProRes. None: a middle one.

    Raises:
        InputError: a value is not allowed.
    """

    codec: str | None = None
    crf: float | None = None
    preset: str | None = None

    def __post_init__(self) -> None:
        if self.codec is not None and self.codec not in CODECS:
            raise InputError(f"codec must be one of {', '.join(CODECS)}, got {self.codec!r}")

    def check(self, suffix: str) -> None:
        """Raise an `InputError` unless a file with this suffix, or a folder without one, allows all values."""
        if suffix in CONTAINERS:
            self.codec_in(suffix)
        elif self != Encoding():
            allowed = ", ".join(CONTAINERS)
            raise InputError(f"codec, crf and preset are for {allowed}; leave them out for {suffix or 'a folder'}")

    def codec_in(self, suffix: str) -> Codec:
        """Return the codec of a video file.

        Args:
            suffix: a key of `CONTAINERS`.

        Raises:
            InputError: the format or the codec does not allow a value.
        """
        container = CONTAINERS[suffix]
        if self.codec is not None and self.codec not in container.codecs:
            raise InputError(f"{suffix} holds {', '.join(container.codecs)}, not {self.codec}; choose one of these")
        codec = CODECS[self.codec or container.codecs[0]]
        self._check_numbers(codec)
        return codec

    def options(self, codec: Codec, *, live: bool = False) -> dict[str, str]:
        """Return the encoder's options."""
        options = {**codec.options, **(codec.live if live else {})}
        if codec.crf is not None:
            options["crf"] = f"{codec.crf[0] if self.crf is None else self.crf:g}"
        if self.preset is not None:
            options[codec.preset] = self.preset
        return options

    def _check_numbers(self, codec: Codec) -> None:
        if self.crf is not None:
            if codec.crf is None:
                raise InputError(f"{codec.name} has no crf; leave it out")
            number = self.crf if isinstance(self.crf, (int, float)) and not isinstance(self.crf, bool) else -1
            if not 0 <= number <= codec.crf[1]:  # also NaN
                raise InputError(f"crf of {codec.name} must be in [0, {codec.crf[1]}], got {self.crf!r}")
        if self.preset is not None and self.preset not in codec.presets:
            allowed = f"one of {', '.join(codec.presets)}" if codec.presets else "left out"
            raise InputError(f"preset of {codec.name} must be {allowed}, got {self.preset!r}")


def check_tone_map(mapping: str | None) -> None:
    """Raise an `InputError` unless the value is allowed."""
    allowed = get_args(ToneMapping)
    if mapping is not None and mapping not in allowed:
        raise InputError(f"tone_map must be one of {', '.join(allowed)}, or None, got {mapping!r}")
