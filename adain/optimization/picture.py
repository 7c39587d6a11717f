"""The optimisation of a picture.

    picture = adain.optimize("photo.jpg", "painting.jpg")

After Gatys et al. 2016 (Image Style Transfer Using CNNs). It differs in its start: the result of a fast network, which
needs no small copies. Other starts are optimised in small copies first, as in Gatys et al. 2017 (arXiv:1611.07865).
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from adain import checks, images, memory, registry
from adain.cancellation import CancelInput, checker
from adain.errors import InputError
from adain.images import Picture, PictureInput
from adain.loading import load
from adain.optimization import descent, features, saved
from adain.optimization.objective import Objective, Target
from adain.optimization.options import STARTS, OptimizeOptions
from adain.optimization.pictures import Pictures, sides, tensor
from adain.request import StyleRequest
from adain.runtimes.torch_backend import choose_device
from adain.stylizer import StyleInput, Stylizer, several

__all__ = ["Optimization", "Step", "optimize"]

_UNKNOWN_MEMORY = 4 << 30  # bytes to plan with where the system does not say

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Step:
    """One finished iteration.

    Attributes:
        side: shorter side of the copy, in pixels.
        done: finished iterations of all copies.
        total: iterations of all copies.
        losses: before the iteration: `total`, and each loss before weighting.
    """

    side: int
    done: int
    total: int
    losses: Mapping[str, float]


def optimize(
    content: PictureInput,
    style: StyleInput | Sequence[StyleInput],
    options: OptimizeOptions | None = None,
    *,
    request: StyleRequest | None = None,
    model: str | os.PathLike[str] | Stylizer = registry.DEFAULT,
    state: str | os.PathLike[str] | None = None,
    progress: Callable[[Step], None] | None = None,
    cancel: CancelInput | None = None,
) -> Image.Image:
    """Optimise a picture so that it has the content of one picture and the style of others.

    Args:
        content: the picture to stylize, as for `adain.Stylizer`.
        style: a picture, or a list of them. Style codes hold too little to optimise by.
        options: losses, optimizer and start. None: `OptimizeOptions()`.
        request: weights, masks, seed, sizes, tiles and colours, as for `adain.Stylizer`; alpha and strokes are those of
            the fast start. None: `StyleRequest(style_size=None)`, styles as large as the content.
        model: the model, or stylizer, of the start `fast`.
        state: a file. If it exists, the run continues from it. It is written if the run ends early, by Ctrl-C, `cancel`
            or an error, and removed at the end. A resumed run of Adam gives the same result as an uninterrupted one.
        progress: called after each iteration.
        cancel: an `adain.CancelToken`, or a function that raises. Ends the call with a `CancelledError`.

    Returns:
        A picture of the (scaled) content's size, as of `adain.Stylizer`.

    Raises:
        InputError: an argument is not allowed, or the losses became infinite.
        ImageError: a picture cannot be read.
        OutOfMemoryError: there is not enough memory.
        WeightsError: the feature network's weights are missing.
        CancelledError: `cancel` ended the call.
    """
    check, report = checker(cancel), checks.callback("progress", progress)
    run = Optimization(content, several(style), options, request=request, model=model)
    if state is not None and os.path.exists(state):
        run.restore(state)
    try:
        for step in run.steps():
            if report is not None:
                report(step)
            check()
    except BaseException:
        if state is not None:
            run.save(state)
        raise
    if state is not None:
        Path(state).unlink(missing_ok=True)
    return run.result().to_pil()


class Optimization:
    """An optimisation that can be looked at, stopped and continued. Arguments as for `optimize`.

    Attributes:
        total: iterations of all copies.
        done: finished iterations.
    """

    def __init__(
        self,
        content: PictureInput,
        styles: Sequence[StyleInput],
        options: OptimizeOptions | None = None,
        *,
        request: StyleRequest | None = None,
        model: str | os.PathLike[str] | Stylizer = registry.DEFAULT,
    ) -> None:
        self._options = options or OptimizeOptions()
        self._settings = self._options.settings
        self._request = request or StyleRequest(style_size=None)
        self._request.check(len(styles))
        self._pictures = Pictures.read(content, styles, self._request)
        self._device = choose_device(self._options.device)
        self._features = features.of_options(self._options, self._device)
        self._pictures.check(self._features, self._settings.coarsest)
        self._sides = sides(min(self._pictures.size), self._settings.coarsest)
        self._model = model
        self._scale = self._iteration = 0
        self._descent: descent.Descent | None = None
        self._beginning: Tensor | None = None

    @property
    def total(self) -> int:
        """Iterations of all copies."""
        return sum(map(self._count, range(len(self._sides))))

    @property
    def done(self) -> int:
        """Finished iterations."""
        return sum(map(self._count, range(self._scale))) + self._iteration

    def steps(self) -> Iterator[Step]:
        """Run, or continue; yield each finished iteration.

        Raises:
            InputError: the losses are not finite; `result` then has the last picture that was good.
            OutOfMemoryError: there is not enough memory.
        """
        for scale in range(self._scale, len(self._sides)):
            target = self._pictures.at(self._sides[scale], self._features.minimum, self._device)
            height, width = target.content.shape[2:]
            tile = self._tile(width, height)
            pixels = min(tile or width, width) * min(tile or height, height)
            needed = self._features.bytes_per_pixel * pixels
            with memory.required(f"optimising {width:,} x {height:,} pixels", needed):
                yield from self._at_scale(scale, target, tile)

    def _at_scale(self, scale: int, target: Target, tile: int) -> Iterator[Step]:
        side, seed = self._sides[scale], self._request.seed or 0
        objective = self._objective(target, tile)
        if self._scale != scale or self._descent is None:
            self._enter(scale, target.content)
        assert self._descent is not None
        while self._iteration < self._count(scale):
            if self._settings.optimizer == "adam":
                objective.draw(seed + self.done)
            losses = self._descent.step(objective)
            if not math.isfinite(losses["total"]):
                raise InputError(self._not_finite(losses, side))
            self._iteration += 1
            yield Step(side, self.done, self.total, losses)

    def _objective(self, target: Target, tile: int) -> Objective:
        return Objective(self._features, self._settings.losses, target, tile, self._request.seed or 0)

    def _enter(self, scale: int, content: Tensor) -> None:
        """Begin a scale, with what the scale before has made and the start's own detail."""
        first = self._start(content)
        if self._descent is None:
            self._descent = descent.begin(first, self._settings)
        else:
            picture = descent.resized(self._descent.best, content)
            if not self._noisy:
                small = self._start(self._descent.best)
                picture = picture + first - descent.resized(small, content)
            self._descent = self._descent.resized(picture.clamp(0, 1))
        self._scale, self._iteration = scale, 0

    @property
    def _noisy(self) -> bool:
        return isinstance(self._settings.start, str) and self._settings.start == "noise"

    def _start(self, like: Tensor) -> Tensor:
        """The first picture, at the size of another."""
        if self._noisy:
            generator = torch.Generator().manual_seed(self._request.seed or 0)
            return torch.rand(like.shape, generator=generator).to(like)
        if self._beginning is None:
            self._beginning = self._full_start()
        return descent.resized(self._beginning, like).clamp(0, 1)

    def _full_start(self) -> Tensor:
        start, content = self._settings.start, self._pictures.content
        if isinstance(start, str) and start in STARTS:
            picture = self._stylized() if start == "fast" else content
        else:
            picture = images.read(start)
            (width, height), (wide, high) = picture.size, content.size
            if abs(width * high - height * wide) > max(width, height, wide, high):
                raise InputError(
                    f"the start is {width}x{height}, of another aspect than the content of {wide}x{high}; "
                    f"crop it, or choose one of {', '.join(STARTS)}"
                )
        return descent.resized(tensor(picture, self._device), tensor(content, self._device))

    def _stylized(self) -> Picture:
        """The result of the fast network; the styles are recoloured already, the colours are kept at the end."""
        stylizer = self._model
        if not isinstance(stylizer, Stylizer):
            stylizer = load(stylizer, device=self._options.device, weights_dir=self._options.weights_dir)
        usual = StyleRequest().style_size
        request = replace(self._request, preserve_color=None, style_size=self._request.style_size or usual, size=None)
        codes = stylizer.codes([each.rgb for each in self._pictures.styles], request)
        rgb = stylizer.stylize_pixels(self._pictures.content.rgb, codes, request, masks=self._pictures.masks)
        return replace(self._pictures.content, rgb=rgb)

    def result(self) -> Picture:
        """The best picture so far, at the full size."""
        content = tensor(self._pictures.content, self._device)
        if self._descent is None:
            return self._pictures.finished(self._start(content))
        return self._pictures.finished(descent.resized(self._descent.best, content))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the state, to `restore` it later.

        Raises:
            OutputError: the file cannot be written.
        """
        if self._descent is not None:
            saved.write(path, self._descent.state(), self._fingerprint(), (self._scale, self._iteration))

    def restore(self, path: str | os.PathLike[str]) -> None:
        """Continue from a file that `save` wrote.

        Raises:
            InputError: it is damaged, or belongs to other pictures or options.
        """
        state, (scale, iteration) = saved.load(path, self._fingerprint())
        if not (0 <= scale < len(self._sides) and 0 <= iteration <= self._count(scale)):
            raise InputError(f"{os.fspath(path)} is damaged; delete it to begin anew")
        self._descent = descent.begin(state["picture"].to(self._device), self._settings)
        self._descent.restore(state)
        self._scale, self._iteration = scale, iteration

    def _fingerprint(self) -> str:
        pictures, request = self._pictures, self._request
        arrays = [pictures.content.rgb, *(style.rgb for style in pictures.styles), pictures.masks]
        chosen = {**vars(self._settings), **vars(request), "features": self._features.name, "masks": None, "tile": None}
        if not isinstance(self._settings.start, str):
            chosen["start"] = "a picture"
        return saved.fingerprint(arrays, repr(sorted(chosen.items())))

    def _count(self, scale: int) -> int:
        """Iterations at a scale: the root of 2 times as many for each coarser one."""
        coarser = len(self._sides) - 1 - scale
        return round(self._settings.iterations * math.sqrt(2) ** coarser)

    def _tile(self, width: int, height: int) -> int:
        """The side of tiles, 0 for the whole picture at once: as asked for, or by the free memory."""
        least = 4 * self._features.band
        asked = self._request.tile
        if asked is not None:
            if 0 < asked < least:
                raise InputError(f"tile must be at least {least} pixels with {self._features.name}, or 0, got {asked}")
            return asked
        free = memory.available()
        budget = _UNKNOWN_MEMORY if free is None else free // 2
        each = self._features.bytes_per_pixel
        return 0 if width * height * each <= budget else max(least, math.isqrt(budget // each))

    def _not_finite(self, losses: Mapping[str, float], side: int) -> str:
        named = [name for name, value in losses.items() if name != "total" and not math.isfinite(value)]
        which = f" ({', '.join(named)})" if named else ""
        return (
            f"the loss{which} is not a finite number after {self.done} iterations, at {side} pixels; choose a smaller "
            f"rate than {self._settings.rate:g}, or smaller weights of losses"
        )
