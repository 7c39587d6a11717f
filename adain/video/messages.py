"""Hear FFmpeg's messages: a demuxer that finds damage only logs it, and goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import av.logging

__all__ = ["Message", "heard"]

_lock = threading.Lock()
_listeners = 0


class Message(NamedTuple):
    """A message of FFmpeg.

    Attributes:
        part: FFmpeg's name of the part that sent it, such as "matroska,webm".
        text: the message.
    """

    part: str
    text: str


@contextmanager
def heard() -> Iterator[list[Message]]:
    """Collect the errors that FFmpeg logs in this thread during the block; the list is filled at its end.

    PyAV's logging is off by default. It is on only during the block, and the messages of other threads are dropped
    meanwhile. Afterwards only FFmpeg's panics are logged, because PyAV cannot be switched off while other threads log.
    If the caller has set a level of their own, nothing is collected and nothing is changed.
    """
    found: list[Message] = []
    if not _switched_on():
        yield found
        return
    try:
        with av.logging.Capture(local=False), av.logging.Capture(local=True) as messages:
            try:
                yield found
            finally:
                found.extend(Message(name, text.strip()) for _, name, text in messages)
    finally:
        _switch_off()


def _switched_on() -> bool:
    """Turn logging on, if it is off or other blocks have turned it on."""
    global _listeners
    with _lock:
        if _listeners == 0:
            if av.logging.get_level() not in (None, av.logging.PANIC):
                return False
            av.logging.set_level(av.logging.ERROR)
            av.logging.set_skip_repeated(False)  # the same message may come of the next film
        _listeners += 1
        return True


def _switch_off() -> None:
    global _listeners
    with _lock:
        _listeners -= 1
        if _listeners == 0:
            av.logging.set_skip_repeated(True)  # PyAV's default
            av.logging.set_level(av.logging.PANIC)
