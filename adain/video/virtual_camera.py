"""A virtual camera as a sink: other programs, such as video calls, see the stylized frames as a camera's.

By pyvirtualcam. The system needs such a device: v4l2loopback on Linux, OBS's virtual camera on macOS and Windows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from adain.errors import DeviceError, OutputError
from adain.video.clip import Clip, Frame, TrackPacket

__all__ = ["VirtualCamera"]

_USUAL_RATE = 30.0  # frames per second, of a camera that does not say


class VirtualCamera:
    """Shows frames as they come. A `Sink`.

    Args:
        clip: the clip's metadata.
        device: its name, such as /dev/video2. None: the first that is free.

    Attributes:
        device: the device's name.

    Raises:
        DeviceError: pyvirtualcam is not installed, or there is no such device.
    """

    def __init__(self, clip: Clip, device: str | None = None) -> None:
        try:
            import pyvirtualcam
        except ModuleNotFoundError as error:
            raise DeviceError('a virtual camera needs pyvirtualcam; pip install "adain[webcam]"') from error
        rate = float(clip.rate) or _USUAL_RATE
        try:
            self._camera = pyvirtualcam.Camera(width=clip.width, height=clip.height, fps=rate, device=device)
        except (RuntimeError, ValueError) as error:  # all that pyvirtualcam raises
            raise DeviceError(
                f"there is no virtual camera ({str(error).strip()}); on Linux run `sudo modprobe v4l2loopback`, "
                "elsewhere install OBS, or name the device: --virtual /dev/video2"
            ) from error
        self.device: str = self._camera.device

    def write(self, item: Frame | TrackPacket) -> None:
        """See `adain.video.clip.Sink`."""
        if isinstance(item, TrackPacket):
            return
        rgb: NDArray[np.uint8] = np.ascontiguousarray(item.rgb8)
        try:
            self._camera.send(rgb)
        except (RuntimeError, OSError) as error:
            raise OutputError(
                f"the virtual camera {self.device} takes no more frames ({error}); start again"
            ) from error

    def finish(self) -> None:
        """See `adain.video.clip.Sink`."""
        self._camera.close()

    def discard(self) -> None:
        """See `adain.video.clip.Sink`."""
        self._camera.close()
