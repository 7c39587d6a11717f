"""TIFF: the tags of a file count. Where Pillow does not look, tifffile reads the file, or it is refused."""

from __future__ import annotations

import io
import struct
import sys
from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import photo
from PIL import Image, TiffImagePlugin

from adain.errors import ImageError
from adain.images import read

BLACK_IS_ZERO, WHITE_IS_ZERO, RGB = 1, 0, 2


def tiff(
    values: NDArray[np.generic], bits: int, photometric: int, order: str = "<", tags: Mapping[int, int] | None = None
) -> bytes:
    """An uncompressed TIFF of one channel, or of three planes (3, H, W), packed without gaps within a row."""
    planes = values if values.ndim == 3 else values[None]
    data = b""
    for row in planes.reshape(-1, planes.shape[2]):
        if bits in (16, 32):
            data += row.astype(f"{order}{row.dtype.kind}{bits // 8}").tobytes()
        else:
            text = "".join(f"{value:0{bits}b}" for value in row.tolist())
            text += "0" * (-len(text) % 8)
            data += int(text, 2).to_bytes(len(text) // 8, "big")
    count, height, width = planes.shape
    offsets = [8 + len(data) // count * plane for plane in range(count)]
    found: dict[int, tuple[int, list[int]]] = {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [bits] * count),
        259: (3, [1]),
        262: (3, [photometric]),
        273: (4, offsets),
        277: (3, [count]),
        278: (4, [height]),
        279: (4, [len(data) // count] * count),
        **({284: (3, [2])} if count > 1 else {}),
        **{tag: (3, [value]) for tag, value in (tags or {}).items()},
    }
    table, more = struct.pack(f"{order}H", len(found)), b""
    values_at = 8 + len(data) + 2 + 12 * len(found) + 4
    for tag, (kind, numbers) in sorted(found.items()):
        packed = struct.pack(f"{order}{len(numbers)}{'H' if kind == 3 else 'I'}", *numbers)
        if len(packed) > 4:
            more += packed
            packed = struct.pack(f"{order}I", values_at + len(more) - len(packed))
        table += struct.pack(f"{order}HHI4s", tag, kind, len(numbers), packed)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8 + len(data))
    return head + data + table + b"\0" * 4 + more


def ramp(bits: int) -> NDArray[np.int64]:
    return np.linspace(0, 2**bits - 1, 60).round().astype(np.int64)[None].repeat(3, axis=0)


needs_tifffile = pytest.mark.usefixtures("_tifffile")


@pytest.fixture
def _tifffile() -> None:
    pytest.importorskip("tifffile", reason="needs the extra tiff")


@needs_tifffile
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("photometric", [BLACK_IS_ZERO, WHITE_IS_ZERO])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 10, 12, 14, 16, 32])
def test_grey_of_any_depth(bits: int, photometric: int, order: str) -> None:
    values = ramp(bits)
    light = values / (2**bits - 1)
    expected = np.floor((light if photometric == BLACK_IS_ZERO else 1 - light) * 255 + 0.5)
    picture = read(tiff(values.astype(np.uint32), bits, photometric, order))
    np.testing.assert_allclose(picture.rgb, np.repeat(expected[..., None], 3, axis=2), atol=1 if bits == 16 else 0)


@needs_tifffile
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_colors_in_planes(bits: int, order: str) -> None:
    values = np.stack([ramp(bits), ramp(bits)[:, ::-1], ramp(bits) // 2])
    picture = read(tiff(values, bits, RGB, order))
    expected = np.floor(values.transpose(1, 2, 0) / (2**bits - 1) * 255 + 0.5)
    np.testing.assert_array_equal(picture.rgb, expected)


@needs_tifffile
@pytest.mark.parametrize("bits", [16, 32])
def test_inverted_and_plain_floats(bits: int) -> None:
    import tifffile

    values = np.linspace(0, 1, 60).reshape(3, 20).astype(f"f{bits // 8}")
    for photometric, expected in (("minisblack", values), ("miniswhite", 1 - values)):
        stream = io.BytesIO()
        tifffile.imwrite(stream, values, photometric=photometric)
        picture = read(stream.getvalue())
        np.testing.assert_allclose(picture.rgb[..., 0], np.floor(expected * 255 + 0.5), atol=1)


@needs_tifffile
@pytest.mark.parametrize("compression", [None, "lzw", "deflate", "zstd", "lerc", "jpegxl"])
def test_16_bit_colors_with_alpha_in_any_compression(compression: str | None) -> None:
    tifffile = pytest.importorskip("tifffile")
    values = np.random.default_rng(0).integers(0, 65536, (24, 40, 4), dtype=np.uint16)
    for planar in ("contig", "separate"):
        stream = io.BytesIO()
        tifffile.imwrite(
            stream,
            values if planar == "contig" else values.transpose(2, 0, 1).copy(),
            photometric="rgb",
            planarconfig=planar,
            extrasamples=["unassalpha"],
            compression=compression,
        )
        picture = read(stream.getvalue(), keep_hidden=True)
        np.testing.assert_allclose(picture.rgb, values[..., :3] / 257, atol=1)
        np.testing.assert_allclose(picture.alpha, values[..., 3] / 257, atol=1)


@needs_tifffile
def test_webp_in_a_tiff() -> None:
    tifffile = pytest.importorskip("tifffile")
    stream = io.BytesIO()
    tifffile.imwrite(stream, photo(), photometric="rgb", compression="webp", compressionargs={"level": -1})
    assert abs(read(stream.getvalue()).rgb.astype(int) - photo()).mean() < 4


@needs_tifffile
def test_colors_multiplied_by_alpha_are_divided() -> None:
    tifffile = pytest.importorskip("tifffile")
    stream = io.BytesIO()
    values = np.full((4, 4, 4), (10_000, 20_000, 30_000, 32_768), np.uint16)
    tifffile.imwrite(stream, values.transpose(2, 0, 1).copy(), photometric="rgb", planarconfig="separate",
                     extrasamples=["assocalpha"])  # fmt: skip
    np.testing.assert_allclose(read(stream.getvalue()).rgb[0, 0], [78, 156, 233], atol=1)


@needs_tifffile
def test_the_orientation_counts_whoever_decodes() -> None:
    values = np.arange(6, dtype=np.int64).reshape(2, 3) * 10_000
    for photometric in (BLACK_IS_ZERO, WHITE_IS_ZERO):
        picture = read(tiff(values, 16, photometric, tags={274: 6}))
        plain = read(tiff(values, 16, photometric))
        np.testing.assert_array_equal(picture.rgb, np.rot90(plain.rgb, -1))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (tiff(ramp(16), 16, WHITE_IS_ZERO), "16 bits with white as zero"),
        (tiff(ramp(12), 12, BLACK_IS_ZERO), "12 bits"),
        (tiff(np.stack([ramp(16)] * 3), 16, RGB), "16 bits in a plane for each colour"),
        (tiff(ramp(15).astype(np.int16), 16, BLACK_IS_ZERO, tags={339: 2}), "16-bit signed numbers"),
        (tiff(ramp(10), 10, BLACK_IS_ZERO), "pixels of a rare kind"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_without_tifffile_a_kind_that_pillow_misreads_is_refused(
    data: bytes, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tifffile", None)
    with pytest.raises(ImageError, match=rf'is a TIFF with {kind}, .*pip install "adain\[tiff\]", or save it with 8'):
        read(data)


@needs_tifffile
def test_negative_numbers_are_refused() -> None:
    values = np.array([[-5, 100]], np.int16)
    with pytest.raises(ImageError, match="negative values, down to -5"):
        read(tiff(values, 16, BLACK_IS_ZERO, tags={339: 2}))


@needs_tifffile
@pytest.mark.filterwarnings("ignore")
def test_damage_in_a_tiff_that_tifffile_reads_is_an_image_error() -> None:
    whole = tiff(np.stack([ramp(16)] * 3), 16, RGB)
    rng = np.random.default_rng(0)
    for length in range(1, len(whole), 23):
        damaged = bytearray(whole[:length] if length % 2 else whole)
        for place in rng.integers(0, len(damaged), 4):
            damaged[place] = rng.integers(256)
        try:
            read(bytes(damaged))
        except ImageError:
            continue


@pytest.mark.parametrize("tag", [{254: 1}, {254: 4}, {255: 2}], ids=["reduced", "mask", "old-reduced"])
def test_a_thumbnail_before_the_picture_is_passed_over(tag: dict[int, int]) -> None:
    stream = io.BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(stream) as pages:
        for image, tags in ((Image.new("RGB", (8, 6), "red"), tag), (Image.fromarray(photo()), {})):
            image.save(pages, "TIFF", tiffinfo=tags)
            pages.newFrame()
    with Image.open(io.BytesIO(stream.getvalue())) as image:
        assert image.size == (8, 6)
    np.testing.assert_array_equal(read(stream.getvalue()).rgb, photo())


def test_a_file_of_thumbnails_only_is_refused() -> None:
    with pytest.raises(ImageError, match="has only thumbnails where a TIFF has its pictures, as raw photographs do"):
        read(tiff(ramp(8), 8, BLACK_IS_ZERO, tags={254: 1}))
