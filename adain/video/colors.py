"""Convert video colours between YCbCr and RGB.

A file is labelled with the matrix and range of its YCbCr. The conversions here follow the labels in both directions,
and the result has the same labels, so that a player inverts the conversion exactly. By default, the libraries use
BT.601 with limited range and ignore the labels, which is wrong by up to 23 of 255 levels.

A file without labels is taken as BT.709 from 1280 pixels of width or 577 of height, else as BT.601, as in mpv. The
result gets these labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from adain.errors import ImageError

__all__ = ["BT709", "HDR", "LIMITED", "Colors", "ToRGB", "ToYUV", "assumed"]

LIMITED, FULL = 1, 2  # FFmpeg's AVColorRange
BT709, BT601 = 1, 6  # FFmpeg's AVColorSpace, as ITU-T H.273 numbers them
UNSPECIFIED = 2  # for matrix, primaries and transfer
MATRICES = {BT709: "BT.709", 4: "FCC", 5: "BT.601", BT601: "BT.601", 7: "SMPTE 240M", 9: "BT.2020"}
HDR = {16: "PQ", 18: "HLG"}  # transfers brighter than sRGB can represent

# swscale's SWS_* flags: bicubic chroma upsampling, full internal chroma resolution, accurate rounding. With them the
# result is within 1 of 255 of the formulas, without within 2.
_QUALITY = 0x4 | 0x2000 | 0x40000


@dataclass(frozen=True)
class Colors:
    """The colour coding of a file, in FFmpeg's numbers.

    Attributes:
        matrix: a key of `MATRICES`.
        range: `LIMITED` (black is 16, white 235) or `FULL`.
        primaries: the file's value, copied to the result.
        transfer: the file's value, copied to the result.
    """

    matrix: int
    range: int
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED

    @classmethod
    def of(cls, frame: av.VideoFrame, name: str) -> Colors:
        """Read the colour coding of a decoded frame.

        Args:
            frame: from the decoder, not turned.
            name: name of the video in messages.

        Raises:
            ImageError: the colour coding is not supported.
        """
        if frame.color_trc in HDR:
            raise ImageError(f"{name} is HDR ({HDR[frame.color_trc]}); choose how it becomes SDR with tone_map")
        guess = assumed(frame.width, frame.height)
        kept = {"primaries": frame.color_primaries, "transfer": frame.color_trc}
        if frame.format.is_rgb:
            return cls(guess.matrix, LIMITED, **kept)
        matrix = guess.matrix if frame.colorspace in (0, UNSPECIFIED) else frame.colorspace
        if matrix not in MATRICES:
            known = ", ".join(dict.fromkeys(MATRICES.values()))
            raise ImageError(f"{name} has colour matrix {matrix} of ITU-T H.273; allowed are {known}; convert it")
        full = frame.color_range == FULL or frame.format.name.startswith("yuvj")
        return cls(matrix, FULL if full else LIMITED, **kept)


def assumed(width: int, height: int) -> Colors:
    """Return the colour coding assumed for a video of this size without labels."""
    return Colors(BT709 if width >= 1280 or height > 576 else BT601, LIMITED)


class ToRGB:
    """Converts the frames of one clip to RGB.

    Args:
        colors: the colour coding of the frames.
        alpha: whether to keep an alpha channel.
        deep: whether to give 16 bits per value, without an alpha channel.
    """

    def __init__(self, colors: Colors, *, alpha: bool = False, deep: bool = False) -> None:
        self._colors = colors
        self._format = "rgb48le" if deep else "rgba" if alpha else "rgb24"
        self._reformatter = VideoReformatter()

    def __call__(self, frame: av.VideoFrame) -> NDArray[np.uint8] | NDArray[np.uint16]:
        """Convert a decoded frame of any pixel format to uint8 or uint16 (H, W, 3), or uint8 (H, W, 4) with alpha."""
        if not frame.format.is_rgb:
            frame.colorspace, frame.color_range = self._colors.matrix, self._colors.range
        converted = self._reformatter.reformat(frame, format=self._format, dst_color_range=FULL, interpolation=_QUALITY)
        return converted.to_ndarray()  # type: ignore[return-value]  # of one of these dtypes


class ToYUV:
    """Converts RGB to frames for an encoder.

    Args:
        colors: the colour coding that the file will be labelled with.
        pixel_format: FFmpeg's name, such as `yuv420p`.
    """

    def __init__(self, colors: Colors, pixel_format: str) -> None:
        self._colors = colors
        self._format = pixel_format
        self._reformatter = VideoReformatter()

    def __call__(
        self, rgb: NDArray[np.uint8] | NDArray[np.uint16], alpha: NDArray[np.uint8] | None = None
    ) -> av.VideoFrame:
        """Convert uint8 or uint16 (H, W, 3), or uint8 and alpha (H, W), to a frame without a time stamp."""
        values: NDArray[Any] = np.ascontiguousarray(rgb if alpha is None else np.dstack([rgb, alpha]))
        pixel_format = "rgba" if alpha is not None else "rgb24" if rgb.dtype == np.uint8 else "rgb48le"
        frame = av.VideoFrame.from_ndarray(values, format=pixel_format)
        frame.colorspace, frame.color_range = self._colors.matrix, FULL
        return self._reformatter.reformat(
            frame, format=self._format, dst_color_range=self._colors.range, interpolation=_QUALITY
        )
