"""Tuning of a style code: optimised once, and then fast for every picture.

    code = adain.tune("painting.jpg", ["photo.jpg", "other.jpg"])
    code.save("painting.safetensors")

The network is frozen. Its style code, which it else encodes from the picture, is changed so that a few dozen contents
come out with smaller losses, through the drafts that the product uses. The code stays near the encoded one: a mean
within its own deviations, a deviation within a factor, so that it works with any alpha and in mixes.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from adain import checks, images, registry
from adain.cancellation import CancelInput, checker
from adain.code import StyleCode
from adain.errors import InputError
from adain.images import Picture, PictureInput
from adain.model_files import resolve
from adain.nn.network import StyleTransfer
from adain.nn.strokes import DraftAndRevise, Strokes
from adain.optimization import contents as tuning_contents
from adain.optimization import features
from adain.optimization.descent import BETAS
from adain.optimization.objective import Objective, Target
from adain.optimization.options import TUNING_ITERATIONS, TUNING_RATE, OptimizeOptions
from adain.optimization.pictures import read_style, tensor
from adain.request import StyleRequest
from adain.runtimes.torch_backend import TorchBackend

__all__ = ["CodeStep", "tune"]

_OF_PIXELS = {"total_variation", "grid"}
_AVERAGE = 0.95
_BOUND = 0.7  # of a mean's change, in deviations, and of the logarithm of a deviation's
_COLORING = 0.2  # of the deviation: how far an entry of a covariance's root may change, times `_BOUND`


@dataclass(frozen=True)
class CodeStep:
    """One finished iteration: `done` of `total`, and the losses of its content, `total` among them."""

    done: int
    total: int
    losses: Mapping[str, float]


def tune(
    style: PictureInput,
    contents: Sequence[PictureInput],
    options: OptimizeOptions | None = None,
    *,
    request: StyleRequest | None = None,
    model: str | os.PathLike[str] = registry.DEFAULT,
    progress: Callable[[CodeStep], None] | None = None,
    cancel: CancelInput | None = None,
) -> StyleCode:
    """Optimise the style code of a picture, with the network frozen.

    Args:
        style: the picture.
        contents: photographs to tune on, best two dozen, of at least 256 px a side. A code that was tuned on pictures
            without the statistics of photographs is worse on photographs than the encoded one.
        options: features, losses, iterations (default 150) and rate (default 0.01). The losses of pixels,
            `total_variation` and `grid`, count only if they are named. None: `OptimizeOptions()`.
        request: strokes, seed and style size.
        model: the model, as for `adain.load`.
        progress: called after each iteration.
        cancel: an `adain.CancelToken`, or a function that raises. Ends the call with a `CancelledError`.

    Returns:
        A style code, to use wherever a code of this model stands.

    Raises:
        InputError: an argument is not allowed, or the losses became infinite.
        ImageError: a picture cannot be read.
        WeightsError: weights are missing.
        CancelledError: `cancel` ended the call.
    """
    check, report = checker(cancel), checks.callback("progress", progress)
    options, request = options or OptimizeOptions(), request or StyleRequest()
    picture = read_style(style)
    if request.style_size is not None:
        picture = images.resize(picture, request.style_size, enlarge=False)
    source = resolve(model)
    backend = TorchBackend(source.model, source.weights(options.weights_dir, None), options.device)
    network = backend.network.requires_grad_(False)
    code = _Code(network, picture, torch.device(backend.device))
    strokes = source.model.default_strokes if request.strokes is None else request.strokes
    stylize = _drafted(network, strokes, code.device)
    seed = request.seed or 0
    total = TUNING_ITERATIONS if options.iterations is None else options.iterations
    rate = TUNING_RATE if options.rate is None else options.rate
    objectives = _objectives(picture, tuning_contents.crops(contents, seed), options, seed, code.device)
    optimizer = torch.optim.Adam(code.parameters, lr=rate, betas=BETAS)
    for step in range(total):
        check()
        objective = objectives[_turn(step, len(objectives), seed)]
        objective.draw(seed + step)
        optimizer.zero_grad()
        result = stylize(objective.target.content, code.arrays(), 1.0)
        losses, gradient = objective(result)
        if not math.isfinite(losses["total"]):
            raise InputError(
                f"the loss is not a finite number after {step} iterations; take a smaller rate than {rate:g}"
            )
        result.backward(gradient)  # type: ignore[no-untyped-call]
        optimizer.param_groups[0]["lr"] = rate * (1 - step / total)
        optimizer.step()
        code.remember()
        if report is not None:
            report(CodeStep(step + 1, total, losses))
    return code.finished(source.model, picture)


def _objectives(
    style: Picture, crops: Sequence[NDArray[np.float32]], options: OptimizeOptions, seed: int, device: torch.device
) -> list[Objective]:
    """An objective per content; the style's terms are the same."""
    network = features.of_options(options, device)
    contents = [torch.from_numpy(crop).to(device) for crop in crops]
    first = Objective(network, _losses(options), Target(contents[0], [tensor(style, device)], [1.0]), seed=seed)
    return [first, *map(first.for_content, contents[1:])]


def _losses(options: OptimizeOptions) -> dict[str, float]:
    """The losses without those that hold an optimiser of pixels back: a network does not need them."""
    left_out = _OF_PIXELS - set(options.losses or {})
    return {name: weight for name, weight in options.settings.losses.items() if name not in left_out}


class _Code:
    """A style code as bounded changes of the encoded one, and the average of its iterates.

    Attributes:
        device: where it is.
    """

    def __init__(self, network: StyleTransfer, picture: Picture, device: torch.device) -> None:
        self.device = device
        with torch.no_grad():
            self._encoded = network.encode_style(tensor(picture, device))
        self._changes = {name: torch.zeros_like(x, requires_grad=True) for name, x in self._encoded.items()}
        self._means = {name: torch.zeros_like(x) for name, x in self._encoded.items()}
        self._steps = 0

    @property
    def parameters(self) -> list[Tensor]:
        return list(self._changes.values())

    def arrays(self) -> dict[str, Tensor]:
        """The arrays of the code, (1, ...) each."""
        return {name: self._changed(name, change) for name, change in self._changes.items()}

    def _changed(self, name: str, change: Tensor) -> Tensor:
        of_map, _, kind = name.rpartition(".")
        encoded, bounded = self._encoded[name], _BOUND * torch.tanh(change / _BOUND)
        if kind == "std":
            return encoded * bounded.exp()
        spread = self._spread(of_map)
        if kind == "mean":  # of rectified features: not below 0, if the encoded one is not
            return torch.where(encoded >= 0, (encoded + spread * bounded).clamp_min(0), encoded + spread * bounded)
        return encoded + _COLORING * spread[..., None] * bounded

    def _spread(self, of_map: str) -> Tensor:
        """The encoded deviation of each channel, (1, C)."""
        if (std := self._encoded.get(f"{of_map}.std")) is not None:
            return std
        return self._encoded[f"{of_map}.coloring"].square().sum(2).sqrt()

    @torch.no_grad()
    def remember(self) -> None:
        """Add the current code to the average."""
        self._steps += 1
        for name, array in self.arrays().items():
            self._means[name].lerp_(array, 1 - _AVERAGE)

    def finished(self, model: registry.Model, picture: Picture) -> StyleCode:
        """The average as a style code."""
        unbiased = 1 - _AVERAGE**self._steps
        arrays = {name: (mean[0] / unbiased).cpu().numpy() for name, mean in self._means.items()}
        return StyleCode(model.name, arrays, picture, model.code_digest)


def _drafted(
    network: StyleTransfer, strokes: float, device: torch.device
) -> Callable[[Tensor, Mapping[str, Tensor], float], Tensor]:
    """The network as the product runs it: through one draft, if there are strokes."""
    if strokes == 0:
        return network
    return DraftAndRevise(network, Strokes.of(torch.tensor([[strokes]], device=device)))


def _turn(step: int, count: int, seed: int) -> int:
    """Which content an iteration takes: all of them, in another order each time."""
    around, position = divmod(step, count)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed + around))
    return int(order[position])
