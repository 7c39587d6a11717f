"""Find pictures from files, folders (with their subfolders) and patterns like `photos/*.jpg`."""

from __future__ import annotations

import glob
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from adain.errors import InputError
from adain.files import ELSEWHERE, STORES, is_elsewhere
from adain.images.formats import UNREADABLE

__all__ = ["Found", "Place", "Source", "find", "is_pattern", "left_out"]


@dataclass(frozen=True)
class Source:
    """A picture or style code that was found.

    Attributes:
        path: the file.
        name: the path relative to the searched folder, without suffix, with "/" between the parts. For a file that was
            named directly: its name only.
        code: position in a file of many style codes. None: the whole file.
    """

    path: Path
    name: str
    code: int | None = None


@dataclass(frozen=True)
class Place:
    """A folder that was searched. The next run would find files written there.

    Attributes:
        folder: absolute, without symbolic links.
        deep: whether its subfolders were searched too.
    """

    folder: Path
    deep: bool


@dataclass(frozen=True)
class Found:
    """The result of a search.

    Attributes:
        sources: the files, each once: in the order of the inputs, and in a folder by path.
        places: the folders that were searched.
        ignored: number of other files: hidden, or with another suffix.
        unreadable: pictures of formats that cannot be read, by their suffixes.
        closed: folders that could not be read, each with the reason.
    """

    sources: tuple[Source, ...]
    places: tuple[Place, ...]
    ignored: int
    closed: tuple[tuple[Path, str], ...]
    unreadable: tuple[Path, ...] = ()


@dataclass
class _Search:
    """The search of one folder or pattern."""

    root: Path
    suffixes: Collection[str]
    sources: list[Source] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    ignored: int = 0
    unreadable: list[Path] = field(default_factory=list)
    closed: list[tuple[Path, str]] = field(default_factory=list)

    def add(self, path: Path) -> None:
        hidden, suffix = path.name.startswith("."), path.suffix.lower()
        if not hidden and suffix in UNREADABLE:
            self.unreadable.append(path)
        elif hidden or suffix not in self.suffixes:
            self.ignored += 1
        else:
            self.sources.append(Source(path, self._name(path)))

    def _name(self, path: Path) -> str:
        parts = PurePath(os.path.relpath(path, self.root)).with_suffix("").parts
        return "/".join(part for part in parts if part != "..")  # a pattern may lead out of its first folders

    def add_folder(self, folder: Path) -> None:
        self.places.append(Place(Path(os.path.realpath(folder)), deep=True))
        for path in self._walk(folder):
            self.add(path)

    def _walk(self, folder: Path) -> Iterator[Path]:
        """Yield all files. Links to folders are followed, but no folder is entered twice."""
        entered = {os.path.realpath(folder)}
        for place, folders, files in os.walk(folder, followlinks=True, onerror=self._cannot_enter):
            folders[:] = [name for name in sorted(folders) if not name.startswith(".")]
            real = {name: os.path.realpath(os.path.join(place, name)) for name in folders}
            folders[:] = [name for name in folders if real[name] not in entered]
            entered.update(real.values())
            yield from (Path(place, name) for name in sorted(files))

    def _cannot_enter(self, error: OSError) -> None:
        self.closed.append((Path(error.filename), f"the folder cannot be read: {error.strerror}"))


def find(inputs: Sequence[str | os.PathLike[str]], suffixes: Collection[str]) -> Found:
    """Find pictures in files, folders and patterns.

    A folder gives all files in it and its subfolders with one of the `suffixes`. A pattern has *, ?, [abc], or ** for
    any number of folders; its leading folders are literal if they exist. Matching folders are searched. Hidden files
    are ignored. A file that is named directly may have any suffix.

    Args:
        inputs: at least one.
        suffixes: lower case, with their dots.

    Raises:
        InputError: an input does not exist, or holds no pictures.
    """
    sources: dict[str, Source] = {}  # by absolute path
    searches = [_search(os.fspath(each), suffixes) for each in inputs]
    for search in searches:
        for source in search.sources:
            sources.setdefault(os.path.abspath(source.path), source)
    return Found(
        tuple(sources.values()),
        tuple(dict.fromkeys(place for search in searches for place in search.places)),
        sum(search.ignored for search in searches),
        tuple(closed for search in searches for closed in search.closed),
        tuple(dict.fromkeys(path for search in searches for path in search.unreadable)),
    )


def left_out(paths: Sequence[Path]) -> str:
    """Describe pictures whose formats cannot be read, in the middle of a sentence."""
    names = ", ".join(path.name for path in paths[:3]) + (", ..." if len(paths) > 3 else "")
    number = f"{len(paths):,} pictures" if len(paths) > 1 else "1 picture"
    return f"{number} of formats that cannot be read ({names}); convert them to JPEG, PNG or TIFF"


def is_pattern(text: str) -> bool:
    """Whether a text is a pattern: it has *, ? or [, and no file has this name."""
    return glob.has_magic(text) and not os.path.lexists(text)


def _search(text: str, suffixes: Collection[str]) -> _Search:
    if is_elsewhere(text):
        raise InputError(f"{text} {ELSEWHERE}{STORES}")
    if is_pattern(text):
        search = _matches(text, suffixes)
        problem = f"{text} matches"
    elif os.path.isdir(text):
        search = _Search(Path(text), suffixes)
        search.add_folder(Path(text))
        problem = f"{text} holds"
    elif os.path.exists(text):
        search = _Search(Path(text).parent, suffixes)
        search.sources.append(Source(Path(text), Path(text).stem))
        return search
    else:
        raise InputError(f"no such file or folder: {text}; check the path")
    if not search.sources and not search.closed:
        if search.unreadable:
            raise InputError(f"{problem} only {left_out(search.unreadable)}")
        others = f" ({search.ignored} other files are there)" if search.ignored else ""
        raise InputError(f"{problem} no pictures{others}; their names must end in one of {_listed(suffixes)}")
    return search


def _matches(pattern: str, suffixes: Collection[str]) -> _Search:
    root, parts = _split(pattern)
    search = _Search(root, suffixes)
    deep = "**" in parts
    if deep:
        search.places.append(Place(Path(os.path.realpath(root)), deep=True))
    for path in map(Path, sorted(glob.glob(os.path.join(glob.escape(str(root)), *parts), recursive=True))):
        if not path.is_dir():  # includes broken links, which fail later
            search.add(path)
            search.places.append(Place(Path(os.path.realpath(path.parent)), deep=False))
        elif not deep:  # ** has searched the folders already
            search.add_folder(path)
    return search


def _split(pattern: str) -> tuple[Path, tuple[str, ...]]:
    """Split a pattern into its leading folders, whose names are literal if they exist, and its other parts."""
    parts = PurePath(pattern).parts
    for count, part in enumerate(parts):
        if glob.has_magic(part) and not os.path.lexists(Path(*parts[: count + 1])):
            return Path(*parts[:count]), parts[count:]
    return Path(*parts), ()


def _listed(suffixes: Iterable[str]) -> str:
    return ", ".join(suffixes)
