"""Available memory of this process, read from Linux's /proc and cgroups without another package."""

from __future__ import annotations

from pathlib import Path

__all__ = ["available"]

_SYSTEM = Path("/proc/meminfo")
_GROUP = Path("/sys/fs/cgroup")  # the container's limit


def available() -> int | None:
    """Return the bytes available without swapping; None if unknown (not on Linux)."""
    try:
        lines = dict(line.split(":", 1) for line in _SYSTEM.read_text().splitlines())
        system = int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None
    group = _group()
    return system if group is None else min(system, group)


def _group() -> int | None:
    """Return the bytes left of a container's memory limit (cgroups v2)."""
    try:
        limit = int((_GROUP / "memory.max").read_text())  # or "max"
        used = int((_GROUP / "memory.current").read_text())
        cached = dict(line.split() for line in (_GROUP / "memory.stat").read_text().splitlines())
        return max(limit - used + int(cached["inactive_file"]), 0)  # the system reclaims inactive_file on demand
    except (OSError, KeyError, ValueError):
        return None
