"""Stylizer: a loaded model that stylizes pictures.

    stylizer = load("wct-collab-distill")
    picture = stylizer("photo.jpg", "painting.jpg", alpha=0.8)

A style is encoded once into a style code, which can be reused, mixed and saved. The logger `adain.stylizer` reports
each step and its time at level INFO.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from adain import color, images, masking, memory
from adain.cancellation import CancelInput, checker
from adain.code import Maker, StyleCode, is_code_file, mix
from adain.engine import loop, tiles
from adain.engine.backend import Backend
from adain.errors import InputError
from adain.images import Picture, PictureInput
from adain.images.arrays import Colors
from adain.masking import Masks
from adain.registry import Model
from adain.request import PreserveColor, StyleRequest, given

__all__ = ["StyleInput", "Stylizer", "read_content", "several", "timed"]

StyleInput = PictureInput | StyleCode

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stylizer:
    """A model on a device. Call it with a content and a style. `load` makes one.

    Attributes:
        model: the registry's row.
        backend: runs the network.
        loading: function that loads the stylizer again, also in another process. It is pickled in place of the
            stylizer.
        runtime: name of the runtime, such as `onnx`; empty if the backend was not made by `load`.
        precision: of the network, such as `fp32`; empty likewise.
    """

    model: Model
    backend: Backend
    loading: Callable[[], Stylizer] | None = field(default=None, repr=False, compare=False)
    runtime: str = field(default="", repr=False, compare=False)
    precision: str = field(default="", repr=False, compare=False)

    def __reduce__(self) -> str | tuple[object, ...]:
        return super().__reduce__() if self.loading is None else (self.loading, ())

    @property
    def maker(self) -> Maker:
        """The maker that style codes of this model have."""
        return Maker(self.model.name, self.model.code_digest)

    @property
    def device(self) -> str:
        """The device that runs the network: `cpu`, `cuda` and so on."""
        return self.backend.device

    def __call__(
        self,
        content: PictureInput,
        style: StyleInput | Sequence[StyleInput],
        *,
        alpha: float | None = None,
        strokes: float | None = None,
        seed: int | None = None,
        weights: Sequence[float] | None = None,
        masks: Masks | None = None,
        preserve_color: PreserveColor | None = None,
        size: int | None = None,
        style_size: int | None = StyleRequest.style_size,
        tile: int | None = None,
        request: StyleRequest | None = None,
        cancel: CancelInput | None = None,
    ) -> Image.Image:
        """Stylize a content with one style, or with several styles, mixed or placed by masks.

        Args:
            content: the picture to stylize: a path, a PIL image, or an array (H, W), (H, W, 1), (H, W, 3) or
                (H, W, 4) of uint8, uint16, or float in [0, 1].
            style: a picture of the same kinds, a style code of this model or its file (.safetensors), or a list of
                these.
            alpha: see `adain.StyleRequest`.
            strokes: see `adain.StyleRequest`.
            seed: see `adain.StyleRequest`.
            weights: see `adain.StyleRequest`.
            masks: see `adain.StyleRequest`.
            preserve_color: see `adain.StyleRequest`.
            size: see `adain.StyleRequest`.
            style_size: see `adain.StyleRequest`.
            tile: see `adain.StyleRequest`.
            request: replaces `alpha` to `tile`.
            cancel: an `adain.CancelToken`, or a function that raises. Ends the call with a `CancelledError`.

        Returns:
            A picture of exactly the (scaled) content's size: RGB, or RGBA with the content's alpha channel. Its `info`
            has the content's metadata (`exif`, `xmp`, `dpi`), and of a 16-bit PNG or TIFF the array `rgb16`, all of
            which `adain.images.write` writes.

        Raises:
            InputError: an argument is not allowed, or a style code belongs to another model.
            ImageError: a picture cannot be read.
            OutOfMemoryError: there is not enough memory.
            CancelledError: `cancel` ended the call.
        """
        keywords = StyleRequest(
            alpha=alpha,
            strokes=strokes,
            seed=seed,
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
            picture, where = read_content(content, request, len(styles))
        codes = self.codes(styles, request, picture, where, check)
        check()
        with timed(
            f"stylize {_size(picture)} pixels with alpha {self.alpha(request):g}, strokes {self.strokes(request):g}"
        ):
            colors = self.stylize_pixels(picture.colors, codes, request, masks=where, cancel=check)
        return picture.recolored(colors).to_pil()

    def stylize_batch(
        self,
        contents: Sequence[Picture],
        codes: Sequence[StyleCode],
        alphas: Sequence[float],
        request: StyleRequest,
        *,
        cancel: CancelInput | None = None,
    ) -> list[Image.Image]:
        """Stylize contents of one shape, each in its own style, in one call of the network per draft and picture.

        Args:
            contents: at their final size. No more than `tiles.most_at_once` allows.
            codes: a style code for each.
            alphas: a strength for each.
            request: only strokes, seed and luminance are used.
            cancel: as for a call.

        Returns:
            As a call, one per content.

        Raises:
            InputError: the arrays of a code do not fit this model.
            OutOfMemoryError: there is not enough memory.
            CancelledError: `cancel` ended the call.
        """
        count, size = len(contents), contents[0].size
        what = f"stylizing {count} pictures of {_size(contents[0])} pixels at once"
        with timed(what), memory.required(what, count * tiles.memory_needed(self.backend, size)):
            stylized = loop.stylize_batch(
                self.backend,
                [content.colors for content in contents],
                [code.arrays for code in codes],
                alphas,
                strokes=self.strokes(request),
                seed=request.seed or 0,
                cancel=checker(cancel),
            )
            if request.preserve_color == "luminance":
                pairs = zip(stylized, contents, strict=True)
                stylized = [color.luminance(each, content.colors) for each, content in pairs]
        return [content.recolored(each).to_pil() for content, each in zip(contents, stylized, strict=True)]

    def check(self, request: StyleRequest, styles: int) -> None:
        """Raise an `InputError` unless the request fits this model and number of styles. Reads no picture."""
        request.check(styles)
        if request.tile is not None:
            tiles.choose(request.tile, self.backend, (1, 1))

    def alpha(self, request: StyleRequest) -> float:
        """Return the request's alpha, or else the model's default."""
        return self.model.default_alpha if request.alpha is None else request.alpha

    def strokes(self, request: StyleRequest) -> float:
        """Return the request's strokes, or else the model's default."""
        return self.model.default_strokes if request.strokes is None else request.strokes

    def stylize_pixels(
        self,
        rgb: Colors,
        codes: Sequence[StyleCode],
        request: StyleRequest,
        *,
        masks: NDArray[np.float32] | None = None,
        follow: loop.Follow | None = None,
        cancel: loop.Cancel | None = None,
    ) -> NDArray[Any]:
        """Stylize the pixels of a picture or a frame, at their final size.

        Args:
            rgb: uint8 or uint16 (H, W, 3).
            codes: style codes, see `codes`.
            request: only alpha, strokes, seed, weights, tile and luminance are used.
            masks: (S, H, W) float32 in [0, 1], one per code. None: the codes are mixed.
            follow: see `adain.engine.loop.stylize`.
            cancel: see `adain.engine.loop.stylize`.

        Returns:
            Of the same dtype and shape.

        Raises:
            InputError: the arrays of a code do not fit this model.
            OutOfMemoryError: there is not enough memory.
        """
        height, width = rgb.shape[:2]
        needed = tiles.memory_needed(self.backend, (width, height), 0 if masks is None else len(masks))
        with memory.required(f"stylizing {width:,} x {height:,} pixels", needed):
            return self._stylize_pixels(rgb, codes, request, masks, follow, cancel)

    def _stylize_pixels(
        self,
        rgb: Colors,
        codes: Sequence[StyleCode],
        request: StyleRequest,
        masks: NDArray[np.float32] | None,
        follow: loop.Follow | None,
        cancel: loop.Cancel | None,
    ) -> NDArray[Any]:
        used = codes if masks is not None or len(codes) == 1 else [mix(codes, request.weights)]
        styles = loop.Styles(tuple(code.arrays for code in used), masks)
        stylized = loop.stylize(
            self.backend,
            rgb,
            styles,
            self.alpha(request),
            strokes=self.strokes(request),
            seed=request.seed or 0,
            tile=request.tile,
            follow=follow,
            cancel=cancel,
        )
        if request.preserve_color == "luminance":
            stylized = color.luminance(stylized, rgb)
        return stylized if masks is None else masking.over(stylized, rgb, masks)

    def stylize_tensor(
        self, content: NDArray[np.float32], code: StyleCode, request: StyleRequest
    ) -> NDArray[np.float32]:
        """Stylize (1, 3, H, W) float32 without rounding; see `adain.engine.loop`. Uses alpha, strokes and seed."""
        return loop.stylize_tensor(
            self.backend,
            content,
            code.arrays,
            self.alpha(request),
            strokes=self.strokes(request),
            seed=request.seed or 0,
        )

    def encode_style(self, style: PictureInput, *, size: int | None = StyleRequest.style_size) -> StyleCode:
        """Encode a style, to reuse, mix or save its code.

        Args:
            style: a path, a PIL image or an array, as for a call. An alpha channel is ignored.
            size: `style_size` of a request.

        Returns:
            The style code. It keeps the picture in memory for colour preservation by CORAL.

        Raises:
            InputError: the size is below 1.
            ImageError: the picture cannot be read.
        """
        return self._encode(_read_style(style, StyleRequest(style_size=size)))

    def open_style(self, style: StyleInput, request: StyleRequest) -> StyleCode | Picture:
        """Read a style for several calls: a style code, or a picture scaled to the request's style size.

        Raises:
            InputError: a code belongs to another model, or lacks the picture that CORAL recolours.
            ImageError: the picture cannot be read.
        """
        if isinstance(style, (str, os.PathLike)) and is_code_file(style):
            style = StyleCode.load(style)
        if not isinstance(style, StyleCode):
            return _read_style(style, request)
        self._check_own(style)
        if request.preserve_color == "coral" and style.picture is None:
            raise InputError(
                'preserve_color="coral" recolours the style picture, but a mixed or saved style code does not hold '
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
            styles: pictures, style codes of this model, or their files (.safetensors).
            request: the options of the call.
            content: CORAL recolours each style to this picture's colours before encoding. None: no recolouring.
            masks: (S, H, W) float32 in [0, 1], one per style, of the content's size: each style takes the colours of
                its part only. None: of the whole content.
            cancel: called before each style; raises to end the call.

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
                assert picture is not None, "open_style checks this"
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
        needed = tiles.memory_needed(self.backend, picture.size, whole=True)
        with (
            timed(f"encode a style of {_size(picture)} pixels"),
            memory.required(f"encoding a style of {_size(picture)} pixels", needed),
        ):
            arrays = self.backend.encode_style(images.to_tensor(picture.rgb))
        return StyleCode(self.model.name, arrays, picture, self.model.code_digest)


def several(style: StyleInput | Sequence[StyleInput]) -> Sequence[StyleInput]:
    """Return a list of styles from an argument that is one style or a list."""
    one = isinstance(style, (str, bytes, bytearray, memoryview)) or not isinstance(style, Sequence)
    return [style] if one else style  # type: ignore[list-item,return-value]  # bytes are sequences too


def read_content(
    content: PictureInput, request: StyleRequest, styles: int
) -> tuple[Picture, NDArray[np.float32] | None]:
    """Read the content, and its masks (S, H, W) if there are any."""
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
    """Log how long the block took."""
    start = time.perf_counter()
    yield
    logger.info("%s: %.3f s", step, time.perf_counter() - start)
