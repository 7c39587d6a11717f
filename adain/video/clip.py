"""Clips: the metadata, frames and sound that pass from a source to a sink.

Times are exact fractions of a second, so that a file's time stamps are kept to the tick.
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
    """The metadata of a clip.

    Attributes:
        width: width of an upright frame in pixels.
        height: height of an upright frame in pixels.
        time_base: seconds per tick; every frame's time is a whole number of ticks.
        rate: average frames per second.
        frames: number of frames; None if the file does not say.
        orientation: how the file's frames are turned upright; None if the format has no orientation.
        aspect: width of a pixel divided by its height.
        colors: colour coding of the file; None for RGB.
        loop: how often a GIF repeats; 0 is forever. None: it plays once.
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
        rgb: uint8 (H, W, 3), RGB in the clip's own primaries and transfer, usually near sRGB.
        time: start time in seconds from the start of the clip.
        duration: duration in seconds; None if the source does not say.
        alpha: uint8 (H, W) or None, as in `adain.images.Picture`.
        name: name of the source file without suffix, if the source is a folder of frames.
    """

    rgb: NDArray[np.uint8]
    time: Fraction
    duration: Fraction | None = None
    alpha: NDArray[np.uint8] | None = None
    name: str | None = None


@dataclass(frozen=True, eq=False)
class Sound:
    """A packet of a sound track, which is copied unchanged.

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
        """Yield frames in display order, and sound packets between them in the file's order.

        Raises:
            ImageError: the source is damaged.
        """
        ...

    def close(self) -> None:
        """Close files and devices."""
        ...


class Sink(Protocol):
    """A clip that is written. A file appears under its name only when finished; a folder fills frame by frame."""

    def write(self, item: Frame | Sound) -> None:
        """Write the next frame or sound packet.

        Raises:
            OutputError: the item cannot be written, for example because the disk is full.
        """
        ...

    def finish(self) -> None:
        """Complete the file and give it its name.

        Raises:
            OutputError: as for `write`.
        """
        ...

    def discard(self) -> None:
        """Remove the incomplete file."""
        ...
