"""Contents to tune a style code on: those of the user, or generated ones.

The generated ones are dead leaves (Lee, Mumford & Huang 2001): shapes of all sizes that hide one another, lit from one
side, with a little noise. They have the edges, smooth areas and spectra of photographs, and no licence.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adain import images
from adain.errors import InputError
from adain.images import PictureInput

__all__ = ["COUNT", "SIDE", "crops", "generated"]

COUNT = 24
SIDE = 256  # px
_SHORTER = 512  # px; what larger contents are scaled to, the size that styles are encoded at
_LEAVES = 220
_SMALLEST, _LARGEST = 0.02, 0.6  # radius over the side
_NOISE = 2 / 255


def crops(contents: Sequence[PictureInput] | None, seed: int) -> list[NDArray[np.float32]]:
    """Squares of contents, (1, 3, SIDE, SIDE) in [0, 1] each.

    Args:
        contents: pictures; each is scaled to a shorter side of 512 px, if it is larger, and gives one square. None:
            `COUNT` generated ones.
        seed: decides the places, and what is generated.

    Raises:
        InputError: there are no contents, or one is smaller than the square.
        ImageError: a content cannot be read.
    """
    rng = np.random.default_rng(seed)
    if contents is None:
        return [images.to_tensor(generated(SIDE, rng)) for _ in range(COUNT)]
    if not contents:
        raise InputError("at least one content is needed, got none; leave contents out for generated ones")
    return [images.to_tensor(_crop(content, rng, SIDE)) for content in contents]


def generated(side: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A square of dead leaves, uint8 (side, side, 3)."""
    y, x = np.mgrid[0 : 1 : side * 1j, 0 : 1 : side * 1j].astype(np.float32)
    picture = np.broadcast_to(rng.uniform(0.2, 0.9, 3).astype(np.float32), (side, side, 3)).copy()
    palette = rng.uniform(0.05, 0.95, (8, 3)) * rng.uniform(0.3, 1) + rng.uniform(0, 0.2)
    for _ in range(_LEAVES):
        radius = (rng.uniform(_LARGEST**-2, _SMALLEST**-2)) ** -0.5  # density ~ radius^-3
        turn, stretch = rng.uniform(0, np.pi), rng.uniform(0.3, 1)
        dx, dy = x - rng.uniform(), y - rng.uniform()
        along, across = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
        far = (
            np.maximum(abs(along), abs(across) / stretch) if rng.uniform() < 0.4 else np.hypot(along, across / stretch)
        )
        inside = far < radius
        light = 1 + rng.uniform(-0.5, 0.5) * along[inside] / radius
        picture[inside] = palette[rng.integers(len(palette))] * light[:, None]
    picture += rng.normal(0, _NOISE, picture.shape)
    return images.quantize(picture)


def _crop(content: PictureInput, rng: np.random.Generator, side: int) -> NDArray[np.uint8]:
    picture = images.resize(images.read(content), _SHORTER, enlarge=False)
    height, width = picture.rgb.shape[:2]
    if min(height, width) < side:
        name = f" ({content})" if isinstance(content, (str, Path)) else ""
        raise InputError(f"a content{name} is {width}x{height}, and tuning needs sides of at least {side} pixels")
    top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
    return picture.rgb[top : top + side, left : left + side]
