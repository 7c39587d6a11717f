"""Unfinished films: parts of a result beside the output, so that a run that was ended can go on.

The folder `.NAME.adain-unfinished` beside the output holds

- `job.json`: digests of the source, the styles and the options;
- `1.mkv`, `2.mkv` and so on: the frames of each run, in the result's codec and format;
- `1.txt` and so on: the time stamps of the frames of each part, in ticks of the clip.

A part is readable up to its last whole packet even if its run was killed. Encoders hold frames back, so a killed run
loses up to a few seconds. Each part begins with a key frame.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from numbers import Number
from pathlib import Path

import numpy as np
from PIL import Image

from adain.errors import InputError, OutputError

__all__ = ["Part", "Unfinished", "digest"]


@dataclass(frozen=True)
class Part:
    """A part of a film.

    Attributes:
        video: the file with its packets.
        log: the file with its time stamps.
    """

    video: Path
    log: Path

    @property
    def ticks(self) -> list[int]:
        """Time stamps of all frames that went to the encoder."""
        lines = self.log.read_text("ascii").split("\n")[:-1]  # the last line is not whole
        return [int(line) for line in lines]


class Unfinished:
    """The folder with the parts of one film.

    Args:
        target: the output.
        job: digest of each thing that makes the result, by name.

    Attributes:
        existed: whether there was work of this job.

    Raises:
        InputError: the folder has parts of another job.
        OutputError: the folder cannot be made.
    """

    def __init__(self, target: Path, job: Mapping[str, str]) -> None:
        place = Path(os.path.realpath(target))
        self._folder = place.parent / f".{place.name}.adain-unfinished"
        self._suffix = place.suffix.lower()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._check(self._folder / "job.json", job)
        except OSError as error:
            raise OutputError(
                f"{self._folder} cannot be used for unfinished work ({error.strerror}); check its permissions"
            ) from error

    def parts(self) -> list[Part]:
        """The parts so far, in their order."""
        found = sorted(int(log.stem) for log in self._folder.glob("*.txt"))
        return [self._part(number) for number in found]

    def new(self) -> Part:
        """A part that does not exist yet."""
        return self._part(len(self.parts()) + 1)

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _part(self, number: int) -> Part:
        return Part(self._folder / f"{number}{self._suffix}", self._folder / f"{number}.txt")

    def _check(self, file: Path, job: Mapping[str, str]) -> None:
        try:
            before = json.loads(file.read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            before = None
        self.existed = before == job
        if before is None:
            for part in self.parts():  # without a job, nobody knows what they are of
                part.log.unlink()
            file.write_text(json.dumps(dict(job)), "utf-8")
        elif not self.existed:
            other = [name for name, value in job.items() if not isinstance(before, dict) or before.get(name) != value]
            raise InputError(
                f"{self._folder} holds unfinished work with other {', '.join(other)}; repeat that command, or delete "
                "the folder"
            )


def digest(*things: object) -> str:
    """Digest of arguments: numbers, texts, arrays, pictures, and files by their path, size and time of change.

    Raises:
        InputError: something cannot be compared with a later run, such as a stream.
    """
    state = hashlib.sha256()
    for chunk in _bytes(things):
        state.update(chunk)
    return state.hexdigest()


def _bytes(thing: object) -> Iterable[bytes]:
    if thing is None or isinstance(thing, (Number, bytes)):
        yield repr(thing).encode()
    elif isinstance(thing, (str, os.PathLike)):
        yield from _file(os.fspath(thing))
    elif isinstance(thing, np.ndarray):
        yield f"{thing.dtype}{thing.shape}".encode()
        yield np.ascontiguousarray(thing).tobytes()
    elif isinstance(thing, Image.Image):
        yield from _bytes(np.asarray(thing))
    elif isinstance(thing, Mapping):
        yield from _bytes([*thing.items()])
    elif isinstance(thing, Sequence):
        yield f"{len(thing)} of".encode()
        for each in thing:
            yield from _bytes(each)
            yield b";"
    elif is_dataclass(thing):
        yield from _bytes([getattr(thing, field.name) for field in fields(thing)])
    else:
        raise InputError(f"a film with a {type(thing).__name__} cannot be resumed; give a path or an array")


def _file(name: str | bytes) -> Iterable[bytes]:
    """A text; if it is a path, also what tells a changed file."""
    yield repr(name).encode()
    try:
        status = os.stat(name)
    except (OSError, ValueError):
        return
    yield f"{os.path.realpath(name)!r} {status.st_size} {status.st_mtime_ns}".encode()
