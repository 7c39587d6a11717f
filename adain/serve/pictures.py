"""What the worker threads do: stylize a picture, and encode a style."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace

from adain import images
from adain.cancellation import CancelToken
from adain.code import StyleCode
from adain.errors import ImageError, InputError
from adain.images import Picture
from adain.images.encoded import open_encoded
from adain.images.formats import WRITABLE, named
from adain.masking import Masks
from adain.request import StyleRequest
from adain.serve import codes
from adain.serve.refusals import RefusedError
from adain.serve.uploads import Part
from adain.stylizer import Stylizer

__all__ = ["MEDIA_TYPES", "Encoded", "Studio", "check_format"]

MEDIA_TYPES = {suffix[1:]: f"image/{row.name.lower()}" for suffix, row in WRITABLE.items()}
"""Formats of results, and their media types."""


@dataclass(frozen=True, eq=False)
class Encoded:
    """An answer's body.

    Attributes:
        data: the bytes.
        media_type: their type.
        name: file name for saving it.
    """

    data: bytes
    media_type: str
    name: str


class Studio:
    """Stylizes and encodes with one stylizer. Thread-safe.

    Args:
        stylizer: the model.
        cache: style codes of earlier requests.
        max_pixels: size limit of each picture and of the result.
    """

    def __init__(self, stylizer: Stylizer, cache: codes.CodeCache, max_pixels: int) -> None:
        self.stylizer = stylizer
        self._cache = cache
        self._most = max_pixels

    def stylize(
        self,
        content: Part,
        styles: Sequence[Part],
        masks: Sequence[Part],
        request: StyleRequest,
        format: str,
        cancel: CancelToken,
    ) -> Encoded:
        """Stylize a picture.

        Args:
            content: the picture.
            styles: pictures or style code files.
            masks: one picture per style, or none.
            request: the other options; its masks are None or `subject`.
            format: a key of `MEDIA_TYPES`.
            cancel: ends the work.

        Raises:
            AdainError: see `adain.Stylizer`.
            RefusedError: a picture is too large or cannot be read.
        """
        data = self.picture(content, request.size)
        request = self.with_masks(request, masks)
        self.stylizer.check(request, len(styles))
        found = self.styles(styles, request, cancel)
        result = self.stylizer(data, found, request=request, cancel=cancel)
        written = io.BytesIO()
        images.write(result, written, format)
        return Encoded(written.getvalue(), MEDIA_TYPES[format], f"stylized.{format}")

    def encode(self, style: Part, request: StyleRequest, cancel: CancelToken) -> Encoded:
        """Encode a style; the answer is a style code file.

        Raises:
            RefusedError: the style is too large or cannot be read.
        """
        data = style.read()
        if codes.is_code(data):
            raise RefusedError(422, "style is a style code already; send a picture")
        code = self._encoded(style, data, request, cancel)
        return Encoded(code.to_bytes(), "application/octet-stream", "style.safetensors")

    def styles(self, parts: Sequence[Part], request: StyleRequest, cancel: CancelToken) -> list[StyleCode | Picture]:
        """Read styles: codes, or for CORAL the pictures themselves.

        Raises:
            RefusedError: a style is too large, cannot be read, or is a code of another model.
        """
        return [self._style(part, request, cancel) for part in parts]

    def with_masks(self, request: StyleRequest, masks: Sequence[Part]) -> StyleRequest:
        """Return the request with masks from files.

        Raises:
            InputError: there are weights too.
            RefusedError: a mask is too large or cannot be read.
        """
        if not masks:
            return request
        read: Masks = tuple(self._picture(mask) for mask in masks)
        return replace(request, masks=read)

    def picture(self, part: Part, size: int | None = None) -> bytes:
        """Return the bytes of a picture whose pixels, and those of the scaled one, are within the limit.

        Raises:
            RefusedError: it is too large, or no picture.
        """
        data = part.read()
        self._check(data, part.name, size)
        return data

    def _style(self, part: Part, request: StyleRequest, cancel: CancelToken) -> StyleCode | Picture:
        data = part.read()
        try:
            if codes.is_code(data):
                return self.stylizer.open_style(StyleCode.from_bytes(data), request)
        except InputError as error:
            raise RefusedError(422, f"{part.name}: {error}") from error
        if request.preserve_color == "coral":  # recolours the picture before it is encoded
            return self._picture(part, data)
        return self._encoded(part, data, request, cancel)

    def _encoded(self, part: Part, data: bytes, request: StyleRequest, cancel: CancelToken) -> StyleCode:
        def encode() -> StyleCode:
            only = StyleRequest(style_size=request.style_size)
            return self.stylizer.codes([self._picture(part, data)], only, cancel=cancel.check)[0]

        return self._cache.get(data, request.style_size, encode)

    def _picture(self, part: Part, data: bytes | None = None) -> Picture:
        found = part.read() if data is None else data
        self._check(found, part.name)
        try:
            return images.read(found)
        except ImageError as error:
            raise _unreadable(part.name, error) from error

    def _check(self, data: bytes, name: str, size: int | None = None) -> None:
        try:
            image, _ = open_encoded(data)
        except ImageError as error:
            raise _unreadable(name, error) from error
        with image:
            width, height = image.size
        pixels = width * height
        if size is not None:
            pixels = max(pixels, pixels * size**2 // min(width, height) ** 2)
        if pixels > self._most:
            scaled = "" if size is None else f", scaled to {size} on the shorter side"
            raise RefusedError(413, f"{name} is {width} x {height}{scaled}; at most {self._most:,} pixels are allowed")


def check_format(format: str) -> str:
    """Return the key of `MEDIA_TYPES` for a format: "PNG", "png" or ".png".

    Raises:
        InputError: the format is unknown.
    """
    named(format)
    return format.lower().removeprefix(".")


def _unreadable(name: str, error: ImageError) -> RefusedError:
    """Name the part of the form in an error about a picture."""
    message = str(error)
    own = "the picture"
    named_now = f"{name}{message[len(own) :]}" if message.startswith(own) else f"{name}: {message}"
    return RefusedError(422, named_now)
