"""Folders of numbered frames, one picture file each."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from adain import images
from adain.errors import ImageError, InputError, OutputError
from adain.images import Picture
from adain.images.formats import READABLE
from adain.video.clip import Clip, Frame, TrackPacket
from adain.video.damage import Damage

__all__ = ["FolderSink", "FolderSource", "check_empty"]


logger = logging.getLogger(__name__)


class FolderSource:
    """Reads the pictures of a folder as frames, in the order of the numbers in their names. A `Source`.

    Args:
        path: the folder; hidden files and files without a picture suffix are ignored.
        rate: frames per second.
        keep_hidden: whether to keep colours under an alpha of 0.

    Raises:
        ImageError: the folder cannot be read or holds no pictures, or the first picture cannot be read.
    """

    def __init__(self, path: Path, rate: Fraction, *, keep_hidden: bool = False) -> None:
        self._keep_hidden = keep_hidden
        self._files = _pictures(path)
        if not self._files:
            raise ImageError(f"the folder {path} holds no pictures ({', '.join(READABLE)}); give one with frames")
        for file, other in zip(self._files, self._files[1:], strict=False):
            if file.stem == other.stem:
                raise ImageError(f"{file} and {other} differ only in the suffix; move one of them elsewhere")
        first = images.read(self._files[0])
        self.damage = Damage(str(path), declared=len(self._files))
        self.clip = Clip(
            *first.size, time_base=1 / rate, rate=rate, frames=len(self._files), alpha=first.alpha is not None
        )

    def __iter__(self) -> Iterator[Frame | TrackPacket]:
        """See `adain.video.clip.Source`."""
        expected = self.clip.width, self.clip.height
        for number, file in enumerate(self._files):
            picture = images.read(file, keep_hidden=self._keep_hidden)
            if picture.size != expected:
                raise ImageError(
                    "{} is {}x{}, the frames before it {}x{}; scale all to one size first".format(
                        file, *picture.size, *expected
                    )
                )
            step = self.clip.time_base
            self.damage.decoded += 1
            yield Frame(picture.rgb, number * step, step, picture.alpha, file.stem)

    def close(self) -> None:
        """See `adain.video.clip.Source`; no file is open."""


class FolderSink:
    """Writes a folder with a PNG per frame, named like the source's files, or 000001.png and so on. A `Sink`.

    A file that has its name is complete. It stays, also after a later error.

    Args:
        target: the folder.
        clip: the clip's metadata.
        done: number of frames that earlier runs have written.

    Raises:
        InputError: the folder is not empty.
        OutputError: the folder cannot be made.
    """

    def __init__(self, target: Path, clip: Clip | None = None, *, done: int = 0) -> None:
        self._target = target
        if clip is not None and (lost := clip.extras.names()):
            logger.warning("left out of the folder of frames: %s", ", ".join(lost))
        self._count = done
        if not done:
            check_empty(target)
        self._own = not target.exists()
        try:
            target.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{target} cannot be made a folder ({error.strerror}); choose another place") from error

    def write(self, item: Frame | TrackPacket) -> None:
        """See `adain.video.clip.Sink`; frames have no sound."""
        if isinstance(item, TrackPacket):
            return
        picture = Picture(item.rgb8, item.alpha).to_pil()
        images.write(picture, self._target / f"{item.name or f'{self._count + 1:06d}'}.png")
        self._count += 1

    def finish(self) -> None:
        """See `adain.video.clip.Sink`."""

    def discard(self) -> None:
        """See `adain.video.clip.Sink`."""
        if self._own and not self._count:
            self._target.rmdir()


def check_empty(folder: Path) -> None:
    """Raise an `InputError` if the folder is not empty, an `OutputError` if it cannot be read."""
    try:
        taken = folder.exists() and any(folder.iterdir())
    except OSError as error:
        raise OutputError(f"{folder} cannot be made a folder ({error.strerror}); choose another place") from error
    if taken:
        raise InputError(f"the folder {folder} is not empty; empty it, or name another for the frames")


def _pictures(folder: Path) -> list[Path]:
    """List the pictures of a folder, in the order of their numbers."""
    try:
        files = [file for file in folder.iterdir() if file.suffix.lower() in READABLE and file.name[0] != "."]
    except OSError as error:
        raise ImageError(f"the folder {folder} cannot be read ({error.strerror}); check its permissions") from error
    return sorted(files, key=_by_number)


def _by_number(path: Path) -> list[tuple[int, str]]:
    """Sort key that compares digits as numbers: frame2 before frame10."""
    parts = re.split(r"(\d+)", path.name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
