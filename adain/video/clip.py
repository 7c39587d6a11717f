"""Clips: the metadata, frames and other tracks that pass from a source to a sink.

Times are exact fractions of a second, so that a file's time stamps are kept to the tick.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from adain.images.arrays import to_uint8
from adain.video.damage import Damage
from adain.video.extras import Extras

if TYPE_CHECKING:
    import av
    from av.stream import Stream

    from adain.video.colors import Colors
    from adain.video.orientation import Orientation

__all__ = ["Clip", "Frame", "Sink", "Source", "TrackPacket"]


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
        loop: how often an animation repeats; 0 is forever. None: it plays once.
        pixel_format: FFmpeg's name of the file's pixel format; None for 8-bit RGB.
        alpha: whether frames may have an alpha channel.
        extras: sound, subtitles, chapters and so on.
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
    pixel_format: str | None = None
    alpha: bool = False
    extras: Extras = field(default_factory=Extras)


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame, upright.

    Attributes:
        rgb: uint8 or uint16 (H, W, 3), RGB in the clip's own primaries and transfer, usually near sRGB.
        time: start time in seconds from the start of the clip.
        duration: duration in seconds; None if the source does not say.
        alpha: uint8 (H, W) or None, as in `adain.images.Picture`.
        name: name of the source file without suffix, if the source is a folder of frames.
    """

    rgb: NDArray[np.uint8] | NDArray[np.uint16]
    time: Fraction
    duration: Fraction | None = None
    alpha: NDArray[np.uint8] | None = None
    name: str | None = None

    @property
    def rgb8(self) -> NDArray[np.uint8]:
        """The colours in 8 bits."""
        return self.rgb if self.rgb.dtype == np.uint8 else to_uint8(self.rgb)  # type: ignore[return-value]


@dataclass(frozen=True, eq=False)
class TrackPacket:
    """A packet of a sound or subtitle track.

    Attributes:
        track: position in `Clip.extras.tracks`.
        packet: the compressed sound or text; its time stamps count from the clip's start.
    """

    track: int
    packet: av.Packet[Stream]


class Source(Protocol):
    """A clip that can be read once, from its start.

    Attributes:
        clip: the clip's metadata.
        damage: counts frames while they are read; complete at the end.
    """

    clip: Clip
    damage: Damage

    def __iter__(self) -> Iterator[Frame | TrackPacket]:
        """Yield frames in display order, and packets of other tracks between them in the file's order.

        Raises:
            ImageError: the source cannot be read on.
        """
        ...

    def close(self) -> None:
        """Close files and devices."""
        ...


class Sink(Protocol):
    """A clip that is written. A file appears under its name only when finished; a folder fills frame by frame."""

    def write(self, item: Frame | TrackPacket) -> None:
        """Write the next frame or packet.

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
