"""Texture synthesis at any size, by WCT from noise (Li et al. 2017, arXiv 1705.08086, section 4.4).

Noise takes the place of the content and passes all levels three times at alpha 1. Noise has no structure of its own,
so the result shows only the style's covariances. Another seed gives another texture of the same kind.

Differs from the paper: the texture is made with a margin, which is cut off. The networks pad their maps by reflection,
which shows at the border as lines perpendicular to the edge.

AdaIN cannot make textures: means and deviations per channel do not hold the correlations between channels, and with
them the shapes. From noise, adain-slim makes a regular grain of strokes in the style's colours, for any style.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from adain import checks, memory
from adain.cancellation import CancelInput, checker
from adain.code import mix
from adain.engine import tiles
from adain.errors import InputError
from adain.images.rules import pixel_limit
from adain.registry import MODELS
from adain.request import StyleRequest, given
from adain.stylizer import StyleInput, Stylizer, several

__all__ = ["synthesize"]

PASSES = 3  # as in the paper; the first makes the grain, the others the larger shapes
MARGIN = 64  # px on each side, cut off at the end: four pixels of relu5_1


def synthesize(
    stylizer: Stylizer,
    style: StyleInput | Sequence[StyleInput],
    size: tuple[int, int],
    *,
    seed: int = 0,
    weights: Sequence[float] | None = None,
    style_size: int | None = StyleRequest.style_size,
    request: StyleRequest | None = None,
    progress: Callable[[int, int], None] | None = None,
    cancel: CancelInput | None = None,
) -> Image.Image:
    """Make a texture that looks like a style, or like a mix of several.

    Args:
        stylizer: a WCT model.
        style: one style or a list, as for a `Stylizer`.
        size: width and height of the texture in pixels, at least 1 each.
        seed: seed of the noise, at least 0. The same seed, size and style give the same texture; another size gives
            another texture.
        weights: see `adain.StyleRequest`.
        style_size: see `adain.StyleRequest`; the shapes in the texture scale with it.
        request: replaces `weights` and `style_size`, and may set `tile`; no other fields are allowed.
        progress: called with the number of finished passes and of all passes, first with 0.
        cancel: as for a `Stylizer`.

    Returns:
        An RGB picture of the given size.

    Raises:
        InputError: the model is not WCT, a style code belongs to another model, or an argument is not allowed. The
            texture may have as many pixels as a picture that can be read; `PIL.Image.MAX_IMAGE_PIXELS` changes that.
        ImageError: a style picture cannot be read.
        OutOfMemoryError: there is not enough memory.
        CancelledError: `cancel` ended the call.
    """
    request = given(request, StyleRequest(weights=weights, style_size=style_size))
    request.refuse("a texture", "alpha", "strokes", "seed", "masks", "preserve_color", "size")
    styles, check = several(style), checker(cancel)
    told = checks.callback("progress", progress) or (lambda done, total: None)
    width, height = size = _checked_size(size)
    seed = checks.whole("seed", seed, high=checks.LARGEST_SEED)
    _check_model(stylizer)
    stylizer.check(request, len(styles))
    code = mix(stylizer.codes(styles, request, cancel=check), request.weights)
    request = replace(request, alpha=1.0, strokes=0.0, weights=None)
    shape = (height + 2 * MARGIN, width + 2 * MARGIN, 3)
    with memory.required(f"a texture of {width:,} x {height:,} pixels", tiles.memory_needed(stylizer.backend, size)):
        picture = Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, np.uint8))
        for done in range(PASSES):
            told(done, PASSES)
            picture = stylizer(picture, code, request=request, cancel=check)  # in tiles if it is large
        told(PASSES, PASSES)
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
        raise InputError(f"size must be a width and a height, got {checks.shown(size)}")
    width, height = (checks.whole("a texture's side", side, 1, unit="pixels") for side in sides)
    limit = pixel_limit()
    if limit is not None and width * height > limit:
        raise InputError(
            f"a texture of {width:,} x {height:,} would have more than the allowed {limit:,} pixels; "
            "choose a smaller size"
        )
    return width, height
