"""Damage: what a film says that it holds, and what could be read of it."""

from __future__ import annotations

from dataclasses import dataclass

from adain.video.reading import reason

__all__ = ["Damage"]


@dataclass
class Damage:
    """Counts of one film, while it is read.

    It is true if something is missing or broken.

    Attributes:
        name: name of the film in messages.
        declared: number of frames that the file says it has; None if it does not say.
        exact: whether `declared` is a count. If not, it is duration times rate.
        decoded: number of frames read so far.
        corrupt: number of these frames that show damage.
        broken: number of places that could not be read and were skipped.
        cut: whether the file ends before it should.
        reason: the first problem, in FFmpeg's words.
    """

    name: str
    declared: int | None = None
    exact: bool = True
    decoded: int = 0
    corrupt: int = 0
    broken: int = 0
    cut: bool = False
    reason: str = ""

    def skip(self, why: str, places: int = 1) -> None:
        """Count places that could not be read."""
        self.broken += places
        self.reason = self.reason or why

    def show(self, error: Exception) -> None:
        """Count a frame that shows damage."""
        self.corrupt += 1
        self.reason = self.reason or reason(error)

    def end(self, error: Exception) -> None:
        """Note that the film cannot be read on."""
        self.cut = True
        self.reason = self.reason or reason(error)

    def __bool__(self) -> bool:
        return self.cut or bool(self.corrupt or self.broken)

    def __str__(self) -> str:
        about = "" if self.exact else "about "
        said = "" if self.declared is None else f" of {about}{self.declared:,} declared frames"
        details = ""
        if self.broken:
            details += f", {_counted(self.broken, 'unreadable place')} skipped"
        if self.corrupt:
            details += f", {_counted(self.corrupt, 'frame')} with visible damage"
        if self.reason:
            details += f" ({self.reason.rstrip('.')})"
        state = "cut off" if self.cut else "damaged"
        frames = f"{self.decoded:,}{said or ' frames'} could be decoded"
        return f"{self.name} is {state}: {frames}{details}; get a complete copy of it"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
