"""Stylize a clip frame by frame; reading, stylising and writing run in parallel."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction

from adain import checks
from adain.cancellation import CancelInput
from adain.defaults import SMOOTHING
from adain.errors import InputError
from adain.masking import Masks
from adain.request import PreserveColor, StyleRequest, given
from adain.stylizer import StyleInput, Stylizer, several
from adain.video.clip import Frame, Sink, Source
from adain.video.codecs import CONTAINERS, Encoding, ToneMapping, check_tone_map
from adain.video.damage import Damage
from adain.video.frame_stylizer import FrameStylizer
from adain.video.keyframes import Keyframe
from adain.video.opening import check_output, open_sink, open_source
from adain.video.overlap import Background, prefetch
from adain.video.resuming import Done, Resumption
from adain.video.unfinished import digest

__all__ = ["Progress", "Summary", "run", "stylize"]

Progress = Callable[[int, int | None], None]
"""Called after each frame with the number of frames so far, and of all frames or None if unknown."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Summary:
    """The outcome of a run.

    Attributes:
        frames: number of frames.
        cuts: times in seconds of the detected cuts.
        seconds: elapsed time.
        damage: counts of what could not be read of the source; it is true if something is missing or broken.
    """

    frames: int
    cuts: tuple[float, ...]
    seconds: float
    damage: Damage


def stylize(
    stylizer: Stylizer,
    source: str | os.PathLike[str],
    style: StyleInput | Sequence[StyleInput],
    output: str | os.PathLike[str],
    *,
    alpha: float | None = None,
    weights: Sequence[float] | None = None,
    masks: Masks | None = None,
    keyframes: str | Sequence[Keyframe] = (),
    smoothing: float = SMOOTHING,
    strokes: float | None = None,
    seed: int | None = None,
    preserve_color: PreserveColor | None = None,
    style_size: int | None = StyleRequest.style_size,
    tile: int | None = None,
    request: StyleRequest | None = None,
    rate: Fraction | float | None = None,
    sound: bool = True,
    codec: str | None = None,
    crf: float | None = None,
    preset: str | None = None,
    tone_map: ToneMapping | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    cancel: CancelInput | None = None,
) -> Summary:
    """Stylize every frame of a clip with one style, or with several styles, mixed or placed by masks.

    The clip's size, time stamps, frame rate, rotation and colour coding are kept, and its sound, subtitles and
    chapters where the output can hold them; a warning names the rest. Each style is encoded once; with CORAL, once per
    scene. Ctrl-C completes the file with the frames so far, and then raises
    `KeyboardInterrupt`.

    Args:
        stylizer: the model.
        source: a video file that FFmpeg reads, a GIF, APNG or WebP, or a folder of numbered pictures of one size.
        style: one style or a list, as for a `Stylizer`.
        output: a file ending in one of `CONTAINERS` of `adain.video.codecs` or `ANIMATED` of `adain.video.animation`,
            or a folder (without a suffix) for a PNG per frame. An existing file is replaced; a folder must be empty.
        alpha: strength in [0, 1], if no keyframe sets it. None: the model's own default.
        weights: shares of the styles, if no keyframe sets them. None: equal.
        masks: see `adain.StyleRequest`. A mask that is a film or folder has one frame for each of the clip's; if it is
            shorter, its last frame stays, with a warning.
        keyframes: changes over time; see `adain.video.keyframes`. With masks, only alpha may change.
        smoothing: time constant in seconds for averaging the content's statistics; 0 for none.
        strokes: see `adain.StyleRequest`.
        seed: see `adain.StyleRequest`.
        preserve_color: see `adain.StyleRequest`.
        style_size: see `adain.StyleRequest`.
        tile: see `adain.StyleRequest`.
        request: replaces `alpha`, `weights`, `masks`, `strokes`, `seed`, `preserve_color`, `style_size` and `tile`;
            without size.
        rate: frames per second of a folder of frames. None: 25.
        sound: whether to keep the sound.
        codec: see `adain.video.Encoding`, as for `crf` and `preset`; for video files.
        crf: likewise.
        preset: likewise.
        tone_map: how an HDR film (PQ or HLG) becomes SDR: "soft" compresses highlights, "clip" cuts them off. None: an
            HDR film is an error.
        resume: keep unfinished work in a hidden folder beside the output, and go on from it if there is some, made with
            the same arguments. For video files and folders.
        progress: called after each frame.
        cancel: ends the call with a `CancelledError`, as for a `Stylizer`; no incomplete file is left.

    Raises:
        InputError: an argument is not allowed, or the output is an input.
        ImageError: the clip, a mask or a style cannot be read.
        OutputError: the output cannot be written.
        DeviceError: PyAV is needed but not installed.
        CancelledError: `cancel` ended the call.
    """
    keywords = StyleRequest(
        alpha=alpha,
        weights=weights,
        masks=masks,
        strokes=strokes,
        seed=seed,
        preserve_color=preserve_color,
        style_size=style_size,
        tile=tile,
    )
    request = given(request, keywords)
    into, out = checks.path("source", source), checks.path("output", output)
    checks.callback("progress", progress)
    encoding, styles = Encoding(codec, crf, preset), several(style)
    check_tone_map(tone_map)
    masks = () if request.masks is None or isinstance(request.masks, str) else request.masks
    check_output(out, into, encoding, resume=resume, further=(*styles, *masks))
    deep = out.suffix.lower() in CONTAINERS and encoding.codec_in(out.suffix.lower()).deep

    def opened() -> Source:
        hidden = request.masks == "subject"
        return open_source(into, rate, sound=sound, keep_hidden=hidden, tone_map=tone_map, deep=deep)

    with closing(opened()) as clip_source:
        clip = clip_source.clip
        frames = FrameStylizer(stylizer, styles, request, keyframes=keyframes, smoothing=smoothing, cancel=cancel)
        with closing(frames):
            if not resume:
                return run(clip_source, open_sink(out, clip, encoding), frames, progress)
            job = {
                "source": digest(into, rate, sound),
                "styles": digest(styles),
                "options": digest(request, keyframes, smoothing, encoding, tone_map),
                "model": digest(stylizer.model.name, stylizer.maker),
            }
            return _resumed(Resumption(out, clip, encoding, job), clip_source, opened, frames, progress)


def _resumed(
    earlier: Resumption,
    source: Source,
    reopen: Callable[[], Source],
    stylizer: FrameStylizer,
    progress: Progress | None,
) -> Summary:
    """Stylize the frames that are left, and write the film with those of earlier runs."""
    try:
        summary = run(source, earlier.sink(), stylizer, progress, done=earlier.done)
    except KeyboardInterrupt:
        with closing(reopen()) as again:
            earlier.finish(again, complete=False)
        raise
    with closing(reopen()) as again:
        earlier.finish(again, complete=True)
    return summary


def run(
    source: Source,
    sink: Sink,
    stylizer: FrameStylizer,
    progress: Progress | None = None,
    *,
    live: bool = False,
    until: float = math.inf,
    done: Done | None = None,
) -> Summary:
    """Stylize all frames of a source into a sink.

    Args:
        source: read to its end; the caller closes it.
        sink: completed, or discarded after an error.
        stylizer: stylizes each frame.
        progress: called after each frame.
        live: drop frames that come faster than they are stylised.
        until: time in seconds at which to stop.
        done: frames at the start that are written already.

    Raises:
        ImageError: the source is damaged.
        InputError: there was no frame before `until`.
        OutputError: the sink cannot be written.
    """
    start = time.perf_counter()
    done, count = done or Done(), 0
    writer = Background(sink)
    try:
        with writer, closing(prefetch(source, newest_only=live)) as items:
            for item in items:
                if not isinstance(item, Frame):
                    writer.write(item)
                    continue
                if item.time >= until:
                    break
                count += 1
                if count <= done.frames:
                    stylizer.follow(item, float(done.end))
                    continue
                writer.write(stylizer(item))
                if progress is not None:
                    progress(count, source.clip.frames)
    except KeyboardInterrupt:
        logger.warning("interrupted; the first %d frames are written", done.frames + writer.frames)
        raise
    if not count:
        raise InputError(f"no frame came within {until:g} seconds; record for longer")
    seconds = time.perf_counter() - start
    logger.info("%d frames in %.1f s, %.2f a second", writer.frames, seconds, writer.frames / seconds)
    return Summary(count, tuple(stylizer.cuts), seconds, source.damage)
