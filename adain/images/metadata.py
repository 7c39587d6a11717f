"""What a picture's file says about it: EXIF, XMP, IPTC and resolution, made fit for a stylized copy.

Date, camera, copyright and place are kept. What describes the old file is left out: orientation, size, colour space,
thumbnails and previews, which show the original, and maker notes.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from adain.images import exif as exif_data
from adain.images import iptc as iptc_data
from adain.images import xmp as xmp_data

__all__ = ["KEYS", "TIFF_TAGS", "Metadata"]

logger = logging.getLogger(__name__)

KEYS = ("exif", "xmp", "iptc", "dpi")  # in the `info` of PIL images
TIFF_TAGS = {"xmp": 700, "iptc": iptc_data.TIFF_TAG}  # tags with the bytes of a field
_DPI = (2, 65_535)  # Pillow reads 1 from TIFF files that state none; JPEG holds 16 bits


@dataclass(frozen=True)
class Metadata:
    """What a file says about its picture.

    Attributes:
        exif: EXIF data, with its head, without an orientation and a thumbnail; empty if there is none.
        xmp: an XMP packet in UTF-8; empty if there is none.
        iptc: IPTC data sets, see `adain.images.iptc`; empty if there are none.
        dpi: horizontal and vertical resolution in pixels per inch.
    """

    exif: bytes = b""
    xmp: bytes = b""
    iptc: bytes = b""
    dpi: tuple[float, float] | None = None

    @classmethod
    def of(cls, image: Image.Image, name: str, tiff: bytes = b"") -> Metadata:
        """Read the metadata of a decoded PIL image. Damaged metadata is logged and left out.

        Args:
            image: the image; its `info` is read.
            name: name of the picture in the log.
            tiff: `adain.images.exif.tiff_exif` of the image, which had to be read before the pixels.
        """
        info = image.info
        exif = info.get("exif") or tiff or _raw_profile(info.get("Raw profile type exif"))
        return cls(
            _cleaned(exif_data.cleaned, exif, "EXIF", name),
            _cleaned(xmp_data.cleaned, info.get("xmp"), "XMP", name),
            _cleaned(iptc_data.cleaned, info.get("iptc") or iptc_data.found(image), "IPTC", name),
            _dpi(info.get("dpi")),
        )

    def attach(self, image: Image.Image) -> None:
        """Put the metadata into the `info` of a PIL image."""
        image.info.update({key: value for key in KEYS if (value := getattr(self, key))})


def _cleaned(clean: Callable[[bytes], bytes], data: object, kind: str, name: str) -> bytes:
    data = data.encode() if isinstance(data, str) else data
    if not isinstance(data, bytes) or not data:
        return b""
    try:
        return clean(data)
    except Exception as error:  # of damaged data, parsers raise nearly any type
        logger.warning("%s: its %s data is damaged (%s) and is left out", name, kind, error)
        return b""


def _dpi(value: object) -> tuple[float, float] | None:
    if not isinstance(value, tuple):
        return None
    try:
        across, down = map(float, value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    good = all(math.isfinite(each) and _DPI[0] <= each <= _DPI[1] for each in (across, down))
    return (across, down) if good else None


def _raw_profile(text: object) -> bytes:
    """EXIF data as ImageMagick once wrote it into PNG: three lines of head, then hexadecimal digits."""
    try:
        return bytes.fromhex("".join(text.split("\n")[3:])) if isinstance(text, str) else b""
    except ValueError:
        return b""
