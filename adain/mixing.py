"""Style interpolation grid: one content in all mixes between two, three or four styles at the corners.

The style codes are mixed, as in figure 8 of Huang & Belongie 2017 (arXiv 1703.06868). With three styles, the third
fills the lower edge, so that the grid has every mix of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace

from PIL import Image

from adain import checks, images, sheets
from adain.cancellation import CancelInput, checker
from adain.code import StyleCode, mix
from adain.defaults import MIX_SIZE, MIX_STEPS
from adain.errors import InputError
from adain.images import PictureInput
from adain.request import PreserveColor, StyleRequest, given
from adain.stylizer import StyleInput, Stylizer

__all__ = ["grid_shares", "interpolation_grid"]

Shares = tuple[float, ...]

_MOST_STEPS = 1000


def interpolation_grid(
    stylizer: Stylizer,
    content: PictureInput,
    styles: Sequence[StyleInput],
    *,
    steps: int = MIX_STEPS,
    labels: bool = False,
    alpha: float | None = None,
    strokes: float | None = None,
    seed: int | None = None,
    preserve_color: PreserveColor | None = None,
    size: int | None = MIX_SIZE,
    style_size: int | None = StyleRequest.style_size,
    request: StyleRequest | None = None,
    progress: Callable[[int, int], None] | None = None,
    cancel: CancelInput | None = None,
) -> Image.Image:
    """Stylize one content in all mixes of two to four styles, as one grid with the styles beside its corners.

    Args:
        stylizer: the model.
        content: a picture.
        styles: two (a row from one to the other), three or four (a square); pictures, or codes of this model.
        steps: results along an edge, at least 2.
        labels: whether to write shares in percent over the results, and names over the styles.
        alpha: see `adain.StyleRequest`.
        strokes: see `adain.StyleRequest`.
        seed: see `adain.StyleRequest`.
        preserve_color: see `adain.StyleRequest`.
        size: see `adain.StyleRequest`; the size of each result.
        style_size: see `adain.StyleRequest`.
        request: replaces `alpha` to `style_size`; without weights and masks.
        progress: called with the number of finished results and of all results, first with 0.
        cancel: as for a `Stylizer`.

    Returns:
        An RGB picture: a gapless grid of `steps` x `steps` results, or 1 x `steps` for two styles, with the styles to
        the left and right. The place of a style code without a picture stays empty.

    Raises:
        InputError: an argument is not allowed, or the grid is too large.
        ImageError: a picture cannot be read.
        CancelledError: `cancel` ended the call.
    """
    keywords = StyleRequest(
        alpha=alpha, strokes=strokes, seed=seed, preserve_color=preserve_color, size=size, style_size=style_size
    )
    request = given(request, keywords, StyleRequest(size=MIX_SIZE))
    request.refuse("a grid of mixes", "weights", "masks")
    styles, check = checks.listed("styles", styles), checker(cancel)
    checks.callback("progress", progress)
    grid = grid_shares(len(styles), steps)
    stylizer.check(request, len(styles))
    picture = images.read(content)
    picture = picture if request.size is None else images.resize(picture, request.size)
    sheets.check_corner_sheet(picture.size, len(grid), len(grid[0]), labels=labels)
    codes = stylizer.codes(styles, request, picture, cancel=check)
    if request.preserve_color == "coral":
        request = replace(request, preserve_color=None)  # the styles are recoloured already
    made: dict[Shares, tuple[Image.Image, str]] = {}
    wanted = list(dict.fromkeys(shares for row in grid for shares in row))
    for done, shares in enumerate(wanted):
        if progress is not None:
            progress(done, len(wanted))
        stylized = stylizer(picture, mix(codes, shares), request=request, cancel=check)
        made[shares] = stylized, " ".join(f"{100 * share:.0f}" for share in shares)
    if progress is not None:
        progress(len(wanted), len(wanted))
    corners = [_corner(style, code, index) for index, (style, code) in enumerate(zip(styles, codes, strict=True))]
    if len(corners) == 3:
        corners.append(corners[2])
    return sheets.corner_sheet([[made[shares] for shares in row] for row in grid], corners, labels=labels)


def grid_shares(styles: int, steps: int) -> list[list[Shares]]:
    """Return the styles' shares for each result of a grid, by row and column.

    Args:
        styles: number of styles: 2, 3 or 4.
        steps: results along an edge, at least 2.

    Raises:
        InputError: the number of styles or steps is not allowed.
    """
    if styles not in (2, 3, 4):
        raise InputError(f"a grid has two to four styles as its corners, got {styles}")
    steps = checks.whole("steps", steps, 2, high=_MOST_STEPS)
    places = [step / (steps - 1) for step in range(steps)]
    if styles == 2:
        return [[(1 - x, x) for x in places]]
    if styles == 3:
        return [[((1 - y) * (1 - x), (1 - y) * x, y) if y < 1 else (0.0, 0.0, 1.0) for x in places] for y in places]
    return [[((1 - y) * (1 - x), (1 - y) * x, y * (1 - x), y * x) for x in places] for y in places]


def _corner(style: StyleInput, code: StyleCode, index: int) -> sheets.Cell:
    """The cell of a style. Shows the recoloured style if colours were preserved."""
    picture = None if code.picture is None else code.picture.to_pil()
    name = os.path.basename(style) if isinstance(style, (str, os.PathLike)) else f"style {index + 1}"
    return sheets.Cell(picture, name)
