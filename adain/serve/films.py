"""Film jobs: computed one at a time in a thread of their own, in a private temporary folder.

A film's files are deleted when its result was fetched, when it is removed, or `film_kept` after it ended. At shutdown
all are deleted, and the film that runs is stopped, because nobody could fetch it.

FFmpeg opens a file by its content, and some contents, such as playlists, name other files and addresses. So only files
that start as MP4, MOV, Matroska, WebM or GIF are opened.
"""

from __future__ import annotations

import logging
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal

from adain.cancellation import CancelToken
from adain.errors import AdainError, CancelledError
from adain.serve.refusals import RefusedError, of_error
from adain.serve.workers import retry_later

__all__ = ["MEDIA_TYPES", "Film", "Films", "Work", "sniffed"]

MEDIA_TYPES = {
    "mp4": "video/mp4",
    "webm": "video/webm",
    "mkv": "video/x-matroska",
    "mov": "video/quicktime",
    "gif": "image/gif",
}
"""Formats of results, and their media types."""

Work = Callable[["Film"], None]
"""Stylizes `Film.source` into `Film.result`, and counts frames."""

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class Film:
    """A film job.

    Attributes:
        folder: its private folder.
        kind: kind of the uploaded film, a suffix without dot.
        format: kind of the result, a key of `MEDIA_TYPES`.
        token: ends the work; its time limit starts with the work.
        id: random name, which only the sender knows.
        state: what happens to it.
        frames: number of finished frames.
        of: number of all frames; None if unknown.
        error: the reason of a failure.
        damage: what could not be read of the uploaded film, as a sentence; None if it is whole.
        ended: time of the end, of `time.monotonic`.
    """

    folder: Path
    kind: str
    format: str
    token: CancelToken = field(default_factory=CancelToken)
    id: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    state: Literal["waiting", "running", "done", "failed"] = "waiting"
    frames: int = 0
    of: int | None = None
    error: str | None = None
    damage: str | None = None
    ended: float | None = None

    @property
    def source(self) -> Path:
        """The uploaded film."""
        return self.folder / f"film.{self.kind}"

    @property
    def result(self) -> Path:
        """The stylized film."""
        return self.folder / f"stylized.{self.format}"

    def progress(self, frames: int, of: int | None) -> None:
        """Note the number of finished frames."""
        self.frames, self.of = frames, of

    def describe(self) -> dict[str, object]:
        """Return what the API says about the film."""
        names = ("id", "state", "frames", "of", "error", "damage")
        return {name: getattr(self, name) for name in names}

    def said(self, text: object) -> str:
        """Return a sentence for the sender, without the path on this machine."""
        return str(text).replace(str(self.source), "the film")


class Films:
    """All film jobs of a server. Thread-safe.

    Args:
        waiting: number of films that wait for the one that runs.
        seconds: time limit for computing a film.
        kept: time in seconds for which a finished film is kept.
        most_bytes: size limit of a film. Free space for two is needed, for the film and its result.
    """

    def __init__(self, waiting: int, seconds: float, kept: float, most_bytes: int) -> None:
        self._most = waiting + 1
        self._seconds = seconds
        self._kept = kept
        self._space = 2 * most_bytes
        self._films: dict[str, Film] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(1, "adain-film")
        self._root: Path | None = None
        self._open = True

    def count(self) -> int:
        """Return the number of films that wait or run."""
        return sum(film.ended is None for film in list(self._films.values()))

    def check_room(self) -> None:
        """Raise unless another film can be taken.

        Raises:
            RefusedError: too many films wait, the disk is full, or the server is stopping.
        """
        if not self._open:
            raise retry_later("the server is stopping", 5)
        if self.count() >= self._most:
            raise retry_later(f"{self._most} films wait or run already", 60)
        if shutil.disk_usage(tempfile.gettempdir()).free < self._space:
            raise retry_later("there is no space for another film on the server's disk", 60)

    def new(self, upload: BinaryIO, format: str) -> Film:
        """Copy an uploaded film into a folder of its own. `start` or `remove` must follow.

        Raises:
            RefusedError: it is no film that is taken.
        """
        upload.seek(0)
        kind = sniffed(upload.read(16))
        upload.seek(0)
        film = Film(Path(tempfile.mkdtemp(dir=self._folder())), kind, format)
        try:
            with film.source.open("xb") as file:
                shutil.copyfileobj(upload, file, 1 << 20)
        except BaseException:
            shutil.rmtree(film.folder, ignore_errors=True)
            raise
        return film

    def start(self, film: Film, work: Work) -> None:
        """Queue a film.

        Raises:
            RefusedError: see `check_room`.
        """
        with self._lock:
            self.check_room()
            self._films[film.id] = film
        self._pool.submit(self._run, film, work)

    def get(self, id: str) -> Film:
        """Return a film.

        Raises:
            RefusedError: there is none with this id.
        """
        self.sweep()
        film = self._films.get(id)
        if film is None:
            raise RefusedError(
                404, f"no such film; it was fetched or removed, or ended more than {self._kept:g} seconds ago"
            )
        return film

    def remove(self, film: Film) -> None:
        """Stop a film and delete its files; those of a running film when it has stopped."""
        film.token.cancel()
        with self._lock:
            self._films.pop(film.id, None)
        if film.state != "running":
            shutil.rmtree(film.folder, ignore_errors=True)

    def sweep(self) -> None:
        """Delete the films that ended too long ago."""
        now = time.monotonic()
        for film in list(self._films.values()):
            if film.ended is not None and now - film.ended > self._kept:
                self.remove(film)

    def close(self) -> None:
        """Stop all films, and delete their files."""
        self._open = False
        for film in list(self._films.values()):
            self.remove(film)
        self._pool.shutdown(wait=True, cancel_futures=True)
        if self._root is not None:
            shutil.rmtree(self._root, ignore_errors=True)

    def _folder(self) -> Path:
        with self._lock:
            if self._root is None:
                self._root = Path(tempfile.mkdtemp(prefix="adain-films-"))  # readable by this user only
            return self._root

    def _run(self, film: Film, work: Work) -> None:
        """In the thread: compute a film."""
        if film.token.cancelled:
            return
        film.state = "running"
        timer = threading.Timer(self._seconds, film.token.cancel)
        timer.daemon = True
        timer.start()
        try:
            work(film)
            film.state = "done"
        except CancelledError:
            film.error = f"the film took longer than {self._seconds:g} seconds; send a shorter or smaller one"
        except (AdainError, MemoryError) as error:
            film.error = film.said(of_error(error).message)
        except Exception as error:
            logger.error("a film failed with %s", type(error).__name__)
            film.error = "the film could not be computed"
        finally:
            timer.cancel()
            film.source.unlink(missing_ok=True)
            self._end(film)

    def _end(self, film: Film) -> None:
        with self._lock:
            film.ended = time.monotonic()
            if film.state != "done":
                film.state = "failed"
            removed = film.id not in self._films
        if removed:
            shutil.rmtree(film.folder, ignore_errors=True)


def sniffed(start: bytes) -> str:
    """Return the kind of a film by its first bytes: a suffix without dot.

    Raises:
        RefusedError: it is no film that is taken.
    """
    if start[4:8] == b"ftyp":
        return "mp4"
    if start[:4] == b"\x1a\x45\xdf\xa3":  # EBML
        return "mkv"
    if start[:4] == b"GIF8":
        return "gif"
    raise RefusedError(422, "the film must be MP4, MOV, Matroska, WebM or GIF; convert it, for instance with FFmpeg")
