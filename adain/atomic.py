"""Files that are written whole or not at all.

A file is written beside its target and then takes the target's place in one step. A failure on the way, Ctrl-C
included, removes it and leaves the target as it was. Only what ends a process without a word (SIGKILL, a power cut)
leaves one behind: hidden, named `.adain-*.tmp`, and never taken for a picture.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adain.errors import OutputError

__all__ = ["beside", "replacing", "write_bytes", "write_text"]


def beside(target: Path) -> Path:
    """A new name in the target's folder; its length does not depend on that of the target's."""
    return target.parent / f".adain-{secrets.token_hex(8)}.tmp"


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Where to write a file that takes the place of `path` when the block ends well, and is removed when it does not.

    Where `path` is a symbolic link, it replaces the file that the link points to.

    Raises:
        OSError: the place cannot be taken.
    """
    target = Path(os.path.realpath(path))
    temporary = beside(target)
    try:
        yield temporary
        os.replace(temporary, target)
    finally:  # Ctrl-C comes by here too; after success there is nothing to remove
        temporary.unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file from memory.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(content)  # unlike tempfile's 0600, the mode that the umask gives
    except OSError as error:
        raise OutputError(f"cannot write {os.fspath(path)}: {error.strerror or error}") from error


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """As `write_bytes`, in UTF-8."""
    write_bytes(path, text.encode())
