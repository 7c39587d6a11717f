"""Pictures to measure with, made in code: the same everywhere, at any size, with no file to find or to license."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["picture"]

_COARSEST = 4  # pixels of the coarsest layer


def picture(width: int, height: int, seed: int) -> NDArray[np.uint8]:
    """Noise with as much contrast at each scale, as photographs have.

    How long a convolution takes does not depend on its numbers, but a flat picture has covariances without a
    root, and white noise has no large shapes.

    Args:
        width: in pixels, at least 1.
        height: in pixels, at least 1.
        seed: another one is another picture.

    Returns:
        (height, width, 3) uint8.
    """
    random = np.random.default_rng(seed)
    total = np.zeros((height, width, 3), np.float32)
    side, layers = _COARSEST, 0
    while side <= max(width, height, _COARSEST):
        small = Image.fromarray(random.integers(0, 256, (side, side, 3), dtype=np.uint8))
        total += np.asarray(small.resize((width, height), Image.Resampling.BICUBIC), np.float32) - 127.5
        side, layers = side * 4, layers + 1
    scaled = total / max(1.0, layers**0.5) + 127.5
    pixels: NDArray[np.uint8] = np.clip(scaled, 0, 255).astype(np.uint8)
    return pixels
