"""The exceptions of this package.

    AdainError
    ├── InputError      (also ValueError)    an argument is not allowed
    ├── ImageError      (also ValueError)    a picture cannot be read or is not supported
    ├── OutputError     (also OSError)       a result cannot be written
    ├── WeightsError    (also RuntimeError)  weights are missing, corrupt or of another shape
    │   └── DownloadError                    weights could not be downloaded
    ├── DeviceError     (also RuntimeError)  a requested device or backend cannot be used
    ├── OutOfMemoryError (also MemoryError)  a call needs more memory than there is
    └── CancelledError  (also RuntimeError)  a call was ended by its `cancel`

Each message says what is wrong, what is allowed and what to do.
"""

from __future__ import annotations

__all__ = [
    "AdainError",
    "CancelledError",
    "DeviceError",
    "DownloadError",
    "ImageError",
    "InputError",
    "OutOfMemoryError",
    "OutputError",
    "WeightsError",
]


class AdainError(Exception):
    """Base class of this package's exceptions."""


class InputError(AdainError, ValueError):
    """An argument is not allowed."""


class ImageError(AdainError, ValueError):
    """A picture cannot be read or is not supported."""


class OutputError(AdainError, OSError):
    """A result cannot be written."""


class WeightsError(AdainError, RuntimeError):
    """Weights are missing, corrupt or do not fit the network."""


class DownloadError(WeightsError):
    """Weights could not be downloaded."""


class DeviceError(AdainError, RuntimeError):
    """A requested device or backend cannot be used."""


class OutOfMemoryError(AdainError, MemoryError):
    """A call needs more memory than there is; the message says how much."""


class CancelledError(AdainError, RuntimeError):
    """A call was ended by its `cancel`, see `adain.cancellation`; no file is left incomplete."""
