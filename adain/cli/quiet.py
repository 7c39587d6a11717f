"""Keep the lines that C libraries print on stderr out of the terminal.

libtiff, libpng and others print a line for each fault of a file, such as "LZWDecode: Using code not yet in table". They
write to the file descriptor, past Python. This package says itself what is wrong, in one sentence.
"""

from __future__ import annotations

import contextlib
import os
import sys
from types import TracebackType

__all__ = ["QuietLibraries"]

_STDERR = 2


class QuietLibraries:
    """A context in which the descriptor of stderr leads nowhere, and `sys.stderr` still to where it led before.

    If `sys.stderr` is not the process's own, as in tests, nothing is changed.
    """

    def __init__(self) -> None:
        self._before = self._own = sys.stderr

    def __enter__(self) -> QuietLibraries:
        before = self._before
        if not _is_of_the_process(before):
            return self
        before.flush()
        kept = os.dup(_STDERR)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, _STDERR)
        os.close(nowhere)
        sys.stderr = self._own = open(kept, "w", encoding=before.encoding, errors=before.errors, buffering=1)
        return self

    def restore(self) -> None:
        """Let the libraries print again."""
        if self._own is self._before:
            return
        with contextlib.suppress(OSError, ValueError):  # a closed pipe
            self._own.flush()
        os.dup2(self._own.fileno(), _STDERR)
        if sys.stderr is self._own:
            sys.stderr = self._before
        with contextlib.suppress(OSError):
            self._own.close()
        self._own = self._before

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.restore()


def _is_of_the_process(stream: object) -> bool:
    try:
        return stream is sys.__stderr__ and sys.stderr.fileno() == _STDERR
    except (OSError, ValueError, AttributeError):  # closed, or None: a program without a console
        return False
