"""A result of a data set: the encoded picture, and what it was made of."""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from PIL import Image

from adain import images
from adain.images.encoded import open_encoded
from adain.images.formats import FORMATS, WRITABLE
from adain.jobs.running import PROBLEMS

__all__ = ["COLUMNS", "Made", "encoded", "result_suffix"]

COLUMNS: Mapping[str, str] = {
    "id": "string",
    "content": "string",
    "style": "string",
    "alpha": "double",
    "seed": "int64",
    "sha256": "string",
    "error": "string",
    "made_by": "string",
}
"""The columns that say what was made of what, and their types."""

_FALLBACK = ".png"  # of pictures that come as pixels


@dataclass(frozen=True)
class Made:
    """A result.

    Attributes:
        id: the picture's id; of several results per picture, with `-` and their number.
        content: the picture's id.
        style: the style's name.
        alpha: its strength.
        seed: of the data set.
        suffix: of the format, such as `.jpg`.
        data: the encoded picture; empty if it could not be made.
        error: why, or empty.
        made_by: what made it, see `adain.datasets.versions`.
    """

    id: str
    content: str
    style: str
    alpha: float
    seed: int
    suffix: str
    data: bytes
    error: str
    made_by: str

    @cached_property
    def sha256(self) -> str:
        """Hash of the encoded picture; empty if there is none."""
        return "" if self.error else hashlib.sha256(self.data).hexdigest()

    def facts(self) -> dict[str, Any]:
        """The values of `COLUMNS`."""
        return {name: getattr(self, name) for name in COLUMNS}


def encoded(picture: Image.Image, suffix: str, quality: int | None, strip: bool) -> bytes:
    """Encode a picture in the format of a suffix, with a quality if the format has one."""
    stream = io.BytesIO()
    images.write(picture, stream, suffix, quality=quality if WRITABLE[suffix].lossy else None, strip=strip)
    return stream.getvalue()


def result_suffix(id: str, value: Any) -> str:
    """The suffix of the format to write: the id's, or else that of the picture's own format."""
    own = PurePosixPath(id).suffix.lower()
    if own in WRITABLE:
        return own
    data = value.get("bytes") if isinstance(value, Mapping) else value
    if isinstance(data, (bytes, bytearray, memoryview)):
        with contextlib.suppress(*PROBLEMS):  # the row gets the error when it is read
            image, _ = open_encoded(data)
            with image:
                kinds = (row.suffixes[0] for row in FORMATS if row.writes and row.pillow == image.format)
                return next(kinds, _FALLBACK)
    return _FALLBACK
