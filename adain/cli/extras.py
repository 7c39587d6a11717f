"""Packages that a command needs and that may be missing."""

from __future__ import annotations

from importlib.util import find_spec

from adain.errors import InputError

__all__ = ["require_torch"]


def require_torch(what: str) -> None:
    """Raise an `InputError` if the extra `torch` is missing, before anything slow happens."""
    missing = [package for package in ("torch", "torchvision") if find_spec(package) is None]
    if missing:
        raise InputError(f"{what} needs {', '.join(missing)}: pip install 'adain[torch]'")
