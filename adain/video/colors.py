"""Between a video's YCbCr and RGB.

A file says by which matrix and range its YCbCr is meant. The conversions here follow it in both directions and the
result carries the same labels, so that a player undoes exactly what was done. Left to themselves, the libraries take
BT.601 of limited range whatever the label says: up to 23 of 255 levels off.

Where a file has no label, BT.709 is meant from 1280 pixels of width or 577 of height on, else BT.601, as mpv takes it,
and the result is labelled so.
"""

from __future__ import annotations

from dataclasses import dataclass

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from adain.errors import ImageError

__all__ = ["LIMITED", "Colors", "ToRGB", "ToYUV", "assumed"]

LIMITED, FULL = 1, 2  # FFmpeg's AVColorRange
BT709, BT601 = 1, 6  # FFmpeg's AVColorSpace, as ITU-T H.273 numbers them
UNSPECIFIED = 2  # of matrix, primaries and transfer alike
MATRICES = {BT709: "BT.709", 4: "FCC", 5: "BT.601", BT601: "BT.601", 7: "SMPTE 240M", 9: "BT.2020"}
HDR = {16: "PQ", 18: "HLG"}  # transfers whose values mean light that sRGB has no numbers for

# Bicubic for the chroma's missing samples, full chroma resolution inside, exact rounding (swscale's SWS_* flags):
# within 1 of 255 of the formulas, 2 without.
_QUALITY = 0x4 | 0x2000 | 0x40000


@dataclass(frozen=True)
class Colors:
    """How a file codes its colours, by FFmpeg's numbers.

    Attributes:
        matrix: of `MATRICES`.
        range: `LIMITED` (black is 16, white 235) or `FULL`.
        primaries: kept as the file has it.
        transfer: likewise.
    """

    matrix: int
    range: int
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED

    @classmethod
    def of(cls, frame: av.VideoFrame, name: str) -> Colors:
        """Those of a decoded frame.

        Args:
            frame: as it comes from the decoder, unturned.
            name: what to call the video in messages.

        Raises:
            ImageError: the colours are of a kind that cannot be converted.
        """
        if frame.color_trc in HDR:
            raise ImageError(
                f"{name} is HDR ({HDR[frame.color_trc]}), which styles have no colours for; "
                "convert it to SDR first, for instance with FFmpeg's filter tonemap"
            )
        guess = assumed(frame.width, frame.height)
        kept = {"primaries": frame.color_primaries, "transfer": frame.color_trc}
        if frame.format.is_rgb:
            return cls(guess.matrix, LIMITED, **kept)
        matrix = guess.matrix if frame.colorspace in (0, UNSPECIFIED) else frame.colorspace
        if matrix not in MATRICES:
            known = ", ".join(dict.fromkeys(MATRICES.values()))
            raise ImageError(f"{name} codes colours by matrix {matrix} of ITU-T H.273; allowed are {known}; convert it")
        full = frame.color_range == FULL or frame.format.name.startswith("yuvj")
        return cls(matrix, FULL if full else LIMITED, **kept)


def assumed(width: int, height: int) -> Colors:
    """What a video of that size and without labels is taken to be."""
    return Colors(BT709 if width >= 1280 or height > 576 else BT601, LIMITED)


class ToRGB:
    """Frames of one clip to RGB."""

    def __init__(self, colors: Colors) -> None:
        self._colors = colors
        self._reformatter = VideoReformatter()

    def __call__(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        """A decoded frame of any pixel format as uint8 (H, W, 3)."""
        if not frame.format.is_rgb:
            frame.colorspace, frame.color_range = self._colors.matrix, self._colors.range
        converted = self._reformatter.reformat(frame, format="rgb24", dst_color_range=FULL, interpolation=_QUALITY)
        return converted.to_ndarray().astype(np.uint8, copy=False)


class ToYUV:
    """RGB to frames for an encoder.

    Args:
        colors: what the file will be labelled as.
        pixel_format: FFmpeg's name, `yuv420p` or `yuv444p`.
    """

    def __init__(self, colors: Colors, pixel_format: str) -> None:
        self._colors = colors
        self._format = pixel_format
        self._reformatter = VideoReformatter()

    def __call__(self, rgb: NDArray[np.uint8]) -> av.VideoFrame:
        """A uint8 (H, W, 3) as a frame without a time."""
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
        frame.colorspace, frame.color_range = self._colors.matrix, FULL
        return self._reformatter.reformat(
            frame, format=self._format, dst_color_range=self._colors.range, interpolation=_QUALITY
        )
