"""Read, stylise and write in parallel: one thread reads, the caller stylises, one thread writes.

The queues between them are short, so that memory holds only a few frames.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from types import TracebackType
from typing import Generic, TypeVar

from adain.video.clip import Frame, Sink, TrackPacket

__all__ = ["Background", "prefetch"]

LENGTH = 4  # items in a queue

_T = TypeVar("_T")


class _ClosedError(Exception):
    """The queue is closed."""


class _Queue(Generic[_T]):
    """A bounded queue that either side can close.

    Args:
        newest_only: keep only the newest item; `put` replaces it and never waits.
    """

    def __init__(self, *, newest_only: bool = False) -> None:
        self._newest_only = newest_only
        self._items: deque[_T] = deque(maxlen=1 if newest_only else None)
        self._changed = threading.Condition()
        self._closed = False

    def put(self, item: _T) -> None:
        """Add an item. Waits for room.

        Raises:
            _ClosedError: the other side has closed the queue.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._newest_only or len(self._items) < LENGTH)
            if self._closed:
                raise _ClosedError
            self._items.append(item)
            self._changed.notify_all()

    def __iter__(self) -> Iterator[_T]:
        """Yield items until the queue is closed and empty."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or bool(self._items))
                if not self._items:
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            yield item

    def close(self, *, drop: bool = False) -> None:
        """Close the queue. With `drop`, also remove its items."""
        with self._changed:
            self._closed = True
            if drop:
                self._items.clear()
            self._changed.notify_all()


def prefetch(items: Iterable[_T], *, newest_only: bool = False) -> Generator[_T, None, None]:
    """Yield the same items, read a few ahead in another thread.

    An exception in the thread is raised here, after the items before it. Closing the iterator ends the thread.

    Args:
        items: the items to read.
        newest_only: drop items that are replaced by a newer one before they are used, as for a camera's frames.
    """
    queue: _Queue[_T] = _Queue(newest_only=newest_only)
    errors: list[BaseException] = []

    def run() -> None:
        try:
            for item in items:
                queue.put(item)
        except _ClosedError:
            pass
        except BaseException as error:
            errors.append(error)
        finally:
            queue.close()

    thread = threading.Thread(target=run, name="adain-reader")
    thread.start()
    try:
        yield from queue
    finally:
        queue.close(drop=True)
        thread.join()
    if errors:
        raise errors[0]


class Background:
    """Writes to a sink in another thread. Use it in a `with` block.

    The sink's file is completed if the block succeeds or ends by Ctrl-C. It is discarded after any other error, or if
    no frame was written.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._queue: _Queue[Frame | TrackPacket] = _Queue()
        self._errors: list[BaseException] = []
        self._keep = True
        self._frames = 0
        self._thread = threading.Thread(target=self._run, name="adain-writer")

    @property
    def frames(self) -> int:
        """Number of frames passed to `write`."""
        return self._frames

    def write(self, item: Frame | TrackPacket) -> None:
        """Queue an item for `Sink.write`. May raise the error of an earlier item."""
        try:
            self._queue.put(item)
        except _ClosedError:
            raise self._errors[0] from None
        self._frames += isinstance(item, Frame)

    def __enter__(self) -> Background:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._keep = self._frames > 0 and (error is None or isinstance(error, KeyboardInterrupt))
        self._queue.close(drop=not self._keep)
        try:
            self._thread.join()
        except BaseException:  # a second Ctrl-C
            self._keep = False
            self._queue.close(drop=True)
            self._thread.join()
            raise
        if self._errors and self._errors[0] is not error:
            raise self._errors[0]

    def _run(self) -> None:
        try:
            for item in self._queue:
                self._sink.write(item)
            if self._keep:
                self._sink.finish()
        except BaseException as error:
            self._errors.append(error)
            self._keep = False
        finally:
            self._queue.close(drop=True)  # first, because the caller may be waiting for room
            if not self._keep:
                self._sink.discard()
