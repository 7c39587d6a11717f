"""The steps that all runs share: read a content, prepare style codes, stylize."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

from PIL import Image

from adain import checks, images
from adain.cancellation import CancelInput, checker
from adain.code import StyleCode
from adain.defaults import BATCH_CUDA, BATCH_MOST
from adain.engine import tiles
from adain.images import Picture
from adain.jobs.plan import LOOKS_AT_ONCE, Look
from adain.jobs.running import PROBLEMS
from adain.jobs.sources import Source
from adain.jobs.style_set import CodeFiles
from adain.request import StyleRequest
from adain.sheets import Cell
from adain.stylizer import Stylizer

__all__ = ["Job", "Prepared", "Stylizing", "checked_batch", "default_batch"]

Prepared: TypeAlias = Sequence[StyleCode | Picture]
"""The styles of a look: codes, or pictures that CORAL recolours for each content."""

_WINDOW = 4  # batches; pictures of other shapes lie between those of one shape

logger = logging.getLogger(__name__)


class Job(NamedTuple):
    """A result to make.

    Attributes:
        content: from `Stylizing.read`.
        styles: from `Stylizing.prepare`.
        alpha: strength of the style.
    """

    content: Picture
    styles: Prepared
    alpha: float


def default_batch(device: str) -> int:
    """The number of pictures that go through the network together on a device."""
    return BATCH_CUDA if device.startswith("cuda") else 1


def checked_batch(batch: int | None) -> int | None:
    """Check a number of pictures that go through the network together.

    Raises:
        InputError: it is not a whole number from 1 to `BATCH_MOST`.
    """
    return None if batch is None else checks.whole("batch", batch, 1, high=BATCH_MOST)


class Stylizing:
    """Runs a model on tasks: `read`, `prepare` and `stylize` of `adain.jobs.running.Steps`.

    A style is read once. It is encoded once, unless CORAL recolours it for each content. Tasks come grouped by style,
    so a style is kept only while its tasks run.

    Args:
        stylizer: the model.
        request: the options of all results.
        keep_pictures: whether to keep the pictures of styles, for `originals`.
        at_once: number of looks to keep.
        batch: number of pictures of equal shape that go through the network together, for requests without masks and
            weights. None: see `default_batch`. It is halved when memory is short.
        cancel: see `adain.cancellation`.
    """

    def __init__(
        self,
        stylizer: Stylizer,
        request: StyleRequest,
        *,
        keep_pictures: bool = False,
        at_once: int = LOOKS_AT_ONCE,
        batch: int | None = 1,
        cancel: CancelInput | None = None,
    ) -> None:
        self._stylizer = stylizer
        self._request = request
        self._keep_pictures = keep_pictures
        self._at_once = at_once
        self.batch = default_batch(stylizer.device) if batch is None else batch
        self._cancel = checker(cancel)
        self._looks: dict[Look, Prepared] = {}
        self._files = CodeFiles()

    @property
    def window(self) -> int:
        """The number of results to give to `stylize_all` at once, so that many of them have equal shapes."""
        return 1 if self.batch == 1 else _WINDOW * self.batch

    def read(self, content: Source | bytes | Image.Image) -> Picture:
        """Read the content, scaled to its final size. With masks "subject" it is not scaled, to keep hidden colours."""
        encoded = content.path if isinstance(content, Source) else content
        if self._request.masks == "subject":
            return images.read(encoded, keep_hidden=True)
        picture = images.read(encoded)
        return picture if self._request.size is None else images.resize(picture, self._request.size)

    def prepare(self, look: Look) -> Prepared:
        """Read and encode the look's styles, once."""
        self._cancel()
        if look not in self._looks:
            styles: Prepared = [
                self._stylizer.open_style(self._files.style(style), self._request) for style in look.styles
            ]
            if self._request.preserve_color != "coral":
                codes = self._stylizer.codes(styles, self._request, cancel=self._cancel)
                styles = codes if self._keep_pictures else [replace(code, picture=None) for code in codes]
            while len(self._looks) >= self._at_once:
                del self._looks[next(iter(self._looks))]
            self._looks[look] = styles
        return self._looks[look]

    def stylize(self, content: Picture, styles: Prepared, alpha: float) -> Image.Image:
        """Make one result with a prepared look."""
        return self._stylizer(content, styles, request=replace(self._request, alpha=alpha), cancel=self._cancel)

    def stylize_all(self, jobs: Sequence[Job]) -> list[Image.Image | Exception]:
        """Make several results, in batches of equal shape. In place of one that failed is its error."""
        made: list[Any] = [None] * len(jobs)
        shapes = defaultdict[object, list[int]](list)
        for position, job in enumerate(jobs):
            shapes[job.content.colors.shape, job.content.colors.dtype].append(position)
        for positions in shapes.values():
            while positions:
                count = self._count(jobs[positions[0]].content)
                some, positions = positions[:count], positions[count:]
                for position, each in zip(some, self._together([jobs[position] for position in some]), strict=True):
                    made[position] = each
        return made

    def _count(self, content: Picture) -> int:
        """The number of pictures of a content's size that go through the network together."""
        if self.batch == 1:
            return 1
        return min(self.batch, tiles.most_at_once(self._request.tile, self._stylizer.backend, content.size))

    def _together(self, jobs: Sequence[Job]) -> list[Image.Image | Exception]:
        """Make results of equal shape in one call of the network. If it fails, in two, until only bad pictures fail."""
        try:
            return [self.stylize(*jobs[0])] if len(jobs) == 1 else [*self._batch(jobs)]
        except PROBLEMS as error:
            if len(jobs) == 1:
                return [error]
            short = isinstance(error, MemoryError)
        half = len(jobs) // 2
        if short and half < self.batch:
            logger.warning("not enough memory for %d pictures at once, going on with %d", len(jobs), half)
            self.batch = half
        return [*self._together(jobs[:half]), *self._together(jobs[half:])]

    def _batch(self, jobs: Sequence[Job]) -> list[Image.Image]:
        codes = []
        for job in jobs:
            (code,) = self._stylizer.codes(job.styles, self._request, job.content)
            codes.append(code)
        contents, alphas = [job.content for job in jobs], [job.alpha for job in jobs]
        return self._stylizer.stylize_batch(contents, codes, alphas, self._request, cancel=self._cancel)

    def originals(self, look: Look) -> list[Cell]:
        """Return the labelled pictures of a prepared look. A saved code has only a label."""
        pictures = [style.picture if isinstance(style, StyleCode) else style for style in self._looks[look]]
        return [
            Cell(None if picture is None else picture.to_pil(), style.name)
            for style, picture in zip(look.styles, pictures, strict=True)
        ]
