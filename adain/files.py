"""Checks of paths, before a file is read or written.

Opening a named pipe waits for its writer, and some devices never end. So each module that opens a file of the user
calls `unreadable` first.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable

from adain.errors import InputError, OutputError

__all__ = [
    "ELSEWHERE",
    "FORBIDDEN",
    "STORES",
    "check_folder",
    "identity",
    "is_elsewhere",
    "refuse_inputs",
    "unreadable",
]

# These follow a path in error messages.
FORBIDDEN = "may not be read by this user; change its permissions"
ELSEWHERE = "is not on this machine; copy it here"
STORES = ", or use `adain shards`, which takes .tar and .parquet files in object stores"

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/")  # a path object has only one slash there


def is_elsewhere(path: str | os.PathLike[str]) -> bool:
    """Whether a path is an address such as `s3://bucket/photos`. A folder of that name may exist, but hardly does."""
    found = _ADDRESS.match(os.fspath(path))
    return found is not None and not os.path.lexists(found[0])


def unreadable(path: str | os.PathLike[str], what: str) -> str | None:
    """Say why a path cannot be read as a file, to follow the path in an error message. None: it can be opened.

    Args:
        path: the path of an input.
        what: what the file holds, for the message: "picture", "style code".
    """
    try:
        status = os.stat(path)
    except PermissionError:
        return FORBIDDEN
    except (OSError, ValueError):  # also if the name is too long, or has a zero byte
        return ELSEWHERE if is_elsewhere(path) else "does not exist; check the path"
    if stat.S_ISDIR(status.st_mode):
        return f"is a folder; give the path of one {what}"
    if not stat.S_ISREG(status.st_mode):
        return f"is not a regular file; give the path of one {what}"
    if status.st_size == 0:
        return "is an empty file of 0 bytes; get a complete copy of it"
    return None if os.access(path, os.R_OK) else FORBIDDEN


def check_folder(folder: str | os.PathLike[str], output: str | os.PathLike[str]) -> None:
    """Check that a folder can be written to, or made with the folders above it.

    Args:
        folder: the folder.
        output: the path that the user gave, for the message.

    Raises:
        OutputError: it is an address, or a part of the path is not a folder, or is write-protected.
    """
    if is_elsewhere(output):
        raise OutputError(f"{os.fspath(output)} is not on this machine; write to a folder here, and copy what is in it")
    place = os.path.realpath(folder)
    while not os.path.lexists(place) and place != os.path.dirname(place):
        place = os.path.dirname(place)
    if not os.path.isdir(place):
        raise OutputError(f"{os.fspath(output)}: {place} is no folder; choose another place")
    if not os.access(place, os.W_OK):
        raise OutputError(f"{os.fspath(output)}: {place} is write-protected; change its permissions or write elsewhere")


def refuse_inputs(output: str | os.PathLike[str], inputs: Iterable[object]) -> None:
    """Check that a file to write is not one of the inputs, also through links.

    Args:
        output: the file to write.
        inputs: all inputs of the call; those that are not paths are ignored.

    Raises:
        InputError: the output is an input.
    """
    own = identity(output)
    for each in inputs:
        if own is not None and isinstance(each, (str, os.PathLike)) and identity(each) == own:
            same = "" if os.fspath(output) == os.fspath(each) else f", the same file as {os.fspath(each)}"
            raise InputError(f"{os.fspath(output)} is an input{same}, and would be replaced; name another output")


def identity(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    """Return the device and number of a file, equal for all links to it. None: it does not exist."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino
