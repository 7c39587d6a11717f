"""What the thread of film jobs does: stylize a film with `adain.video`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from adain.code import StyleCode
from adain.defaults import SMOOTHING
from adain.errors import DeviceError
from adain.images import Picture
from adain.request import StyleRequest
from adain.serve.films import Film
from adain.serve.refusals import RefusedError
from adain.stylizer import Stylizer

__all__ = ["FilmOptions", "check_film"]


@dataclass(frozen=True, eq=False)
class FilmOptions:
    """The options of a film job; a `Work` of `adain.serve.films` when called.

    Attributes:
        stylizer: the model.
        styles: codes or pictures.
        request: the options of each frame.
        keyframes: changes over time, see `adain.video.keyframes`.
        smoothing: see `adain.video.stylize`.
    """

    stylizer: Stylizer
    styles: Sequence[StyleCode | Picture]
    request: StyleRequest
    keyframes: str = ""
    smoothing: float = SMOOTHING

    def __call__(self, film: Film) -> None:
        """Stylize the film.

        Raises:
            AdainError: see `adain.video.stylize`.
        """
        from adain.video.stylizing import stylize

        summary = stylize(
            self.stylizer,
            film.source,
            list(self.styles),
            film.result,
            request=self.request,
            keyframes=self.keyframes or (),
            smoothing=self.smoothing,
            progress=film.progress,
            cancel=film.token,
        )
        if summary.damage:
            film.damage = film.said(summary.damage)

    def check(self) -> None:
        """Raise an `InputError` unless the options fit each other and the model."""
        from adain.video.frame_stylizer import FrameStylizer

        FrameStylizer(
            self.stylizer, list(self.styles), self.request, keyframes=self.keyframes or (), smoothing=self.smoothing
        ).close()


def check_film(film: Film, max_pixels: int) -> None:
    """Open a film, and check its size.

    Raises:
        RefusedError: its frames are too large, or the extra `video` is not installed.
        ImageError: it cannot be read.
        InputError: the format of the result cannot hold it.
    """
    from adain.video.opening import check_output, open_source

    try:
        check_output(film.result, film.source)
        opened = open_source(film.source, sound=False)
    except DeviceError as error:
        raise RefusedError(501, str(error)) from error
    with closing(opened):
        width, height, film.of = opened.clip.width, opened.clip.height, opened.clip.frames
    if width * height > max_pixels:
        raise RefusedError(413, f"the film is {width} x {height}; at most {max_pixels:,} pixels are allowed")
