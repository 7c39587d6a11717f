"""What a process loads once: networks, and encoded styles."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast

__all__ = ["lock", "once"]

_T = TypeVar("_T")

# By the process that loaded them. A fork copies sessions without their threads, and even freeing such a copy would wait
# for ever. So the entries of a parent process are kept and not used.
_loaded: dict[tuple[object, ...], Any] = {}
_locks: dict[int, threading.RLock] = {}


def lock() -> threading.RLock:
    """Return the lock of this process: at a fork, a thread of the parent may hold the parent's for ever."""
    return _locks.setdefault(os.getpid(), threading.RLock())


def once(key: tuple[object, ...], make: Callable[[], _T]) -> _T:
    """Return what `make` made for this key in this process, the first time."""
    key = (os.getpid(), *key)
    with lock():
        if key not in _loaded:
            _loaded[key] = make()
        return cast(_T, _loaded[key])
