"""Which reader and which writer a path means, and what is wrong with it before any work is done."""

from __future__ import annotations

import os
from fractions import Fraction
from numbers import Real
from pathlib import Path

from adain import images
from adain.errors import DeviceError, ImageError, InputError, OutputError
from adain.video.clip import Clip, Sink, Source
from adain.video.folder import FolderSink, FolderSource, check_empty
from adain.video.gif import GifSink, GifSource, is_gif

__all__ = ["VIDEO_SUFFIXES", "check_output", "open_sink", "open_source", "require_av"]

VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm")
RATE = Fraction(25)  # frames a second of a folder of frames; film is 24, PAL 25
FASTEST = 1000  # frames a second; more is a mistake


def open_source(
    path: Path, rate: Fraction | float | None = None, *, sound: bool = True, keep_hidden: bool = False
) -> Source:
    """Open a video file, a GIF or a folder of frames.

    Args:
        path: to it.
        rate: frames a second of a folder; 25 if None.
        sound: whether sound tracks are read.
        keep_hidden: whether colours below an alpha of 0 are kept, see `adain.images.read`.

    Raises:
        ImageError: it does not exist, or cannot be read.
        InputError: a rate for what has its own, or one that is not above 0 and at most 1000.
        DeviceError: reading it needs PyAV.
    """
    if not path.exists():
        raise ImageError(f"{path} does not exist; check the path")
    if path.is_dir():
        return FolderSource(path, _rate(rate), keep_hidden=keep_hidden)
    if rate is not None:
        raise InputError(f"a frame rate is for folders of frames; {path} has its own, leave the rate out")
    if is_gif(path):
        return GifSource(path)
    require_av()
    from adain.video.decoding import VideoSource

    return VideoSource.open(path, sound=sound)


def open_sink(path: Path, clip: Clip) -> Sink:
    """Begin a video file, a GIF or a folder of frames.

    Raises:
        InputError: a folder with something in it, or a format that cannot hold the clip's sound.
        OutputError: it cannot be written there.
    """
    suffix = path.suffix.lower()
    if suffix == ".gif":
        return GifSink(path, clip)
    if suffix not in VIDEO_SUFFIXES:
        return FolderSink(path)
    from adain.video.encoding import VideoSink

    return VideoSink(path, clip, suffix)


def check_output(path: Path, source: Path | None) -> None:
    """Find out whether a clip could be written here, before the work that leads to it is done.

    Args:
        path: ending in one of `VIDEO_SUFFIXES` or `.gif`, else a folder, whose name has no suffix.
        source: what is read, if it is a file or folder.

    Raises:
        InputError: an unknown suffix, a folder with something in it, or the output is the source.
        OutputError: the folder it would be in is missing, or it cannot be written to.
        DeviceError: writing it needs PyAV.
    """
    if source is not None and os.path.realpath(path) == os.path.realpath(source):
        raise InputError(f"{path} is read and cannot be written at the same time; name another output")
    suffix = path.suffix.lower()
    is_file = suffix == ".gif" or suffix in VIDEO_SUFFIXES
    if suffix and not is_file and not path.is_dir():
        raise InputError(
            f"{path}: the suffix must be one of {', '.join(VIDEO_SUFFIXES)} or .gif, got {suffix!r}; "
            "a name without one is a folder for the frames"
        )
    if is_file:
        images.check_place(path)
    elif not path.is_dir() and (path.exists() or not path.resolve().parent.is_dir()):
        raise OutputError(f"{path} cannot be made a folder for the frames; name a new one in a folder that exists")
    else:
        check_empty(path)
    if suffix in VIDEO_SUFFIXES:
        require_av()


def require_av() -> None:
    """Raise a `DeviceError` unless PyAV is here."""
    try:
        import av  # noqa: F401  whether it is there is all that is asked
    except ModuleNotFoundError as error:
        if error.name != "av":
            raise
        raise DeviceError('reading and writing video needs PyAV; pip install "adain[video]"') from error


def _rate(rate: Fraction | float | None) -> Fraction:
    if rate is None:
        return RATE
    if not isinstance(rate, Real) or not 0 < rate <= FASTEST:  # not-a-number fails here too
        raise InputError(f"a frame rate must be above 0 and at most {FASTEST}, got {rate!r}")
    exact = rate if isinstance(rate, Fraction) else Fraction(float(rate))
    return exact.limit_denominator(1001)  # that of 29.97 and its like
