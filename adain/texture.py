"""Textures of any size from a picture of one, by WCT from noise (Li et al. 2017, arXiv 1705.08086, section 4.4).

Noise takes the place of the content and goes through all levels three times at alpha 1: it has no content of its own,
so what comes out is the style's covariances and nothing else. Another seed is another texture of the same kind.

Differs from the paper: more is made than asked for and the border cut off, because the networks reflect their maps
there, which a texture shows as lines that meet the edge at right angles.

AdaIN cannot do this: means and deviations per channel leave out how channels go together, and with them the shapes.
From noise, adain-slim makes a regular grain of strokes in the style's colours, whatever the style.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from adain.code import mix
from adain.errors import InputError
from adain.registry import MODELS
from adain.stylizer import STYLE_SIZE, StyleInput, Stylizer, several

__all__ = ["synthesize"]

PASSES = 3  # the paper's; the first makes the grain, the others the larger shapes
MARGIN = 64  # px made and cut off at each side: four pixels of relu5_1


def synthesize(
    stylizer: Stylizer,
    style: StyleInput | Sequence[StyleInput],
    size: tuple[int, int],
    *,
    seed: int = 0,
    weights: Sequence[float] | None = None,
    style_size: int | None = STYLE_SIZE,
) -> Image.Image:
    """Make a texture that looks like a style, or between several.

    Args:
        stylizer: a WCT model.
        style: as a `Stylizer` takes it.
        size: width and height of the texture in pixels, at least 1 each.
        seed: of the noise, at least 0. The same seed, size and style give the same texture; another size another one.
        weights: shares of the styles, as for `adain.mix`. None: equal.
        style_size: scale larger style pictures down to this shorter side; what is in the texture scales with it. None:
            as they are.

    Returns:
        An RGB picture of that size.

    Raises:
        InputError: the model is not WCT, a style code is another model's, or an argument is not as above.
        ImageError: a style picture cannot be read.
    """
    _check(stylizer, size, seed)
    code = mix(stylizer.codes(several(style), size=style_size), weights)
    width, height = size
    shape = (height + 2 * MARGIN, width + 2 * MARGIN, 3)
    picture = Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, np.uint8))
    for _ in range(PASSES):
        picture = stylizer(picture, code, alpha=1.0)  # in tiles where it is large
    return picture.crop((MARGIN, MARGIN, MARGIN + width, MARGIN + height))


def _check(stylizer: Stylizer, size: tuple[int, int], seed: int) -> None:
    if stylizer.model.fusion != "wct":
        able = ", ".join(model.name for model in MODELS.values() if model.fusion == "wct")
        raise InputError(
            f"{stylizer.model.name} cannot make textures: AdaIN keeps the colours of a style but not its shapes; "
            f"use one of {able}"
        )
    if min(size) < 1:
        raise InputError(f"a texture is at least 1 x 1 pixels, got {size[0]} x {size[1]}")
    if seed < 0:
        raise InputError(f"a seed is a whole number from 0 on, got {seed}")
