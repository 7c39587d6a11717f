"""One door for the faults of decoders: on broken bytes they raise nearly any type of exception."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

from adain.errors import AdainError, ImageError
from adain.images.rules import too_large

__all__ = ["reading", "reason"]


@contextmanager
def reading(name: str, what: str = "cannot be read as a video") -> Iterator[None]:
    """Turn every failure of a decoder in the block into an `ImageError`.

    Args:
        name: name of the file in messages.
        what: the failure.
    """
    try:
        yield
    except AdainError:
        raise
    except MemoryError as error:
        if not getattr(error, "errno", None):  # FFmpeg's own is of a file that states an absurd size
            raise
        raise _unreadable(name, what, error) from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"{name} {too_large(error)}") from error
    except Exception as error:
        raise _unreadable(name, what, error) from error


def _unreadable(name: str, what: str, error: Exception) -> ImageError:
    return ImageError(f"{name} {what} ({reason(error)}); check the path, or get a complete copy of it")


def reason(error: Exception) -> str:
    """Why something failed, in the library's words."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
