"""Check a data set against its manifest: is every result there, and is it the file that was written?"""

from __future__ import annotations

import hashlib
from pathlib import Path

from adain import atomic
from adain.datasets.drawing import Shard
from adain.datasets.manifest import Entry, Manifest, file_name, join, parts, read

__all__ = ["checked", "joined"]


def joined(folder: Path) -> Manifest:
    """Return the manifest of a folder. Those of shards are joined into `manifest.jsonl` first.

    Raises:
        InputError: there is none, a shard is missing, or a manifest cannot be read.
        OutputError: the joined manifest cannot be written.
    """
    path = folder / file_name(Shard())
    if path.exists() and not parts(folder):
        return read(path)
    whole = join(folder)
    atomic.write_lines(path, (whole.header.line(), *(entry.line() for entry in whole.entries.values())))
    return whole


def checked(manifest: Manifest, folder: Path, *, hashes: bool) -> tuple[list[Entry], list[Entry]]:
    """Return the entries whose files are missing, and those whose files are others.

    Args:
        manifest: the manifest.
        folder: the folder of the results.
        hashes: read each file and compare its hash; else only its size is compared.
    """
    missing, damaged = [], []
    for entry in manifest.entries.values():
        path = folder / entry.id
        if entry.error:
            continue
        if not path.is_file():
            missing.append(entry)
        elif path.stat().st_size != entry.bytes or (hashes and _hash(path) != entry.sha256):
            damaged.append(entry)
    return missing, damaged


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
