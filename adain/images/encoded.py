"""Open encoded pictures with Pillow: files, bytes and streams."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Protocol, TypeAlias, TypeGuard

from PIL import Image, UnidentifiedImageError

from adain.errors import ImageError, InputError
from adain.files import FORBIDDEN, unreadable
from adain.images.formats import FORMATS, READABLE, listed
from adain.images.rules import RAISE_LIMIT, pixel_limit, too_large
from adain.images.tiff import decoded_tiff, is_tiff, misread, to_full_page

__all__ = ["Encoded", "drained", "is_encoded", "open_encoded", "stream_name"]

_BYTES_PER_PIXEL = 8  # of an uncompressed file: RGBA with 16 bits
_METADATA = 1 << 26  # bytes allowed for profiles and previews
_CHUNK = 1 << 20  # bytes read from a stream at once
_HEIC = [
    "heic",
    "heix",
    "heim",
    "heis",
    "hevc",
    "hevx",
    "mif1",
    "mif2",
    "msf1",
]  # brands; the last three are AVIF's too


class BinaryStream(Protocol):
    """An object with a `read` that returns bytes."""

    def read(self, size: int, /) -> bytes:
        """Read at most `size` bytes; none at the end."""


Encoded: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryStream


def is_encoded(source: object) -> TypeGuard[Encoded]:
    """Whether the source is a path, bytes or a stream."""
    return isinstance(source, (str, os.PathLike, bytes, bytearray, memoryview)) or callable(
        getattr(source, "read", None)
    )


def open_encoded(source: Encoded) -> tuple[Image.Image, str]:
    """Open a file, bytes or a stream with Pillow, without decoding the pixels.

    Returns:
        The image, and its name for messages.

    Raises:
        ImageError: the source is missing, cannot be read, or is not a picture of a known format.
        InputError: the stream gives text.
    """
    if isinstance(source, (str, os.PathLike)):
        path = Path(os.fsdecode(source))
        if (fault := unreadable(path, "picture")) is not None:
            raise ImageError(f"{path} {fault}")
        return _opened(path, str(path)), str(path)
    if not isinstance(source, (bytes, bytearray, memoryview)):
        name = stream_name(source) or "the picture"
        return _opened(_drained(source, name), name), name
    data = bytes(source)
    if not data:
        raise ImageError("the picture has 0 bytes; get a complete copy of it")
    return _opened(io.BytesIO(data), "the picture"), "the picture"


def drained(stream: BinaryStream, name: str) -> bytes:
    """Read a stream from its position to its end.

    Raises:
        ImageError: the stream gives nothing, cannot be read, or is longer than any picture of the allowed pixels.
        InputError: the stream gives text.
    """
    return _drained(stream, name).getvalue()


def stream_name(stream: object) -> str:
    """Return the file name of a stream, or an empty text."""
    name = getattr(stream, "name", None)
    return name if isinstance(name, str) else ""


def _drained(stream: BinaryStream, name: str) -> io.BytesIO:
    """Copy a stream from its position to its end."""
    pixels = pixel_limit()
    limit = None if pixels is None else _BYTES_PER_PIXEL * pixels + _METADATA
    copy = io.BytesIO()
    while chunk := _chunk(stream, name):
        copy.write(chunk)
        if limit is not None and copy.tell() > limit:
            raise ImageError(
                f"{name} is longer than {limit:,} bytes, more than a picture of the allowed {pixels:,} pixels needs; "
                f"check the stream, or {RAISE_LIMIT}"
            )
    if copy.tell() == 0:
        raise ImageError(f"{name} gives 0 bytes; rewind the stream with seek(0), or get a complete copy of the picture")
    copy.seek(0)
    return copy


def _chunk(stream: BinaryStream, name: str) -> bytes:
    try:
        chunk: object = stream.read(_CHUNK)
    except MemoryError:
        raise
    except Exception as error:  # streams of other libraries raise any type
        raise ImageError(f"{name} cannot be read from its stream ({error}); pass one that is open") from error
    if not isinstance(chunk, bytes):
        raise InputError(f"{name} must be a binary stream whose read() gives bytes, got {type(chunk).__name__}")
    return chunk


def _opened(file: Path | io.BytesIO, name: str) -> Image.Image:
    try:
        start = _start(file)
        image = Image.open(file, formats=_pillow_formats(Path(name).suffix.lower(), _is_heic(start)))
    except MemoryError:
        raise
    except UnidentifiedImageError as error:
        if is_tiff(start):
            return decoded_tiff(file, name, "pixels of a rare kind")
        raise ImageError(f"{name} {_reason(error, file)}") from error
    except Exception as error:  # on broken bytes, decoders raise nearly any type
        raise ImageError(f"{name} {_reason(error, file)}") from error
    return _right_tiff(image, file, name) if image.format == "TIFF" else image


def _right_tiff(image: Image.Image, file: Path | io.BytesIO, name: str) -> Image.Image:
    """Return the full page of a TIFF, decoded by tifffile if Pillow would give wrong pixels."""
    right = None
    try:
        to_full_page(image, name)
        kind = misread(image)
        right = image if kind is None else decoded_tiff(file, name, kind)
    finally:
        if right is not image:
            image.close()
    return right


def _pillow_formats(suffix: str, heic: bool) -> list[str]:
    """Return Pillow's format names, the suffix's first, because Pillow imports decoders in this order."""
    likely = READABLE.get(suffix)
    names = [row.pillow for row in sorted(FORMATS, key=lambda row: row is not likely) if row.reads and not row.extra]
    return [*names, "HEIF"] if heic and _has_heif() else names


def _is_heic(start: bytes) -> bool:
    return start[4:8] == b"ftyp" and start[8:12].decode("latin-1") in _HEIC


def _has_heif() -> bool:
    """Let Pillow read HEIC. Return whether that is possible."""
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True


def _reason(error: Exception, file: Path | io.BytesIO) -> str:
    if isinstance(error, UnidentifiedImageError):
        if _is_heic(_start(file)) and not _has_heif():
            return 'is HEIC, which Pillow alone cannot read; pip install "adain[heic]", or convert it to JPEG'
        return (
            f"is no picture that can be read: it starts with {_start(file)!r}; allowed are "
            f"{listed(row for row in FORMATS if row.reads)}; convert it, or get a complete copy of it"
        )
    if isinstance(error, Image.DecompressionBombError):
        return too_large(error)
    if isinstance(error, PermissionError):
        return FORBIDDEN
    return f"cannot be opened as a picture ({error}); get a complete copy of it"


def _start(file: Path | io.BytesIO) -> bytes:
    if isinstance(file, io.BytesIO):
        return file.getvalue()[:12]
    with file.open("rb") as stream:
        return stream.read(12)
