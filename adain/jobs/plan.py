"""Plan of a run: every content with every style at every strength, each with a unique file name."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from adain.errors import InputError
from adain.files import identity
from adain.jobs.naming import Template
from adain.jobs.sources import Found, Place, Source
from adain.jobs.unique import longer

__all__ = ["LOOKS_AT_ONCE", "Draws", "Look", "Result", "Task", "check_apart", "looks", "plan", "unmade"]

# Number of looks whose style codes are kept in memory: 0.2 GB for the largest codes, of five-level WCT. Each content
# is read again for each group of this many looks.
LOOKS_AT_ONCE = 100

Draws: TypeAlias = Mapping[Path, Sequence[tuple[int, float]]]
"""What was drawn for each content, by its path: positions of looks, with their strengths."""

_ROUNDS = 10  # of longer names, until names differ; one is enough unless a longer name is another's name


@dataclass(frozen=True)
class Look:
    """One style, or several styles mixed.

    Attributes:
        name: name in the file names of results.
        styles: pictures or style codes, at least one.
    """

    name: str
    styles: tuple[Source, ...]

    def label(self, alpha: float, *, sweep: bool) -> str:
        """Return the label of a result on a sheet: with its strength, if there are results of several strengths."""
        return f"{self.name}  {alpha:g}" if sweep else self.name


@dataclass(frozen=True)
class Result:
    """A picture to make.

    Attributes:
        look: the style.
        alpha: its strength.
        target: the file to write.
        labels: names of content and result, for a comparison.
    """

    look: Look
    alpha: float
    target: Path
    labels: tuple[str, str] = ("content", "result")


@dataclass(frozen=True)
class Task:
    """A content, and the results to make of it while it is in memory."""

    content: Source
    results: tuple[Result, ...]


def looks(styles: Sequence[Source], *, mixed: bool) -> list[Look]:
    """Make one look of each style, or one look of all styles mixed."""
    names = [_in_one_word(style.name) for style in styles]
    if mixed:
        return [Look("+".join(names), tuple(styles))]
    return [Look(name, (style,)) for name, style in zip(names, styles, strict=True)]


def plan(
    contents: Sequence[Source],
    looks: Sequence[Look],
    alphas: Sequence[float],
    name: Template,
    output: Path,
    model: str,
    draws: Draws | None = None,
) -> list[Task]:
    """Plan all combinations, or those that were drawn, in the order with the fewest reads and encodings.

    If two results would have the same name, their contents or styles get longer names, see `adain.jobs.unique`.

    Raises:
        InputError: two results would have the same name whatever their inputs are called, or a name is outside the
            output folder.
    """
    for _ in range(_ROUNDS):
        if draws is None:
            tasks = _tasks(contents, looks, alphas, name, output, model)
        else:
            tasks = _drawn(contents, looks, draws, name, output, model)
        clashes = _clashes(tasks)
        if not clashes:
            return tasks
        names = _told_apart(clashes, name)
        contents = [replace(content, name=names.get(content, content.name)) for content in contents]
        looks = [_renamed(look, names) for look in looks]
    raise _clash_error(clashes[0], name)


def _tasks(
    contents: Sequence[Source], looks: Sequence[Look], alphas: Sequence[float], name: Template, output: Path, model: str
) -> list[Task]:
    return [
        Task(
            content,
            tuple(
                Result(
                    look,
                    alpha,
                    output / name.fill(_values(content, look, alpha, model)),
                    (content.name, look.label(alpha, sweep=len(alphas) > 1)),
                )
                for look in some
                for alpha in alphas
            ),
        )
        for some in _chunks(looks, LOOKS_AT_ONCE)
        for content in contents
    ]


def _drawn(
    contents: Sequence[Source], looks: Sequence[Look], draws: Draws, name: Template, output: Path, model: str
) -> list[Task]:
    """Plan the drawn results: content by content if all style codes fit into memory, else style by style."""
    tasks = [
        Task(
            content,
            tuple(
                Result(looks[style], alpha, output / name.fill(_values(content, looks[style], alpha, model)))
                for style, alpha in draws[content.path]
            ),
        )
        for content in contents
    ]
    if len(looks) <= LOOKS_AT_ONCE:
        return tasks
    order = {look: position for position, look in enumerate(looks)}
    single = [Task(task.content, (result,)) for task in tasks for result in task.results]
    return sorted(single, key=lambda task: order[task.results[0].look])


def check_apart(tasks: Sequence[Task], found: Sequence[Found], output: Path, further: Iterable[object] = ()) -> None:
    """Check that results are in the output folder, do not replace an input, and are not in a folder that is searched.

    Args:
        tasks: the plan.
        found: the contents and styles.
        output: the output folder.
        further: more inputs, such as masks; those that are not paths are ignored.

    Raises:
        InputError: a result is not allowed there; the message names it.
    """
    paths = (*(source.path for each in found for source in each.sources), *further)
    inputs = {identity(path) for path in paths if isinstance(path, (str, os.PathLike))} - {None}
    places = [place for each in found for place in each.places]
    own = Path(os.path.realpath(output))
    real_folders: dict[Path, Path] = {}
    for target in (result.target for task in tasks for result in task.results):
        folder = target.parent
        if folder not in real_folders:
            real_folders[folder] = Path(os.path.realpath(folder))
            _check_inside(folder, real_folders[folder], own)
            _check_unsearched(folder, real_folders[folder], places)
        if os.path.islink(target):
            _check_inside(target, Path(os.path.realpath(target)), own)
        if identity(target) in inputs:
            raise InputError(f"{target} is an input and would be replaced; choose another folder or name")


def unmade(tasks: Iterable[Task]) -> list[Task]:
    """Return the tasks without the results that exist as files."""
    left = (
        replace(task, results=tuple(result for result in task.results if not result.target.is_file())) for task in tasks
    )
    return [task for task in left if task.results]


def _check_inside(path: Path, real: Path, output: Path) -> None:
    if not real.is_relative_to(output):
        raise InputError(f"{path} is a link to {real}, outside the output folder; remove the link, or write elsewhere")


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


def _clashes(tasks: Iterable[Task]) -> list[list[tuple[Source, Result]]]:
    """Return the groups of results that have the same name, each result with its content."""
    named: defaultdict[str, list[tuple[Source, Result]]] = defaultdict(list)
    for task in tasks:
        for result in task.results:
            named[os.path.normcase(result.target)].append((task.content, result))
    return [group for group in named.values() if len(group) > 1]


def _told_apart(clashes: Iterable[Sequence[tuple[Source, Result]]], name: Template) -> dict[Source, str]:
    """Return longer names for the contents of each group, or for its styles if the content is the same.

    Raises:
        InputError: longer names would not help.
    """
    names: dict[Source, str] = {}
    for group in clashes:
        contents = list(dict.fromkeys(content for content, _ in group))
        styles = list(dict.fromkeys(result.look.styles[0] for _, result in group))
        sources, field = (contents, "content") if len(contents) > 1 else (styles, "style")
        if len(sources) == 1 or field not in name.fields:
            raise _clash_error(group, name)
        names.update(zip(sources, longer(sources, _in_one_word), strict=True))
    return names


def _clash_error(group: Sequence[tuple[Source, Result]], name: Template) -> InputError:
    first, second = (_described(*each) for each in group[:2])
    return InputError(
        f"the name {name.text!r} makes {group[0][1].target} of {first} and of {second}; "
        "add fields until names differ ({content}, {style}, {alpha}, {folder}, {suffix}), or rename one of them"
    )


def _renamed(look: Look, names: Mapping[Source, str]) -> Look:
    if not any(style in names for style in look.styles):
        return look
    styles = [replace(style, name=names.get(style, style.name)) for style in look.styles]
    return looks(styles, mixed=True)[0]


def _in_one_word(name: str) -> str:
    return name.replace("/", "-")


def _described(content: Source, result: Result) -> str:
    styles = ", ".join(str(style.path) for style in result.look.styles)
    return f"{content.path} in the style of {styles} with alpha {result.alpha:g}"


def _chunks(looks: Sequence[Look], size: int) -> Iterator[list[Look]]:
    rest = iter(looks)
    while some := list(islice(rest, size)):
        yield some
