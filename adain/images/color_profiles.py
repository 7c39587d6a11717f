"""Colour profiles (ICC) to sRGB, with LittleCMS through Pillow.

A profile that cannot be read or applied is taken as sRGB, with a line in the log: a picture whose colours are
slightly off is worth more than none. That is also what browsers do.
"""

from __future__ import annotations

import io
import logging

import numpy as np
from PIL import Image, ImageCms

__all__ = ["to_srgb"]

logger = logging.getLogger(__name__)

COLOR_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK", "LAB": "Lab"}  # PIL's modes in ICC's words
PROBE = np.stack(np.meshgrid(*[np.linspace(0, 255, 7)] * 3), axis=-1).astype(np.uint8).reshape(7, 49, 3)


def to_srgb(image: Image.Image, profile: bytes | None, name: str) -> Image.Image:
    """Convert an opaque picture to sRGB.

    Args:
        image: of mode L, RGB, CMYK or LAB.
        profile: the file's embedded ICC profile, if any. Without one, grey and RGB are taken as sRGB, CMYK is
            converted by the plain formula `(255 - ink) * (255 - black) / 255`, and LAB is what it says.
        name: what to call the picture in the log.

    Returns:
        The picture in mode RGB.
    """
    if image.mode == "LAB":
        return _apply(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")))
    if profile:
        try:
            return _with_profile(image, profile)
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
            logger.warning("%s: its colour profile cannot be used (%s); taken as sRGB", name, error)
    return _rgb(image)


def _with_profile(image: Image.Image, data: bytes) -> Image.Image:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
    space = profile.profile.xcolor_space.strip()
    if space == "RGB" and image.mode != "CMYK":
        image = _rgb(image)  # grey pictures are often tagged with an RGB profile
        return image if _is_srgb(profile) else _apply(image, profile)
    if space != COLOR_SPACES[image.mode].upper():
        raise ValueError(f"a {space} profile in a {image.mode} picture")
    return _apply(image, profile)


def _rgb(image: Image.Image) -> Image.Image:
    return image if image.mode == "RGB" else image.convert("RGB")  # convert would copy


def _is_srgb(profile: ImageCms.ImageCmsProfile) -> bool:
    """Whether a profile moves no colour by more than rounding; most pictures' own does not."""
    moved = np.asarray(_apply(Image.fromarray(PROBE), profile)).astype(np.int16) - PROBE
    return int(abs(moved).max()) <= 1


def _apply(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    result = ImageCms.profileToProfile(
        image,
        profile,
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    assert result is not None  # only inPlace=True returns None
    return result
