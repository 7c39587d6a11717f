"""The steps of a run that every kind of it shares: read a content, have a style's code, stylize."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PIL import Image

from adain import images
from adain.cancellation import CancelInput, checker
from adain.code import StyleCode
from adain.images import Picture
from adain.jobs.plan import LOOKS_AT_ONCE, Look
from adain.jobs.sources import Source
from adain.request import StyleRequest
from adain.sheets import Cell
from adain.stylizer import Stylizer

__all__ = ["Stylizing"]


class Stylizing:
    """A model at work on tasks; the first steps of `adain.jobs.running.Steps`.

    A style is read once, and encoded once unless CORAL recolours it for each content; it is kept for as long as its
    tasks last: they come grouped by style.

    Args:
        stylizer: the model.
        request: what all results have in common.
        keep_pictures: whether the pictures of styles will be asked for.
        at_once: how many looks are kept.
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

    def read(self, content: Source) -> Picture:
        """The content, in the size it is stylized in unless colours below an alpha of 0 would be lost by that."""
        if self._request.masks == "subject":
            return images.read(content.path, keep_hidden=True)
        picture = images.read(content.path)
        return picture if self._request.size is None else images.resize(picture, self._request.size)

    def prepare(self, look: Look) -> None:
        """Read and encode the look's styles unless that was done."""
        self._cancel()
        if look not in self._looks:
            styles: Sequence[StyleCode | Picture] = [
                self._stylizer.open_style(style.path, self._request) for style in look.styles
            ]
            if self._request.preserve_color != "coral":
                codes = self._stylizer.codes(styles, self._request, cancel=self._cancel)
                styles = codes if self._keep_pictures else [replace(code, picture=None) for code in codes]
            while len(self._looks) >= self._at_once:
                del self._looks[next(iter(self._looks))]
            self._looks[look] = styles

    def stylize(self, content: Picture, look: Look, alpha: float) -> Image.Image:
        """One result, as the stylizer returns it; the look is prepared."""
        request = replace(self._request, alpha=alpha)
        return self._stylizer(content, self._looks[look], request=request, cancel=self._cancel)

    def originals(self, look: Look) -> list[Cell]:
        """The pictures of a look that is prepared, labelled; of a saved code the label alone."""
        pictures = [style.picture if isinstance(style, StyleCode) else style for style in self._looks[look]]
        return [
            Cell(None if picture is None else picture.to_pil(), style.path.name)
            for style, picture in zip(look.styles, pictures, strict=True)
        ]
