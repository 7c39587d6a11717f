"""Choose the pixel format of a result: the source's depth, chroma and alpha, where the encoder can."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from av.video.format import VideoFormat

from adain.video.codecs import Codec

__all__ = ["Sampling", "choose"]

_SIDE = 64  # of a picture to measure its chroma by


@dataclass(frozen=True)
class Sampling:
    """Depth and chroma of a pixel format.

    Attributes:
        depth: bits per value.
        across: pixels per chroma value in a row.
        down: pixels per chroma value in a column.
        alpha: whether there is an alpha channel.
    """

    depth: int = 8
    across: int = 2
    down: int = 2
    alpha: bool = False

    @classmethod
    def of(cls, name: str | None) -> Sampling:
        """Read a pixel format of FFmpeg. None, and grey: 8 bits or the format's own, with halved chroma."""
        if name is None:
            return cls()
        form = VideoFormat(name, _SIDE, _SIDE)
        depth = max(part.bits for part in form.components)
        alpha = any(part.is_alpha for part in form.components)
        if form.is_rgb or form.has_palette:
            return cls(depth, 1, 1, alpha)
        if len(form.components) < 3:
            return cls(depth, alpha=alpha)
        return cls(depth, _SIDE // form.chroma_width(), _SIDE // form.chroma_height(), alpha)

    def loss(self, kept: Sampling, *, alpha: bool) -> tuple[float, ...]:
        """What is lost if this is written as `kept`, the worst first; then what is wasted."""
        return (
            alpha and not kept.alpha,
            max(kept.across / self.across, 1) * max(kept.down / self.down, 1),
            max(self.depth - kept.depth, 0),
            kept.alpha and not alpha,
            max(self.across / kept.across, 1) * max(self.down / kept.down, 1),
            kept.depth,
        )


def choose(codec: Codec, source: str | None, size: tuple[int, int], *, alpha: bool) -> str:
    """Choose one of a codec's pixel formats.

    Args:
        codec: row of the table.
        source: the source's pixel format; None for 8-bit RGB pictures, which get halved chroma.
        size: width and height.
        alpha: whether there is an alpha channel to keep.
    """
    own = Sampling.of(source)
    fitting = [name for name in codec.formats if codec.odd or _fits(Sampling.of(name), size)]
    return _least(own, fitting or codec.formats, alpha)


def _least(own: Sampling, names: Sequence[str], alpha: bool) -> str:
    return min(names, key=lambda name: own.loss(Sampling.of(name), alpha=alpha))


def _fits(sampling: Sampling, size: tuple[int, int]) -> bool:
    return size[0] % sampling.across == 0 and size[1] % sampling.down == 0
