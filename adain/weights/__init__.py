"""Find, download and verify the files of a model's weights.

A file is taken from the first place that has it:

1. the user's directory: the argument `weights_dir`, else the environment variable ADAIN_WEIGHTS_DIR; as
   `DIR/<model>/<file>` or `DIR/<file>`. Files may be missing there, but must have the right hash;
2. the files that ship with this package;
3. the cache (see `cache_dir`), as `<model>/<file>`;
4. the authors' address: the file is downloaded into the cache.

Files are hashed each time they are used (0.1 s for the largest), so there is no stored verification that could be
wrong. This subpackage does not parse or unpickle the files.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

from adain.errors import WeightsError
from adain.registry import Model, WeightFile
from adain.weights.content import mismatch
from adain.weights.places import Place, cache_dir, cached, locate, named_directory

__all__ = ["Place", "Progress", "cache_dir", "cached", "find", "locate", "mismatch", "named_directory"]

Progress = Callable[[str, int, int | None], None]
"""Called with a file's name, the bytes received, and the total bytes or None if unknown."""

logger = logging.getLogger(__name__)

_REMEDIES = {
    "named": "put the published file there, or remove it so that other places are searched",
    "package": "install the package again",
    "cache": "delete it and let it be downloaded again",
}


def find(
    model: Model,
    weights_dir: str | os.PathLike[str] | None = None,
    *,
    download: bool = True,
    progress: Progress | None = None,
) -> dict[str, Path]:
    """Find all files of a model, download missing ones, and verify each.

    Args:
        model: a row of the registry.
        weights_dir: a directory to search first. None: ADAIN_WEIGHTS_DIR, if set.
        download: whether missing files and damaged files in the cache may be downloaded.
        progress: called often with a file's name, the bytes received and the total bytes (None if unknown). Starts
            from 0 again if a download is repeated.

    Returns:
        The path of the verified file of each role.

    Raises:
        InputError: the directory does not exist.
        WeightsError: a file has another hash, or is missing and may not be downloaded.
        DownloadError: a file is missing and could not be downloaded.
    """
    directory = named_directory(weights_dir)
    found = {file.role: _local(model, file, directory, download) for file in model.files}
    # Downloads start after all local files are verified, so that a wrong file is reported first.
    for file in model.files:
        if found[file.role] is None:
            if directory is not None:
                logger.warning("%s is not in %s; downloading it", file.name, directory)
            from adain.weights.download import (
                fetch,
            )  # here, because http and ssl are slow to import

            found[file.role] = fetch(file, cached(model, file), progress=progress)
    return {role: path for role, path in found.items() if path is not None}


def _local(model: Model, file: WeightFile, directory: Path | None, download: bool) -> Path | None:
    """Return the verified file on this machine, or None if it must be downloaded."""
    place = locate(model, file, directory)
    if place is None:
        if file.url is None:
            raise WeightsError(f"{file.name} of {model.name} ships with this package but is missing; install it again")
        if not download:
            raise WeightsError(
                f"{file.name} of {model.name} is not on this machine; "
                f"run `adain models download {model.name}`, or save {file.url} as {cached(model, file)}"
            )
        return None
    difference = mismatch(place.path, file)
    if difference is None:
        logger.info("%s %s: %s", model.name, file.role, place.path)
        return place.path
    if place.origin == "cache" and download and file.url is not None:
        logger.warning("%s %s; downloading it again", place.path, difference)
        return None
    raise WeightsError(f"{place.path} {difference}; {_REMEDIES[place.origin]}")
