"""Describes the machine: processor, memory, system, and versions of the packages that compute."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from adain.bench.cases import cores

__all__ = ["describe", "peak_memory"]

_PACKAGES = ("numpy", "pillow", "onnxruntime-gpu", "onnxruntime", "torch", "torchvision", "onnx")
_INTERESTING = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimd", "i8mm")


def describe() -> dict[str, Any]:
    """The machine's description for the results; None for facts that the system does not report."""
    from adain import __version__

    return {
        "system": platform.platform(),
        "processor": _cpu_info("model name") or platform.processor() or platform.machine(),
        "architecture": platform.machine(),
        "cores": cores(),
        "instructions": sorted(set(_INTERESTING) & set((_cpu_info("flags") or _cpu_info("Features") or "").split())),
        "memory_mib": _memory(),
        "python": platform.python_version(),
        "versions": {"adain": __version__, **{name: found for name in _PACKAGES if (found := _version(name))}},
    }


def peak_memory() -> int | None:
    """The peak memory of this process so far in bytes; None on systems that do not report it.

    On Linux it is `VmHWM`. `ru_maxrss` survives `exec`, so a small process that a large one started would report the
    large one's peak.
    """
    for line in _lines(Path("/proc/self/status")):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _cpu_info(key: str) -> str | None:
    for line in _lines(Path("/proc/cpuinfo")):
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return None


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except OSError:
        return []
