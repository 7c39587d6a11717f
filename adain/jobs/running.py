"""Reading, stylizing and writing at the same time, each with a bounded queue before it.

The network runs in the calling thread, on all its cores; other threads decode the next contents and encode the
last results, which release Python's lock for most of the time. No more than `AHEAD` pictures wait on either side.

The network takes one picture at a time: on a CPU, batches of equal sizes are no faster (adain-slim in onnxruntime on
one core, ms per picture alone / in eights: 8.2 / 7.8 at 128 px, 30 / 34 at 256 px, 124 / 155 at 512 px), and would
hold the memory of all of them.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from adain.errors import DeviceError, ImageError, InputError, WeightsError
from adain.images import Picture
from adain.jobs.plan import Look, Result, Task
from adain.jobs.sources import Source

__all__ = ["PROBLEMS", "Failure", "Full", "Sink", "Steps", "reason", "run"]

AHEAD = 3  # pictures
READERS = 2
WRITERS = max(2, min(8, os.cpu_count() or 1))  # a PNG of a megapixel takes a third of a second

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}

# Of one picture; the rest goes on. `CancelledError` is none: it ends the run.
PROBLEMS = (InputError, ImageError, WeightsError, DeviceError, MemoryError, OSError)

_T = TypeVar("_T")


class Full(Exception):  # noqa: N818  not an error of its own: it ends the run, and the report says why
    """There is no room for results; all that follow would fail likewise."""


@dataclass(frozen=True)
class Failure:
    """Something that could not be read, stylized or written.

    Attributes:
        path: the content, the style, or the result to write.
        reason: why.
        results: how many results are missing because of it.
    """

    path: Path
    reason: str
    results: int = 1

    def __str__(self) -> str:
        return self.reason if str(self.path) in self.reason else f"{self.path}: {self.reason}"


class Steps(Protocol[_T]):
    """What is done for each picture.

    Errors of this package, of memory and of the operating system are that picture's own; others end the run.
    """

    def read(self, content: Source) -> Picture:
        """The content; called from several threads."""
        ...

    def prepare(self, look: Look) -> None:
        """Have the look's style code ready; called from the calling thread alone, before each result."""
        ...

    def stylize(self, content: Picture, result: Result) -> _T:
        """Make one result; called from the calling thread alone."""
        ...

    def finish(self, content: Picture, made: _T, result: Result) -> None:
        """Write it; called from several threads."""
        ...


class Sink(Protocol):
    """Who is told what became of the results, in the calling thread."""

    def done(self, result: Result) -> None:
        """It was finished."""
        ...

    def failed(self, failure: Failure) -> None:
        """Something was not, and the rest goes on."""
        ...


def run(tasks: Iterable[Task], steps: Steps[_T], sink: Sink) -> None:
    """Work through the tasks. Interrupted, it finishes what is being written and drops the rest.

    Raises:
        Full: there is no room for more results; the sink has been told of the one that was written.
    """
    broken: dict[Look, Failure] = {}
    with _threads("adain-read", READERS) as reading, _threads("adain-write", WRITERS) as writing:
        writes = _Writes(writing, steps, sink)
        try:
            for task, read in _ahead(reading, steps.read, tasks):
                if (problem := _problem(read)) is not None:
                    sink.failed(Failure(task.content.path, reason(problem), len(task.results)))
                    continue
                content = read.result()
                for result in task.results:
                    if _prepared(steps, result.look, broken):
                        try:
                            writes.add(content, steps.stylize(content, result), result)
                        except PROBLEMS as error:
                            sink.failed(Failure(task.content.path, reason(error)))
            writes.collect()
        finally:
            for failure in broken.values():
                sink.failed(failure)


class _Writes(Generic[_T]):
    """Results that are being written, the oldest first."""

    def __init__(self, pool: ThreadPoolExecutor, steps: Steps[_T], sink: Sink) -> None:
        self._pool, self._steps, self._sink = pool, steps, sink
        self._waiting: deque[tuple[Result, Future[None]]] = deque()

    def add(self, content: Picture, made: _T, result: Result) -> None:
        self._waiting.append((result, self._pool.submit(self._steps.finish, content, made, result)))
        self.collect(down_to=AHEAD)

    def collect(self, down_to: int = 0) -> None:
        """Tell of what is finished, and wait until no more than so many are not."""
        while self._waiting and (len(self._waiting) > down_to or self._waiting[0][1].done()):
            if not self._tell(*self._waiting.popleft()):
                for result, written in self._waiting:
                    if not written.cancel():
                        self._tell(result, written)
                raise Full

    def _tell(self, result: Result, written: Future[None]) -> bool:
        """Tell what became of a result; returns whether there may be room for others."""
        problem = _problem(written)
        if problem is None:
            self._sink.done(result)
            return True
        self._sink.failed(Failure(result.target, reason(problem)))
        return not _no_room(problem)


def _prepared(steps: Steps[_T], look: Look, broken: dict[Look, Failure]) -> bool:
    """Whether the look can be used. One that cannot is told of once, with all that it would have been used for."""
    if look in broken:
        broken[look] = replace(broken[look], results=broken[look].results + 1)
        return False
    try:
        steps.prepare(look)
    except PROBLEMS as error:
        broken[look] = Failure(look.styles[0].path, reason(error))
        return False
    return True


def _ahead(
    pool: ThreadPoolExecutor, read: Callable[[Source], Picture], tasks: Iterable[Task]
) -> Iterator[tuple[Task, Future[Picture]]]:
    """The tasks in their order, while the contents of the next are read."""
    rest = iter(tasks)
    waiting = deque((task, pool.submit(read, task.content)) for task in islice(rest, AHEAD))
    while waiting:
        first = waiting.popleft()
        waiting.extend((task, pool.submit(read, task.content)) for task in islice(rest, 1))
        yield first


@contextmanager
def _threads(name: str, count: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that finish what they are at, and nothing else, when the block is left."""
    pool = ThreadPoolExecutor(count, thread_name_prefix=name)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _problem(future: Future[Any]) -> BaseException | None:
    """What kept it from being done, waiting for it; a mistake of this program's is raised."""
    error = future.exception()
    if error is not None and not isinstance(error, PROBLEMS):
        raise error
    return error


def reason(error: BaseException) -> str:
    """What one of `PROBLEMS` says."""
    return "there is not enough memory for it" if isinstance(error, MemoryError) else str(error)


def _no_room(error: BaseException) -> bool:
    """Whether a full or write-protected disk is behind it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in _NO_ROOM:
            return True
        cause = cause.__cause__
    return False
