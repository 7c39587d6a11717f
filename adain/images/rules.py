"""How pictures are read: how large they may be, and whether JPEGs that are cut off are accepted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

from adain import checks

__all__ = ["RAISE_LIMIT", "accepts_truncated", "pixel_limit", "reading_rules", "too_large"]

RAISE_LIMIT = "raise the limit if you trust it: --max-pixels, PIL.Image.MAX_IMAGE_PIXELS in Python"  # in messages
_accepting = [False]  # the innermost block's; a list, because threads of all kinds read it


@contextmanager
def reading_rules(*, max_pixels: int | None = None, accept_truncated: bool = False) -> Iterator[None]:
    """Change how pictures are read in the block, in all threads.

    Args:
        max_pixels: the largest allowed number of pixels of a picture. None: as it is.
        accept_truncated: whether to read JPEGs that are cut off. What is missing is logged; rows that are missing are
            grey.

    Raises:
        InputError: a value is not allowed.
    """
    most = Image.MAX_IMAGE_PIXELS
    if max_pixels is not None:
        Image.MAX_IMAGE_PIXELS = -(-checks.whole("max_pixels", max_pixels, 1, unit="pixels") // 2)
    _accepting.append(accept_truncated or accepts_truncated())
    try:
        yield
    finally:
        _accepting.pop()
        Image.MAX_IMAGE_PIXELS = most


def accepts_truncated() -> bool:
    """Whether JPEGs that are cut off are read."""
    return _accepting[-1]


def pixel_limit() -> int | None:
    """Return the largest allowed number of pixels, about 179 million; None for no limit.

    It is twice `PIL.Image.MAX_IMAGE_PIXELS`, read at each call. Pillow refuses larger pictures as decompression bombs.
    """
    return None if Image.MAX_IMAGE_PIXELS is None else 2 * Image.MAX_IMAGE_PIXELS


def too_large(came: object) -> str:
    """Say that a picture has too many pixels, to follow its name in an error message.

    Args:
        came: its size, or Pillow's words about it.
    """
    return f"unpacks to more than the allowed {pixel_limit():,} pixels ({came}); scale it down, or {RAISE_LIMIT}"
