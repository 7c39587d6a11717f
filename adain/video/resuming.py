"""Go on with a film whose run was ended: by Ctrl-C, a full disk, a crash or a power cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from adain.video.clip import Clip, Sink, Source
from adain.video.codecs import CONTAINERS, Encoding
from adain.video.folder import FolderSink, check_empty
from adain.video.unfinished import Part, Unfinished

__all__ = ["Done", "Resumption"]


@dataclass(frozen=True)
class Done:
    """The frames at the start of a clip that are written already.

    Attributes:
        frames: their number.
        end: time in seconds of the last one.
    """

    frames: int = 0
    end: Fraction = Fraction(0)


class Resumption:
    """The earlier runs of a film, and where to go on.

    Args:
        target: the output, a video file or a folder.
        clip: the clip's metadata.
        encoding: codec and quality.
        job: digest of each thing that makes the result, by name.

    Attributes:
        done: the frames of earlier runs.

    Raises:
        InputError: the unfinished work is of another job, or the folder holds other files.
        OutputError: the unfinished work cannot be read.
    """

    def __init__(self, target: Path, clip: Clip, encoding: Encoding, job: Mapping[str, str]) -> None:
        self._target, self._clip, self._encoding = target, clip, encoding
        self._unfinished = Unfinished(target, job)
        self._parts: list[tuple[Part, int]] = []
        self._video = target.suffix.lower() in CONTAINERS
        if self._video:
            self.done = self._frames_in_parts()
        else:
            self.done = self._frames_in_folder()

    def sink(self) -> Sink:
        """A sink for the frames that are left."""
        if not self._video:
            return FolderSink(self._target, self._clip, done=self.done.frames)
        from adain.video.parts import PartSink

        part = self._unfinished.new()
        self._parts.append((part, 0))
        return PartSink(part, self._clip, self._encoding)

    def finish(self, source: Source, *, complete: bool) -> None:
        """Write the film with all frames so far.

        Args:
            source: opened anew, for sound and other tracks.
            complete: whether the film is finished and the parts can go.
        """
        if self._video:
            from adain.video.decoding import VideoSource
            from adain.video.parts import join, whole_frames

            last, _ = self._parts.pop()
            parts = [*self._parts, (last, whole_frames(last, self._clip))]
            if any(count for _, count in parts):  # an interrupt can come before the first frame
                packets = source.track_packets() if isinstance(source, VideoSource) else iter(())
                join(self._target, self._clip, self._encoding, parts, packets)
        if complete:
            self._unfinished.remove()

    def _frames_in_parts(self) -> Done:
        from adain.video.parts import whole_frames

        last = 0
        for part in self._unfinished.parts():
            count = whole_frames(part, self._clip)
            if count:
                last = part.ticks[count - 1]
            self._parts.append((part, count))
        return Done(sum(count for _, count in self._parts), last * self._clip.time_base)

    def _frames_in_folder(self) -> Done:
        if not self._unfinished.existed:
            check_empty(self._target)
        count = len(list(self._target.glob("*.png"))) if self._target.is_dir() else 0
        return Done(count, max(count - 1, 0) / self._clip.rate)
