"""Copy IPTC data (captions, names, rights of news pictures), without the previews, which show the original.

IPTC-IIM 4.2: data sets of a marker, a record, a number, a length and a value. JPEG holds them in a block of Photoshop.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from PIL import Image

__all__ = ["TIFF_TAG", "cleaned", "found", "jpeg_segment"]

TIFF_TAG = 33_723
_BLOCK = 0x0404  # of Photoshop's blocks, the one with IPTC data
_MARKER = 0x1C
_ENVELOPE, _APPLICATION = 1, 2  # records; the others are about the pixels
_PREVIEWS = (200, 201, 202)  # of the application record
_LONGEST = 0x7FFF  # bytes of a value; above, the length is written otherwise
_JPEG_HEAD = b"Photoshop 3.0\0"


def found(image: Image.Image) -> bytes:
    """Return the IPTC data of a JPEG or TIFF that Pillow has opened; empty if there is none."""
    blocks = image.info.get("photoshop")
    data = blocks.get(_BLOCK) if isinstance(blocks, dict) else getattr(image, "tag_v2", {}).get(TIFF_TAG)
    return data if isinstance(data, bytes) else b""


def cleaned(iptc: bytes) -> bytes:
    """Copy the data sets about the picture's content, origin and rights.

    Raises:
        ValueError: the data is damaged.
    """
    return b"".join(
        struct.pack(">BBBH", _MARKER, record, number, len(value)) + value
        for record, number, value in _data_sets(iptc)
        if record == _ENVELOPE or (record == _APPLICATION and number not in _PREVIEWS)
    )


def jpeg_segment(iptc: bytes) -> bytes:
    """Return the segment APP13 of a JPEG with IPTC data of `cleaned`."""
    block = struct.pack(">4sHHI", b"8BIM", _BLOCK, 0, len(iptc)) + iptc + b"\0" * (len(iptc) % 2)
    return struct.pack(">HH", 0xFFED, 2 + len(_JPEG_HEAD + block)) + _JPEG_HEAD + block


def _data_sets(iptc: bytes) -> Iterator[tuple[int, int, bytes]]:
    data, at = iptc.rstrip(b"\0"), 0  # TIFF pads it
    while at < len(data):
        head = iptc[at : at + 5]
        if len(head) < 5 or head[0] != _MARKER:
            raise ValueError(f"no data set at byte {at}")
        _, record, number, length = struct.unpack(">BBBH", head)
        if length > _LONGEST:
            raise ValueError(f"the data set {record}:{number} is too long")
        value = iptc[at + 5 : at + 5 + length]
        if len(value) < length:
            raise ValueError(f"the data set {record}:{number} is cut off")
        yield record, number, value
        at += 5 + length
