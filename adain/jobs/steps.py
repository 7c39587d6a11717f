"""The steps of a run that every kind of it shares: read a content, have a style's code, stylize."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from adain import images
from adain.code import StyleCode, is_code_file
from adain.errors import InputError
from adain.images import Picture
from adain.jobs.plan import LOOKS_AT_ONCE, Look
from adain.jobs.sources import Source
from adain.masking import Masks
from adain.sheets import Cell
from adain.stylizer import STYLE_SIZE, PreserveColor, Stylizer

__all__ = ["Settings", "Stylizing"]


@dataclass(frozen=True)
class Settings:
    """What all results of a run have in common; each as a `Stylizer` takes it."""

    weights: Sequence[float] | None = None
    masks: Masks | None = None
    preserve_color: PreserveColor | None = None
    size: int | None = None
    style_size: int | None = STYLE_SIZE
    tile: int | None = None

    @property
    def together(self) -> bool:
        """Whether all styles go into every result, not one each."""
        return self.weights is not None or self.masks is not None

    def check(self, stylizer: Stylizer, styles: int) -> None:
        """Raise an `InputError` unless a stylizer takes them, with so many styles in the run."""
        stylizer.check(styles if self.together else 1, **vars(self))


class Stylizing:
    """A model at work on tasks; the first steps of `adain.jobs.pipeline.Steps`.

    A style is encoded once, and its code kept for as long as its tasks last: they come grouped by style.

    Args:
        stylizer: the model.
        settings: how it is called.
        keep_pictures: whether the pictures of styles will be asked for.
        at_once: how many looks' codes are kept.
    """

    def __init__(
        self, stylizer: Stylizer, settings: Settings, *, keep_pictures: bool = False, at_once: int = LOOKS_AT_ONCE
    ) -> None:
        self._stylizer = stylizer
        self._settings = settings
        self._keep_pictures = keep_pictures or settings.preserve_color == "coral"  # which recolours them
        self._at_once = at_once
        self._codes: dict[Look, list[StyleCode]] = {}

    def read(self, content: Source) -> Picture:
        """The content, in the size it is stylized in unless colours below an alpha of 0 would be lost by that."""
        if self._settings.masks == "subject":
            return images.read(content.path, keep_hidden=True)
        picture = images.read(content.path)
        return picture if self._settings.size is None else images.resize(picture, self._settings.size)

    def prepare(self, look: Look) -> None:
        """Encode the look's styles unless that was done."""
        if look not in self._codes:
            codes = [self._encode(style.path) for style in look.styles]
            while len(self._codes) >= self._at_once:
                del self._codes[next(iter(self._codes))]
            self._codes[look] = codes

    def stylize(self, content: Picture, look: Look, alpha: float) -> Image.Image:
        """One result, as the stylizer returns it; the look is prepared."""
        return self._stylizer(
            content,
            self._codes[look],
            alpha=alpha,
            weights=self._settings.weights,
            masks=self._settings.masks,
            preserve_color=self._settings.preserve_color,
            size=self._settings.size,
            tile=self._settings.tile,
        )

    def originals(self, look: Look) -> list[Cell]:
        """The pictures of a look that is prepared, labelled; of a saved code the label alone."""
        return [
            Cell(None if code.picture is None else code.picture.to_pil(), style.path.name)
            for style, code in zip(look.styles, self._codes[look], strict=True)
        ]

    def _encode(self, path: Path) -> StyleCode:
        if self._settings.preserve_color == "coral" and is_code_file(path):
            raise InputError(
                f'{path} does not hold the picture that preserve_color="coral" recolours; '
                'give the picture itself, or use preserve_color="luminance"'
            )
        (code,) = self._stylizer.codes([path], size=self._settings.style_size)
        return code if self._keep_pictures else replace(code, picture=None)
