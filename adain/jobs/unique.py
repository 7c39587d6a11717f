"""Longer names for inputs of the same name, such as `wave.jpg` and `wave.png`, or `c1/I.jpg` and `c2/I.jpg`.

A longer name tells the file's own facts: its suffix and the folders above it. Numbers would depend on the other inputs,
so in the next run, another picture could have the name of an existing result, and would be skipped.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

from adain.jobs.sources import Source

__all__ = ["distinct", "longer"]

_DIGITS = 8  # of a hash of the path, where suffix and folders do not help: styles `a/b` and `a-b`


def distinct(sources: Sequence[Source]) -> list[Source]:
    """Give longer names to sources that have the same name."""
    groups: defaultdict[str, list[Source]] = defaultdict(list)
    for source in sources:
        groups[os.path.normcase(source.name)].append(source)
    names = {
        source: name
        for group in groups.values()
        if len(group) > 1
        for source, name in zip(group, longer(group), strict=True)
    }
    return [replace(source, name=names.get(source, source.name)) for source in sources]


def longer(sources: Sequence[Source], spelled: Callable[[str], str] = str) -> list[str]:
    """Return a longer name for each source, so that all names differ: as short as possible, and none stays as it is.

    Args:
        sources: sources of different files.
        spelled: the form in which the names have to differ.
    """
    depth = max(len(_parts(source)) for source in sources)
    for folders, suffix in list(product(range(depth), (False, True)))[1:]:  # the first is the present name
        names = [_name(source, folders, suffix) for source in sources]
        if len({os.path.normcase(spelled(name)) for name in names}) == len(sources):
            return names
    return [f"{source.name}-{hashlib.sha256(os.fsencode(source.path)).hexdigest()[:_DIGITS]}" for source in sources]


def _name(source: Source, folders: int, suffix: bool) -> str:
    """Return the name with this many folders more, and with the suffix: `c1/I-jpg`."""
    above = _parts(source)[: -(source.name.count("/") + 1)]
    end = f"-{source.path.suffix[1:]}" if suffix and source.path.suffix else ""
    return "/".join((*above[len(above) - min(folders, len(above)) :], source.name)) + end


def _parts(source: Source) -> tuple[str, ...]:
    path = Path(os.path.abspath(source.path))
    return path.relative_to(path.anchor).parts
