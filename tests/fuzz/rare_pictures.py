"""Seeds that Pillow does not write: rare TIFF files, PNG of 16 bits or with stated colours; HEIC; metadata."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
from PIL import ExifTags, Image

__all__ = ["rare"]

SIZE = (9, 13)  # rows and columns
_XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6" tiff:Make="M"/></rdf:RDF>'
    b"</x:xmpmeta>"
)


def rare(pillow: str) -> Iterator[bytes]:
    """Yield seeds of a format, by Pillow's name of it, with the packages that are installed."""
    if pillow == "HEIF" and find_spec("pillow_heif") is not None:
        import pillow_heif

        pillow_heif.register_heif_opener()
    if pillow in ("JPEG", "PNG", "WEBP", "AVIF", "HEIF"):
        yield from _with_metadata(pillow)
    if pillow == "PNG":
        yield from _stated_colors()
    if find_spec("tifffile") is not None and find_spec("imagecodecs") is not None:
        yield from {"PNG": _deep_png, "TIFF": _rare_tiff}.get(pillow, _none)()


def _none() -> Iterator[bytes]:
    yield from ()


def _colors() -> np.ndarray[Any, np.dtype[np.uint16]]:
    return np.random.default_rng(0).integers(0, 65536, (*SIZE, 4), dtype=np.uint16)


def _with_metadata(pillow: str) -> Iterator[bytes]:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Camera"
    exif[ExifTags.IFD.Exif] = {ExifTags.Base.ExposureTime: (1, 125), ExifTags.Base.MakerNote: b"notes"}
    exif[ExifTags.IFD.GPSInfo] = {1: "N", 2: (48.0, 12.0, 30.5)}
    data = io.BytesIO()
    try:
        Image.fromarray((_colors()[..., :3] >> 8).astype(np.uint8)).save(data, pillow, exif=exif.tobytes(), xmp=_XMP)
    except KeyError:  # no package for it
        return
    yield data.getvalue()


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _stated_colors() -> Iterator[bytes]:
    gamma, wide = struct.pack(">I", 100_000), (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
    stated = [
        (b"gAMA", gamma),
        (b"cHRM", struct.pack(">8I", *wide)),
        (b"cICP", bytes([9, 1, 0, 1])),
        (b"tRNS", b"\0\3"),
    ]
    for name, data in stated:
        bits, kind, row = (2, 0, b"\x1b") if name == b"tRNS" else (8, 2, bytes(range(0, 240, 20)))
        header = struct.pack(">IIBBBBB", 4, 1, bits, kind, 0, 0, 0)
        chunks = (_chunk(b"IHDR", header), _chunk(name, data), _chunk(b"IDAT", zlib.compress(b"\0" + row)))
        yield b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + _chunk(b"IEND", b"")


def _deep_png() -> Iterator[bytes]:
    import imagecodecs

    for channels in (1, 2, 3, 4):
        values = _colors()[..., :channels]
        yield bytes(imagecodecs.png_encode(np.ascontiguousarray(values[..., 0] if channels == 1 else values)))


def _rare_tiff() -> Iterator[bytes]:
    import tifffile

    grey, colors = _colors()[..., 0], _colors()[..., :3]
    planes = np.ascontiguousarray(colors.transpose(2, 0, 1))
    cases: list[tuple[Any, dict[str, Any]]] = [
        (grey, {"photometric": "miniswhite"}),
        (grey.astype(np.uint32), {"photometric": "minisblack"}),
        (grey.astype(np.float32) / 65535, {"photometric": "miniswhite"}),
        ((grey >> 4), {"photometric": "minisblack", "bitspersample": 12}),
        (planes, {"photometric": "rgb", "planarconfig": "separate", "compression": "lzw"}),
        (colors, {"photometric": "rgb", "compression": "deflate", "predictor": True, "bigtiff": True}),
        (colors, {"photometric": "rgb", "compression": "zstd", "tile": (16, 16)}),
        (_colors(), {"photometric": "rgb", "extrasamples": ["assocalpha"], "compression": "packbits"}),
        (colors.astype(np.float32) / 65535, {"photometric": "rgb"}),
    ]
    for values, options in cases:
        data = io.BytesIO()
        tifffile.imwrite(data, values, **options)
        yield data.getvalue()
