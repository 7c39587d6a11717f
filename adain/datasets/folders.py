"""`stylize_folder`: stylize a folder of pictures in random styles, with a manifest.

It is the folder job of `adain.jobs` with drawn styles: the same reading, writing and checks. Subfolders are kept, so a
data set with a folder per class keeps its labels.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from adain import atomic, checks, images
from adain.cancellation import CancelInput
from adain.datasets import versions
from adain.datasets.drawing import Shard
from adain.datasets.looks import RandomLooks
from adain.datasets.made import encoded
from adain.datasets.manifest import Entry, Header, Log, file_name, read
from adain.errors import InputError
from adain.files import STORES, check_folder, is_elsewhere
from adain.jobs.many import FolderSteps, Paths, Progress, Report, Tally, find_contents, find_styles, run_folder
from adain.jobs.naming import Template
from adain.jobs.plan import Result, Task, check_apart, plan
from adain.jobs.running import Failure
from adain.jobs.steps import Stylizing, checked_batch
from adain.request import StyleRequest
from adain.stylizer import Stylizer

__all__ = ["stylize_folder"]


def stylize_folder(
    stylizer: Stylizer,
    contents: Paths,
    styles: Paths,
    output: str | os.PathLike[str],
    *,
    per_picture: int = 1,
    alpha: float | tuple[float, float] | None = None,
    request: StyleRequest | None = None,
    name: str | None = None,
    shard: Shard | None = None,
    overwrite: bool = False,
    quality: int | None = None,
    strip: bool = False,
    batch: int | None = None,
    progress: Progress | None = None,
    cancel: CancelInput | None = None,
) -> Report:
    """Stylize each content in random styles, into a folder with the same subfolders.

    A manifest in the folder says of each result what it was made of (`adain.datasets.manifest`). A run that is started
    again makes what is missing: results without a line in the manifest, with an error, or with another size on the
    disk. Its pictures are those that one run would have made.

    Args:
        stylizer: the model.
        contents: as for `adain.stylize_many`.
        styles: the same kinds, and files of style codes.
        output: the folder; must not be in a folder that is searched.
        per_picture: results per content, in different styles.
        alpha: strength of the style in [0, 1], or the two ends of a range to draw it from. None: the model's own.
        request: the other options; its seed is also the seed of the draw.
        name: template of the results' paths, see `adain.stylize_many`. None: `{content}`, or `{content}_{style}` for
            several results per content.
        shard: make only this part. None: all.
        overwrite: make all results again.
        quality: see `adain.images.write`; only used for formats that have one.
        strip: see `adain.images.write`.
        batch: number of pictures of equal shape that go through the network together, see `adain.Stylize`.
        progress: as for `adain.stylize_many`.
        cancel: as for `adain.stylize_many`.

    Raises:
        InputError: as for `adain.stylize_many`; or the manifest is of other options; or results exist without one.
        OutputError: the folder cannot be written to.
        CancelledError: `cancel` ended the run.
    """
    request, output, shard = request or StyleRequest(), checks.path("output", output), shard or Shard()
    checks.callback("progress", progress)
    images.check_quality(quality)
    if is_elsewhere(output):
        raise InputError(f"{output} is not on this machine; write to a folder here{STORES}")
    batch = checked_batch(batch)
    check_folder(output, output)
    found = find_contents(contents), find_styles(styles)
    model = stylizer.model
    looks = RandomLooks.of(
        found[1], stylizer.maker, model.default_alpha, per_picture=per_picture, alpha=alpha, request=request
    )
    stylizer.check(request, 1)
    template = Template(("{content}" if looks.per_picture == 1 else "{content}_{style}") if name is None else name)
    # Before `plan`, which lengthens the names of contents whose results would have the same path.
    ids = {source.path: source.name + source.path.suffix for source in found[0].sources}
    draws = {path: looks.draw(id) for path, id in ids.items()}
    tasks = plan(found[0].sources, looks.looks, (), template, output, model.name, draws)
    tasks = [task for task in tasks if shard.holds(ids[task.content.path])]
    check_apart(tasks, found, output)
    options = {**looks.facts(), "name": template.text, "quality": quality, "strip": strip}
    record = _Record(output, shard, tasks, ids, options, versions.of(stylizer, batch), overwrite=overwrite)
    left = record.left(tasks)
    stylizing = Stylizing(stylizer, request, batch=batch, cancel=cancel)
    steps = _RecordedSteps(stylizing, compare=False, quality=quality, strip=strip)
    with record.open() as log:
        return run_folder(steps, tasks, left, found, _RecordedTally(left, progress, steps, record, log))


class _Record:
    """The manifest of a run: which results are there, and an entry for each to make.

    Raises:
        InputError: the manifest is of other options, or results exist without a manifest.
    """

    def __init__(
        self,
        output: Path,
        shard: Shard,
        tasks: Sequence[Task],
        ids: Mapping[Path, str],
        options: Mapping[str, Any],
        made_by: Mapping[str, str],
        *,
        overwrite: bool,
    ) -> None:
        self._output = output
        self._seed = options["seed"]
        self.path = output / file_name(shard)
        self._header = Header(options, (made_by,), str(shard))
        self._kept: dict[str, Entry] = {}
        self._contents = {result.target: ids[task.content.path] for task in tasks for result in task.results}
        if overwrite:
            return
        if self.path.exists():
            before = read(self.path)
            self._header = before.header.resumed(options, made_by, str(self.path))
            self._kept = {id: entry for id, entry in before.entries.items() if self._is_there(entry)}
            return
        existing = next((target for target in self._contents if target.exists()), None)
        if existing is not None:
            raise InputError(
                f"{existing} exists, but no {self.path.name} says what it was made of; choose an empty folder, or "
                "replace such files with overwrite"
            )

    def left(self, tasks: Iterable[Task]) -> list[Task]:
        """Return the tasks without the results that are there."""
        missing = (
            replace(task, results=tuple(each for each in task.results if self._name(each.target) not in self._kept))
            for task in tasks
        )
        return [task for task in missing if task.results]

    def open(self) -> Log:
        """Write the manifest with the entries that are kept, to append to."""
        return Log(self.path, self._header, self._kept.values())

    def entry(self, result: Result) -> Entry:
        """Return the entry of a result, without what is known only once it is written."""
        return Entry(
            self._name(result.target),
            self._contents[result.target],
            result.look.styles[0].name,
            result.alpha,
            self._seed,
            run=len(self._header.runs) - 1,
        )

    def _name(self, target: Path) -> str:
        return target.relative_to(self._output).as_posix()

    def _is_there(self, entry: Entry) -> bool:
        try:
            return not entry.error and (self._output / entry.id).stat().st_size == entry.bytes
        except OSError:
            return False


class _RecordedSteps(FolderSteps):
    """Writes results, and keeps their hashes and sizes until the tally takes them."""

    def __init__(self, stylizing: Stylizing, *, compare: bool, quality: int | None, strip: bool) -> None:
        super().__init__(stylizing, compare=compare, quality=quality, strip=strip)
        self.written: dict[Path, tuple[str, int]] = {}

    def write(self, picture: Image.Image, target: Path) -> None:
        """Encode a result, and write it completely or not at all."""
        data = encoded(picture, target.suffix.lower(), self.quality, self.strip)
        atomic.write_bytes(target, data)
        self.written[target] = hashlib.sha256(data).hexdigest(), len(data)


class _RecordedTally(Tally):
    """Counts results, and writes an entry for each into the manifest."""

    def __init__(
        self, left: Sequence[Task], progress: Progress | None, steps: _RecordedSteps, record: _Record, log: Log
    ) -> None:
        super().__init__(left, progress)
        self._steps, self._record, self._log = steps, record, log

    def done(self, result: Result) -> None:
        """Record a result that was written."""
        sha256, size = self._steps.written.pop(result.target)
        self._log.add(replace(self._record.entry(result), sha256=sha256, bytes=size))
        super().done(result)

    def failed(self, failure: Failure) -> None:
        """Record the results that are missing."""
        for result in failure.missing:
            self._log.add(replace(self._record.entry(result), error=failure.reason))
        super().failed(failure)
