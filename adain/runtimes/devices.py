"""Parses device names and numbers of threads, for all runtimes."""

from __future__ import annotations

import os
import re

from adain import checks
from adain.errors import InputError

__all__ = ["MOST_THREADS", "cpu_threads", "parse_device"]

MOST_THREADS = 1024

_DEVICE = re.compile(r"auto|cpu|cuda(:(0|[1-9][0-9]{0,3}))?")


def parse_device(device: object) -> str:
    """The name of a device: `auto`, `cpu`, `cuda` or `cuda:<index>`.

    Args:
        device: one of these names, or a `torch.device`.

    Raises:
        InputError: anything else.
    """
    name = str(device)
    if not _DEVICE.fullmatch(name):
        raise InputError(f"unknown device {checks.shown(device)}; allowed: auto, cpu, cuda, cuda:0, cuda:1 ...")
    return name


def cpu_threads(threads: object) -> int:
    """The number of threads to use on the CPU; 0 leaves it to the runtime.

    Args:
        threads: from 1 to 1024. None: OMP_NUM_THREADS if it is set, else the number of cores that this process may use.
            In a container these can be fewer than the machine's cores, which is the default of most runtimes.

    Raises:
        InputError: not a whole number, less than 1, or more than 1024.
    """
    if threads is not None:
        return checks.whole("threads", threads, 1, high=MOST_THREADS)
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if re.fullmatch("[0-9]{1,4}", asked) and 1 <= int(asked) <= MOST_THREADS:
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
