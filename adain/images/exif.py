"""Copy EXIF data, without what describes the old file: orientation, size, thumbnail and maker notes.

Pillow reads EXIF data, but writes text outside ASCII as question marks and guesses types. So the entries are copied
here as they are: type, count and bytes.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from PIL import ExifTags, Image

__all__ = ["PREFIX", "added_to_tiff", "cleaned", "tiff_exif"]

PREFIX = b"Exif\0\0"
_LARGEST = 1 << 16  # bytes of one value; no text or number needs more
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}  # bytes per value, by type
_SHORT, _LONG = 3, 4  # types
_POINTERS = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)

_TAGS = ExifTags.Base
# A TIFF file has its pixels' layout, colour profile, layers and previews in the same directory. These tags are safe.
_KEPT = {
    *(_TAGS.ImageDescription, _TAGS.Make, _TAGS.Model, _TAGS.Software, _TAGS.DateTime, _TAGS.Artist, _TAGS.Copyright),
    *(_TAGS.XResolution, _TAGS.YResolution, _TAGS.ResolutionUnit, _TAGS.HostComputer, _TAGS.Rating),
    *(_TAGS.RatingPercent, _TAGS.XPTitle, _TAGS.XPComment, _TAGS.XPAuthor, _TAGS.XPKeywords, _TAGS.XPSubject),
}
# Maker notes have offsets into the old file, and previews of the original.
_DROPPED = {
    *(_TAGS.MakerNote, _TAGS.MakerNoteSafety, _TAGS.ExifInteroperabilityOffset, _TAGS.CompressedBitsPerPixel),
    *(_TAGS.ExifImageWidth, _TAGS.ExifImageHeight, _TAGS.ColorSpace, _TAGS.Gamma, _TAGS.RelatedSoundFile),
}


@dataclass(frozen=True)
class Entry:
    """A value: its TIFF type, the number of values, and their bytes in the block's byte order."""

    kind: int
    count: int
    data: bytes


Directory = Mapping[int, Entry]


def cleaned(exif: bytes) -> bytes:
    """Copy EXIF data, without what describes the old file or shows the original.

    The orientation is left out, so the copy is upright. The colour space becomes sRGB.

    Args:
        exif: EXIF data, with or without `PREFIX`.

    Returns:
        EXIF data with `PREFIX`; empty if nothing is left.

    Raises:
        ValueError: the data is damaged.
        struct.error: likewise.
    """
    order, main, exif_part, place = _read(io.BytesIO(exif.removeprefix(PREFIX)))
    main = _kept(main)
    if exif_part:
        srgb = Entry(_SHORT, 1, struct.pack(f"{order}H", 1))
        exif_part = {tag: entry for tag, entry in exif_part.items() if tag not in _DROPPED}
        exif_part[_TAGS.ColorSpace] = srgb
    return _built(order, main, exif_part, place) if main or exif_part or place else b""


def tiff_exif(image: Image.Image) -> bytes:
    """Return the EXIF data of a TIFF file that has not been decoded; empty for another picture or damaged data."""
    file = getattr(image, "fp", None)
    if image.format != "TIFF" or file is None or file.closed:
        return b""
    before = file.tell()
    try:
        file.seek(0)
        order, main, exif_part, place = _read(file)
        return _built(order, _kept(main), exif_part, place)
    except (ValueError, struct.error, OSError):
        return b""
    finally:
        file.seek(before)


def added_to_tiff(tiff: bytes, exif: bytes) -> bytes:
    """Add EXIF data to a TIFF file of one page. Tags that the file has stay as they are.

    Pillow cannot: with a compression, its TIFF files have no nested directories.

    Args:
        tiff: a classic TIFF file.
        exif: EXIF data with `PREFIX`, as `cleaned` gives it.
    """
    order, *directories = _read(io.BytesIO(exif.removeprefix(PREFIX)))
    own = "<" if tiff[:2] == b"II" else ">"
    main, exif_part, place = ({tag: _ordered(entry, order, own) for tag, entry in each.items()} for each in directories)
    (at,) = struct.unpack(f"{own}I", tiff[4:8])
    (count,) = struct.unpack(f"{own}H", tiff[at : at + 2])
    table = struct.iter_unpack(f"{own}HHI4s", tiff[at + 2 : at + 2 + 12 * count])
    # The values of the file's own tags stay where they are: only their table is copied.
    present = {tag: Entry(kind, number, value) for tag, kind, number, value in table}
    start = len(tiff) + len(tiff) % 2
    data = _directories(own, {**_kept(main), **present}, exif_part, place, start)
    return tiff[:4] + struct.pack(f"{own}I", start) + tiff[8:] + b"\0" * (len(tiff) % 2) + data


def _ordered(entry: Entry, order: str, wanted: str) -> Entry:
    """Convert an entry to another byte order."""
    unit = 4 if entry.kind in (5, 10) else _SIZES[entry.kind]  # a rational is two numbers
    if order == wanted or unit == 1:
        return entry
    letter = {2: "H", 4: "I", 8: "Q"}[unit]
    values = struct.unpack(f"{order}{len(entry.data) // unit}{letter}", entry.data)
    return Entry(entry.kind, entry.count, struct.pack(f"{wanted}{len(values)}{letter}", *values))


def _kept(main: Directory) -> dict[int, Entry]:
    return {tag: entry for tag, entry in main.items() if tag in _KEPT}


def _read(file: BinaryIO) -> tuple[str, dict[int, Entry], dict[int, Entry], dict[int, Entry]]:
    """Read the byte order, `<` or `>`, and three directories: the main one, EXIF, and GPS."""
    head = file.read(8)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(head[:4])
    if order is None:
        raise ValueError("no TIFF header")
    main = dict(_entries(file, order, struct.unpack(f"{order}I", head[4:])[0]))
    others = [
        dict(_entries(file, order, struct.unpack(f"{order}I", main[tag].data)[0])) if _is_offset(main.get(tag)) else {}
        for tag in _POINTERS
    ]
    return order, main, others[0], others[1]


def _is_offset(entry: Entry | None) -> bool:
    return entry is not None and len(entry.data) == 4


def _entries(file: BinaryIO, order: str, offset: int) -> Iterator[tuple[int, Entry]]:
    """Yield the entries of a directory; those that are damaged or huge are left out."""
    file.seek(offset)
    (count,) = struct.unpack(f"{order}H", file.read(2))
    table = file.read(12 * count)
    for tag, kind, number, value in struct.iter_unpack(f"{order}HHI4s", table[: len(table) // 12 * 12]):
        size = _SIZES.get(kind, 0) * number
        if not 0 < size <= _LARGEST:
            continue
        if size > 4:
            file.seek(struct.unpack(f"{order}I", value)[0])
            value = file.read(size)
        if len(value) >= size:
            yield tag, Entry(kind, number, value[:size])


def _built(order: str, main: Directory, exif_part: Directory, place: Directory) -> bytes:
    """Write EXIF data."""
    head = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8)
    return PREFIX + head + _directories(order, main, exif_part, place, 8)


def _directories(order: str, main: Directory, exif_part: Directory, place: Directory, start: int) -> bytes:
    """Write the main directory, at byte `start`, then the others, each followed by its values."""
    parts = [part for part in zip(_POINTERS, (exif_part, place), strict=True) if part[1]]
    pointer = Entry(_LONG, 1, b"\0" * 4)
    whole = {**main, **{int(tag): pointer for tag, _ in parts}}
    offset = start + len(_directory(order, whole, 0))
    for tag, entries in parts:
        whole[tag] = Entry(_LONG, 1, struct.pack(f"{order}I", offset))
        offset += len(_directory(order, entries, 0))
    data = _directory(order, whole, start)
    for _, entries in parts:
        data += _directory(order, entries, start + len(data))
    return data


def _directory(order: str, entries: Directory, start: int) -> bytes:
    """Write one directory that begins at byte `start`."""
    table, values = struct.pack(f"{order}H", len(entries)), b""
    values_at = start + 2 + 12 * len(entries) + 4
    for tag, entry in sorted(entries.items()):
        value = entry.data
        if len(value) > 4:
            value = struct.pack(f"{order}I", values_at + len(values))
            values += entry.data + b"\0" * (len(entry.data) % 2)  # offsets are even
        table += struct.pack(f"{order}HHI4s", tag, entry.kind, entry.count, value)
    return table + b"\0" * 4 + values
