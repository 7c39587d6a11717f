"""PNG: colours that are stated without an ICC profile, and transparent values of files with few bits."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image, ImageCms

from adain.errors import ImageError
from adain.images import read
from adain.images.png import PngFacts, profile

GREY, RGB, PALETTE = 0, 2, 3


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(kind: int, bits: int, row: Sequence[int], *extra: bytes) -> bytes:
    """A PNG of one row; `row` has the values of all channels."""
    width = len(row) // (3 if kind == RGB else 1)
    packed = sum(value << (bits * (len(row) - 1 - place)) for place, value in enumerate(row))
    length = -(-bits * len(row) // 8)
    raw = b"\0" + (packed << (8 * length - bits * len(row))).to_bytes(length, "big")
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, 1, bits, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def gamma(value: float) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", round(value * 100_000)))


def primaries(*places: float) -> bytes:
    return chunk(b"cHRM", struct.pack(">8I", *(round(place * 100_000) for place in places)))


def cicp(primaries: int, transfer: int) -> bytes:
    return chunk(b"cICP", bytes([primaries, transfer, 0, 1]))


def encoded(light: float) -> float:
    """The sRGB value, 0 to 255, of linear light."""
    return 255 * (12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055)


# Transparent values


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_transparent_grey_of_few_bits(bits: int) -> None:
    values = list(range(2**bits))
    for key in {0, 1, 2**bits // 2, 2**bits - 1}:
        picture = read(png(GREY, bits, values, chunk(b"tRNS", struct.pack(">H", key))))
        assert picture.alpha is not None
        np.testing.assert_array_equal(picture.alpha[0], [0 if value == key else 255 for value in values])
        shown = picture.rgb[0, :, 0][picture.alpha[0] > 0]
        np.testing.assert_array_equal(shown, [value * 255 // (2**bits - 1) for value in values if value != key])


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_transparent_palette_of_few_bits(bits: int) -> None:
    values = list(range(2**bits))
    colors = chunk(b"PLTE", bytes(channel for value in values for channel in (value, 0, 255 - value)))
    alpha = [255 - 16 * (value % 16) for value in values]
    picture = read(png(PALETTE, bits, values, colors, chunk(b"tRNS", bytes(alpha))))
    assert picture.alpha is not None
    np.testing.assert_array_equal(picture.alpha[0], alpha)
    np.testing.assert_array_equal(picture.rgb[0, :, 0], values)


@pytest.mark.parametrize("key", [(1, 2, 3), (257, 258, 259)], ids=["exact", "with-high-bits"])
def test_of_a_transparent_color_the_low_bits_count(key: tuple[int, int, int]) -> None:
    picture = read(png(RGB, 8, [1, 2, 3, 1, 2, 4], chunk(b"tRNS", struct.pack(">3H", *key))))
    np.testing.assert_array_equal(picture.alpha, [[0, 255]])


# Colours


@pytest.mark.parametrize("kind", [GREY, RGB])
@pytest.mark.parametrize("value", [1.0, 0.6, 0.3, 1 / 1.8])
def test_gamma_is_applied(value: float, kind: int) -> None:
    row = [0, 55, 128, 255]
    picture = read(png(kind, 8, row if kind == GREY else np.repeat(row, 3).tolist(), gamma(value)))
    expected = [encoded((level / 255) ** (1 / value)) for level in row]
    np.testing.assert_allclose(picture.rgb[0], np.repeat(expected, 3).reshape(4, 3), atol=1)
    if value == 1:
        np.testing.assert_array_equal(picture.rgb[0, :, 0], [0, 128, 188, 255])


@pytest.mark.parametrize(
    "extra",
    [
        [gamma(1.0), chunk(b"sRGB", b"\0")],  # sRGB goes first
        [gamma(0.45455)],  # another word for sRGB
        [gamma(0)],
        [gamma(1e4)],
        [chunk(b"gAMA", b"\0")],
        [primaries(0, 0, 0, 0, 0, 0, 0, 0)],
        [primaries(*[0.3] * 8)],
        [primaries(0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)],
        [cicp(1, 13)],
        [cicp(200, 201)],  # unknown
        [chunk(b"cICP", b"\x09")],
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore")
def test_srgb_and_nonsense_change_nothing(extra: list[bytes]) -> None:
    row = [200, 128, 60, 10, 20, 250]
    try:
        picture = read(png(RGB, 8, row, *extra))
    except ImageError:  # Pillow refuses chunks that are cut off
        assert len(extra[0]) < 15
        return
    np.testing.assert_array_equal(picture.rgb.ravel(), row)


def test_primaries_are_applied() -> None:
    wide = (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)  # Display P3
    matrix = np.array([[1.2249, -0.2247, 0], [-0.0420, 1.0419, 0], [-0.0197, -0.0786, 1.0979]])  # to sRGB, linear
    row = [200, 128, 60, 128, 128, 128, 150, 160, 140]
    linear = ((np.reshape(row, (3, 3)) / 255 + 0.055) / 1.055) ** 2.4
    for extra in (primaries(*wide), cicp(12, 13)):
        picture = read(png(RGB, 8, row, extra))
        expected = [[encoded(value) for value in matrix @ light] for light in linear]
        np.testing.assert_allclose(picture.rgb[0], expected, atol=1)


@pytest.mark.parametrize("transfer", [1, 4, 8, 13])
def test_greys_stay_grey(transfer: int) -> None:
    picture = read(png(RGB, 8, np.repeat([0, 60, 128, 255], 3).tolist(), cicp(9, transfer)))
    assert int(np.ptp(picture.rgb.astype(int), axis=2).max()) <= 1
    np.testing.assert_array_equal(picture.rgb[0, [0, 3]], [[0] * 3, [255] * 3])


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_is_refused_by_name(transfer: int, name: str) -> None:
    with pytest.raises(ImageError, match=rf"HDR picture \({name}\); convert it to SDR first"):
        read(png(RGB, 8, [1, 2, 3], cicp(9, transfer)))


def test_cicp_goes_before_a_profile_and_a_profile_before_gamma() -> None:
    embedded = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    info: dict[str | tuple[int, int], object] = {"icc_profile": embedded, "gamma": 1.0}
    assert profile(info, PngFacts(), "it") == embedded
    assert profile(info, PngFacts(cicp=(12, 13, 0, 1)), "it") not in (None, embedded)
    assert profile({**info, "icc_profile": b""}, PngFacts(), "it") not in (None, embedded)


def test_the_profile_is_one_that_littlecms_reads() -> None:
    made = profile({"gamma": 1.0}, PngFacts(), "it")
    assert made is not None
    assert len(made) == struct.unpack(">I", made[:4])[0]
    assert ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(made))).strip() == "PNG"


def test_an_image_opened_by_the_user_has_its_gamma_too() -> None:
    with Image.open(io.BytesIO(png(GREY, 8, [0, 55, 128, 255], gamma(1.0)))) as image:
        np.testing.assert_array_equal(read(image).rgb[0, :, 0], [0, 128, 188, 255])
