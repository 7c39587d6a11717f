"""Cancel a running call, from another thread or after a time limit.

A call checks its `cancel` between styles, pictures, frames, tiles and the stages of a network, and raises
`CancelledError`. Finished files stay; no file is left incomplete.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeAlias

from adain import checks
from adain.errors import CancelledError

__all__ = ["CancelInput", "CancelToken", "checker"]

CancelInput: TypeAlias = "CancelToken | Callable[[], None]"
"""The `cancel` of a call: a token, or a function that raises to end the call."""


class CancelToken:
    """Cancels every call that it is passed to as `cancel`. Thread-safe.

    Args:
        timeout: time limit in seconds, counted from now. None: no limit.

    Raises:
        InputError: the timeout is not a number, or negative.
    """

    def __init__(self, timeout: float | None = None) -> None:
        self._timeout = None if timeout is None else checks.number("timeout", timeout, 0, unit="seconds")
        self._end = None if self._timeout is None else time.monotonic() + self._timeout
        self._event = threading.Event()

    def cancel(self) -> None:
        """End the calls at their next step."""
        self._event.set()

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called or the time limit is over."""
        return self._event.is_set() or self._late()

    def check(self) -> None:
        """Raise a `CancelledError` if the token is cancelled."""
        if self._event.is_set():
            raise CancelledError("the call was cancelled")
        if self._late():
            raise CancelledError(f"the call took longer than its limit of {self._timeout:g} seconds")

    def _late(self) -> bool:
        return self._end is not None and time.monotonic() >= self._end


def checker(cancel: CancelInput | None) -> Callable[[], None]:
    """Return the function that a call runs between its steps. Any exception in it becomes a `CancelledError`.

    Raises:
        InputError: `cancel` is neither a token nor a function.
    """
    if isinstance(cancel, CancelToken):
        return cancel.check
    function = checks.callback("cancel", cancel)

    def check() -> None:
        try:
            if function is not None:
                function()
        except CancelledError:
            raise
        except Exception as error:
            raise CancelledError(f"the call was cancelled: {error}") from error

    return check
