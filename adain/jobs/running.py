"""Pipeline for many pictures: read, stylize and write in parallel, with bounded queues between.

The network runs in the calling thread, on all its cores. Other threads decode the next contents and encode the last
results; they release the GIL most of the time. At most `AHEAD` pictures wait on either side.

On a CPU the network takes one picture at a time. Batches of eight are no faster there at 256 px, and 1.4 times as fast
at 64 px (adain-slim in onnxruntime on one core), but take the memory of all their pictures. On a GPU, the network takes
a window of pictures, of which those of equal shape are a batch (`adain.jobs.steps`).
"""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from adain.errors import AdainError, DeviceError, ImageError, InputError, WeightsError
from adain.images import Picture
from adain.jobs.plan import Look, Result, Task
from adain.jobs.sources import Source

__all__ = ["PROBLEMS", "Failure", "Full", "Ready", "Sink", "Steps", "reason", "run", "windows"]

AHEAD = 3  # pictures
READERS = 2
ROOM = 256 << 20  # bytes; limit for the pixels of a window
WRITERS = max(2, min(8, os.cpu_count() or 1))  # a PNG of a megapixel takes a third of a second

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}

# These fail one picture, and the run continues. `CancelledError` is not among them: it ends the run.
PROBLEMS = (InputError, ImageError, WeightsError, DeviceError, MemoryError, OSError)

_NO_MEMORY = "there is not enough memory for it"

_T = TypeVar("_T")
_I = TypeVar("_I")


class Full(Exception):  # noqa: N818  not an error: it ends the run, and the report says why
    """The disk is full or read-only, so that all further results would fail."""


@dataclass(frozen=True)
class Failure:
    """Something that could not be read, stylized or written.

    Attributes:
        path: the content, the style, or the result to write.
        reason: the error message.
        results: number of results that are missing because of it.
        missing: these results.
    """

    path: Path
    reason: str
    results: int = 1
    missing: tuple[Result, ...] = field(default=(), repr=False, compare=False)

    def __str__(self) -> str:
        return self.reason if str(self.path) in self.reason else f"{self.path}: {self.reason}"


class Ready(NamedTuple):
    """A result whose inputs are there.

    Attributes:
        content: the content.
        result: the result.
        styles: what `Steps.prepare` returned for its look.
        source: of the content.
    """

    content: Picture
    result: Result
    styles: Any
    source: Source


class Steps(Protocol[_T]):
    """The steps for each picture.

    An exception among `PROBLEMS` fails the picture; others end the run.

    Attributes:
        window: number of results that `stylize` takes at once, at most.
    """

    window: int

    def read(self, content: Source) -> Picture:
        """Read the content; called from several threads."""
        ...

    def prepare(self, look: Look) -> Any:
        """Prepare the look's style codes, and return them; called from the calling thread only, before each result."""
        ...

    def stylize(self, ready: Sequence[Ready]) -> Sequence[_T | Exception]:
        """Make results; called from the calling thread only. In place of one that failed is its error."""
        ...

    def finish(self, content: Picture, made: _T, result: Result) -> None:
        """Write the result; called from several threads."""
        ...


class Sink(Protocol):
    """Receives the outcome of each result, in the calling thread."""

    def done(self, result: Result) -> None:
        """A result was written."""
        ...

    def failed(self, failure: Failure) -> None:
        """Something failed; the run continues."""
        ...


def run(tasks: Iterable[Task], steps: Steps[_T], sink: Sink) -> None:
    """Run the tasks. After an interruption, finish the results that are being written and drop the others.

    Raises:
        Full: the disk is full or read-only; the sink has received the failed result.
    """
    broken: dict[Look, tuple[Failure, list[Result]]] = {}  # with the results that are missing
    readers = READERS if steps.window == 1 else WRITERS
    with _threads("adain-read", readers) as reading, _threads("adain-write", WRITERS) as writing:
        writes = _Writes(writing, steps, sink)
        try:
            for some in windows(_ready(reading, tasks, steps, sink, broken), steps.window, _bytes):
                for each, made in zip(some, steps.stylize(some), strict=True):
                    if isinstance(made, Exception):
                        sink.failed(Failure(each.source.path, reason(made), missing=(each.result,)))
                    else:
                        writes.add(each.content, made, each.result, ahead=max(AHEAD, len(some)))
            writes.collect()
        finally:
            for failure, missing in broken.values():
                sink.failed(replace(failure, results=len(missing), missing=tuple(missing)))


def windows(items: Iterable[_I], count: int, size: Callable[[_I], int]) -> Iterator[list[_I]]:
    """Part items into lists of at most `count`, which end when their sizes reach `ROOM`."""
    some: list[_I] = []
    room = ROOM
    for item in items:
        some.append(item)
        room -= 0 if len(some) == count else size(item)
        if len(some) == count or room <= 0:
            yield some
            some, room = [], ROOM
    if some:
        yield some


def _bytes(ready: Ready) -> int:
    return ready.content.colors.nbytes


def _ready(
    pool: ThreadPoolExecutor,
    tasks: Iterable[Task],
    steps: Steps[_T],
    sink: Sink,
    broken: dict[Look, tuple[Failure, list[Result]]],
) -> Iterator[Ready]:
    """Yield the results whose content and styles can be read; the sink gets the others."""
    for task, read in _ahead(pool, steps, tasks):
        if (problem := _problem(read)) is not None:
            sink.failed(Failure(task.content.path, reason(problem), len(task.results), task.results))
            continue
        for result in task.results:
            if (styles := _prepared(steps, result, broken)) is not None:
                yield Ready(read.result(), result, styles, task.content)


class _Writes(Generic[_T]):
    """Results that are being written, the oldest first."""

    def __init__(self, pool: ThreadPoolExecutor, steps: Steps[_T], sink: Sink) -> None:
        self._pool, self._steps, self._sink = pool, steps, sink
        self._waiting: deque[tuple[Result, Future[None]]] = deque()

    def add(self, content: Picture, made: _T, result: Result, ahead: int) -> None:
        self._waiting.append((result, self._pool.submit(self._steps.finish, content, made, result)))
        self.collect(down_to=ahead)

    def collect(self, down_to: int = 0) -> None:
        """Report finished results, and wait until at most `down_to` are unfinished."""
        while self._waiting and (len(self._waiting) > down_to or self._waiting[0][1].done()):
            if not self._tell(*self._waiting.popleft()):
                for result, written in self._waiting:
                    if not written.cancel():
                        self._tell(result, written)
                raise Full

    def _tell(self, result: Result, written: Future[None]) -> bool:
        """Report the outcome of a result. Returns False if the disk is full or read-only."""
        problem = _problem(written)
        if problem is None:
            self._sink.done(result)
            return True
        self._sink.failed(Failure(result.target, reason(problem), missing=(result,)))
        return not _no_room(problem)


def _prepared(steps: Steps[_T], result: Result, broken: dict[Look, tuple[Failure, list[Result]]]) -> Any:
    """Prepare a result's look. None if it cannot be used: a broken look is reported once, with its results."""
    look = result.look
    if look in broken:
        broken[look][1].append(result)
        return None
    try:
        return steps.prepare(look)
    except PROBLEMS as error:
        broken[look] = Failure(look.styles[0].path, reason(error)), [result]
        return None


def _ahead(pool: ThreadPoolExecutor, steps: Steps[_T], tasks: Iterable[Task]) -> Iterator[tuple[Task, Future[Picture]]]:
    """Yield the tasks in their order, while the next contents are read: a window of them, if they are small."""
    rest = iter(tasks)
    waiting = deque((task, pool.submit(steps.read, task.content)) for task in islice(rest, AHEAD))
    ahead = AHEAD
    while waiting:
        first = waiting.popleft()
        more = islice(rest, max(ahead - len(waiting), 0))
        waiting.extend((task, pool.submit(steps.read, task.content)) for task in more)
        yield first
        if steps.window > 1 and first[1].exception() is None:
            ahead = max(AHEAD, min(steps.window, ROOM // first[1].result().colors.nbytes))


@contextmanager
def _threads(name: str, count: int) -> Iterator[ThreadPoolExecutor]:
    """Start threads. When the block ends, they finish their current work and drop the rest."""
    pool = ThreadPoolExecutor(count, thread_name_prefix=name)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _problem(future: Future[Any]) -> BaseException | None:
    """Wait for a future and return its error, if it is one of `PROBLEMS`. Other errors are raised."""
    error = future.exception()
    if error is not None and not isinstance(error, PROBLEMS):
        raise error
    return error


def reason(error: BaseException) -> str:
    """Return the message of one of `PROBLEMS`."""
    return str(error) if isinstance(error, AdainError) or not isinstance(error, MemoryError) else _NO_MEMORY


def _no_room(error: BaseException) -> bool:
    """Whether a full or read-only disk caused the error."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in _NO_ROOM:
            return True
        cause = cause.__cause__
    return False
