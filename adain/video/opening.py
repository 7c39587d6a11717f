"""Choose the reader and writer for a path, and check the path before any work is done."""

from __future__ import annotations

import os
from collections.abc import Iterable
from fractions import Fraction
from numbers import Real
from pathlib import Path

from adain import images
from adain.errors import DeviceError, ImageError, InputError
from adain.files import check_folder, refuse_inputs, unreadable
from adain.video.animation import ANIMATED, AnimationSink, AnimationSource, is_animation
from adain.video.clip import Clip, Sink, Source
from adain.video.codecs import CONTAINERS, Encoding, ToneMapping
from adain.video.folder import FolderSink, FolderSource, check_empty

__all__ = ["check_output", "open_sink", "open_source", "require_av"]

RATE = Fraction(25)  # frames per second, the default for a folder of frames; film is 24, PAL 25
FASTEST = 1000  # frames per second; more is a mistake


def open_source(
    path: Path,
    rate: Fraction | float | None = None,
    *,
    sound: bool = True,
    keep_hidden: bool = False,
    tone_map: ToneMapping | None = None,
    deep: bool = False,
) -> Source:
    """Open a video file, an animation or a folder of frames.

    Args:
        path: the file or folder.
        rate: frames per second of a folder, above 0 and at most 1000. None: 25.
        sound: whether to read sound tracks.
        keep_hidden: whether to keep colours under an alpha of 0, see `adain.images.read`.
        tone_map: how an HDR film becomes SDR. None: it is an error.
        deep: whether frames of more than 8 bits per value are given in 16 bits.

    Raises:
        ImageError: the path does not exist, or cannot be read.
        InputError: the rate is out of range, or given for a file that has its own.
        DeviceError: a video file needs PyAV.
    """
    if path.is_dir():
        return FolderSource(path, _rate(rate), keep_hidden=keep_hidden)
    if rate is not None:
        raise InputError(f"a frame rate is only for folders of frames; {path} has its own, leave the rate out")
    if (fault := unreadable(path, "film")) is not None:
        raise ImageError(f"{path} {fault}")
    if is_animation(path):
        return AnimationSource(path, keep_hidden=keep_hidden)
    require_av()
    from adain.video.decoding import VideoSource

    return VideoSource.open(path, sound=sound, keep_hidden=keep_hidden, tone_map=tone_map, deep=deep)


def open_sink(path: Path, clip: Clip, encoding: Encoding | None = None) -> Sink:
    """Open a video file, an animation or a folder of frames for writing.

    Raises:
        InputError: the folder is not empty, or the format or the codec does not allow the encoding.
        OutputError: the path cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix in ANIMATED:
        return AnimationSink(path, clip)
    if suffix not in CONTAINERS:
        return FolderSink(path, clip)
    from adain.video.encoding import VideoSink

    return VideoSink(path, clip, suffix, encoding=encoding)


def check_output(
    path: Path,
    source: Path | None,
    encoding: Encoding | None = None,
    *,
    resume: bool = False,
    further: Iterable[object] = (),
) -> None:
    """Check that a clip can be written to a path, before the clip is made.

    Args:
        path: a file ending in one of `CONTAINERS` or `ANIMATED`, or a folder, whose name has no suffix.
        source: the file or folder that is read; None for a camera.
        encoding: codec and quality.
        resume: whether unfinished work of an earlier run is gone on with; a folder may then hold frames.
        further: styles and masks; those that are not paths are ignored.

    Raises:
        InputError: the suffix is unknown, the folder is not empty, the output is an input, or the format does not allow
            the encoding.
        OutputError: the folder cannot be made or written to.
        DeviceError: a video file needs PyAV.
    """
    if source is not None and os.path.realpath(path) == os.path.realpath(source):
        raise InputError(f"{path} is read and cannot be written at the same time; name another output")
    if str(path) == "-":
        raise InputError("a film is not written to standard output (-); name a file, such as film.mkv")
    refuse_inputs(path, (source, *further))
    suffix = path.suffix.lower()
    is_file = suffix in ANIMATED or suffix in CONTAINERS
    if suffix and not is_file and not path.is_dir():
        raise InputError(
            f"{path}: the suffix must be one of {', '.join((*CONTAINERS, *ANIMATED))}, got {suffix!r}; "
            "a name without a suffix is a folder for the frames"
        )
    if resume and suffix in ANIMATED and not path.is_dir():
        raise InputError(f"{suffix} cannot be resumed; allowed are {', '.join(CONTAINERS)} and folders")
    (encoding or Encoding()).check(suffix)
    if is_file:
        images.check_place(path)
    else:
        check_folder(path, path)
    if not is_file and not resume:
        check_empty(path)
    if suffix in CONTAINERS:
        require_av()


def require_av() -> None:
    """Raise a `DeviceError` unless PyAV is installed."""
    try:
        import av  # noqa: F401  only to check
    except ModuleNotFoundError as error:
        if error.name != "av":
            raise
        raise DeviceError('reading and writing video needs PyAV; pip install "adain[video]"') from error


def _rate(rate: Fraction | float | None) -> Fraction:
    if rate is None:
        return RATE
    if not isinstance(rate, Real) or not 0 < rate <= FASTEST:  # also NaN
        raise InputError(f"a frame rate must be above 0 and at most {FASTEST}, got {rate!r}")
    exact = rate if isinstance(rate, Fraction) else Fraction(float(rate))
    return exact.limit_denominator(1001)  # 29.97 becomes 30000/1001
