"""Worker threads with a bounded queue. All threads share one stylizer.

The runtimes and Pillow release Python's lock while they compute, so threads use all cores, and the weights are in
memory once. A request takes a place in the queue before its upload is read, so uploads are bounded too.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from adain.cancellation import CancelToken
from adain.errors import AdainError
from adain.serve.refusals import RefusedError, of_error

__all__ = ["Workers", "retry_later"]

T = TypeVar("T")

_LONGEST_WAIT = 60  # s; of Retry-After


class Workers:
    """Runs functions in threads. All methods are for the event loop's thread.

    Args:
        threads: number of functions that run at the same time.
        queue: number of further ones that wait.
        seconds: time limit of a function, waiting included.
    """

    def __init__(self, threads: int, queue: int, seconds: float) -> None:
        self.threads = threads
        self.running = 0
        self.taken = 0
        self._counting = threading.Lock()
        self._places = threads + queue
        self._seconds = seconds
        self._usual = 0.5  # s; moving average of a function's time
        self._open = True
        self._pool = ThreadPoolExecutor(threads, "adain-worker")

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place in the queue for the time of the block.

        Raises:
            RefusedError: the queue is full, or the server is stopping.
        """
        if not self._open:
            raise retry_later("the server is stopping", 5)
        if self.taken >= self._places:
            raise retry_later(
                f"all {self._places} places in the queue are taken", self._usual * self.taken / self.threads
            )
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1

    async def run(self, work: Callable[[CancelToken], T], gone: Coroutine[object, object, None] | None = None) -> T:
        """Run a function in a thread, inside a `place`.

        Args:
            work: gets a token that ends at the time limit.
            gone: completes when the client has left; the token is then cancelled.

        Raises:
            RefusedError: the function raised an error of this package, or its time is over.
        """
        token = CancelToken(timeout=self._seconds)
        result = asyncio.get_running_loop().run_in_executor(self._pool, self._timed, work, token)
        watcher = None if gone is None else asyncio.ensure_future(gone)
        try:
            if watcher is not None:
                either: list[asyncio.Future[Any]] = [result, watcher]
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if not result.done():
                    token.cancel()
            return await result
        finally:
            if watcher is not None:
                watcher.cancel()

    def close(self) -> None:
        """Take no more work, and wait until all work is done."""
        self._open = False
        self._pool.shutdown(wait=True)

    def _timed(self, work: Callable[[CancelToken], T], token: CancelToken) -> T:
        """In a thread: run the function, with the errors that the client gets."""
        if token.cancelled:
            raise retry_later(f"the request waited in the queue for {self._seconds:g} seconds", self._seconds)
        start = time.perf_counter()
        with self._counting:
            self.running += 1
        try:
            return work(token)
        except (AdainError, MemoryError) as error:
            raise of_error(error) from error
        finally:
            with self._counting:
                self.running -= 1
                self._usual += (time.perf_counter() - start - self._usual) / 8


def retry_later(reason: str, seconds: float) -> RefusedError:
    """Make a refusal with the header Retry-After."""
    wait = str(min(max(math.ceil(seconds), 1), _LONGEST_WAIT))
    return RefusedError(503, f"{reason}; try again in {wait} s", {"Retry-After": wait})
