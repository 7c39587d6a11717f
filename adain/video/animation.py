"""Read and write animated pictures with Pillow: GIF, PNG (APNG) and WebP.

Frame durations and the number of repeats are kept; video libraries lose them. GIF time is in hundredths of a second,
the others count thousandths. A duration of 0 is read as a tenth of a second, as in browsers. A frame of a GIF that
equals the one before only makes it longer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.GifImagePlugin import GifImageFile

from adain import images
from adain.atomic import replacing
from adain.errors import ImageError, OutputError
from adain.files import unreadable
from adain.images.encoded import open_encoded
from adain.video.clip import Clip, Frame, TrackPacket
from adain.video.damage import Damage
from adain.video.reading import reading, reason

__all__ = ["ANIMATED", "AnimationSink", "AnimationSource", "is_animation", "moves"]

_UNTIMED = Fraction(1, 10)  # s
_CLEAR = 255  # index of the transparent colour of a GIF
_STARTS = (b"GIF8", b"\x89PNG", b"RIFF")  # of files; RIFF is also AVI

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Format:
    """A format of animations.

    Attributes:
        name: Pillow's name.
        tick: seconds that times are whole multiples of.
        longest: the longest that a frame can be shown, in ticks.
        convert: makes the picture that is saved.
        options: options for Pillow's `save`.
        clear: more options if there are transparent frames.
    """

    name: str
    tick: Fraction
    longest: int
    convert: Callable[[Frame], Image.Image]
    options: Mapping[str, Any]
    clear: Mapping[str, Any] = field(default_factory=dict)


def is_animation(path: Path) -> bool:
    """Whether a file is a GIF, PNG or WebP, by its first bytes."""
    if unreadable(path, "film") is not None:
        return False  # the next attempt to open it reports the error
    try:
        with path.open("rb") as file:
            start = file.read(12)
    except OSError:
        return False
    return start.startswith(_STARTS) and (start[:4] != b"RIFF" or start[8:] == b"WEBP")


def moves(path: Path) -> bool:
    """Whether a file is a GIF, or a PNG or WebP with more than one frame."""
    if not is_animation(path):
        return False
    try:
        with reading(str(path)):
            image, _ = open_encoded(path)
            with image:
                return image.format == "GIF" or int(getattr(image, "n_frames", 1)) > 1
    except ImageError:
        return False  # the next attempt to read it reports the error


class AnimationSource:
    """Reads the frames of an animation. A `Source`.

    A damaged frame of a GIF is shown as far as it can be decoded. Other animations end before it.

    Raises:
        ImageError: no frame is whole, or the picture is too large.
    """

    def __init__(self, path: Path, *, keep_hidden: bool = False) -> None:
        self._path = path
        self._keep_hidden = keep_hidden
        self.damage = Damage(str(path))
        with reading(str(path), "cannot be read as an animation"):
            self._image, _ = open_encoded(path)
        try:
            self._scan()
        except BaseException:
            self._image.close()
            raise

    def __iter__(self) -> Iterator[Frame | TrackPacket]:
        """See `adain.video.clip.Source`."""
        time = Fraction(0)
        for number, duration in enumerate(self._durations):
            try:
                with reading(str(self._path), f"is damaged in frame {number + 1}"):
                    fault = self._load(number)
                    image = self._image if self._image.mode.startswith("I") else self._image.convert("RGBA")
                    picture = images.read(image, keep_hidden=self._keep_hidden)
            except ImageError as error:
                if number == 0:
                    raise
                self.damage.end(_cause(error))
                return
            self.damage.decoded += 1
            if fault is not None:
                self.damage.show(fault)
            opaque = picture.alpha is None or picture.alpha.min() == 255
            yield Frame(picture.rgb, time, duration, None if opaque else picture.alpha)
            time += duration

    def close(self) -> None:
        """See `adain.video.clip.Source`."""
        self._image.close()

    def _load(self, number: int) -> Exception | None:
        """Decode a frame. Returns the fault of a damaged frame of a GIF, which is decoded as far as possible.

        Raises:
            Exception: the frame cannot be decoded.
        """
        image = self._image
        image.seek(self._begin + number)
        try:
            image.load()
        except OSError as error:
            if not isinstance(image, GifImageFile):
                raise
            if image.tile:  # cut short; after other faults, Pillow has done this itself
                image.tile = []
                image.load_end()
            return error
        return None

    def _scan(self) -> None:
        """Read the times of all frames, and make the clip."""
        image, name = self._image, str(self._path)
        tick = Fraction(1, 100) if image.format == "GIF" else Fraction(1, 1000)
        self._durations: list[Fraction] = []
        clear = False
        fault: Exception | None = None
        whole = 0
        with reading(name, "is a damaged animation"):
            loop = image.info.get("loop")
            # The first picture of an APNG may be for programs that show no animations.
            self._begin = int(bool(image.info.get("default_image")))
            declared = _frames(image, self.damage) - self._begin
            size = image.size
        for number in range(declared):
            try:
                with reading(name, "cannot be read as an animation"):
                    found = self._load(number)  # before, Pillow does not know how long a frame of WebP is
                    fault, whole = fault or found, whole + (found is None)
                    duration = round(Fraction(image.info.get("duration", 0)) / 1000 / tick) * tick
                    clear = clear or image.mode in ("RGBA", "LA") or "transparency" in image.info
            except ImageError as error:
                if number == 0:
                    raise
                self.damage.end(_cause(error))
                break
            self._durations.append(duration if duration > 0 else _UNTIMED)
        if not whole and fault is not None:
            with reading(name, "is damaged in frame 1"):
                raise fault
        self.damage.declared = declared
        self.clip = Clip(
            *size,
            time_base=tick,
            rate=len(self._durations) / sum(self._durations, Fraction(0)),
            frames=len(self._durations),
            loop=loop if isinstance(loop, int) else None,
            alpha=clear,
        )


def _cause(error: ImageError) -> Exception:
    """The decoder's own error, if there is one."""
    return error.__cause__ if isinstance(error.__cause__, Exception) else error


def _frames(image: Image.Image, damage: Damage) -> int:
    """Count the frames. Pillow reads a GIF to its end for that, so the count of a damaged one is of its first part."""
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception as error:  # the first frames may be whole
        damage.end(error)
        damage.exact = False
        return max(1, image.tell() + 1)


class AnimationSink:
    """Writes an animation. A `Sink`.

    Each frame of a GIF has its own 256 colours, without dithering, because dithering flickers. All frames stay in
    memory until the file is finished: one byte per pixel for a GIF, three or four for the others.
    """

    def __init__(self, target: Path, clip: Clip) -> None:
        self._target = target
        self._clip = clip
        self._format = ANIMATED[target.suffix.lower()]
        self._frames: list[Image.Image] = []
        self._starts: list[int] = []  # in ticks
        self._end = 0
        self._clear = False
        if lost := clip.extras.names():
            logger.warning("left out of %s: %s", target.suffix.lower(), ", ".join(lost))

    def write(self, item: Frame | TrackPacket) -> None:
        """See `adain.video.clip.Sink`; an animation has no sound."""
        if isinstance(item, TrackPacket):
            return
        tick = self._format.tick
        duration = 1 / self._clip.rate if item.duration is None else item.duration
        self._starts.append(round(item.time / tick))
        self._end = max(self._starts[-1] + 1, round((item.time + duration) / tick))
        self._frames.append(self._format.convert(item))
        self._clear = self._clear or item.alpha is not None

    def finish(self) -> None:
        """See `adain.video.clip.Sink`."""
        ends = [*self._starts[1:], self._end]
        longest, tick = self._format.longest, self._format.tick
        shown = [end - start for start, end in zip(self._starts, ends, strict=True)]
        if max(shown) > longest:
            logger.warning("a frame is shown for more than %g s, which is the most here", float(longest * tick))
        durations = [int(1000 * min(ticks, longest) * tick) for ticks in shown]
        options = {**self._format.options, **(self._format.clear if self._clear else {})}
        if self._clip.loop is not None:
            options["loop"] = self._clip.loop
        try:
            with replacing(self._target) as temporary:
                self._frames[0].save(
                    temporary,
                    format=self._format.name,
                    save_all=True,
                    append_images=self._frames[1:],
                    duration=durations,
                    **options,
                )
        except MemoryError:
            raise
        except Exception as error:  # encoders raise nearly any type, for instance for sides that are too long
            raise OutputError(f"{self._target} cannot be written ({reason(error)}); nothing was left behind") from error

    def discard(self) -> None:
        """See `adain.video.clip.Sink`."""
        self._frames.clear()


def _with_palette(frame: Frame) -> Image.Image:
    """Reduce a frame to its own 256 colours; with an alpha channel, one of them is the transparent colour."""
    image = Image.fromarray(frame.rgb8)
    if frame.alpha is None:
        return image.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few = image.quantize(_CLEAR, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few.paste(_CLEAR, mask=Image.fromarray(frame.alpha < 128))
    few.info["transparency"] = _CLEAR
    return few


def _with_alpha(frame: Frame) -> Image.Image:
    """All frames have the same mode, because the formats keep one."""
    image = Image.fromarray(frame.rgb8).convert("RGBA")
    if frame.alpha is not None:
        image.putalpha(Image.fromarray(frame.alpha))
    return image


_MILLISECOND = Fraction(1, 1000)
_PNG = _Format("PNG", _MILLISECOND, 0xFFFF, _with_alpha, {"disposal": 0, "blend": 0})
ANIMATED: Mapping[str, _Format] = {
    ".gif": _Format("GIF", Fraction(1, 100), 0xFFFF, _with_palette, {"disposal": 0}, {"disposal": 2}),
    ".apng": _PNG,
    ".png": _PNG,
    # With loss, libwebp 1.6 drops the alpha channel of animations.
    ".webp": _Format(
        "WebP", _MILLISECOND, 0xFFFFFF, _with_alpha, {"quality": 95, "minimize_size": False}, {"lossless": True}
    ),
}
