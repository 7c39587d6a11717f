"""`adain webcam`: stylize a camera's picture, to a file, to another program, or as a camera of its own."""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from adain.cli.film_options import film_options
from adain.cli.inputs import PICTURE
from adain.cli.masks import MaskChoice, mask_options
from adain.cli.number_list import CommandWithNumbers
from adain.cli.number_types import FiniteNumber
from adain.cli.options import model_options
from adain.cli.progress import FrameBar
from adain.cli.verbosity import verbose_option
from adain.errors import InputError

if TYPE_CHECKING:
    from adain.request import StyleRequest
    from adain.stylizer import Stylizer
    from adain.video.clip import Clip, Sink

__all__ = ["webcam"]

_STDOUT = Path("-")
_ANY = ""  # `--virtual` without a device


@click.command(cls=CommandWithNumbers)
@click.argument("styles", metavar="STYLE [STYLE ...]", nargs=-1, required=True, type=PICTURE)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    help="File to write, ending in .mp4, .m4v, .mov, .mkv or .webm; or - for Matroska on standard output.",
)
@click.option(
    "--virtual",
    metavar="DEVICE",
    is_flag=False,
    flag_value=_ANY,
    help="Instead: show the picture as a virtual camera, for video calls. DEVICE is such as /dev/video2; without it, "
    "the first free one is used.",
)
@click.option("--camera", metavar="NAME", help="/dev/video1 on Linux, 1 on macOS, video=NAME on Windows.")
@click.option("--seconds", type=FiniteNumber(0, min_open=True), help="When to stop.  [default: at Ctrl-C]")
@mask_options(film=True, subject=False)
@film_options
@model_options
@verbose_option
def webcam(
    styles: tuple[Path, ...],
    output: Path | None,
    virtual: str | None,
    camera: str | None,
    seconds: float | None,
    choose_masks: MaskChoice,
    request: StyleRequest,
    keyframes: str | None,
    smoothing: float,
    open_stylizer: Callable[[], Stylizer],
) -> None:
    """Give a camera's picture the style of STYLE, or of several STYLEs, mixed or placed by masks, until Ctrl-C.

    Frames are dropped if they come faster than the network runs. To watch: adain webcam STYLE -o - | ffplay -

    In video calls: adain webcam STYLE --virtual
    """
    from adain.video import opening
    from adain.video.codecs import CONTAINERS

    if (output is None) == (virtual is None):
        raise click.UsageError("Give either -o FILE, or --virtual to show the picture as a camera.")
    if output is not None and output != _STDOUT:
        opening.check_output(output, None, further=(*styles, *choose_masks.files))
        if output.suffix.lower() not in CONTAINERS:
            allowed = ", ".join(CONTAINERS)
            raise InputError(f"{output}: the output must end in one of {allowed}, or be - for standard output")
    opening.require_av()
    from adain.video.camera import open_camera
    from adain.video.frame_stylizer import FrameStylizer
    from adain.video.stylizing import run

    with closing(open_camera(camera)) as source, FrameBar() as bar:
        frames = FrameStylizer(
            open_stylizer(),
            styles,
            replace(request, masks=choose_masks(len(styles))),
            keyframes=() if keyframes is None else keyframes,
            smoothing=smoothing,
        )
        with closing(frames), contextlib.suppress(KeyboardInterrupt):  # Ctrl-C ends a recording
            sink = _camera(virtual, source.clip) if output is None else _file(output, source.clip)
            run(source, sink, frames, bar, live=True, until=seconds or math.inf)


def _camera(device: str | None, clip: Clip) -> Sink:
    from adain.video.virtual_camera import VirtualCamera

    camera = VirtualCamera(clip, None if device == _ANY else device)
    click.echo(f"the picture is on the camera {camera.device}; end with Ctrl-C", err=True)
    return camera


def _file(output: Path, clip: Clip) -> Sink:
    from adain.video.encoding import VideoSink

    if output == _STDOUT:
        return VideoSink(sys.stdout.buffer, clip, ".mkv", live=True)
    return VideoSink(output, clip, output.suffix.lower(), live=True)
