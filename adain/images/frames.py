"""Say that of an animation, or a TIFF of several pages, only the first picture is read."""

from __future__ import annotations

import logging

from PIL import Image

from adain.images.formats import FORMATS
from adain.images.tiff import full_pages

__all__ = ["note_frames"]

logger = logging.getLogger(__name__)

_ANIMATED = {row.pillow for row in FORMATS if row.animated}


def note_frames(image: Image.Image, name: str) -> None:
    """Log a warning if an opened file has several pictures: the first is taken, and how to take all."""
    if image.format not in _ANIMATED:
        return
    if image.format == "TIFF":
        if (pages := full_pages(image)) > 1:
            logger.warning("%s has %d pages: the first is taken; save the others as files of their own", name, pages)
        return
    try:
        frames = int(getattr(image, "n_frames", 1)) if getattr(image, "is_animated", False) else 1
    except Exception:  # of damaged frames, decoders raise nearly any type; the first may be whole
        return
    if frames > 1:
        advice = "save it as WebP or as a film, and " if image.format == "AVIF" else ""
        logger.warning("%s has %d frames: the first is taken; for all, %suse `adain video`", name, frames, advice)
