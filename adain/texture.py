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
from dataclasses import replace

import numpy as np
from PIL import Image

from adain import checks
from adain.cancellation import CancelInput, checker
from adain.code import mix
from adain.errors import InputError
from adain.registry import MODELS
from adain.request import StyleRequest, given
from adain.stylizer import StyleInput, Stylizer, several

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
    style_size: int | None = StyleRequest.style_size,
    request: StyleRequest | None = None,
    cancel: CancelInput | None = None,
) -> Image.Image:
    """Make a texture that looks like a style, or between several.

    Args:
        stylizer: a WCT model.
        style: as a `Stylizer` takes it.
        size: width and height of the texture in pixels, at least 1 each.
        seed: of the noise, at least 0. The same seed, size and style give the same texture; another size another one.
        weights: see `adain.StyleRequest`.
        style_size: likewise; what is in the texture scales with it.
        request: these in one, in their place, and `tile`; it has none of the other fields.
        cancel: as for a `Stylizer`.

    Returns:
        An RGB picture of that size.

    Raises:
        InputError: the model is not WCT, a style code is another model's, or an argument is not as above.
        ImageError: a style picture cannot be read.
        CancelledError: `cancel` ended it.
    """
    request = given(request, StyleRequest(weights=weights, style_size=style_size))
    request.refuse("a texture", "alpha", "masks", "preserve_color", "size")
    styles, check = several(style), checker(cancel)
    width, height = _checked_size(size)
    seed = checks.whole("seed", seed)
    _check_model(stylizer)
    stylizer.check(request, len(styles))
    code = mix(stylizer.codes(styles, request, cancel=check), request.weights)
    request = replace(request, alpha=1.0, weights=None)
    shape = (height + 2 * MARGIN, width + 2 * MARGIN, 3)
    picture = Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, np.uint8))
    for _ in range(PASSES):
        picture = stylizer(picture, code, request=request, cancel=check)  # in tiles where it is large
    return picture.crop((MARGIN, MARGIN, MARGIN + width, MARGIN + height))


def _check_model(stylizer: Stylizer) -> None:
    if stylizer.model.fusion != "wct":
        able = ", ".join(model.name for model in MODELS.values() if model.fusion == "wct")
        raise InputError(
            f"{stylizer.model.name} cannot make textures: AdaIN keeps the colours of a style but not its shapes; "
            f"use one of {able}"
        )


def _checked_size(size: tuple[int, int]) -> tuple[int, int]:
    sides = checks.listed("size", size)
    if len(sides) != 2:
        raise InputError(f"size must be a width and a height, got {size!r}")
    width, height = (checks.whole("a texture's side", side, 1, unit="pixels") for side in sides)
    return width, height
