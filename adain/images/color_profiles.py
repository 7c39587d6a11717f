"""Convert pictures with ICC colour profiles to sRGB, with LittleCMS through Pillow.

If a profile cannot be read or applied, a warning is logged and the picture is taken as sRGB, as in browsers. Slightly
wrong colours are better than no picture.
"""

from __future__ import annotations

import io
import logging
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

__all__ = ["to_srgb"]

logger = logging.getLogger(__name__)

COLOR_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK", "LAB": "Lab"}  # PIL's mode: ICC's colour space
PROBE = np.stack(np.meshgrid(*[np.linspace(0, 255, 7)] * 3), axis=-1).astype(np.uint8).reshape(7, 49, 3)


def to_srgb(image: Image.Image, profile: bytes | None, name: str) -> Image.Image:
    """Convert an opaque picture to sRGB.

    Args:
        image: a picture of mode L, RGB, CMYK or LAB.
        profile: the file's embedded ICC profile, if any. Without one, grey and RGB are taken as sRGB, CMYK is
            converted by the formula `(255 - ink) * (255 - black) / 255`, and LAB is converted as CIELAB.
        name: name of the picture in the log.

    Returns:
        The picture in mode RGB.
    """
    if image.mode == "LAB":
        return _apply(image, _built(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), "LAB"))
    if profile:
        try:
            mode, transform = _transform(profile, image.mode)
            image = image if image.mode == mode else image.convert(mode)
            return image if transform is None else _apply(image, transform)
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
            logger.warning("%s: its colour profile cannot be used (%s); taken as sRGB", name, error)
    return image if image.mode == "RGB" else image.convert("RGB")  # convert would copy


@lru_cache(maxsize=8)  # building a transform takes longer than decoding a small picture
def _transform(data: bytes, mode: str) -> tuple[str, ImageCms.ImageCmsTransform | None]:
    """Return the mode that a profile applies to, and its transform to sRGB; None if it changes nothing."""
    profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
    space = profile.profile.xcolor_space.strip()
    if space == "RGB" and mode == "L":
        mode = "RGB"  # grey pictures are often tagged with an RGB profile
    if space != COLOR_SPACES[mode].upper():
        raise ValueError(f"a {space} profile in a {mode} picture")
    transform = _built(profile, mode)
    return mode, None if mode == "RGB" and _is_srgb(transform) else transform


def _is_srgb(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether a transform changes colours only by rounding, as for most profiles in pictures."""
    moved = np.asarray(_apply(Image.fromarray(PROBE), transform)).astype(np.int16) - PROBE
    return int(abs(moved).max()) <= 1


def _built(profile: ImageCms.ImageCmsProfile, mode: str) -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(
        profile,
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )


def _apply(image: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    result = ImageCms.applyTransform(image, transform)
    assert result is not None  # only inPlace=True returns None
    return result
