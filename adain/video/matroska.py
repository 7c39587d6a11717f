"""Write the shape of pixels into a Matroska or WebM file.

FFmpeg's muxer takes it from a field that PyAV does not set. So the finished file is changed in place: the video track
was written with a title that is longer than its own, and the space is used for the display size.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

__all__ = ["reserved", "set_display_size"]

# Element ids of the Matroska specification, RFC 9559.
_SEGMENT, _TRACKS, _TRACK, _NAME, _VIDEO = 0x18538067, 0x1654AE6B, 0xAE, 0x536E, 0xE0
_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT, _VOID, _CRC = 0x54B0, 0x54BA, 0x54B2, 0xEC, 0xBF
_ROOM = "\N{FULL BLOCK}" * 16  # 48 bytes; no title ends like this


def reserved(title: str) -> str:
    """Return a title with room for a display size, which `set_display_size` takes away again."""
    return title + _ROOM


def set_display_size(path: Path, width: int, height: int) -> None:
    """Set the display size of the track whose title is `reserved`.

    Raises:
        OSError: the file cannot be changed.
        ValueError: it has no such track.
    """
    with path.open("r+b") as file:
        begin, size = _find_tracks(file)
        file.seek(begin)
        changed = _tracks(file.read(size), width, height)
        file.seek(begin)
        file.write(changed)


def _find_tracks(file: BinaryIO) -> tuple[int, int]:
    """Return position and size of the content of the element with the tracks."""
    position = 0
    while True:
        file.seek(position)
        head = file.read(12)  # the longest id and size
        if len(head) < 12:
            raise ValueError("the file has no tracks")
        key, start, size = _header(head, 0)
        if key == _TRACKS:
            return position + start, size
        position += start if key == _SEGMENT else start + size


def _tracks(tracks: bytes, width: int, height: int) -> bytes:
    """Change one of the tracks; the length stays."""
    children = [
        (key, raw[:start] + _track(raw[start:], width, height) if key == _TRACK else raw)
        for key, start, raw in _children(tracks)
    ]
    if children[0][0] == _CRC:
        rest = b"".join(raw for _, raw in children[1:])
        children[0] = _CRC, _element(_CRC, zlib.crc32(rest).to_bytes(4, "little"))
    return b"".join(raw for _, raw in children)


def _track(track: bytes, width: int, height: int) -> bytes:
    """Give the display size to a track whose title is `reserved`; the length stays."""
    room = _ROOM.encode()
    children = {key: raw[start:] for key, start, raw in _children(track)}
    title = children.get(_NAME, b"")
    if not title.endswith(room) or _VIDEO not in children:
        return track
    kept = [raw for key, _, raw in _children(track) if key not in (_NAME, _VIDEO)]
    if title != room:
        kept.append(_element(_NAME, title.removesuffix(room)))
    video = [
        raw
        for key, _, raw in _children(children[_VIDEO])
        if key not in (_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT)
    ]
    video += [_element(_DISPLAY_WIDTH, width.to_bytes(4, "big")), _element(_DISPLAY_HEIGHT, height.to_bytes(4, "big"))]
    changed = b"".join([*kept, _element(_VIDEO, b"".join(video))])
    left = len(track) - len(changed) - len(_element(_VOID, b""))
    return changed + _element(_VOID, bytes(left))


def _children(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield the elements in some content: id, where its own content begins, and all its bytes."""
    position = 0
    while position < len(data):
        key, start, size = _header(data, position)
        yield key, start, data[position : position + start + size]
        position += start + size


def _header(data: bytes, position: int) -> tuple[int, int, int]:
    """Read an element's id, the length of id and size, and the size of its content."""
    first, length = data[position], 1
    while not first & (0x80 >> (length - 1)):
        length += 1
    key = int.from_bytes(data[position : position + length], "big")
    first, more = data[position + length], 1
    while not first & (0x80 >> (more - 1)):
        more += 1
    size = int.from_bytes(data[position + length : position + length + more], "big")
    return key, length + more, size & ((1 << 7 * more) - 1)


def _element(key: int, data: bytes) -> bytes:
    """Encode an element of less than 16 KiB."""
    size = bytes([0x80 | len(data)]) if len(data) < 127 else (0x4000 | len(data)).to_bytes(2, "big")
    return key.to_bytes((key.bit_length() + 7) // 8, "big") + size + data
