"""The steps of a run that every kind of it shares: read a content, have a style's code, stylize."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from adain import images
from adain.code import StyleCode
from adain.images import Picture
from adain.jobs.plan import LOOKS_AT_ONCE, Look, Result, Task
from adain.stylizer import STYLE_SIZE, PreserveColor, Stylizer

__all__ = ["CODE_SUFFIX", "Settings", "Stylizing"]

CODE_SUFFIX = ".safetensors"  # of a style code that was saved


@dataclass(frozen=True)
class Settings:
    """What all results of a run have in common; each as a `Stylizer` takes it."""

    weights: Sequence[float] | None = None
    preserve_color: PreserveColor | None = None
    size: int | None = None
    style_size: int | None = STYLE_SIZE


class Stylizing:
    """A model at work on tasks; the first steps of `adain.jobs.pipeline.Steps`.

    A style is encoded once, and its code kept for as long as its tasks last: they come grouped by style.

    Args:
        stylizer: the model.
        settings: how it is called.
        keep_pictures: whether the pictures of styles will be asked for.
    """

    def __init__(self, stylizer: Stylizer, settings: Settings, *, keep_pictures: bool = False) -> None:
        self._stylizer = stylizer
        self._settings = settings
        self._keep_pictures = keep_pictures or settings.preserve_color == "coral"  # which recolours them
        self._codes: dict[Look, list[StyleCode]] = {}

    def read(self, task: Task) -> Picture:
        """The content in the size it is stylized in."""
        picture = images.read(task.content.path)
        return picture if self._settings.size is None else images.resize(picture, self._settings.size)

    def prepare(self, look: Look) -> None:
        """Encode the look's styles unless that was done."""
        if look not in self._codes:
            codes = [self._encode(style.path) for style in look.styles]
            while len(self._codes) >= LOOKS_AT_ONCE:
                del self._codes[next(iter(self._codes))]
            self._codes[look] = codes

    def stylize(self, content: Picture, result: Result) -> Image.Image:
        """One result, as the stylizer returns it."""
        return self._stylizer(
            content,
            self._codes[result.look],
            alpha=result.alpha,
            weights=self._settings.weights,
            preserve_color=self._settings.preserve_color,
        )

    def style_pictures(self, look: Look) -> list[Picture | None]:
        """The pictures of a look that is prepared; None for a saved code."""
        return [code.picture for code in self._codes[look]]

    def _encode(self, path: Path) -> StyleCode:
        if path.suffix.lower() == CODE_SUFFIX:
            return StyleCode.load(path)
        code = self._stylizer.encode_style(path, size=self._settings.style_size)
        return code if self._keep_pictures else replace(code, picture=None)
