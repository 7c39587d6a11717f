"""Find, download and verify the files of a model's weights.

A file is taken from the first place that has it:

1. the directory the user names: the argument `weights_dir`, else the environment variable ADAIN_WEIGHTS_DIR;
   as `DIR/<model>/<file>` or `DIR/<file>`. It need not hold every file, but what it holds must be right;
2. what ships with this package;
3. the cache (see `cache_dir`), as `<model>/<file>`;
4. its authors' address, from where it is downloaded into the cache.

Every file is hashed each time it is found (0.1 s for the largest): a remembered verdict would be one more
thing to go wrong. Nothing here reads what is inside a file, let alone unpickles it.
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
"""Called with a file's name, the bytes received, and the bytes in all or None if that is unknown."""

logger = logging.getLogger(__name__)

_REMEDIES = {
    "named": "put the published file there, or remove it and let another be found",
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
    """Find all files of a model, download those that are nowhere, and verify each.

    Args:
        model: a row of the registry.
        weights_dir: a directory to look in first; None stands for the one ADAIN_WEIGHTS_DIR names, if any.
        download: whether missing files, and cached ones that are damaged, may be downloaded.
        progress: called with a file's name, the bytes received and the bytes in all (None if unknown), often;
            from 0 again where a download starts anew.

    Returns:
        The path of the verified file of each role.

    Raises:
        InputError: there is no directory of that name.
        WeightsError: a file has another hash, or is missing and may not be downloaded.
        DownloadError: a file is missing and could not be downloaded.
    """
    directory = named_directory(weights_dir)
    found = {file.role: _local(model, file, directory, download) for file in model.files}
    # Only now, so that a wrong file is reported before time is spent on the missing ones.
    for file in model.files:
        if found[file.role] is None:
            if directory is not None:
                logger.warning("%s is not in %s; downloading it", file.name, directory)
            from adain.weights.download import (
                fetch,
            )  # not above: http and ssl take longer to import than all else

            found[file.role] = fetch(file, cached(model, file), progress=progress)
    return {role: path for role, path in found.items() if path is not None}


def _local(model: Model, file: WeightFile, directory: Path | None, download: bool) -> Path | None:
    """The verified file on this machine, or None if it is to be downloaded."""
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
