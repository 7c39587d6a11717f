"""The steps that all runs share: read a content, prepare style codes, stylize."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from adain import images
from adain.cancellation import CancelInput, checker
from adain.code import StyleCode
from adain.code_files import CodeFile
from adain.images import Picture
from adain.jobs.plan import LOOKS_AT_ONCE, Look
from adain.jobs.sources import Source
from adain.request import StyleRequest
from adain.sheets import Cell
from adain.stylizer import Stylizer

__all__ = ["Stylizing"]


class Stylizing:
    """Runs a model on tasks: `read`, `prepare` and `stylize` of `adain.jobs.running.Steps`.

    A style is read once. It is encoded once, unless CORAL recolours it for each content. Tasks come grouped by style,
    so a style is kept only while its tasks run.

    Args:
        stylizer: the model.
        request: the options of all results.
        keep_pictures: whether to keep the pictures of styles, for `originals`.
        at_once: number of looks to keep.
        cancel: see `adain.cancellation`.
    """

    def __init__(
        self,
        stylizer: Stylizer,
        request: StyleRequest,
        *,
        keep_pictures: bool = False,
        at_once: int = LOOKS_AT_ONCE,
        cancel: CancelInput | None = None,
    ) -> None:
        self._stylizer = stylizer
        self._request = request
        self._keep_pictures = keep_pictures
        self._at_once = at_once
        self._cancel = checker(cancel)
        self._looks: dict[Look, Sequence[StyleCode | Picture]] = {}
        self._files: dict[Path, CodeFile] = {}

    def read(self, content: Source | bytes | Image.Image) -> Picture:
        """Read the content, scaled to its final size. With masks "subject" it is not scaled, to keep hidden colours."""
        encoded = content.path if isinstance(content, Source) else content
        if self._request.masks == "subject":
            return images.read(encoded, keep_hidden=True)
        picture = images.read(encoded)
        return picture if self._request.size is None else images.resize(picture, self._request.size)

    def prepare(self, look: Look) -> None:
        """Read and encode the look's styles, once."""
        self._cancel()
        if look not in self._looks:
            styles: Sequence[StyleCode | Picture] = [
                self._stylizer.open_style(self._style(style), self._request) for style in look.styles
            ]
            if self._request.preserve_color != "coral":
                codes = self._stylizer.codes(styles, self._request, cancel=self._cancel)
                styles = codes if self._keep_pictures else [replace(code, picture=None) for code in codes]
            while len(self._looks) >= self._at_once:
                del self._looks[next(iter(self._looks))]
            self._looks[look] = styles

    def _style(self, style: Source) -> Path | StyleCode:
        if style.code is None:
            return style.path
        if style.path not in self._files:
            self._files[style.path] = CodeFile(style.path)
        return self._files[style.path][style.code]

    def stylize(self, content: Picture, look: Look, alpha: float) -> Image.Image:
        """Make one result. The look must be prepared."""
        request = replace(self._request, alpha=alpha)
        return self._stylizer(content, self._looks[look], request=request, cancel=self._cancel)

    def originals(self, look: Look) -> list[Cell]:
        """Return the labelled pictures of a prepared look. A saved code has only a label."""
        pictures = [style.picture if isinstance(style, StyleCode) else style for style in self._looks[look]]
        return [
            Cell(None if picture is None else picture.to_pil(), style.name)
            for style, picture in zip(look.styles, pictures, strict=True)
        ]
