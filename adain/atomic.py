"""Atomic file writes: a file is written completely or not at all.

The content goes to a temporary file beside the target, which then replaces the target in one step. After a failure,
including Ctrl-C, the temporary file is removed and the target is unchanged. SIGKILL or a power cut can leave a
temporary file: it is hidden, named `.adain-MACHINE-PROCESS-RANDOM.tmp`, and never read as a picture. The next run that
writes into the folder removes it, if its process has ended. A file of another machine or container that shares the
folder is removed a day after its last change, because its process cannot be seen from here.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import os
import platform
import re
import secrets
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from adain.errors import OutputError

__all__ = ["beside", "replacing", "write_bytes", "write_lines", "write_text"]

_TEMPORARY = re.compile(r"\.adain-(?:(?P<machine>[0-9a-f]+)-(?P<process>\d+)-)?[0-9a-f]+\.tmp")
_STALE = 24 * 3600  # seconds since the last change, for files of processes that cannot be seen


def beside(target: Path) -> Path:
    """Return a new temporary name in the target's folder. It is short even if the target's name is long.

    The folder is made if it does not exist. What killed runs left in it is removed.

    Raises:
        OSError: the folder cannot be made, or the target is a folder, a device or a pipe, which a file would replace.
    """
    if target.exists() and not target.is_file():
        raise OSError(errno.EEXIST, "it is not a regular file", str(target))
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(target.parent)
    return target.parent / f".adain-{_machine()}-{os.getpid()}-{secrets.token_hex(8)}.tmp"


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path. It replaces `path` if the block succeeds, and is removed if it fails.

    If `path` is a symbolic link, the file that the link points to is replaced. Missing folders are made.

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


def write_lines(path: str | os.PathLike[str], lines: Iterable[str]) -> None:
    """Write lines of text to a file in UTF-8, one after the other; they need not fit into memory.

    Raises:
        OutputError: the file cannot be written.
    """
    try:
        with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(lines)
    except OSError as error:
        raise OutputError(f"cannot write {os.fspath(path)}: {error.strerror or error}") from error


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write text to a file in UTF-8, as `write_bytes` does."""
    write_bytes(path, text.encode())


@functools.cache  # once for each folder, because a run may write thousands of files into it
def _remove_leftovers(folder: Path) -> None:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            named = _TEMPORARY.fullmatch(entry.name)
            if named is not None and _is_left(entry, named["machine"], named["process"]):
                with contextlib.suppress(OSError):  # another process may be first
                    os.unlink(entry.path)


def _is_left(entry: os.DirEntry[str], machine: str | None, process: str | None) -> bool:
    """Whether the process that wrote a temporary file has ended."""
    if machine == _machine() and process is not None and sys.platform != "win32":  # there, signal 0 ends a process
        return not _is_alive(int(process))
    try:
        return time.time() - entry.stat(follow_symlinks=False).st_mtime > _STALE
    except OSError:
        return False


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # it is another user's
        pass
    return True


@functools.cache
def _machine() -> str:
    """Return a short hash, equal for all processes that can see each other: of this machine, boot and container."""
    facts = [platform.node()]
    for read, path in ((Path.read_text, "/proc/sys/kernel/random/boot_id"), (os.readlink, "/proc/self/ns/pid")):
        with contextlib.suppress(OSError):  # only Linux has them
            facts.append(read(Path(path)))
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:8]
