"""What a film holds beside its picture: sound, subtitles, chapters, titles, attachments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias, cast

if TYPE_CHECKING:
    import av
    import av.container
    from av.container.core import Chapter
    from av.stream import AttachmentStream, Stream
    from av.subtitles.stream import SubtitleStream

__all__ = ["Extras", "Track", "named", "titles"]

Track: TypeAlias = "av.AudioStream | SubtitleStream"

_ATTACHED_PICTURE = 0x400  # FFmpeg's AV_DISPOSITION_ATTACHED_PIC
# Of the source's own coding; muxers write their own. The rest of Matroska's statistics begins with "_STATISTICS".
_OF_THE_CODING = {
    "alpha_mode",
    "bps",
    "compatible_brands",
    "duration",
    "encoder",
    "major_brand",
    "minor_version",
    "number_of_bytes",
    "number_of_frames",
    "stereo_mode",
    "vendor_id",
}


@dataclass(frozen=True)
class Extras:
    """What a film holds beside its picture. Nothing of it is stylized.

    Attributes:
        tracks: sound and subtitles, as tracks to copy.
        attachments: fonts and other files in the film.
        chapters: in PyAV's form, relative to the clip's start.
        metadata: title and so on of the film.
        video: title and so on of the video track.
        flags: FFmpeg's disposition of the video track, such as "default".
        others: names of parts that no output keeps.
    """

    tracks: tuple[Track, ...] = ()
    attachments: tuple[AttachmentStream, ...] = ()
    chapters: tuple[Chapter, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    video: Mapping[str, str] = field(default_factory=dict)
    flags: int = 0
    others: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, container: av.container.InputContainer, video: av.VideoStream, *, sound: bool, start: Fraction
    ) -> Extras:
        """List the parts of an open file.

        Args:
            container: the file.
            video: the track that is stylized.
            sound: whether sound is wanted.
            start: time in seconds that becomes 0.
        """
        streams = [stream for stream in container.streams if stream is not video]
        wanted = ("audio", "subtitle") if sound else ("subtitle",)
        tracks = [stream for stream in streams if stream.type in wanted]
        kept = [stream for stream in tracks if getattr(stream, "codec_context", None) is not None]
        copied = {"audio", "subtitle", "attachment"}
        timecode = any(key.lower() == "timecode" for key in video.metadata)
        others = [
            named(stream)
            for stream in streams
            if (stream.type not in copied or (stream in tracks and stream not in kept))
            and not (stream.type == "data" and timecode)  # that is the time code itself
        ]
        return cls(
            tracks=cast("tuple[Track, ...]", tuple(kept)),
            attachments=container.streams.attachments,
            chapters=tuple(_moved(container.chapters(), start)),
            metadata=titles(container.metadata),
            video=titles(video.metadata),
            flags=int(video.disposition),
            others=tuple(others),
        )

    def names(self) -> list[str]:
        """Names of everything, for an output that keeps nothing of it."""
        chapters = ["chapters"] if self.chapters else []
        return [*map(named, self.tracks), *map(named, self.attachments), *chapters, *self.others]


def named(stream: Stream) -> str:
    """Name a track in a message: "sound track 1 (aac)"."""
    words = {"audio": "sound", "video": "video", "subtitle": "subtitle", "data": "data"}
    if stream.type == "attachment":
        return f"the attachment {stream.metadata.get('filename', stream.index)}"
    if int(stream.disposition) & _ATTACHED_PICTURE:
        return "the cover picture"
    context = getattr(stream, "codec_context", None)
    codec = getattr(context, "name", None) or getattr(stream, "name", None)
    return f"{words.get(stream.type, 'unknown')} track {stream.index}" + (f" ({codec})" if codec else "")


def titles(metadata: Mapping[str, str]) -> dict[str, str]:
    """Drop the entries that describe the source's own coding."""
    return {
        key: text
        for key, text in metadata.items()
        if key.lower().split("-")[0] not in _OF_THE_CODING and not key.upper().startswith("_STATISTICS")
    }


def _moved(chapters: Sequence[Chapter], start: Fraction) -> list[Chapter]:
    """Move chapters so that `start` is 0. A chapter that ends before is dropped."""
    moved = []
    for chapter in chapters:
        base = chapter["time_base"]
        if not base:
            continue
        shift = round(start / base)
        begin, end = max(0, chapter["start"] - shift), chapter["end"] - shift
        if end > begin:
            moved.append({**chapter, "start": begin, "end": end})
    return moved  # type: ignore[return-value]  # a copy of a TypedDict is one
