"""Candidates that are optimised: pictures, which are the ceiling of what a fast network can reach, and style codes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adain import OptimizeOptions, StyleRequest, Stylizer, load, optimize, registry, tune

__all__ = ["Optimised", "Tuned"]


class Optimised:
    """Every picture optimised, from the default model's result on.

    Args:
        iterations: at the full size.
        preset: `default` or `gatys`.
    """

    alpha, blends = 1.0, False

    def __init__(self, iterations: int, preset: str = "default") -> None:
        self._options = OptimizeOptions(preset=preset, iterations=iterations)  # type: ignore[arg-type]
        self._stylizer = load()
        self.name = f"optimised, {preset}, {iterations} iterations"
        self.weights = f"{self._stylizer.maker} {self._options.settings}"

    def encode(self, style: NDArray[np.uint8]) -> Any:
        """The picture itself."""
        return style

    def stylize(self, content: NDArray[np.uint8], code: Any, alpha: float) -> NDArray[np.uint8]:
        """One optimisation."""
        request = StyleRequest(style_size=None)
        return np.asarray(optimize(content, code, self._options, request=request, model=self._stylizer))


class Tuned:
    """The default model with tuned style codes.

    Args:
        iterations: of each code.
        contents: photographs to tune on.
        model: the model.
    """

    alpha, blends = 1.0, True

    def __init__(self, iterations: int, contents: Sequence[Path], model: str = registry.DEFAULT) -> None:
        self._options, self._model, self._contents = OptimizeOptions(iterations=iterations), model, contents
        self._stylizer: Stylizer = load(model)
        self.name = f"{model}, tuned, {iterations} iterations on {len(contents)} photographs"
        self.weights = f"{self._stylizer.maker} {self._options.settings.losses}"

    def encode(self, style: NDArray[np.uint8]) -> Any:
        """A tuned code, at the style's own size."""
        return tune(style, self._contents, self._options, request=StyleRequest(style_size=None), model=self._model)

    def stylize(self, content: NDArray[np.uint8], code: Any, alpha: float) -> NDArray[np.uint8]:
        """As a user gets it."""
        return np.asarray(self._stylizer(content, code, alpha=alpha))
