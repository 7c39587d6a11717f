"""Manifests: a file of JSON lines that says of each result what it was made of, or why it is missing.

The first line is the header: the options that all results share, and the versions of each run. Then comes a line per
result, written as soon as the result is. Names in an output folder:

    manifest.jsonl              a whole data set
    manifest-03-of-16.jsonl     a shard of it; `join` makes a whole of all shards

After a crash, the last line may be torn, or the last pictures may lack their lines; a resumed run makes these again.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from adain import atomic, checks
from adain.datasets.drawing import Shard
from adain.datasets.versions import SAME
from adain.errors import InputError, OutputError

__all__ = ["Entry", "Header", "Log", "Manifest", "file_name", "join", "parts", "read"]

_FORMAT = "adain.manifest.1"
_SHARD_FILE = re.compile(r"manifest-(\d+)-of-(\d+)\.jsonl")


@dataclass(frozen=True)
class Entry:
    """A result.

    Attributes:
        id: the result's path in the output folder, or its id.
        content: id of the content: its path in the folder of contents.
        style: the style's name.
        alpha: strength of the style.
        seed: of the data set.
        sha256: of the file; empty if it is missing.
        bytes: size of the file.
        error: why the result is missing; empty if it is not.
        run: number of the run that made it, in the header's `runs`.
    """

    id: str
    content: str
    style: str
    alpha: float
    seed: int
    sha256: str = ""
    bytes: int = 0
    error: str = ""
    run: int = 0

    def line(self) -> str:
        """Return the entry as a line of a manifest."""
        return json.dumps(asdict(self), ensure_ascii=True, separators=(",", ":")) + "\n"


@dataclass(frozen=True)
class Header:
    """The first line.

    Attributes:
        options: what all results depend on: seed, strengths, styles, request.
        runs: versions of each run (`adain.datasets.versions`).
        shard: the shard, such as `3/16`.
    """

    options: Mapping[str, Any]
    runs: tuple[Mapping[str, str], ...]
    shard: str = "1/1"

    def line(self) -> str:
        """Return the header as a line of a manifest."""
        facts = {"format": _FORMAT, "shard": self.shard, "options": dict(self.options), "runs": list(self.runs)}
        return json.dumps(facts, separators=(",", ":")) + "\n"

    def resumed(self, options: Mapping[str, Any], versions: Mapping[str, str], name: str) -> Header:
        """Return the header for a further run with the same options.

        Raises:
            InputError: the options, the model, the runtime or the precision differ.
        """
        options = json.loads(json.dumps(options))  # tuples become lists, as in a file
        for key in sorted({*self.options, *options}):
            _agree(key, self.options.get(key), options.get(key), name)
        for key in SAME:
            _agree(key, self.runs[-1].get(key), versions.get(key), name)
        runs = self.runs if versions == self.runs[-1] else (*self.runs, dict(versions))
        return Header(self.options, runs, self.shard)


@dataclass
class Manifest:
    """A manifest in memory: the header, and the last entry of each id."""

    header: Header
    entries: dict[str, Entry] = field(default_factory=dict)


def file_name(shard: Shard) -> str:
    """Return the name of the manifest of a shard, or of a whole data set."""
    if shard.count == 1:
        return "manifest.jsonl"
    digits = len(str(shard.count))
    return f"manifest-{shard.number:0{digits}}-of-{shard.count}.jsonl"


def read(path: Path) -> Manifest:
    """Read a manifest. A torn last line is left out, as a crash may leave one.

    Raises:
        InputError: the file is not a manifest, or a line is damaged.
    """
    try:
        with open(path, encoding="utf-8") as file:
            lines = _complete(file)
            manifest = Manifest(_header(next(lines, "")))
            for number, line in enumerate(lines, start=2):
                entry = _entry(line, f"line {number}")
                manifest.entries[entry.id] = entry
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} is not a manifest ({error}); get a complete copy of it, or remove it to start again"
        ) from error
    return manifest


class Log:
    """A manifest that is being written: each line reaches the file at once, so that a killed process loses none.

    Args:
        path: the file. It is written anew with the entries that are kept.
        header: the first line.
        kept: entries of earlier runs.

    Raises:
        OutputError: the file cannot be written.
    """

    def __init__(self, path: Path, header: Header, kept: Iterable[Entry] = ()) -> None:
        self.path = path
        atomic.write_lines(path, (header.line(), *(entry.line() for entry in kept)))
        self._file = open(path, "a", encoding="utf-8")  # noqa: SIM115  closed by `__exit__`

    def add(self, entry: Entry) -> None:
        """Append an entry.

        Raises:
            OutputError: the file cannot be written.
        """
        try:
            self._file.write(entry.line())
            self._file.flush()
        except OSError as error:
            raise OutputError(f"cannot write {self.path}: {error.strerror or error}") from error

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *error: object) -> None:
        """Bring the file to the disk and close it."""
        with self._file:
            os.fsync(self._file.fileno())


def parts(folder: Path) -> list[Path]:
    """Return the manifests of shards in a folder, sorted by name."""
    return sorted(path for path in folder.glob("manifest-*-of-*.jsonl") if _SHARD_FILE.fullmatch(path.name))


def join(folder: Path) -> Manifest:
    """Join the manifests of all shards in a folder.

    Raises:
        InputError: there are none, shards are missing or of different options, or an id is in two shards.
    """
    found = _shards(folder)
    whole: Manifest | None = None
    for path in found:
        part = read(path)
        if whole is None:
            whole = Manifest(Header(part.header.options, (), "1/1"))
        _add(whole, part, path)
    assert whole is not None, "there is at least one shard"
    return whole


def _shards(folder: Path) -> list[Path]:
    """Return the manifests of all shards, in their order."""
    found = {}
    for path in parts(folder):
        named = _SHARD_FILE.fullmatch(path.name)
        assert named is not None, "parts have such names"
        found[int(named[1]), int(named[2])] = path
    counts = {count for _, count in found}
    if not found:
        raise InputError(f"{folder} holds no manifests of shards, such as manifest-1-of-4.jsonl; check the folder")
    if len(counts) > 1:
        counted = " and of ".join(map(str, sorted(counts)))
        raise InputError(f"{folder} holds manifests of {counted} shards; give each data set a folder of its own")
    (count,) = counts
    missing = [str(number) for number in range(1, count + 1) if (number, count) not in found]
    if missing:
        raise InputError(f"{folder} lacks the manifests of shards {', '.join(missing)} of {count}; run these first")
    return [found[number, count] for number in range(1, count + 1)]


def _add(whole: Manifest, part: Manifest, path: Path) -> None:
    """Add the entries of a shard. The runs of all shards become one list."""
    for key in sorted({*whole.header.options, *part.header.options}):
        _agree(key, whole.header.options.get(key), part.header.options.get(key), str(path))
    runs = [*whole.header.runs]
    numbers = []
    for versions in part.header.runs:
        for key in SAME if runs else ():
            _agree(key, runs[0].get(key), versions.get(key), str(path))
        if versions not in runs:
            runs.append(versions)
        numbers.append(runs.index(versions))
    whole.header = Header(whole.header.options, tuple(runs), "1/1")
    for id, entry in part.entries.items():
        if id in whole.entries:
            raise InputError(f"{id} is in two shards, the second is {path}; remove the one that is not of this run")
        whole.entries[id] = replace(entry, run=numbers[entry.run])


def _agree(key: str, before: object, now: object, name: str) -> None:
    if before != now:
        raise InputError(
            f"{name} was made with {key} {checks.shown(before)}, this run has {checks.shown(now)}; "
            "use the same options, or another output folder"
        )


def _complete(lines: Iterable[str]) -> Iterator[str]:
    """Leave out a last line without its end."""
    return (line for line in lines if line.endswith("\n"))


def _header(line: str) -> Header:
    facts = checks.parsed_json(line)
    if not isinstance(facts, dict) or facts.get("format") != _FORMAT:
        raise ValueError(f"its first line lacks the format {_FORMAT!r}")
    options, runs, shard = facts.get("options"), facts.get("runs"), facts.get("shard")
    if not (isinstance(options, dict) and isinstance(runs, list) and runs and isinstance(shard, str)):
        raise ValueError("its first line lacks options, runs or shard")
    return Header(options, tuple(runs), shard)


_FIELDS = {name: type(value) for name, value in asdict(Entry("", "", "", 0.0, 0)).items()}


def _entry(line: str, where: str) -> Entry:
    """Read an entry from its line. Raises a `ValueError` that names `where` if it is damaged."""
    facts = checks.parsed_json(line)
    if not isinstance(facts, dict) or {*facts} != {*_FIELDS}:
        raise ValueError(f"{where} must have the fields {', '.join(_FIELDS)}")
    for name, kind in _FIELDS.items():
        if not isinstance(facts[name], (int, float) if kind is float else kind):
            raise ValueError(f"{where}: {name} is {checks.shown(facts[name])}")
    return Entry(**facts)
