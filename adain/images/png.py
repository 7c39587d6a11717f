"""What a PNG file says about its pixels, where Pillow does not look: bit depth, and colours without an ICC profile.

The chunks cICP, gAMA and cHRM (PNG, third edition, sections 11.3.2 and 4.3) are turned into an ICC profile, which is
then applied like any other.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from adain.errors import ImageError

__all__ = ["PngFacts", "facts", "profile"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHUNKS = 1000  # before the pixels; more is damage
_LONGEST = 64  # bytes of the chunks that are read here

_SRGB = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)  # x and y of white, red, green, blue
_GAMMA = 1 / 2.2  # old programs state it for sRGB's curve, which is nearly the same
_NEAR = 0.05  # a share; libpng's PNG_GAMMA_THRESHOLD
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])

# ITU-T H.273, by code.
_PRIMARIES: Mapping[int, tuple[float, ...]] = {
    1: _SRGB,
    4: (0.31, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (0.3127, 0.329, 0.64, 0.33, 0.29, 0.6, 0.15, 0.06),
    6: (0.3127, 0.329, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    7: (0.3127, 0.329, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    9: (0.3127, 0.329, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
    12: (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
}
_BT709 = (1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)
_CURVES: Mapping[int, tuple[float, ...]] = {  # parameters of ICC's parametric curves: g, or g, a, b, c, d
    **dict.fromkeys((1, 6, 14, 15), _BT709),
    4: (2.2,),
    5: (2.8,),
    8: (1.0,),
    13: (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045),
}
_BRIGHT = {16: "PQ", 18: "HLG"}


@dataclass(frozen=True)
class PngFacts:
    """Facts from the chunks of a PNG file.

    Attributes:
        bits: per channel; None if unknown.
        cicp: codes of primaries, transfer, matrix and range, by ITU-T H.273.
    """

    bits: int | None = None
    cicp: tuple[int, int, int, int] | None = None


def facts(image: Image.Image) -> PngFacts:
    """Read the facts of a PNG file that has not been decoded. Those of another picture are the defaults."""
    file = getattr(image, "fp", None)
    if image.format != "PNG" or file is None or file.closed:
        return PngFacts()
    before = file.tell()
    try:
        file.seek(0)
        chunks = dict(_chunks(file))
    except (OSError, struct.error):
        return PngFacts()
    finally:
        file.seek(before)
    header, cicp = chunks.get(b"IHDR", b""), chunks.get(b"cICP", b"")
    return PngFacts(
        header[8] if len(header) > 8 else None,
        (cicp[0], cicp[1], cicp[2], cicp[3]) if len(cicp) == 4 else None,
    )


def profile(info: Mapping[str | tuple[int, int], object], found: PngFacts, name: str) -> bytes | None:
    """Return the ICC profile of a PNG picture, in the specification's order: cICP, ICC profile, sRGB, gAMA and cHRM.

    Args:
        info: `info` of the PIL image.
        found: `facts` of it.
        name: name of the picture in messages.

    Returns:
        The profile. None: the picture is sRGB.

    Raises:
        ImageError: the picture is HDR.
    """
    if found.cicp is not None:
        primaries, transfer = found.cicp[:2]
        if transfer in _BRIGHT:
            raise ImageError(f"{name} is an HDR picture ({_BRIGHT[transfer]}); convert it to SDR first")
        if primaries in _PRIMARIES and transfer in _CURVES:
            return None if (primaries, transfer) == (1, 13) else _built(_PRIMARIES[primaries], _CURVES[transfer])
    embedded = info.get("icc_profile")
    if isinstance(embedded, bytes) and embedded:
        return embedded
    if "srgb" in info:
        return None
    gamma, places = info.get("gamma"), info.get("chromaticity")
    curve = (1 / gamma,) if isinstance(gamma, float) and _stated(gamma) else _CURVES[13]
    where = tuple(places) if isinstance(places, tuple) and _sensible(places) else _SRGB
    if curve == _CURVES[13] and np.allclose(where, _SRGB, atol=2e-3):
        return None
    return _built(where, curve)


def _chunks(file: object) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and data of the short chunks before the pixels."""
    read, seek = file.read, file.seek  # type: ignore[attr-defined]
    if read(8) != _SIGNATURE:
        return
    for _ in range(_CHUNKS):
        length, name = struct.unpack(">I4s", read(8))
        if name in (b"IDAT", b"IEND"):
            return
        if length <= _LONGEST:
            yield name, read(length)
            seek(4, 1)
        else:
            seek(length + 4, 1)


def _stated(gamma: float) -> bool:
    """Whether a gamma is sensible, and not just another word for sRGB's curve."""
    return 0.05 < gamma < 20 and abs(gamma / _GAMMA - 1) > _NEAR


def _sensible(places: tuple[object, ...]) -> bool:
    """Whether chromaticities span colours."""
    if len(places) != 8 or not all(isinstance(each, (int, float)) and math.isfinite(each) for each in places):
        return False
    values = [float(each) for each in places if isinstance(each, (int, float))]
    return min(values[1::2]) > 0.001 and abs(np.linalg.det(_columns(values[2:]))) > 1e-3


def _columns(places: list[float]) -> NDArray[np.float64]:
    """Colours of luminance 1 as columns X, Y, Z."""
    return np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in zip(places[::2], places[1::2], strict=True)]).T


@lru_cache(maxsize=8)
def _built(places: tuple[float, ...], curve: tuple[float, ...]) -> bytes:
    """Build an ICC profile (version 4) of primaries and a curve, by the formulas of SMPTE RP 177."""
    white = _columns(list(places[:2]))[:, 0]
    primaries = _columns(list(places[2:]))
    primaries = primaries * np.linalg.solve(primaries, white)
    scale = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    primaries = np.linalg.inv(_BRADFORD) @ (scale[:, None] * (_BRADFORD @ primaries))  # adapted to D50
    trc = b"para" + struct.pack(">IHH", 0, 0 if len(curve) == 1 else 3, 0) + _fixed(*curve)
    text = struct.pack(">4s4x2I2s2s2I", b"mluc", 1, 12, b"en", b"US", 6, 28) + "PNG".encode("utf-16-be")
    tags = {b"desc": text, b"cprt": text, b"wtpt": b"XYZ \0\0\0\0" + _fixed(*_D50)}
    for letter, column in zip((b"r", b"g", b"b"), primaries.T, strict=True):
        tags[letter + b"XYZ"] = b"XYZ \0\0\0\0" + _fixed(*column)
        tags[letter + b"TRC"] = trc
    table, data = struct.pack(">I", len(tags)), b""
    for tag, value in tags.items():
        table += struct.pack(">4sII", tag, 128 + 4 + 12 * len(tags) + len(data), len(value))
        data += value + b"\0" * (-len(value) % 4)
    size = 128 + len(table) + len(data)
    head = struct.pack(">I4xI12s12x4s28x", size, 0x04300000, b"mntrRGB XYZ ", b"acsp") + _fixed(*_D50)
    return head.ljust(128, b"\0") + table + data


def _fixed(*values: float) -> bytes:
    """Numbers in ICC's s15Fixed16."""
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))
