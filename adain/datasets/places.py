"""Files on this machine and in object stores, by fsspec (extra: datasets): `photos/1.tar`, `s3://bucket/1.tar`.

Each step is tried again after a fault of the network, with growing pauses. A target is there completely or not at all:
on this machine by renaming; in an object store because an upload appears only when it is complete, and its size is
compared afterwards.
"""

from __future__ import annotations

import logging
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import fsspec
from fsspec.implementations.local import LocalFileSystem

from adain import atomic, checks
from adain.errors import InputError, OutputError

__all__ = ["Place", "found"]

logger = logging.getLogger(__name__)

TRIES = 6
FIRST_PAUSE = 0.5  # seconds; doubled after each try
_FINAL = (
    FileNotFoundError,
    PermissionError,
    IsADirectoryError,
    NotADirectoryError,
    InputError,
)  # another try fails too

_T = TypeVar("_T")


@dataclass(frozen=True)
class Place:
    """A file or folder in one of fsspec's file systems.

    Attributes:
        url: as it was given.
    """

    url: str

    def __truediv__(self, name: str) -> Place:
        return Place(f"{self.url.rstrip('/')}/{name}")

    def __str__(self) -> str:
        return self.url

    @property
    def name(self) -> str:
        """The last part."""
        return self.url.rstrip("/").rpartition("/")[2]

    @property
    def local(self) -> Path | None:
        """The path on this machine. None: it is elsewhere."""
        system, path = _system(self.url)
        return Path(path) if isinstance(system, LocalFileSystem) else None

    def exists(self) -> bool:
        """Whether there is a file."""
        system, path = _system(self.url)
        return bool(_tried(lambda: _uncached(system).exists(path), f"look for {self}"))

    @contextmanager
    def as_file(self) -> Iterator[Path]:
        """Yield a path on this machine with the file's bytes.

        Raises:
            InputError: it does not exist, or cannot be read.
        """
        if (local := self.local) is not None:
            yield local
            return
        system, path = _system(self.url)
        with tempfile.TemporaryDirectory(prefix="adain-") as folder:
            copy = Path(folder) / self.name
            size = _tried(lambda: _downloaded(system, path, copy), f"read {self}")
            logger.info("read %s, %d bytes", self, size)
            yield copy

    @contextmanager
    def written(self) -> Iterator[Path]:
        """Yield a path on this machine to write; the file takes this place if the block succeeds.

        Raises:
            OutputError: it cannot be written.
        """
        if (local := self.local) is not None:
            try:
                with atomic.replacing(local) as temporary:
                    yield temporary
            except OSError as error:
                raise OutputError(f"cannot write {self}: {error.strerror or error}") from error
            return
        system, path = _system(self.url)
        with tempfile.TemporaryDirectory(prefix="adain-") as folder:
            file = Path(folder) / self.name
            yield file
            try:
                _tried(lambda: _uploaded(system, file, path), f"write {self}")
            except InputError as error:
                raise OutputError(str(error)) from error


def found(patterns: Sequence[str]) -> list[Place]:
    """Find files by paths and patterns such as `s3://bucket/train-*.tar`, in their order, each once.

    Raises:
        InputError: a path does not exist, or a pattern matches nothing.
    """
    places: dict[str, Place] = {}
    for pattern in patterns:
        system, path = _system(pattern)
        names = _tried(lambda system=system, path=path: sorted(system.glob(path)), f"list {pattern}")  # type: ignore[misc]
        if not names:
            raise InputError(f"no such file: {pattern}; check the path, and put patterns in quotes")
        for name in names:
            url = name if isinstance(system, LocalFileSystem) else str(system.unstrip_protocol(name))
            places.setdefault(url, Place(url))
    return list(places.values())


def _system(url: str) -> tuple[Any, str]:
    try:
        system, path = fsspec.core.url_to_fs(url)
    except (ValueError, ImportError) as error:
        raise InputError(f"{url} cannot be opened: {error}") from error
    return system, path


def _uncached(system: Any) -> Any:
    system.invalidate_cache()
    return system


def _downloaded(system: Any, path: str, copy: Path) -> int:
    with system.open(path, "rb", cache_type="readahead") as source, open(copy, "wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
    size = copy.stat().st_size
    expected = system.size(path)
    if expected is not None and size != expected:
        raise OSError(f"got {size:,} of {expected:,} bytes")
    return size


def _uploaded(system: Any, file: Path, path: str) -> None:
    system.put_file(str(file), path)
    size = _uncached(system).size(path)
    if size is not None and size != file.stat().st_size:
        raise OSError(f"{size:,} of {file.stat().st_size:,} bytes arrived")


def _tried(step: Callable[[], _T], what: str) -> _T:
    """Return the step's result; after a fault, try again.

    Raises:
        InputError: it failed too often, or will always fail.
    """
    pause = FIRST_PAUSE
    for left in reversed(range(TRIES)):
        try:
            return step()
        except _FINAL as error:
            raise InputError(f"cannot {what}: {_reason(error)}; check the path and the permissions") from error
        except Exception as error:  # stores raise any type: timeouts, connections, their own
            if not left:
                raise InputError(f"cannot {what} after {TRIES} tries: {_reason(error)}; run it again later") from error
            logger.warning("cannot %s (%s), trying again", what, _reason(error))
            time.sleep(pause * random.uniform(0.5, 1))  # so that many machines do not come back at once
            pause *= 2
    raise AssertionError("the last try returns or raises")


def _reason(error: BaseException) -> str:
    return checks.shown(str(error) or type(error).__name__)
