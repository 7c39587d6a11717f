"""Checks whether onnxruntime can use CUDA, and names what is missing.

onnxruntime-gpu lists CUDA as available on every machine. If it cannot load a library, it logs two lines and computes
on the CPU. So this module first checks each requirement, in the order in which a user would fix them.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import io
import logging
import sys
from pathlib import Path

from adain.runtimes.ort_import import onnxruntime

__all__ = ["problem"]

logger = logging.getLogger(__name__)

_DRIVER = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
_PROVIDERS = ("onnxruntime_providers_shared", "onnxruntime_providers_cuda")  # the second needs the first


@functools.cache
def problem() -> str | None:
    """Why CUDA cannot be used, with what to do about it; None if no problem is known."""
    version = f"onnxruntime {onnxruntime.__version__}"
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return (
            f"{version} was built without CUDA; "
            "pip uninstall onnxruntime onnxruntime-gpu, then pip install onnxruntime-gpu (only one can be installed)"
        )
    return _driver_problem() or _library_problem(version)


def _driver_problem() -> str | None:
    try:
        driver = ctypes.CDLL(_DRIVER)
    except OSError:
        return f"there is no NVIDIA driver ({_DRIVER} is not found)"
    count = ctypes.c_int(0)
    code = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    if code != 0:
        return f"the NVIDIA driver does not start (error {code} of the CUDA driver API)"
    return None if count.value else "the NVIDIA driver finds no GPU"


def _library_problem(version: str) -> str | None:
    _preload()
    folder = Path(onnxruntime.__file__).parent / "capi"
    try:
        for name in _PROVIDERS:
            ctypes.CDLL(str(folder / (f"{name}.dll" if sys.platform == "win32" else f"lib{name}.so")))
    except OSError as error:
        built_for = getattr(onnxruntime, "cuda_version", "") or "an unknown version"
        return (
            f"{version} is built for CUDA {built_for} and cuDNN 9 and cannot load a library: {error}; "
            'run pip install "adain[cuda]" to install them'
        )
    return None


def _preload() -> None:
    """Load the CUDA libraries from Python packages, where the system's loader does not look."""
    preload = getattr(onnxruntime, "preload_dlls", None)  # from 1.21 on
    if preload is None:
        return
    said = io.StringIO()
    with contextlib.redirect_stdout(said):  # it prints the names of missing libraries
        preload()
    for line in said.getvalue().splitlines():
        logger.debug("onnxruntime: %s", line)
