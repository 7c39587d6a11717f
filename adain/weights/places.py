"""Where files of weights may lie on this machine."""

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
    """A file that is there, not yet verified, and whose it is: the user's, this package's or the cache's."""

    path: Path
    origin: Literal["named", "package", "cache"]


def cache_dir() -> Path:
    """The directory of downloaded files, which need not exist yet.

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
    """Where the cache has or would have a file; files of two models may share a name."""
    return cache_dir() / model.name / file.name


def named_directory(weights_dir: str | os.PathLike[str] | None) -> Path | None:
    """The directory the user names, by argument or else by ADAIN_WEIGHTS_DIR; None if by neither.

    Raises:
        InputError: there is no such directory.
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
    """The first place that has a file of that name, unverified; None if none has.

    Args:
        model: the model whose file it is.
        file: which one.
        directory: as `named_directory` returns it.
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
