"""Everything this package raises on purpose.

    AdainError
    ├── InputError      (also ValueError)    an argument outside what is allowed
    ├── ImageError      (also ValueError)    a picture that cannot be read or is not supported
    ├── OutputError     (also OSError)       a result that cannot be written
    ├── WeightsError    (also RuntimeError)  weights that are missing, corrupt or of another shape
    │   └── DownloadError                    weights that could not be fetched
    ├── DeviceError     (also RuntimeError)  a device or backend that was asked for and cannot be used
    └── CancelledError  (also RuntimeError)  a call that was ended by its `cancel`

Each message says what came, what is allowed and what to do.
"""

from __future__ import annotations

__all__ = [
    "AdainError",
    "CancelledError",
    "DeviceError",
    "DownloadError",
    "ImageError",
    "InputError",
    "OutputError",
    "WeightsError",
]


class AdainError(Exception):
    """Base of every error this package raises on purpose."""


class InputError(AdainError, ValueError):
    """An argument is outside what is allowed."""


class ImageError(AdainError, ValueError):
    """A picture cannot be read or is of a kind that is not supported."""


class OutputError(AdainError, OSError):
    """A result cannot be written."""


class WeightsError(AdainError, RuntimeError):
    """Weights are missing, corrupt or do not fit the network."""


class DownloadError(WeightsError):
    """Weights could not be fetched."""


class DeviceError(AdainError, RuntimeError):
    """A device or backend was asked for and cannot be used."""


class CancelledError(AdainError, RuntimeError):
    """A call was ended by its `cancel`, see `adain.cancellation`; nothing half written is left."""
