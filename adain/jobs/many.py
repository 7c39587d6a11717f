"""`stylize_many`: stylize every content with every style into a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from PIL import Image

from adain import checks, images, sheets
from adain.cancellation import CancelInput
from adain.code import SUFFIX
from adain.errors import InputError
from adain.files import check_folder
from adain.images import Picture
from adain.images.formats import READABLE
from adain.jobs.naming import Template, default_template
from adain.jobs.plan import Result, Task, check_apart, looks, plan, unmade
from adain.jobs.running import Failure, Full, Ready, run
from adain.jobs.sources import Found, find
from adain.jobs.steps import Job, Stylizing
from adain.masking import Masks
from adain.request import PreserveColor, StyleRequest, given
from adain.stylizer import Stylizer

__all__ = [
    "FolderSteps",
    "Paths",
    "Progress",
    "Report",
    "Tally",
    "alphas_of",
    "find_contents",
    "find_styles",
    "run_folder",
    "stylize_many",
]

Paths: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
Progress: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True)
class Report:
    """The outcome of a run.

    Attributes:
        written: the written files.
        existing: number of results that existed and were skipped.
        ignored: number of files in the searched folders that are hidden, or not pictures by their names.
        failures: failed inputs and results, with their reasons.
        unreadable: pictures in the searched folders whose formats cannot be read, by their suffixes.
        stopped: whether the run ended early, because the disk was full or read-only.
    """

    written: tuple[Path, ...]
    existing: int
    ignored: int
    failures: tuple[Failure, ...]
    stopped: bool = False
    unreadable: tuple[Path, ...] = ()


def stylize_many(
    stylizer: Stylizer,
    contents: Paths,
    styles: Paths,
    output: str | os.PathLike[str],
    *,
    name: str | None = None,
    alphas: Sequence[float] = (),
    weights: Sequence[float] | None = None,
    masks: Masks | None = None,
    strokes: float | None = None,
    seed: int | None = None,
    preserve_color: PreserveColor | None = None,
    size: int | None = None,
    style_size: int | None = StyleRequest.style_size,
    tile: int | None = None,
    request: StyleRequest | None = None,
    overwrite: bool = False,
    compare: bool = False,
    quality: int | None = None,
    strip: bool = False,
    inputs: Sequence[str | os.PathLike[str]] = (),
    progress: Progress | None = None,
    cancel: CancelInput | None = None,
) -> Report:
    """Stylize every content with every style, at every strength, into a folder.

    The output has the contents' subfolders. Reading, stylizing and writing overlap; a style is encoded once. Results
    that exist are skipped, so an interrupted run can be continued. No file is left incomplete.

    Args:
        stylizer: the model.
        contents: files, folders (searched with their subfolders) and patterns (`photos/*.jpg`, with ** for any number
            of folders), one or a list.
        styles: the same kinds, and saved style codes.
        output: the folder, made if it does not exist. It must not be in a folder that is searched for contents or
            styles.
        name: a template for the results' paths in the folder, with the fields of `adain.jobs.naming.FIELDS`. None:
            `{content}_{style}`, with `_{alpha}` if there are several strengths. The suffix is the content's unless the
            template has one. Inputs of the same name get their suffix or folders in their names.
        alphas: strengths of the style in [0, 1]; a result for each. Empty: the model's own default.
        weights: one per style: all styles are mixed with these shares. None: a result for each style.
        masks: one per style, or "subject": all styles go into every result; see `adain.StyleRequest`.
        strokes: see `adain.StyleRequest`.
        seed: see `adain.StyleRequest`.
        preserve_color: see `adain.StyleRequest`.
        size: see `adain.StyleRequest`.
        style_size: see `adain.StyleRequest`.
        tile: see `adain.StyleRequest`.
        request: replaces `weights` to `tile`.
        overwrite: whether to make existing results again.
        compare: write content, style and result side by side instead of the result alone.
        quality: of JPEG, WebP and AVIF files, see `adain.images.write`.
        strip: see `adain.images.write`.
        inputs: more files that no result may replace, such as the one that the masks were made from.
        progress: called with the number of finished or failed results and the number of all results to make; first
            with 0.
        cancel: ends the run with a `CancelledError`, as for a `Stylizer`; written results stay.

    Returns:
        The written files and the failures. A bad picture does not stop the run.

    Raises:
        InputError: an argument is not allowed, an input does not exist or holds no pictures, or a result would replace
            an input, be outside the folder, or have the name of another. Nothing has been written.
        OutputError: the folder cannot be written to.
        CancelledError: `cancel` ended the run.
    """
    keywords = StyleRequest(
        weights=weights,
        masks=masks,
        strokes=strokes,
        seed=seed,
        preserve_color=preserve_color,
        size=size,
        style_size=style_size,
        tile=tile,
    )
    request, output = given(request, keywords), checks.path("output", output)
    checks.callback("progress", progress)
    images.check_quality(quality)
    check_folder(output, output)
    strengths = alphas_of(stylizer, request, alphas)
    template = Template(default_template(len(strengths), compare=compare) if name is None else name)
    found = find_contents(contents), find_styles(styles)
    stylizer.check(request, len(found[1].sources) if request.together else 1)
    all_looks = looks(found[1].sources, mixed=request.together)
    tasks = plan(found[0].sources, all_looks, strengths, template, output, stylizer.model.name)
    check_apart(tasks, found, output, (*(request.masks or ()), *inputs))
    left = tasks if overwrite else unmade(tasks)
    stylizing = Stylizing(stylizer, request, keep_pictures=compare, cancel=cancel)
    steps = FolderSteps(stylizing, compare=compare, quality=quality, strip=strip)
    return run_folder(steps, tasks, left, found, Tally(left, progress))


def alphas_of(stylizer: Stylizer, request: StyleRequest, alphas: Sequence[float]) -> list[float]:
    """Return the distinct strengths of a sweep. If `alphas` is empty, the request's own.

    Raises:
        InputError: a strength is not in [0, 1].
    """
    requests = [replace(request, alpha=alpha) for alpha in checks.listed("alphas", alphas)]
    return list(dict.fromkeys(stylizer.alpha(each) for each in requests or [request]))


def find_contents(contents: Paths) -> Found:
    """Find the contents for `stylize_many`.

    Raises:
        InputError: an input does not exist or holds no pictures.
    """
    return find(_listed("contents", contents), READABLE)


def find_styles(styles: Paths) -> Found:
    """Find the styles for `stylize_many`.

    Raises:
        InputError: an input does not exist or holds no pictures.
    """
    return find(_listed("styles", styles), [*READABLE, SUFFIX])


class FolderSteps:
    """The pipeline steps that write each result to its own file."""

    def __init__(self, stylizing: Stylizing, *, compare: bool, quality: int | None, strip: bool) -> None:
        self._stylizing = stylizing
        self._compare = compare
        self.quality, self.strip = quality, strip
        self.window = stylizing.window
        self.read = stylizing.read
        self.prepare = stylizing.prepare

    def stylize(self, ready: Sequence[Ready]) -> list[tuple[Image.Image, list[sheets.Cell]] | Exception]:
        """See `adain.jobs.running.Steps`."""
        made = self._stylizing.stylize_all([Job(each.content, each.styles, each.result.alpha) for each in ready])
        return [
            stylized if isinstance(stylized, Exception) else (stylized, self._originals(each.result))
            for each, stylized in zip(ready, made, strict=True)
        ]

    def _originals(self, result: Result) -> list[sheets.Cell]:
        return self._stylizing.originals(result.look) if self._compare else []

    def finish(self, content: Picture, made: tuple[Image.Image, list[sheets.Cell]], result: Result) -> None:
        """See `adain.jobs.running.Steps`."""
        picture, styles = made
        if self._compare:
            picture = sheets.compare(content.to_pil(), styles, picture, result.labels)
        self.write(picture, result.target)

    def write(self, picture: Image.Image, target: Path) -> None:
        """Write a result to its file."""
        quality = self.quality if images.has_quality(target) else None
        images.write(picture, target, quality=quality, strip=self.strip)


class Tally:
    """Counts written and failed results; the sink of a run.

    Args:
        left: the tasks whose results are missing.
        progress: as for `stylize_many`.
    """

    def __init__(self, left: Sequence[Task], progress: Progress | None) -> None:
        self.written: list[Path] = []
        self.failures: list[Failure] = []
        self._dealt_with, self.total, self._progress = 0, _results(left), progress
        self._add(0)

    def done(self, result: Result) -> None:
        """See `adain.jobs.running.Sink`."""
        self.written.append(result.target)
        self._add(1)

    def failed(self, failure: Failure) -> None:
        """See `adain.jobs.running.Sink`."""
        self.failures.append(failure)
        self._add(failure.results)

    def _add(self, results: int) -> None:
        self._dealt_with += results
        if self._progress is not None:
            self._progress(self._dealt_with, self.total)


def run_folder(
    steps: FolderSteps,
    tasks: Sequence[Task],
    left: Sequence[Task],
    found: Sequence[Found],
    tally: Tally,
) -> Report:
    """Make the results that are left.

    Args:
        steps: the steps.
        tasks: the plan.
        left: the tasks whose results are missing.
        found: the contents and styles.
        tally: counts the results that are left.
    """
    for each in found:
        tally.failures += [Failure(path, reason, 0) for path, reason in each.closed]
    stopped = False
    try:
        run(left, steps, tally)
    except Full:
        stopped = True
    return Report(
        tuple(tally.written),
        _results(tasks) - tally.total,
        sum(each.ignored for each in found),
        tuple(tally.failures),
        stopped,
        tuple(path for each in found for path in each.unreadable),
    )


def _results(tasks: Sequence[Task]) -> int:
    return sum(len(task.results) for task in tasks)


def _listed(name: str, paths: Paths) -> Sequence[str | os.PathLike[str]]:
    listed = [paths] if isinstance(paths, str | os.PathLike) else checks.listed(name, paths)
    for each in listed:
        checks.path(f"each of {name}", each)
    if not listed:
        raise InputError(f"{name} must be at least one file or folder, got none")
    return listed
