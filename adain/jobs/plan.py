"""Plan of a run: every content with every style at every strength, each with a unique file name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from adain.errors import InputError
from adain.jobs.naming import Template
from adain.jobs.sources import Found, Place, Source

__all__ = ["LOOKS_AT_ONCE", "Look", "Result", "Task", "check_apart", "looks", "plan", "unmade"]

# Number of looks whose style codes are kept in memory: 0.2 GB for the largest codes, of five-level WCT. Each content
# is read again for each group of this many looks.
LOOKS_AT_ONCE = 100


@dataclass(frozen=True)
class Look:
    """One style, or several styles mixed.

    Attributes:
        name: name in the file names of results.
        styles: pictures or style codes, at least one.
    """

    name: str
    styles: tuple[Source, ...]


@dataclass(frozen=True)
class Result:
    """A picture to make."""

    look: Look
    alpha: float
    target: Path


@dataclass(frozen=True)
class Task:
    """A content, and the results to make of it while it is in memory."""

    content: Source
    results: tuple[Result, ...]


def looks(styles: Sequence[Source], *, mixed: bool) -> list[Look]:
    """Make one look of each style, or one look of all styles mixed."""
    names = [style.name.replace("/", "-") for style in styles]
    if mixed:
        return [Look("+".join(names), tuple(styles))]
    return [Look(name, (style,)) for name, style in zip(names, styles, strict=True)]


def plan(
    contents: Sequence[Source], looks: Sequence[Look], alphas: Sequence[float], name: Template, output: Path, model: str
) -> list[Task]:
    """Plan all combinations, in the order with the fewest reads and encodings.

    Raises:
        InputError: two results would have the same name.
    """
    tasks = []
    taken: dict[str, tuple[Source, Result]] = {}
    for some in _chunks(looks, LOOKS_AT_ONCE):
        for content in contents:
            results = tuple(
                Result(look, alpha, output / name.fill(_values(content, look, alpha, model)))
                for look in some
                for alpha in alphas
            )
            for result in results:
                _check_free(taken, content, result, name)
            tasks.append(Task(content, results))
    return tasks


def check_apart(tasks: Iterable[Task], found: Sequence[Found]) -> None:
    """Check that results do not replace an input, and are not in a folder that is searched for inputs.

    Raises:
        InputError: a result is; the message names it.
    """
    inputs = {os.path.realpath(source.path) for each in found for source in each.sources}
    places = [place for each in found for place in each.places]
    real_folders: dict[Path, Path] = {}
    for target in (result.target for task in tasks for result in task.results):
        folder = target.parent
        if folder not in real_folders:
            real_folders[folder] = Path(os.path.realpath(folder))
            _check_unsearched(folder, real_folders[folder], places)
        if str(real_folders[folder] / target.name) in inputs:
            raise InputError(f"{target} is an input and would be replaced; choose another folder or name")


def unmade(tasks: Iterable[Task]) -> list[Task]:
    """Return the tasks without the results that exist as files."""
    left = (
        replace(task, results=tuple(result for result in task.results if not result.target.is_file())) for task in tasks
    )
    return [task for task in left if task.results]


def _check_unsearched(folder: Path, real: Path, places: Sequence[Place]) -> None:
    for place in places:
        if real == place.folder or (place.deep and real.is_relative_to(place.folder)):
            raise InputError(
                f"the results would lie in {folder}, which is searched for inputs, so the next run would use them "
                "as inputs; choose an output folder elsewhere"
            )


def _values(content: Source, look: Look, alpha: float, model: str) -> dict[str, str]:
    return {
        "content": content.name,
        "style": look.name,
        "alpha": f"{alpha:g}",
        "model": model,
        "folder": Path(os.path.abspath(content.path)).parent.name,
        "suffix": content.path.suffix[1:],
    }


def _check_free(taken: dict[str, tuple[Source, Result]], content: Source, result: Result, name: Template) -> None:
    other = taken.setdefault(os.path.normcase(result.target), (content, result))
    if other[1] is not result:
        first, second = (_described(*each) for each in (other, (content, result)))
        raise InputError(
            f"the name {name.text!r} makes {result.target} of {first} and of {second}; "
            "add fields until names differ ({content}, {style}, {alpha}, {folder}, {suffix}), or rename one of them"
        )


def _described(content: Source, result: Result) -> str:
    styles = ", ".join(str(style.path) for style in result.look.styles)
    return f"{content.path} in the style of {styles} with alpha {result.alpha:g}"


def _chunks(looks: Sequence[Look], size: int) -> Iterator[list[Look]]:
    rest = iter(looks)
    while some := list(islice(rest, size)):
        yield some
