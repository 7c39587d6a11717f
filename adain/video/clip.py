"""What moves between a source and a target: a clip's facts, its frames and its sound.

Times are exact fractions of a second, so that what a file says in ticks of its own comes out as the same ticks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import av

    from adain.video.colors import Colors
    from adain.video.orientation import Orientation

__all__ = ["Clip", "Frame", "Sink", "Sound", "Source"]


@dataclass(frozen=True)
class Clip:
    """What is known of a clip before its frames are read.

    Attributes:
        width: pixels of a frame as it is shown.
        height: likewise.
        time_base: seconds of a tick; every frame's time is a whole number of them.
        rate: frames a second, on average.
        frames: how many there are; None where the file does not say.
        orientation: how the file's rows and columns become the upright frame; None for formats without.
        aspect: width of a pixel over its height.
        colors: how the file codes colours; None for RGB.
        loop: how often a GIF is repeated, 0 is for ever; None for once.
        sounds: the sound tracks, as streams to copy.
        metadata: title and so on.
    """

    width: int
    height: int
    time_base: Fraction
    rate: Fraction
    frames: int | None = None
    orientation: Orientation | None = None
    aspect: Fraction = Fraction(1)
    colors: Colors | None = None
    loop: int | None = 0
    sounds: tuple[av.AudioStream, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame, upright.

    Attributes:
        rgb: uint8 (H, W, 3), sRGB as far as the clip's colours are.
        time: seconds from the start, when it is shown.
        duration: seconds for which it is shown; None where the source does not say.
        alpha: uint8 (H, W) or None, as in `adain.images.Picture`.
        name: the file it came from, where that was one of many.
    """

    rgb: NDArray[np.uint8]
    time: Fraction
    duration: Fraction | None = None
    alpha: NDArray[np.uint8] | None = None
    name: str | None = None


@dataclass(frozen=True, eq=False)
class Sound:
    """A packet of a sound track, to be copied as it is.

    Attributes:
        track: position in `Clip.sounds`.
        packet: the compressed sound.
    """

    track: int
    packet: av.Packet[av.AudioStream]


class Source(Protocol):
    """A clip that can be read once, from its start."""

    clip: Clip

    def __iter__(self) -> Iterator[Frame | Sound]:
        """Frames in the order they are shown, sound between them as it lies in the file.

        Raises:
            ImageError: what comes next is damaged.
        """
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


class Sink(Protocol):
    """Where a clip goes. It exists under its name only once it was finished, or frame by frame for a folder."""

    def write(self, item: Frame | Sound) -> None:
        """Take the next frame or sound.

        Raises:
            OutputError: it cannot be written; the disk may be full.
        """
        ...

    def finish(self) -> None:
        """Complete the file and give it its name.

        Raises:
            OutputError: as `write`.
        """
        ...

    def discard(self) -> None:
        """Remove what is incomplete."""
        ...
