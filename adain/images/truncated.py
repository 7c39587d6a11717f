"""Read JPEGs that are cut off, as far as they go."""

from __future__ import annotations

import io
import logging

import numpy as np
from PIL import Image

__all__ = ["completed"]

logger = logging.getLogger(__name__)

_END = b"\xff\xd9"  # JPEG's end marker: with it, libjpeg fills what is missing
_GREY = (127, 128)  # what it fills with; inverted in CMYK


def completed(image: Image.Image, name: str) -> Image.Image | None:
    """Decode a JPEG that Pillow refuses as cut off, and log what is missing.

    Args:
        image: the opened image, whose pixels could not be decoded.
        name: name of the picture in the log.

    Returns:
        The decoded image; missing rows are grey. None if it is no JPEG, or has no pixels at all.
    """
    file = getattr(image, "fp", None)
    if image.format not in ("JPEG", "MPO") or file is None or file.closed:
        return None
    try:
        file.seek(0)
        whole = Image.open(io.BytesIO(file.read() + _END), formats=["JPEG"])
        whole.load()
    except (OSError, ValueError, SyntaxError):
        return None
    missing = _grey_rows(whole)
    if missing == whole.height:
        return None
    if missing:
        logger.warning("%s is cut off: the lower %d of its %d rows are missing", name, missing, whole.height)
    else:
        logger.warning("%s is cut off: detail is missing", name)
    return whole


def _grey_rows(image: Image.Image) -> int:
    """Number of rows at the end that are filled."""
    values = np.asarray(image).reshape(image.height, -1)
    shown = np.flatnonzero((values.min(axis=1) < _GREY[0]) | (values.max(axis=1) > _GREY[1]))
    return image.height - 1 - int(shown[-1]) if shown.size else image.height
