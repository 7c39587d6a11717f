"""`adain video`: stylize a film."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from adain.cli.film_options import encoding_options, film_options
from adain.cli.inputs import PICTURE
from adain.cli.masks import MaskChoice, mask_options
from adain.cli.number_list import CommandWithNumbers
from adain.cli.number_types import FiniteNumber
from adain.cli.options import model_options
from adain.cli.pictures import reading_options
from adain.cli.progress import FrameBar
from adain.cli.verbosity import verbose_option
from adain.errors import ImageError

if TYPE_CHECKING:
    from adain.request import StyleRequest
    from adain.stylizer import Stylizer
    from adain.video.codecs import Encoding, ToneMapping

__all__ = ["video"]


@click.command(cls=CommandWithNumbers)
@click.argument("source", metavar="IN", type=click.Path(exists=True, path_type=Path))
@click.argument("styles", metavar="STYLE [STYLE ...]", nargs=-1, required=True, type=PICTURE)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="File to write, ending in .mp4, .m4v, .mov, .mkv, .webm, .gif, .apng, .png or .webp; or folder (no suffix) "
    "for frames.",
)
@mask_options(film=True)
@film_options
@click.option("--rate", type=FiniteNumber(), metavar="FPS", help="Frames per second, if IN is a folder.  [default: 25]")
@encoding_options
@click.option("--no-sound", "sound", flag_value=False, default=True, help="Leave the sound out.")
@click.option(
    "--resume",
    is_flag=True,
    help="Keep unfinished work in a hidden folder beside the output, and go on from it when the command is repeated.",
)
@reading_options
@model_options
@verbose_option
def video(
    source: Path,
    styles: tuple[Path, ...],
    output: Path,
    choose_masks: MaskChoice,
    request: StyleRequest,
    keyframes: str | None,
    smoothing: float,
    rate: float | None,
    sound: bool,
    encoding: Encoding,
    tone_map: ToneMapping | None,
    resume: bool,
    open_stylizer: Callable[[], Stylizer],
) -> None:
    """Give every frame of the film IN the style of STYLE, or of several STYLEs, mixed or placed by masks.

    IN is a video file, an animation (GIF, APNG, WebP), or a folder of numbered pictures. Size, time stamps, rotation,
    colour coding, depth, sound, subtitles and chapters are kept where the output can hold them. If IN is damaged, what
    can be read is written, and the command fails. After Ctrl-C, the file holds the frames so far and plays. A STYLE is
    a picture or a style code (.safetensors). Video files need the extra `video`.
    """
    from adain.video.opening import check_output
    from adain.video.stylizing import stylize

    check_output(output, source, encoding, resume=resume, further=(*styles, *choose_masks.files))
    stylizer = open_stylizer()
    with FrameBar() as bar:
        summary = stylize(
            stylizer,
            source,
            styles,
            output,
            request=replace(request, masks=choose_masks(len(styles))),
            keyframes=() if keyframes is None else keyframes,
            smoothing=smoothing,
            rate=rate,
            sound=sound,
            codec=encoding.codec,
            crf=encoding.crf,
            preset=encoding.preset,
            tone_map=tone_map,
            resume=resume,
            progress=bar,
        )
    if summary.damage:
        raise ImageError(f"{summary.damage}; {output} holds what could be read")
