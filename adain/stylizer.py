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
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from adain import color, images, masking
from adain.cancellation import CancelInput, checker
from adain.code import Maker, StyleCode, is_code_file, mix
from adain.engine import loop, tiles
from adain.engine.backend import Backend
from adain.errors import InputError
from adain.images import Picture, PictureInput
from adain.masking import Masks
from adain.registry import Model
from adain.request import PreserveColor, StyleRequest, given

__all__ = ["StyleInput", "Stylizer", "several", "timed"]

StyleInput = PictureInput | StyleCode

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stylizer:
    """A model on a device; call it with a content and a style. Made by `load`.

    Attributes:
        model: the registry's row.
        backend: what runs the network.
        loading: what loads it again, in another process too; pickled in its place.
    """

    model: Model
    backend: Backend
    loading: Callable[[], Stylizer] | None = field(default=None, repr=False, compare=False)

    def __reduce__(self) -> str | tuple[object, ...]:
        return super().__reduce__() if self.loading is None else (self.loading, ())

    @property
    def maker(self) -> Maker:
        """What style codes of this model say that they are of."""
        return Maker(self.model.name, self.model.code_digest)

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
        style_size: int | None = StyleRequest.style_size,
        tile: int | None = None,
        request: StyleRequest | None = None,
        cancel: CancelInput | None = None,
    ) -> Image.Image:
        """Give a content the look of one style, or of several mixed or each on its own part.

        Args:
            content: the picture to stylize: a path, a PIL image, or an array (H, W), (H, W, 1), (H, W, 3) or
                (H, W, 4) of uint8, uint16, or float in [0, 1].
            style: a picture likewise, a style code of this model or a file of one (.safetensors), or a list of these.
            alpha: this and all up to `tile`: see `adain.StyleRequest`.
            weights: likewise.
            masks: likewise.
            preserve_color: likewise.
            size: likewise.
            style_size: likewise.
            tile: likewise.
            request: all of these in one, in their place.
            cancel: ends the call with a `CancelledError`: an `adain.CancelToken`, or a function that raises.

        Returns:
            A picture of exactly the (scaled) content's size: RGB, or RGBA with the content's alpha channel.

        Raises:
            InputError: an argument outside what is allowed, or a style code of another model.
            ImageError: a picture that cannot be read.
            CancelledError: `cancel` ended it.
        """
        keywords = StyleRequest(
            alpha=alpha,
            weights=weights,
            masks=masks,
            preserve_color=preserve_color,
            size=size,
            style_size=style_size,
            tile=tile,
        )
        request, styles, check = given(request, keywords), several(style), checker(cancel)
        self.check(request, len(styles))
        check()
        with timed("read the content"):
            picture, where = _read_content(content, request, len(styles))
        codes = self.codes(styles, request, picture, where, check)
        check()
        with timed(f"stylize {_size(picture)} pixels with alpha {self.alpha(request):g}"):
            rgb = self.stylize_pixels(picture.rgb, codes, request, masks=where, cancel=check)
        return replace(picture, rgb=rgb).to_pil()

    def check(self, request: StyleRequest, styles: int) -> None:
        """Raise an `InputError` unless the request fits this model and so many styles. Reads no picture."""
        request.check(styles)
        if request.tile is not None:
            tiles.choose(request.tile, self.backend, (1, 1))

    def alpha(self, request: StyleRequest) -> float:
        """The request's alpha, or else the model's default."""
        return self.model.default_alpha if request.alpha is None else request.alpha

    def stylize_pixels(
        self,
        rgb: NDArray[np.uint8],
        codes: Sequence[StyleCode],
        request: StyleRequest,
        *,
        masks: NDArray[np.float32] | None = None,
        follow: loop.Follow | None = None,
        cancel: loop.Cancel | None = None,
    ) -> NDArray[np.uint8]:
        """Stylize the pixels of a picture or a frame, at their final size.

        Args:
            rgb: uint8 (H, W, 3).
            codes: style codes, see `codes`.
            request: gives alpha, weights, tile and luminance; its other fields have been dealt with.
            masks: (S, H, W) float32 in [0, 1], one per code. None: the codes are mixed.
            follow: see `adain.engine.loop.stylize`.
            cancel: likewise.

        Returns:
            uint8 (H, W, 3).

        Raises:
            InputError: the arrays of a code are not this model's.
        """
        used = codes if masks is not None or len(codes) == 1 else [mix(codes, request.weights)]
        styles = loop.Styles(tuple(code.arrays for code in used), masks)
        stylized = loop.stylize(
            self.backend, rgb, styles, self.alpha(request), tile=request.tile, follow=follow, cancel=cancel
        )
        if request.preserve_color == "luminance":
            stylized = color.luminance(stylized, rgb)
        return stylized if masks is None else masking.over(stylized, rgb, masks)

    def stylize_tensor(
        self, content: NDArray[np.float32], code: StyleCode, request: StyleRequest
    ) -> NDArray[np.float32]:
        """Stylize (1, 3, H, W) float32 without rounding; see `adain.engine.loop`. Only the request's alpha counts."""
        return loop.stylize_tensor(self.backend, content, code.arrays, self.alpha(request))

    def encode_style(self, style: PictureInput, *, size: int | None = StyleRequest.style_size) -> StyleCode:
        """Encode a style once, to use, mix or save it.

        Args:
            style: a path, a PIL image or an array, as for a call. An alpha channel is ignored.
            size: as `style_size` of a request.

        Returns:
            Its code. It keeps the picture in memory for colour preservation by CORAL.

        Raises:
            InputError: a size below 1.
            ImageError: the picture cannot be read.
        """
        return self._encode(_read_style(style, StyleRequest(style_size=size)))

    def open_style(self, style: StyleInput, request: StyleRequest) -> StyleCode | Picture:
        """Read a style, to use it in several calls: a style code, or a picture scaled to the request's style size.

        Raises:
            InputError: a code of another model, or one without the picture that CORAL recolours.
            ImageError: the picture cannot be read.
        """
        if isinstance(style, (str, os.PathLike)) and is_code_file(style):
            style = StyleCode.load(style)
        if not isinstance(style, StyleCode):
            return _read_style(style, request)
        self._check_own(style)
        if request.preserve_color == "coral" and style.picture is None:
            raise InputError(
                'preserve_color="coral" recolours the style picture, and a mixed or saved style code does not hold '
                'the picture; pass the picture itself, or use preserve_color="luminance"'
            )
        return style

    def codes(
        self,
        styles: Sequence[StyleInput],
        request: StyleRequest,
        content: Picture | None = None,
        masks: NDArray[np.float32] | None = None,
        cancel: loop.Cancel | None = None,
    ) -> list[StyleCode]:
        """Encode the styles of a call.

        Args:
            styles: pictures, or codes of this model or files of them (.safetensors).
            request: what the call asks for.
            content: has the colours that CORAL gives each style before it is encoded. None: they keep theirs.
            masks: (S, H, W) float32 in [0, 1], one per style, of that content's size: a style is given the colours of
                its part only. None: of all.
            cancel: called before each style; raises to end it.

        Raises:
            InputError: see `open_style`.
            ImageError: a picture cannot be read.
        """
        parts = [None] * len(styles) if masks is None else masking.shares(masks)
        codes = []
        for style, part in zip(styles, parts, strict=True):
            if cancel is not None:
                cancel()
            opened = self.open_style(style, request)
            if request.preserve_color == "coral" and content is not None:
                picture = opened.picture if isinstance(opened, StyleCode) else opened
                assert picture is not None, "open_style has seen to it"
                opened = replace(picture, rgb=color.coral(picture.rgb, content.rgb, part))
            codes.append(self._encode(opened) if isinstance(opened, Picture) else opened)
        return codes

    def _check_own(self, code: StyleCode) -> None:
        if not code.maker.agrees(self.maker):
            raise InputError(
                f"this style code is of {code.maker}, the loaded model is {self.maker}; "
                "encode the style again with this model"
            )

    def _encode(self, picture: Picture) -> StyleCode:
        with timed(f"encode a style of {_size(picture)} pixels"):
            arrays = self.backend.encode_style(images.to_tensor(picture.rgb))
        return StyleCode(self.model.name, arrays, picture, self.model.code_digest)


def several(style: StyleInput | Sequence[StyleInput]) -> Sequence[StyleInput]:
    """The styles that an argument stands for, which may be one or a list."""
    one = isinstance(style, (str, bytes, bytearray, memoryview)) or not isinstance(style, Sequence)
    return [style] if one else style  # type: ignore[list-item,return-value]  # bytes are sequences too


def _read_content(
    content: PictureInput, request: StyleRequest, styles: int
) -> tuple[Picture, NDArray[np.float32] | None]:
    """The content, and its masks (S, H, W) if there are any."""
    masks = request.masks
    if masks == "subject":
        picture, masks = masking.split_subject(content, styles)
    else:
        picture = images.read(content)
    if request.size is not None:
        picture = images.resize(picture, request.size)
    return picture, None if masks is None else masking.read(masks, picture.size)


def _read_style(style: PictureInput, request: StyleRequest) -> Picture:
    with timed("read a style"):
        picture = images.read(style)
        return picture if request.style_size is None else images.resize(picture, request.style_size, enlarge=False)


def _size(picture: Picture) -> str:
    return "{} x {}".format(*picture.size)


@contextmanager
def timed(step: str) -> Iterator[None]:
    """Say in the log how long the block took."""
    start = time.perf_counter()
    yield
    logger.info("%s: %.3f s", step, time.perf_counter() - start)
