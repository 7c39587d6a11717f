"""Stylize shards, files of many pictures, into shards of the same names: on this machine or in object stores.

A shard is done when its manifest is there, `NAME.manifest.jsonl` beside it, which is written last. A run that is
started again makes the others. Each shard is written completely or not at all.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import posixpath
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adain import checks
from adain.datasets import manifest
from adain.datasets.drawing import Shard
from adain.datasets.formats import FORMATS, check_suffixes
from adain.datasets.made import Made
from adain.datasets.manifest import Entry, Header, Log
from adain.datasets.places import Place, found
from adain.datasets.rows import Stylize
from adain.errors import DeviceError, InputError
from adain.files import identity

__all__ = ["ShardReport", "ShardsReport", "stylize_shard", "stylize_shards"]

_MANIFEST = ".manifest.jsonl"


@dataclass(frozen=True)
class ShardReport:
    """The outcome of a shard.

    Attributes:
        name: the shard.
        made: number of results.
        failed: entries of the manifest with an error.
        existing: whether it was done before.
    """

    name: str
    made: int
    failed: tuple[Entry, ...]
    existing: bool = False


@dataclass(frozen=True)
class ShardsReport:
    """The outcome of a run.

    Attributes:
        shards: the shards, those included that were done before.
        failures: shards that could not be read or written, with their reasons.
    """

    shards: tuple[ShardReport, ...]
    failures: tuple[tuple[str, str], ...]


def stylize_shards(
    stylize: Stylize,
    shards: str | Sequence[str],
    output: str,
    *,
    part: Shard | None = None,
    overwrite: bool = False,
    processes: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> ShardsReport:
    """Stylize shards into a folder.

    Args:
        stylize: how. Give it `threads=1` if there are as many processes as cores.
        shards: paths and patterns of fsspec, such as `s3://bucket/train-*.tar`. WebDataset (`.tar`) or `.parquet`.
        output: a folder, also in an object store.
        part: only every COUNTth shard, by their order. None: all.
        overwrite: make shards again that are done.
        processes: number of processes, each of which makes a shard at a time.
        progress: called with the number of finished shards and the number of all; first with 0.

    Raises:
        InputError: an argument is not allowed, a shard does not exist, or would be replaced by its result.
    """
    sources = found([shards] if isinstance(shards, str) else checks.listed("shards", shards))
    processes = checks.whole("processes", processes, 1)
    check_suffixes(place.name for place in sources)
    pairs = list(zip(sources, _targets(sources, Place(output)), strict=True))
    for source, target in pairs:
        _check_apart(source, target)
    part = part or Shard()
    chosen = pairs[part.number - 1 :: part.count]
    make = functools.partial(_attempt, stylize, overwrite)
    reports, failures = [], []
    tell = progress or (lambda done, total: None)
    tell(0, len(chosen))
    for number, outcome in enumerate(_mapped(make, chosen, processes), start=1):
        if isinstance(outcome, ShardReport):
            reports.append(outcome)
        else:
            failures.append(outcome)
        tell(number, len(chosen))
    return ShardsReport(tuple(reports), tuple(failures))


def stylize_shard(stylize: Stylize, source: str, target: str, *, overwrite: bool = False) -> ShardReport:
    """Stylize one shard: for engines that hand out shards themselves.

    Args:
        stylize: how.
        source: a path of fsspec that ends in `.tar` or `.parquet`.
        target: the path to write.
        overwrite: make it again if it is done.

    Raises:
        InputError: it cannot be read, or the one that is there was made with other options.
        OutputError: it cannot be written.
    """
    check_suffixes([source])
    place, record = Place(target), Place(f"{target}{_MANIFEST}")
    header = Header({**stylize.options(), "source": Place(source).name}, (stylize.versions(),))
    if not overwrite and record.exists() and place.exists():
        return _existing(record, header)
    failed, made = [], 0
    transform = FORMATS[Path(source).suffix]
    with tempfile.TemporaryDirectory(prefix="adain-") as folder:
        path = Path(folder) / "manifest"
        with Log(path, header) as log, Place(source).as_file() as read, place.written() as written:
            for result in transform(stylize, read, written, Place(source).name):
                entry = _entry(result)
                log.add(entry)
                made += not entry.error
                failed += [entry] if entry.error else []
        with record.written() as written:
            written.write_bytes(path.read_bytes())
    return ShardReport(place.name, made, tuple(failed))


def _existing(record: Place, header: Header) -> ShardReport:
    """Return the report of a shard that is done."""
    with record.as_file() as file:
        before = manifest.read(file)
    before.header.resumed(header.options, header.runs[0], str(record))
    failed = tuple(entry for entry in before.entries.values() if entry.error)
    return ShardReport(record.name.removesuffix(_MANIFEST), len(before.entries) - len(failed), failed, existing=True)


def _entry(made: Made) -> Entry:
    return Entry(made.id, made.content, made.style, made.alpha, made.seed, made.sha256, len(made.data), made.error)


def _targets(sources: Sequence[Place], output: Place) -> list[Place]:
    """The shards' names in the output; with their folders, if two have the same name."""
    if len({source.name for source in sources}) == len(sources):
        return [output / source.name for source in sources]
    common = posixpath.commonpath([posixpath.dirname(source.url) for source in sources])
    return [output / posixpath.relpath(source.url, common) for source in sources]


def _check_apart(source: Place, target: Place) -> None:
    here, there = source.local, target.local
    same = source.url == target.url
    if here is not None and there is not None:
        same = os.path.realpath(here) == os.path.realpath(there) or (
            identity(there) is not None and identity(here) == identity(there)
        )
    if same:
        raise InputError(f"{target} is an input and would be replaced; choose another output folder")


def _attempt(stylize: Stylize, overwrite: bool, pair: tuple[Place, Place]) -> ShardReport | tuple[str, str]:
    """Stylize a shard. Returns its name and the reason if it cannot be read or written; others continue."""
    source, target = pair
    try:
        return stylize_shard(stylize, source.url, target.url, overwrite=overwrite)
    except (InputError, OSError) as error:
        return source.url, str(error)


def _mapped(make: Callable[[Any], Any], pairs: Sequence[Any], processes: int) -> Iterator[Any]:
    if processes == 1:
        yield from map(make, pairs)
        return
    context = multiprocessing.get_context("spawn")  # a fork would copy the network without its threads
    try:
        with ProcessPoolExecutor(min(processes, len(pairs) or 1), mp_context=context) as pool:
            yield from pool.map(make, pairs)
    except BrokenProcessPool as error:
        raise DeviceError(
            "a process was ended from outside, perhaps for lack of memory; use fewer processes, and run it again: "
            "finished shards are kept"
        ) from error
