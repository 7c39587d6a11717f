"""Cameras as video sources, through FFmpeg's devices: v4l2 on Linux, avfoundation on macOS, dshow on Windows."""

from __future__ import annotations

import sys

import av

from adain.errors import DeviceError, ImageError
from adain.video.decoding import VideoSource
from adain.video.reading import reason

__all__ = ["open_camera"]

# By prefix of sys.platform: FFmpeg's device, the default camera, and an example of a name for error messages.
_SYSTEMS = {
    "linux": ("v4l2", "/dev/video0", "/dev/video1"),
    "darwin": ("avfoundation", "0", "1"),
    "win32": ("dshow", "video=Integrated Camera", "video=NAME, as the device manager calls it"),
}


def open_camera(name: str | None = None) -> VideoSource:
    """Open a camera at its default size and rate.

    Args:
        name: `/dev/video1` on Linux, `1` on macOS, `video=NAME` on Windows. None: the first camera, on Windows the
            built-in one.

    Raises:
        DeviceError: the camera does not exist, or cannot be used.
    """
    system = next((facts for platform, facts in _SYSTEMS.items() if sys.platform.startswith(platform)), None)
    if system is None:
        raise DeviceError(f"cameras are not supported on {sys.platform}; record a file, and use adain video")
    device, usual, example = system
    chosen = name or usual
    container = None
    try:
        container = av.open(chosen, format=device)
        return VideoSource(container, f"the camera {chosen}", sound=False)
    except (av.FFmpegError, ValueError, ImageError) as error:
        if container is not None:
            container.close()
        raise DeviceError(
            f"the camera {chosen} cannot be used ({reason(error)}); connect one, close other programs that use it, "
            f"or name another, such as {example}"
        ) from error
