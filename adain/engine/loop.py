"""One loop through a model's stages: for a whole picture, for tiles of it, and for the frames of a film.

`stylize` is the only way from a picture and style codes to a stylized picture. A whole picture goes through the
backend's one graph, which is the fast path. Tiles, and statistics that follow a film, go stage by stage.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from adain.engine import tiling
from adain.engine.backend import Backend, framed, unframed
from adain.engine.moments import Moments
from adain.errors import InputError
from adain.images.arrays import from_tensor, to_tensor

__all__ = ["Cancel", "Follow", "Styles", "stylize", "stylize_tensor"]

logger = logging.getLogger(__name__)

Code: TypeAlias = Mapping[str, NDArray[np.float32]]
Cancel: TypeAlias = Callable[[], None]
"""Called between tiles, stages and frames; raises to end the call."""
Follow: TypeAlias = Callable[[tuple[int, int], Moments], Moments]
"""From the statistics of a frame to those it is stylized with; the key is (position of the stage, region)."""


@dataclass(frozen=True, eq=False)
class Styles:
    """What a picture is given.

    Attributes:
        codes: arrays of style codes: one for the whole picture, or one per mask.
        masks: (S, H, W) float32 in [0, 1], of the picture's size: how much each code counts at each pixel. None: the
            one code counts everywhere.
    """

    codes: tuple[Code, ...]
    masks: NDArray[np.float32] | None = None


def stylize(
    backend: Backend,
    picture: NDArray[np.uint8],
    styles: Styles,
    alpha: float,
    *,
    tile: int | None = None,
    follow: Follow | None = None,
    cancel: Cancel | None = None,
) -> NDArray[np.uint8]:
    """Give a picture the look of styles.

    Args:
        backend: what runs the network.
        picture: uint8 (H, W, 3).
        styles: codes, and masks if each has its own part.
        alpha: strength in [0, 1].
        tile: side of the tiles in pixels; 0: never in tiles; None: only where memory would be short.
        follow: for frames of a film; see `adain.engine.smoothing`.
        cancel: called between tiles and stages.

    Returns:
        uint8 (H, W, 3).

    Raises:
        InputError: a code's arrays are not this model's, or a tile that is not allowed.
    """
    height, width = picture.shape[:2]
    side = tiling.choose(tile, backend, backend.model.architecture, (width, height))
    (code, *_) = styles.codes
    if styles.masks is not None:
        if side is not None or follow is not None:
            raise InputError("masks do not go together with tiles or films yet")
        masks = styles.masks[None]
        return from_tensor(backend.stylize_regions(to_tensor(picture), styles.codes, masks, alpha))
    if side is not None:
        logger.info("in tiles of up to %d x %d pixels", side, side)
        return tiling.stylize(backend, picture, code, alpha, side)
    if follow is None:
        return from_tensor(backend.stylize(to_tensor(picture), code, alpha))
    tensor = to_tensor(picture)
    for position, stage in enumerate(backend.stages):
        reach = backend.reach(stage)
        maps, own = backend.encode(framed(tensor, reach), stage)
        tensor = unframed(backend.decode(maps, stage, follow((position, 0), own), code, alpha), reach)
    return from_tensor(tensor[:, :, :height, :width])


def stylize_tensor(backend: Backend, picture: NDArray[np.float32], code: Code, alpha: float) -> NDArray[np.float32]:
    """A picture that is not in 8 bits in a style, in one piece.

    Args:
        backend: what runs the network.
        picture: (1, 3, H, W) float32, RGB in [0, 1].
        code: of the style.
        alpha: strength in [0, 1].

    Returns:
        (1, 3, H, W) float32, about [0, 1], neither clipped nor rounded.

    Raises:
        InputError: the code's arrays are not this model's.
    """
    return backend.stylize(picture, code, alpha)
