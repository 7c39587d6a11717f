"""Locations of weight files on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from adain.errors import InputError
from adain.registry import Model, WeightFile

__all__ = ["Place", "cache_dir", "cached", "locate", "named_directory"]

_PACKAGE = Path(__file__).resolve().parents[1]
# A wheel carries the repository's `weights/` inside the package; a checkout has it beside the package.
_SHIPPED = (_PACKAGE / "_weights", _PACKAGE.parent / "weights")


@dataclass(frozen=True)
class Place:
    """An existing file, not yet verified, and its origin: the user's directory, this package or the cache."""

    path: Path
    origin: Literal["named", "package", "cache"]


def cache_dir() -> Path:
    """Return the directory of downloaded files. It may not exist yet.

    ADAIN_CACHE if set; else `adain` in the user's cache: $XDG_CACHE_HOME or ~/.cache, on macOS
    ~/Library/Caches, on Windows %LOCALAPPDATA%.
    """
    if named := os.environ.get("ADAIN_CACHE"):
        return Path(named).expanduser().absolute()
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "adain" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "adain"
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (cache if cache.is_absolute() else Path.home() / ".cache") / "adain"  # XDG: a relative one is ignored


def cached(model: Model, file: WeightFile) -> Path:
    """Return the path of a file in the cache. Each model has a folder, because file names may be equal."""
    return cache_dir() / model.name / file.name


def named_directory(weights_dir: str | os.PathLike[str] | None) -> Path | None:
    """Return the user's directory, from the argument or else ADAIN_WEIGHTS_DIR; None if neither is set.

    Raises:
        InputError: the directory does not exist.
    """
    origin = "weights directory"
    if weights_dir is None:
        weights_dir = os.environ.get("ADAIN_WEIGHTS_DIR") or None
        origin = "ADAIN_WEIGHTS_DIR"
    if weights_dir is None:
        return None
    path = Path(weights_dir).expanduser()
    if not path.is_dir():
        problem = "is a file" if path.exists() else "does not exist"
        raise InputError(f"{origin} {os.fspath(path)!r} {problem}; name a directory that holds the weights")
    return path


def locate(model: Model, file: WeightFile, directory: Path | None = None) -> Place | None:
    """Find a file on this machine, without verifying it. None if there is none.

    Args:
        model: the file's model.
        file: the file.
        directory: the result of `named_directory`.
    """
    return next((place for place in _candidates(model, file, directory) if place.path.is_file()), None)


def _candidates(model: Model, file: WeightFile, directory: Path | None) -> Iterator[Place]:
    if directory is not None:
        yield Place(directory / model.name / file.name, "named")
        yield Place(directory / file.name, "named")
    if file.url is None:
        for shipped in _SHIPPED:
            yield Place(shipped / file.name, "package")
    else:
        yield Place(cached(model, file), "cache")
