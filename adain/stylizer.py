"""The stylizer: one loaded model that gives pictures the style of others.

    stylizer = load("wct-collab-distill")
    picture = stylizer("photo.jpg", "painting.jpg", alpha=0.8)

A style is encoded once into a style code, which can be used again, mixed and saved. What was done, and how
long each step took, goes to the logger `adain.stylizer` at level INFO.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from adain import color, images, masking
from adain.code import StyleCode, is_code_file, mix, shares
from adain.engine import tiles
from adain.engine.backend import Backend
from adain.engine.loop import Styles, stylize
from adain.errors import InputError
from adain.images import Picture, PictureInput
from adain.masking import Masks
from adain.registry import Model

__all__ = ["PreserveColor", "StyleInput", "Stylizer", "several", "timed"]

PreserveColor = Literal["coral", "luminance"]
StyleInput = PictureInput | StyleCode
Recoloring = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]

STYLE_SIZE = 512  # px, shorter side; the styles of the AdaIN and WCT papers are about that size

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stylizer:
    """A model on a device; call it with a content and a style. Made by `load`.

    Attributes:
        model: the registry's row.
        backend: what runs the network.
    """

    model: Model
    backend: Backend

    @property
    def device(self) -> str:
        """Where the network runs: `cpu`, `cuda` and so on."""
        return self.backend.device

    def __call__(
        self,
        content: PictureInput,
        style: StyleInput | Sequence[StyleInput],
        *,
        alpha: float | None = None,
        weights: Sequence[float] | None = None,
        masks: Masks | None = None,
        preserve_color: PreserveColor | None = None,
        size: int | None = None,
        style_size: int | None = STYLE_SIZE,
        tile: int | None = None,
    ) -> Image.Image:
        """Give a content the look of one style, or of several mixed or each on its own part.

        Args:
            content: the picture to stylize: a path, a PIL image, or an array (H, W), (H, W, 1), (H, W, 3) or
                (H, W, 4) of uint8, uint16, or float in [0, 1].
            style: a picture likewise, a style code of this model or a file of one (.safetensors), or a list of these.
            alpha: strength of the style in [0, 1]; 0 reconstructs the content. None: the model's own default.
            weights: shares of the styles, at least 0 and not all 0; divided by their sum. None: equal.
            masks: one picture per style, white where it counts: each style is fitted to its own part. Soft masks
                blend; where they sum to more than white, they are divided by their sum; what no mask covers stays as
                it is. A mask is scaled to the content; bool arrays count as black and white, and
                `adain.label_masks` makes masks of a map of labels. "subject": what the content's alpha channel
                says gets the first style, the rest the second if there is one, and the result has no alpha channel.
                None: the styles are mixed, by `weights`.
            preserve_color: keep the content's colours. `coral` recolours each style before it is encoded, with masks
                to the colours of its part; `luminance` takes only the result's brightness.
            size: scale the content so that its shorter side has this many pixels. None: as it is.
            style_size: scale larger styles down to this shorter side. None: as they are.
            tile: stylize the content in overlapping tiles of this side in pixels, which takes less memory and gives
                the same picture. 0: never. None: only if it would take more than 2 GiB, or half of what is there;
                with masks never.

        Returns:
            A picture of exactly the (scaled) content's size: RGB, or RGBA with the content's alpha channel.

        Raises:
            InputError: an argument outside what is allowed, or a style code of another model.
            ImageError: a picture that cannot be read.
        """
        alpha = self.alpha(alpha)
        styles = several(style)
        self.check(
            len(styles),
            weights=weights,
            masks=masks,
            preserve_color=preserve_color,
            size=size,
            style_size=style_size,
            tile=tile,
        )
        with timed("read the content"):
            picture, where = _read_content(content, size, masks, len(styles))
        coral_to = picture if preserve_color == "coral" else None
        codes = self.codes(styles, size=style_size, coral_to=coral_to, masks=where)
        with timed(f"stylize {_size(picture)} pixels with alpha {alpha:g}"):
            chosen = (mix(codes, weights),) if where is None else codes
            styles_ = Styles(tuple(code.arrays for code in chosen), where)
            rgb = stylize(self.backend, picture.rgb, styles_, alpha, tile=tile)
        if preserve_color == "luminance":
            rgb = color.luminance(rgb, picture.rgb)
        if where is not None:
            rgb = masking.over(rgb, picture.rgb, where)
        return replace(picture, rgb=rgb).to_pil()

    def check(
        self,
        styles: int,
        *,
        weights: Sequence[float] | None = None,
        masks: Masks | None = None,
        preserve_color: PreserveColor | None = None,
        size: int | None = None,
        style_size: int | None = None,
        tile: int | None = None,
    ) -> None:
        """Find out whether a call could have these arguments, with so many styles, before a picture is read.

        Raises:
            InputError: it could not.
        """
        allowed = (*get_args(PreserveColor), None)
        if preserve_color not in allowed:
            raise InputError(f"preserve_color must be one of {allowed}, got {preserve_color!r}")
        for side in (size, style_size):
            if side is not None:
                images.check_size(side)
        if tile is not None:
            tiles.choose(tile, self.backend, (1, 1))
        if masks is None:
            shares(styles, weights)
            return
        masking.check(masks, styles, weights)

    def encode_style(self, style: PictureInput, *, size: int | None = STYLE_SIZE) -> StyleCode:
        """Encode a style once, to use, mix or save it.

        Args:
            style: a path, a PIL image or an array, as for a call. An alpha channel is ignored.
            size: scale a larger style down so that its shorter side has this many pixels; its strokes scale
                with it. None: as it is.

        Returns:
            Its code. It keeps the picture in memory for colour preservation by CORAL.

        Raises:
            InputError: a size below 1.
            ImageError: the picture cannot be read.
        """
        with timed("read a style"):
            picture = _read(style, size, enlarge=False)
        return self._encode(picture)

    def codes(
        self,
        styles: Sequence[StyleInput],
        *,
        size: int | None = STYLE_SIZE,
        coral_to: Picture | None = None,
        masks: NDArray[np.float32] | None = None,
    ) -> list[StyleCode]:
        """The codes of several styles as a call uses them.

        Args:
            styles: pictures, or codes of this model or files of them (.safetensors).
            size: as for `encode_style`.
            coral_to: the content whose colours each style is given before it is encoded. None: they keep theirs.
            masks: (S, H, W) float32 in [0, 1], one per style, of that content's size: a style is given the colours of
                its part only. None: of all.

        Raises:
            InputError: a code of another model, or one without a picture to recolour.
            ImageError: a picture cannot be read.
        """
        if coral_to is None:
            return [self._code(style, size) for style in styles]
        parts = [None] * len(styles) if masks is None else masking.shares(masks)
        recolorings = (partial(color.coral, content=coral_to.rgb, weights=part) for part in parts)
        return [self._code(style, size, recolor) for style, recolor in zip(styles, recolorings, strict=True)]

    def _encode(self, picture: Picture) -> StyleCode:
        with timed(f"encode a style of {_size(picture)} pixels"):
            arrays = self.backend.encode_style(images.to_tensor(picture.rgb))
        return StyleCode(self.model.name, arrays, picture)

    def _code(self, style: StyleInput, size: int | None, recolor: Recoloring | None = None) -> StyleCode:
        """The code of a style, first recoloured if that is asked for."""
        if isinstance(style, (str, os.PathLike)) and is_code_file(style):
            style = StyleCode.load(style)
        if isinstance(style, StyleCode):
            self._check_own(style)
            if recolor is None:
                return style
            if style.picture is None:
                raise InputError(
                    'preserve_color="coral" recolours the style picture, which a mixed or loaded style code '
                    'does not hold; pass the picture itself, or use preserve_color="luminance"'
                )
            picture = style.picture
        elif recolor is None:
            return self.encode_style(style, size=size)
        else:
            picture = _read(style, size, enlarge=False)
        return self._encode(replace(picture, rgb=recolor(picture.rgb)))

    def _check_own(self, code: StyleCode) -> None:
        if code.model != self.model.name:
            raise InputError(
                f"this style code is of {code.model}, the loaded model is {self.model.name}; "
                "encode the style again with this model"
            )

    def alpha(self, alpha: float | None) -> float:
        """The strength that an `alpha` stands for: None is the model's default.

        Raises:
            InputError: it is not in [0, 1].
        """
        if alpha is None:
            return self.model.default_alpha
        if not 0 <= alpha <= 1:  # not-a-number fails here too
            raise InputError(f"alpha must be in [0, 1], got {alpha}")
        return float(alpha)


def several(style: StyleInput | Sequence[StyleInput]) -> Sequence[StyleInput]:
    """The styles that an argument stands for, which may be one or a list."""
    if isinstance(style, Sequence) and not isinstance(style, (str, bytes, bytearray, memoryview)):
        return style
    return [style]


def _read_content(
    content: PictureInput, size: int | None, masks: Masks | None, styles: int
) -> tuple[Picture, NDArray[np.float32] | None]:
    """The content, and its masks (S, H, W) if there are any."""
    if masks is None:
        return _read(content, size), None
    if isinstance(masks, str):
        picture, masks = masking.split_subject(content, styles)
        picture = picture if size is None else images.resize(picture, size)
    else:
        picture = _read(content, size)
    return picture, masking.read(masks, picture.size)


def _read(source: PictureInput, size: int | None, *, enlarge: bool = True) -> Picture:
    picture = images.read(source)
    return picture if size is None else images.resize(picture, size, enlarge=enlarge)


def _size(picture: Picture) -> str:
    return "{} x {}".format(*picture.size)


@contextmanager
def timed(step: str) -> Iterator[None]:
    """Say in the log how long the block took."""
    start = time.perf_counter()
    yield
    logger.info("%s: %.3f s", step, time.perf_counter() - start)
