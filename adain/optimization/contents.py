"""Squares of photographs, to tune a style code on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adain import images
from adain.errors import InputError
from adain.images import PictureInput

__all__ = ["SIDE", "crops"]

SIDE = 256  # px
_SHORTER = 512  # px; what larger contents are scaled to, the size that styles are encoded at


def crops(contents: Sequence[PictureInput], seed: int) -> list[NDArray[np.float32]]:
    """Squares of contents, (1, 3, SIDE, SIDE) in [0, 1] each.

    Args:
        contents: pictures; each is scaled to a shorter side of 512 px, if it is larger, and gives one square.
        seed: decides the places.

    Raises:
        InputError: there are no contents, or one is smaller than the square.
        ImageError: a content cannot be read.
    """
    if not contents:
        raise InputError("at least one content is needed, got none; give two dozen photographs")
    rng = np.random.default_rng(seed)
    return [images.to_tensor(_crop(content, rng, SIDE)) for content in contents]


def _crop(content: PictureInput, rng: np.random.Generator, side: int) -> NDArray[np.uint8]:
    picture = images.resize(images.read(content), _SHORTER, enlarge=False)
    height, width = picture.rgb.shape[:2]
    if min(height, width) < side:
        name = f" ({content})" if isinstance(content, (str, Path)) else ""
        raise InputError(f"a content{name} is {width}x{height}, and tuning needs sides of at least {side} pixels")
    top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
    return picture.rgb[top : top + side, left : left + side]
