"""Metadata: a result says what its content's file said, without what describes the old file or shows the original."""

from __future__ import annotations

import io
import logging
import struct
from pathlib import Path

import numpy as np
import pytest
from pictures import photo
from PIL import ExifTags, Image, PngImagePlugin
from PIL.IptcImagePlugin import getiptcinfo

from adain.errors import InputError
from adain.images import Picture, check_target, has_quality, read, resize, write
from adain.images.formats import FORMATS, WRITABLE, Format
from adain.images.iptc import found, jpeg_segment
from adain.images.metadata import Metadata

COPYRIGHT = "© Müller"
XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:GCamera="http://ns.google.com/photos/1.0/camera/"
 tiff:Orientation="6" GCamera:MotionPhoto="1" xmp:Rating="4"><dc:creator>Müller</dc:creator>
<xmp:Thumbnails><rdf:Alt><rdf:li>original</rdf:li></rdf:Alt></xmp:Thumbnails></rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>""".encode()

row_of_each = pytest.mark.parametrize("row", [row for row in FORMATS if row.writes], ids=lambda row: row.name)


def exif_block(order: str = "<") -> bytes:
    """EXIF data with text in UTF-8, an orientation, camera notes, a place, and a thumbnail."""

    def directory(start: int, entries: list[tuple[int, int, int, bytes]], following: int = 0) -> bytes:
        table, values = struct.pack(f"{order}H", len(entries)), b""
        for tag, kind, count, data in entries:
            if len(data) > 4:
                offset = start + 2 + 12 * len(entries) + 4 + len(values)
                values += data + b"\0" * (len(data) % 2)
                data = struct.pack(f"{order}I", offset)
            table += struct.pack(f"{order}HHI4s", tag, kind, count, data.ljust(4, b"\0"))
        return table + struct.pack(f"{order}I", following) + values

    def numbers(letter: str, *values: int) -> bytes:
        return struct.pack(f"{order}{len(values)}{letter}", *values)

    text = COPYRIGHT.encode() + b"\0"
    main = [
        (0x010F, 2, 6, b"Canon\0"),
        (0x0112, 3, 1, numbers("H", 6)),
        (0x0132, 2, 20, b"2020:01:02 03:04:05\0"),
        (0x8298, 2, len(text), text),
    ]
    camera = [
        (0x829A, 5, 1, numbers("I", 1, 125)),
        (0x9204, 10, 1, numbers("i", -1, 2)),
        (0x927C, 7, 8, b"preview!"),
        (0xA001, 3, 1, numbers("H", 65535)),
        (0xA002, 4, 1, numbers("I", 4000)),
    ]
    place = [(1, 2, 2, b"N\0"), (2, 5, 3, numbers("I", 48, 1, 12, 1, 61, 2))]
    thumbnail = [(0x0103, 3, 1, numbers("H", 6)), (0x0201, 4, 1, numbers("I", 0)), (0x0202, 4, 1, numbers("I", 9))]
    main += [(0x8769, 4, 1, numbers("I", 400)), (0x8825, 4, 1, numbers("I", 600))]
    data = (b"II*\0" if order == "<" else b"MM\0*") + numbers("I", 8) + directory(8, main, 800)
    for start, part in ((400, camera), (600, place), (800, thumbnail)):
        data = data.ljust(start, b"\0") + directory(start, part)
    return b"Exif\0\0" + data + b"thumbnail"


def file(format: str, exif: bytes = b"", xmp: bytes = b"") -> bytes:
    """A photograph with metadata, as another program would write it."""
    options: dict[str, object] = {"exif": exif or exif_block(), "dpi": (300, 300), "xmp": xmp or XMP}
    if format == "PNG":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", (xmp or XMP).decode())  # type: ignore[attr-defined]
    stream = io.BytesIO()
    Image.fromarray(photo()).save(stream, format, **options)  # type: ignore[arg-type]
    return stream.getvalue()


def written(image: Image.Image, format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    write(image, stream, format, **options)  # type: ignore[arg-type]
    return stream.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@row_of_each
@pytest.mark.parametrize("source", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_a_copy_says_what_the_original_said(source: str, row: Format) -> None:
    image = opened(written(read(file(source)).to_pil(), row.name))
    exif = image.getexif()
    if "exif" not in row.keeps:
        assert not exif
        return
    assert exif[ExifTags.Base.Make] == "Canon"
    assert exif[ExifTags.Base.DateTime] == "2020:01:02 03:04:05"
    if source != "AVIF":  # Pillow writes question marks into AVIF files that have an orientation
        assert exif[ExifTags.Base.Copyright].encode("latin-1").decode() == COPYRIGHT  # byte by byte: it is UTF-8
    camera, place = exif.get_ifd(ExifTags.IFD.Exif), exif.get_ifd(ExifTags.IFD.GPSInfo)
    assert (camera[ExifTags.Base.ExposureTime], camera[ExifTags.Base.ExposureBiasValue]) == (1 / 125, -0.5)
    assert (place[1], place[2]) == ("N", (48, 12, 30.5))
    xmp = image.info["xmp"].decode()
    assert "<dc:creator>Müller</dc:creator>" in xmp
    assert 'xmp:Rating="4"' in xmp


def iptc(*sets: tuple[int, int, bytes]) -> bytes:
    return b"".join(struct.pack(">BBBH", 0x1C, record, number, len(value)) + value for record, number, value in sets)


@pytest.mark.parametrize("source", ["JPEG", "TIFF"])
@pytest.mark.parametrize("target", ["JPEG", "TIFF", "PNG"])
def test_iptc_is_kept_without_previews(source: str, target: str) -> None:
    kept = (1, 90, b"\x1b%G"), (2, 80, "Müller".encode()), (2, 116, b"(c)")
    data = iptc(*kept, (2, 202, b"preview"), (3, 20, b"\0\x30"))
    options = {"extra": jpeg_segment(data)} if source == "JPEG" else {"tiffinfo": {33723: data}}
    stream = io.BytesIO()
    Image.fromarray(photo()).save(stream, source, **options)
    result = opened(written(read(stream.getvalue()).to_pil(), target))
    assert found(result) == (iptc(*kept) if target != "PNG" else b"")
    if target == "JPEG":
        assert getiptcinfo(result) == {(record, number): value for record, number, value in kept}
    assert not found(opened(written(read(stream.getvalue()).to_pil(), target, strip=True)))


@pytest.mark.parametrize(
    "data", [b"\x1c\x02\x50\x00\x09abc", b"\x1c\x02", b"abcdefg", b"\x1c\x02\x50\x80\x04" + b"x" * 9]
)
def test_damaged_iptc_is_left_out(data: bytes, caplog: pytest.LogCaptureFixture) -> None:
    stream = io.BytesIO()
    Image.fromarray(photo()).save(stream, "JPEG", extra=jpeg_segment(data))
    assert not found(opened(written(read(stream.getvalue()).to_pil(), "JPEG")))
    assert "its IPTC data is damaged" in caplog.text


@row_of_each
def test_a_copy_is_upright_and_does_not_show_the_original(row: Format) -> None:
    image = read(file("JPEG")).to_pil()
    assert image.size == (36, 48)  # orientation 6
    data = written(image, row.name)
    exif = opened(data).getexif()
    assert exif.get(ExifTags.Base.Orientation, 1) == 1
    assert not exif.get_ifd(ExifTags.IFD.IFD1)
    camera = exif.get_ifd(ExifTags.IFD.Exif)
    assert ExifTags.Base.MakerNote not in camera
    assert ExifTags.Base.ExifImageWidth not in camera
    assert camera.get(ExifTags.Base.ColorSpace, 1) == 1  # sRGB
    for trace in (b"thumbnail", b"preview!", b"original", b"MotionPhoto", b"tiff:Orientation"):
        assert trace not in data
    assert read(data).size == image.size


@row_of_each
def test_the_resolution_is_kept(row: Format) -> None:
    image = opened(written(read(file("PNG")).to_pil(), row.name))
    if "dpi" in row.keeps:
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.01)


@row_of_each
def test_strip_leaves_all_of_it_out(row: Format) -> None:
    data = written(read(file("JPEG")).to_pil(), row.name, strip=True)
    assert not opened(data).getexif().get(ExifTags.Base.Make)
    for trace in (b"Canon", b"ller", b"2020:01", b"Exif\0\0", b"xmpmeta"):
        assert trace not in data


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders(order: str) -> None:
    for format in ("jpg", "tif"):
        exif = opened(written(read(file("JPEG", exif_block(order))).to_pil(), format)).getexif()
        assert exif.get_ifd(ExifTags.IFD.GPSInfo)[2] == (48, 12, 30.5)
        assert exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExposureBiasValue] == -0.5
        assert exif[ExifTags.Base.Copyright].encode("latin-1").decode() == COPYRIGHT


def test_of_a_tiff_file_only_what_describes_the_picture_is_kept() -> None:
    first = written(read(file("JPEG")).to_pil(), "tif")
    assert opened(first).size == (36, 48)
    metadata = read(first).metadata
    exif = Image.Exif()
    exif.load(metadata.exif)
    assert exif[ExifTags.Base.Make] == "Canon"
    assert exif.get_ifd(ExifTags.IFD.GPSInfo)[1] == "N"
    assert not {ExifTags.Base.StripOffsets, ExifTags.Base.ImageWidth, ExifTags.Base.Compression} & set(exif)
    np.testing.assert_array_equal(read(first).rgb, read(file("JPEG")).rgb)


def test_metadata_survives_resizing_and_is_of_a_pil_image_too(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(file("JPEG"))
    with Image.open(tmp_path / "photo.jpg") as image:
        picture = read(image)
    assert picture.metadata == read(tmp_path / "photo.jpg").metadata != Metadata()
    assert resize(picture, 20).metadata == picture.metadata
    assert set(picture.to_pil().info) == {"exif", "xmp", "dpi"}
    assert Picture(picture.rgb).to_pil().info == {}


@pytest.mark.parametrize(
    "exif",
    [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12", b"Exif\0\0"],
)
@pytest.mark.filterwarnings("ignore")  # Pillow says that it is corrupt
def test_broken_exif_data_is_left_out(exif: bytes) -> None:
    picture = read(file("JPEG", exif))
    assert picture.metadata.exif == b""
    assert not opened(written(picture.to_pil(), "png")).getexif()


def test_every_cut_and_every_flipped_byte_of_exif_data_gives_a_picture() -> None:
    block = exif_block()
    rng = np.random.default_rng(0)
    for length in range(6, len(block), 3):
        damaged = bytearray(block[:length])
        damaged[rng.integers(6, length) if length > 6 else 5] ^= 1 << int(rng.integers(8))
        image = Image.fromarray(photo())
        image.info["exif"] = bytes(damaged)
        for format in ("jpg", "tif"):
            assert read(written(image, format)).rgb.size == photo().size


@pytest.mark.parametrize(
    "xmp",
    [
        b"<x:xmpmeta",
        b"no xml",
        b'<!DOCTYPE a [<!ENTITY b "b">]><a>&b;</a>',
        b"<a>" * 5000 + b"</a>" * 5000,
        b"<a>" + b" " * (1 << 20) + b"</a>",
    ],
    ids=["cut", "text", "entities", "deep", "huge"],
)
def test_broken_xmp_data_is_left_out_and_logged(xmp: bytes, caplog: pytest.LogCaptureFixture) -> None:
    image = Image.fromarray(photo())
    image.info["xmp"] = xmp
    with caplog.at_level(logging.WARNING):
        assert read(image).metadata.xmp == b""
    assert "XMP data is damaged" in caplog.text


def test_metadata_too_long_for_jpeg_is_left_out_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    image = Image.fromarray(photo())
    long = b"<a>" + b"b" * 70_000 + b"</a>"
    image.info["xmp"] = long
    assert read(written(image, "png")).metadata.xmp == long
    assert read(written(image, "jpg")).metadata.xmp == b""
    assert "XMP data is too long for JPEG" in caplog.text


@pytest.mark.parametrize("dpi", [(0, 0), (float("nan"), 72), (1e9, 1e9), (-5, -5), "72", (72,), None])
def test_an_absurd_resolution_is_left_out(dpi: object) -> None:
    image = Image.fromarray(photo())
    image.info["dpi"] = dpi
    assert read(image).metadata.dpi is None
    written(image, "jpg")


def test_a_rotated_image_of_the_user_is_written_upright() -> None:
    image = opened(file("JPEG"))
    assert image.size == (48, 36)
    assert opened(written(image, "png")).size == (36, 48)


# Quality


@pytest.mark.parametrize("row", [row for row in FORMATS if row.lossy], ids=lambda row: row.name)
def test_a_lower_quality_makes_a_smaller_file(row: Format) -> None:
    image = Image.fromarray(photo(200, 150))
    sizes = [len(written(image, row.name, quality=quality)) for quality in (20, 60, 100)]
    assert sizes[0] < sizes[1] < sizes[2]


def test_the_formats_with_a_quality() -> None:
    assert {row.name for row in FORMATS if row.lossy} == {"JPEG", "WebP", "AVIF"}
    assert has_quality("a.JPG")
    assert not has_quality("a.png")
    assert not has_quality("a.xyz")


@pytest.mark.parametrize("suffix", [suffix for suffix, row in WRITABLE.items() if not row.lossy])
def test_a_quality_for_another_format_is_refused(suffix: str, tmp_path: Path) -> None:
    for call in (check_target, lambda path, quality: write(Image.fromarray(photo()), path, quality=quality)):
        with pytest.raises(InputError, match="quality is for JPEG, WebP and AVIF"):
            call(tmp_path / f"out{suffix}", quality=80)  # type: ignore[operator]


@pytest.mark.parametrize("quality", [0, 101, 7.5, "80", True, -1])
def test_a_quality_out_of_range(quality: object, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="quality must be a whole number from 1 to 100, got"):
        check_target(tmp_path / "out.jpg", quality=quality)  # type: ignore[arg-type]
