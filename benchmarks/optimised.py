"""Candidates that are optimised: pictures, which are the ceiling of what a fast network can reach, and style codes.

Optimising takes minutes per picture, so pictures that were made before can be measured too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from exhibits import Exhibit
from numpy.typing import NDArray
from peers.checkout import digest
from PIL import Image

from adain import OptimizeOptions, StyleRequest, Stylizer, load, optimize, registry, tune

__all__ = ["Made", "Optimised", "Tuned"]


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


class Made:
    """Pictures that were made before, `CONTENT-STYLE.png` each.

    Args:
        argument: NAME=FOLDER.
        exhibits: contents and styles by name.
    """

    alpha, blends = 1.0, False

    def __init__(self, argument: str, exhibits: Mapping[str, Exhibit]) -> None:
        self.name, _, folder = argument.partition("=")
        self._folder, self._exhibits = Path(folder), exhibits
        self.weights = digest(sorted(self._folder.glob("*.png")))

    def encode(self, style: NDArray[np.uint8]) -> Any:
        """The style's name."""
        return self._named(style)

    def stylize(self, content: NDArray[np.uint8], code: Any, alpha: float) -> NDArray[np.uint8]:
        """The picture of this name."""
        file = self._folder / f"{self._named(content)}-{code}.png"
        if not file.is_file():
            raise click.ClickException(f"{file} is missing; make it, or measure fewer pairs by --pairs")
        with Image.open(file) as picture:
            found = np.asarray(picture.convert("RGB"))
        if found.shape != content.shape:
            raise click.ClickException(f"{file} has another size than its content")
        return found

    def _named(self, rgb: NDArray[np.uint8]) -> str:
        return next(name for name, exhibit in self._exhibits.items() if exhibit.rgb is rgb)
