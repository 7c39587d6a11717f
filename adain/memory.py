"""How much memory this process can still have, where the system says; without a package for it."""

from __future__ import annotations

from pathlib import Path

__all__ = ["available"]

_SYSTEM = Path("/proc/meminfo")
_GROUP = Path("/sys/fs/cgroup")  # what a container may have


def available() -> int | None:
    """Bytes that can be had without swapping; None where it is not known (not on Linux)."""
    try:
        lines = dict(line.split(":", 1) for line in _SYSTEM.read_text().splitlines())
        system = int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None
    group = _group()
    return system if group is None else min(system, group)


def _group() -> int | None:
    """What is left of a container's limit; the second version of control groups."""
    try:
        limit = int((_GROUP / "memory.max").read_text())  # or "max"
        used = int((_GROUP / "memory.current").read_text())
        cached = dict(line.split() for line in (_GROUP / "memory.stat").read_text().splitlines())
        return max(limit - used + int(cached["inactive_file"]), 0)  # which is given back when it is needed
    except (OSError, KeyError, ValueError):
        return None
