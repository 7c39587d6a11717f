"""Read and write GIF animations with Pillow.

Frame durations and the number of repeats are kept; video libraries lose them. GIF time is in hundredths of a second. A
duration of 0 is read as a tenth of a second, as in browsers. A frame that equals the one before only makes it longer.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from PIL import Image

from adain import images
from adain.atomic import replacing
from adain.errors import ImageError, OutputError
from adain.files import unreadable
from adain.images.encoded import open_encoded
from adain.video.clip import Clip, Frame, Sound

__all__ = ["GifSink", "GifSource", "is_gif"]

TICK = Fraction(1, 100)  # s
_UNTIMED = Fraction(1, 10)  # s
_CLEAR = 255  # index of the transparent colour


def is_gif(path: Path) -> bool:
    """Whether a file is a GIF, by its first bytes."""
    if unreadable(path, "GIF") is not None:
        return False  # the next attempt to open it reports the error
    try:
        with path.open("rb") as file:
            return file.read(4) == b"GIF8"
    except OSError:
        return False


class GifSource:
    """Reads the frames of a GIF. A `Source`.

    Raises:
        ImageError: the GIF is damaged, or too large.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._image, _ = open_encoded(path)
        try:
            frames = int(getattr(self._image, "n_frames", 1))
            durations = [self._duration(number) for number in range(frames)]
        except (OSError, EOFError, ValueError, SyntaxError) as error:
            self._image.close()
            raise ImageError(f"{path} is a damaged GIF ({error}); get a complete copy of it") from error
        self._durations = durations
        self.clip = Clip(
            *self._image.size,
            time_base=TICK,
            rate=frames / sum(durations, Fraction(0)),
            frames=frames,
            loop=self._image.info.get("loop"),
        )

    def __iter__(self) -> Iterator[Frame | Sound]:
        """See `adain.video.clip.Source`."""
        time = Fraction(0)
        for number, duration in enumerate(self._durations):
            try:
                self._image.seek(number)
                picture = images.read(self._image.convert("RGBA"))
            except (OSError, EOFError, ValueError, SyntaxError) as error:  # ImageError is one
                raise ImageError(
                    f"{self._path} is damaged or cut off in frame {number + 1} ({error}); get a complete copy of it"
                ) from error
            opaque = picture.alpha is None or picture.alpha.min() == 255
            yield Frame(picture.rgb, time, duration, None if opaque else picture.alpha)
            time += duration

    def close(self) -> None:
        """See `adain.video.clip.Source`."""
        self._image.close()

    def _duration(self, number: int) -> Fraction:
        self._image.seek(number)
        return round(self._image.info.get("duration", 0) / 10) * TICK or _UNTIMED


class GifSink:
    """Writes a GIF file. A `Sink`.

    Each frame has its own 256 colours, without dithering, because dithering flickers. All frames stay in memory until
    the file is finished, one byte per pixel.
    """

    def __init__(self, target: Path, clip: Clip) -> None:
        self._target = target
        self._clip = clip
        self._frames: list[Image.Image] = []
        self._starts: list[int] = []  # in hundredths of a second
        self._end = 0

    def write(self, item: Frame | Sound) -> None:
        """See `adain.video.clip.Sink`; a GIF has no sound."""
        if isinstance(item, Sound):
            return
        duration = 1 / self._clip.rate if item.duration is None else item.duration
        self._starts.append(round(item.time / TICK))
        self._end = max(self._starts[-1] + 1, round((item.time + duration) / TICK))
        self._frames.append(_with_palette(item))

    def finish(self) -> None:
        """See `adain.video.clip.Sink`."""
        ends = [*self._starts[1:], self._end]
        options: dict[str, Any] = {} if self._clip.loop is None else {"loop": self._clip.loop}
        try:
            with replacing(self._target) as temporary:
                self._frames[0].save(
                    temporary,
                    format="GIF",
                    save_all=True,
                    append_images=self._frames[1:],
                    duration=[10 * (end - start) for start, end in zip(self._starts, ends, strict=True)],
                    disposal=2 if any("transparency" in frame.info for frame in self._frames) else 0,
                    **options,
                )
        except OSError as error:
            reason = error.strerror or str(error)
            raise OutputError(f"{self._target} cannot be written ({reason}); nothing was left behind") from error

    def discard(self) -> None:
        """See `adain.video.clip.Sink`."""
        self._frames.clear()


def _with_palette(frame: Frame) -> Image.Image:
    """Reduce a frame to its own 256 colours; with an alpha channel, one of them is the transparent colour."""
    image = Image.fromarray(frame.rgb)
    if frame.alpha is None:
        return image.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few = image.quantize(_CLEAR, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few.paste(_CLEAR, mask=Image.fromarray(frame.alpha < 128))
    few.info["transparency"] = _CLEAR
    return few
