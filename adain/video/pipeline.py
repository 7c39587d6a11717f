"""A clip in a style: read, stylised and written at the same time, frame by frame."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

from adain import color, images
from adain.code import StyleCode, mix, shares
from adain.errors import InputError
from adain.stylizer import STYLE_SIZE, StyleInput, Stylizer, several
from adain.video.clip import Frame, Sink, Source
from adain.video.cuts import CutDetector
from adain.video.keyframes import Keyframe, Timeline, parse
from adain.video.opening import check_output, open_sink, open_source
from adain.video.overlap import Background, prefetch
from adain.video.smoothing import SECONDS, SmoothStylizer

__all__ = ["FrameStylizer", "Progress", "Summary", "run", "stylize"]

Progress = Callable[[int, int | None], None]
"""Called after each frame with the frames so far and all of them, if their number is known."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Summary:
    """What was done.

    Attributes:
        frames: how many.
        cuts: seconds at which a scene was taken to begin, the first apart.
        seconds: how long it took.
    """

    frames: int
    cuts: tuple[float, ...]
    seconds: float


def stylize(
    stylizer: Stylizer,
    source: str | os.PathLike[str],
    style: StyleInput | Sequence[StyleInput],
    output: str | os.PathLike[str],
    *,
    alpha: float | None = None,
    weights: Sequence[float] | None = None,
    keyframes: str | Sequence[Keyframe] = (),
    smoothing: float = SECONDS,
    preserve_color: Literal["luminance"] | None = None,
    style_size: int | None = STYLE_SIZE,
    rate: Fraction | float | None = None,
    sound: bool = True,
    progress: Progress | None = None,
) -> Summary:
    """Give every frame of a clip the look of one style or of several.

    Size, time stamps, frame rate, rotation and colour coding stay the clip's own, and sound is copied as it is. Each
    style is encoded once. Ctrl-C completes the file with the frames so far before `KeyboardInterrupt` goes on.

    Args:
        stylizer: the model.
        source: a video file of any kind that FFmpeg reads, a GIF, or a folder of numbered pictures of one size.
        style: as a `Stylizer` takes it.
        output: a file ending in .mp4, .m4v, .mov, .mkv, .webm or .gif, or a folder (without a suffix) for a PNG per
            frame. An existing file is replaced, a folder must be empty.
        alpha: strength in [0, 1] where no keyframe sets it. None: the model's own default.
        weights: shares of the styles where no keyframe sets them. None: equal.
        keyframes: changes over time; see `adain.video.keyframes`.
        smoothing: time constant in seconds over which the content's statistics are averaged; 0 for none.
        preserve_color: `luminance` takes only the result's brightness.
        style_size: scale larger styles down to this shorter side. None: as they are.
        rate: frames a second of a folder of frames. None: 25.
        sound: whether sound is copied.
        progress: called after each frame.

    Raises:
        InputError: an argument outside what is allowed, the output is the source, or cannot hold its sound.
        ImageError: the clip or a style cannot be read.
        OutputError: the output cannot be written.
        DeviceError: PyAV is needed and not installed.
    """
    into, out = Path(source), Path(output)
    check_output(out, into)
    opened = open_source(into, rate, sound=sound)
    with closing(opened):
        frames = FrameStylizer(
            stylizer,
            style,
            alpha=alpha,
            weights=weights,
            keyframes=keyframes,
            smoothing=smoothing,
            preserve_color=preserve_color,
            style_size=style_size,
        )
        return run(opened, open_sink(out, opened.clip), frames, progress)


class FrameStylizer:
    """What stylises the frames of one clip, in their order; the arguments are those of `stylize`.

    Attributes:
        cuts: seconds at which a scene was taken to begin.
    """

    def __init__(
        self,
        stylizer: Stylizer,
        style: StyleInput | Sequence[StyleInput],
        *,
        alpha: float | None = None,
        weights: Sequence[float] | None = None,
        keyframes: str | Sequence[Keyframe] = (),
        smoothing: float = SECONDS,
        preserve_color: Literal["luminance"] | None = None,
        style_size: int | None = STYLE_SIZE,
    ) -> None:
        if preserve_color not in (None, "luminance"):
            raise InputError(f"preserve_color must be luminance or None for a video, got {preserve_color!r}")
        styles = several(style)
        changes = parse(keyframes, len(styles)) if isinstance(keyframes, str) else keyframes
        self._timeline = Timeline(changes, stylizer.alpha(alpha), shares(len(styles), weights))
        self._network = SmoothStylizer(stylizer.backend, smoothing)
        self._luminance = preserve_color == "luminance"
        self._codes = stylizer.codes(styles, size=style_size)
        self._mixed = mix(self._codes, self._timeline.weights(0))
        self._weights = self._timeline.weights(0)
        self._cut = CutDetector()
        self.cuts: list[float] = []

    def __call__(self, frame: Frame) -> Frame:
        """The next frame, stylised."""
        now = float(frame.time)
        if self._cut(frame.rgb):
            self.cuts.append(now)
            self._network.restart()
        tensor = self._network(images.to_tensor(frame.rgb), self._code(now), self._timeline.alpha(now), now)
        rgb = images.from_tensor(tensor)
        return replace(frame, rgb=color.luminance(rgb, frame.rgb) if self._luminance else rgb)

    def _code(self, now: float) -> StyleCode:
        weights = self._timeline.weights(now)
        if weights != self._weights:
            self._weights, self._mixed = weights, mix(self._codes, weights)
        return self._mixed


def run(
    source: Source,
    sink: Sink,
    stylizer: FrameStylizer,
    progress: Progress | None = None,
    *,
    live: bool = False,
    until: float = math.inf,
) -> Summary:
    """Stylise all frames of a source into a sink.

    Args:
        source: read to its end; the caller closes it.
        sink: completed, or discarded after an error.
        stylizer: for each frame.
        progress: called after each.
        live: leave out frames that come faster than they are stylised.
        until: seconds at which to stop.

    Raises:
        ImageError: the source is damaged.
        InputError: no frame came before `until`.
        OutputError: the sink cannot be written.
    """
    start = time.perf_counter()
    writer = Background(sink)
    try:
        with writer, closing(prefetch(source, newest_only=live)) as items:
            for item in items:
                if not isinstance(item, Frame):
                    writer.write(item)
                    continue
                if item.time >= until:
                    break
                writer.write(stylizer(item))
                if progress is not None:
                    progress(writer.frames, source.clip.frames)
    except KeyboardInterrupt:
        logger.warning("interrupted; the first %d frames are written", writer.frames)
        raise
    if not writer.frames:
        raise InputError(f"no frame came within {until:g} seconds; record for longer")
    seconds = time.perf_counter() - start
    logger.info("%d frames in %.1f s, %.2f a second", writer.frames, seconds, writer.frames / seconds)
    return Summary(writer.frames, tuple(stylizer.cuts), seconds)
