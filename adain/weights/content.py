"""Compare a file with the size and hash in the registry."""

from __future__ import annotations

import hashlib
from pathlib import Path

from adain.errors import WeightsError
from adain.registry import WeightFile

__all__ = ["mismatch"]

_CHUNK = 1 << 20  # bytes


def mismatch(path: Path, file: WeightFile) -> str | None:
    """Compare a file with the registry. Return the difference as text (`has sha256 ...`), or None if there is none.

    Raises:
        WeightsError: the file cannot be read.
    """
    try:
        size = path.stat().st_size
        kind, expected, actual = _hashes(path, size, file)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}") from error
    if actual == expected and file.bytes in (None, size):
        return None
    expected_size = "" if file.bytes is None else f" ({file.bytes:,} bytes)"
    return (
        f"has {kind} {actual} ({size:,} bytes) where {file.name} has {expected}{expected_size}: "
        "it is damaged or another file"
    )


def _hashes(path: Path, size: int, file: WeightFile) -> tuple[str, str, str]:
    """Return the kind of hash, the registry's value and the file's value."""
    if file.sha256 is not None:
        return "sha256", file.sha256, _digest(path, hashlib.sha256())
    if file.git_blob is not None:
        blob = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)  # as git does
        return "git blob id", file.git_blob, _digest(path, blob)
    raise WeightsError(f"the registry has no hash for {file.name}, so it cannot be verified")


def _digest(path: Path, digest: hashlib._Hash) -> str:
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
