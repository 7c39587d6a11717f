"""Generates the benchmark's pictures, in any size. They are the same everywhere and need no file or licence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["picture"]

_COARSEST = 4  # pixels of the coarsest layer


def picture(width: int, height: int, seed: int) -> NDArray[np.uint8]:
    """Noise with equal contrast at every scale, like photographs.

    The time of a convolution does not depend on the values. But the covariances of a flat picture have no roots, and
    white noise has no large shapes.

    Args:
        width: in pixels, at least 1.
        height: in pixels, at least 1.
        seed: each seed gives another picture.

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
