"""Available memory of this process, and errors that say how much was missing.

The available memory is read from Linux's /proc and cgroups without another package.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adain.errors import OutOfMemoryError

__all__ = ["available", "is_short", "required"]

_SYSTEM = Path("/proc/meminfo")
_GROUP = Path("/sys/fs/cgroup")  # the container's limit
_SHORT = re.compile("allocate memory|bad.alloc|out of memory", re.IGNORECASE)  # in errors of runtimes and CUDA


def available() -> int | None:
    """Return the bytes available without swapping; None if unknown (not on Linux)."""
    try:
        lines = dict(line.split(":", 1) for line in _SYSTEM.read_text().splitlines())
        system = int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None
    group = _group()
    return system if group is None else min(system, group)


@contextmanager
def required(what: str, needed: float) -> Iterator[None]:
    """Turn a lack of memory in the block into an `OutOfMemoryError` that says how much memory is needed.

    Args:
        what: what the block does, for the message.
        needed: the bytes that it takes, roughly.

    Raises:
        OutOfMemoryError: NumPy, Pillow or a runtime could not allocate memory.
    """
    try:
        yield
    except OutOfMemoryError:
        raise
    except (MemoryError, RuntimeError) as error:  # runtimes raise the second
        if is_short(error):
            raise OutOfMemoryError(
                f"there is not enough memory: {what} takes about {_size(needed)}; "
                "choose a smaller size, or end other programs"
            ) from error
        raise


def is_short(error: BaseException) -> bool:
    """Whether an error says that memory could not be allocated. Runtimes raise it as a RuntimeError."""
    return isinstance(error, MemoryError) or bool(isinstance(error, RuntimeError) and _SHORT.search(str(error)))


def _size(count: float) -> str:
    return f"{count / 1e9:.2g} GB" if count >= 1e8 else f"{count / 1e6:.2g} MB"


def _group() -> int | None:
    """Return the bytes left of a container's memory limit (cgroups v2)."""
    try:
        limit = int((_GROUP / "memory.max").read_text())  # or "max"
        used = int((_GROUP / "memory.current").read_text())
        cached = dict(line.split() for line in (_GROUP / "memory.stat").read_text().splitlines())
        return max(limit - used + int(cached["inactive_file"]), 0)  # the system reclaims inactive_file on demand
    except (OSError, KeyError, ValueError):
        return None
