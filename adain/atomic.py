"""Atomic file writes: a file is written completely or not at all.

The content goes to a temporary file beside the target, which then replaces the target in one step. After a failure,
including Ctrl-C, the temporary file is removed and the target is unchanged. SIGKILL or a power cut can leave a
temporary file: it is hidden, named `.adain-*.tmp`, and never read as a picture.
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
    """Return a new temporary name in the target's folder. It is short even if the target's name is long."""
    return target.parent / f".adain-{secrets.token_hex(8)}.tmp"


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path. It replaces `path` if the block succeeds, and is removed if it fails.

    If `path` is a symbolic link, the file that the link points to is replaced.

    Raises:
        OSError: `path` cannot be replaced.
    """
    target = Path(os.path.realpath(path))
    temporary = beside(target)
    try:
        yield temporary
        os.replace(temporary, target)
    finally:  # also after Ctrl-C; after success there is nothing to remove
        temporary.unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write bytes to a file.

    Raises:
        OutputError: the file cannot be written.
    """
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(content)  # the mode follows the umask; tempfile would use 0600
    except OSError as error:
        raise OutputError(f"cannot write {os.fspath(path)}: {error.strerror or error}") from error


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write text to a file in UTF-8, as `write_bytes` does."""
    write_bytes(path, text.encode())
