"""Ctrl-C, `kill` and a closed terminal, all as KeyboardInterrupt."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType, TracebackType

__all__ = ["Interruptions"]

_PATIENCE = 10.0  # seconds to wait for an import
_AGAIN = 0.02  # seconds


class Interruptions:
    """A context in which SIGINT, SIGTERM and SIGHUP raise a KeyboardInterrupt.

    Signals that are handled or ignored already, as under `nohup`, are left alone. An import is finished first: modules
    in C turn the KeyboardInterrupt into an ImportError, or lose it.
    """

    def __init__(self) -> None:
        self._number: int = signal.SIGINT
        self._since: float | None = None
        self._ours: dict[int, object] = {}

    @property
    def exit_code(self) -> int:
        """The exit code of a shell for the signal that came: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + self._number

    def __enter__(self) -> Interruptions:
        if threading.current_thread() is threading.main_thread():  # only the main thread can set handlers
            named = (getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGHUP"))  # Windows lacks SIGHUP
            for number in (each for each in named if each is not None):
                before = signal.getsignal(number)
                if before in (signal.SIG_DFL, signal.default_int_handler):
                    self._ours[number] = before
                    signal.signal(number, self._stop)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, before in self._ours.items():
            signal.signal(number, before)  # type: ignore[arg-type]

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._number = number
        self._since = time.monotonic() if self._since is None else self._since
        if _importing(frame) and time.monotonic() - self._since < _PATIENCE:
            later = threading.Timer(_AGAIN, self._again, (number,))
            later.daemon = True
            later.start()
            return
        self._since = None
        raise KeyboardInterrupt

    def _again(self, number: int) -> None:
        if signal.getsignal(number) != self._stop:
            return
        if hasattr(signal, "pthread_kill"):  # ends the main thread's waiting
            signal.pthread_kill(threading.main_thread().ident or 0, number)
        else:
            signal.raise_signal(number)


def _importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
