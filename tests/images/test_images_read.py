"""Reading: every format and kind of pixel gives the upright sRGB picture that it shows."""

from __future__ import annotations

import io
import logging
import shutil
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import painting, photo
from PIL import Image, ImageCms

from adain.errors import ImageError
from adain.images import Picture, read


def smooth(width: int = 40, height: int = 30) -> Image.Image:
    """Gradients, which lossy formats keep within a few levels."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    return Image.fromarray((np.stack([x, y, 1 - x], axis=-1) * 200 + 30).astype(np.uint8))


def with_alpha(image: Image.Image) -> Image.Image:
    """The same picture, transparent at the left, opaque at the right, nowhere wholly hidden."""
    ramp = np.linspace(5, 255, image.width).round().astype(np.uint8)
    image = image.copy()
    image.putalpha(Image.fromarray(np.tile(ramp, (image.height, 1))))
    return image


def difference(picture: Picture, image: Image.Image) -> int:
    return int(abs(picture.rgb.astype(int) - np.asarray(image.convert("RGB"))).max())


def png(width: int, height: int, bits: int, kind: int, rows: NDArray[np.generic], *extra: bytes) -> bytes:
    """A PNG file written by hand, for the kinds that Pillow does not write."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def tiff_16(values: NDArray[np.uint16]) -> bytes:
    """A little-endian, uncompressed TIFF of 16-bit values (H, W, channels), which Pillow does not write."""
    height, width, channels = values.shape
    data = values.astype("<u2").tobytes()
    bits_at = 8 + len(data)
    tags = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, channels, bits_at),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, 1, 8),
        (277, 3, 1, channels),
        (278, 4, 1, height),
        (279, 4, 1, len(data)),
        *([(338, 3, 1, 2)] if channels == 4 else []),
    ]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + b"\0" * 4
    return struct.pack("<2sHI", b"II", 42, bits_at + 2 * channels) + data + struct.pack("<H", 16) * channels + directory


# Formats

LOSSLESS: dict[str, dict[str, object]] = {"png": {}, "tiff": {"compression": "tiff_lzw"}, "bmp": {}}


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_lossless_formats_give_the_very_pixels(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"picture.{suffix}"
    Image.fromarray(photo()).save(path, **LOSSLESS[suffix])  # type: ignore[arg-type]
    picture = read(path)
    np.testing.assert_array_equal(picture.rgb, photo())
    assert picture.alpha is None


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "webp", "JPG"])
def test_lossy_formats_give_nearly_the_pixels(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"picture.{suffix}"
    smooth().save(path, quality=98)
    assert difference(read(path), smooth()) <= 8


def test_the_content_counts_and_not_the_name(tmp_path: Path) -> None:
    for name in ("picture.jpg", "picture", "picture.txt"):
        Image.fromarray(photo()).save(tmp_path / name, format="PNG")
        np.testing.assert_array_equal(read(tmp_path / name).rgb, photo())


@pytest.mark.parametrize("suffix", ["gif", "webp", "tiff", "png"])
def test_of_an_animation_the_first_frame_is_read(suffix: str, tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 6), color) for color in ("red", "lime", "blue")]
    path = tmp_path / f"animation.{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:], lossless=True)
    np.testing.assert_array_equal(read(path).rgb, np.full((6, 8, 3), (255, 0, 0)))


def test_paths_may_be_text(tmp_path: Path) -> None:
    path = tmp_path / "ünï cödé 画.png"
    Image.fromarray(photo()).save(path)
    np.testing.assert_array_equal(read(str(path)).rgb, photo())


def test_the_file_is_closed_again(tmp_path: Path) -> None:
    path = tmp_path / "picture.tiff"
    Image.fromarray(photo()).save(path)
    read(path)  # a file left open would be a ResourceWarning, which is an error here
    path.rename(tmp_path / "other.tiff")  # and on Windows this would fail


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (9, 1), (31, 17)], ids=str)
def test_every_size_is_read_from_a_file(size: tuple[int, int], tmp_path: Path) -> None:
    smooth(*size).save(tmp_path / "picture.png")
    assert read(tmp_path / "picture.png").size == size


# Kinds of pixels


@pytest.mark.parametrize("mode", ["RGB", "RGBX", "YCbCr", "HSV", "L", "1", "P", "CMYK"])
def test_opaque_modes_show_the_same_picture(mode: str) -> None:
    image = Image.fromarray(photo()).convert(mode)
    picture = read(image)
    assert difference(picture, image) <= 1
    assert picture.alpha is None


@pytest.mark.parametrize("mode", ["RGBA", "LA", "RGBa", "La", "PA"])
def test_alpha_is_kept_apart_from_the_colors(mode: str) -> None:
    base = with_alpha(smooth())
    grey = base.convert("LA")
    image = {"RGBA": base, "LA": grey, "RGBa": base.convert("RGBa"), "La": grey.convert("La")}.get(mode)
    if image is None:
        image = base.convert("RGB").convert("P")
        image.putalpha(base.getchannel("A"))
        assert image.mode == "PA"
    picture = read(image)
    np.testing.assert_array_equal(picture.alpha, np.asarray(base.getchannel("A")))
    straight = image.convert("LA" if mode == "La" else "RGBA") if mode in ("La", "RGBa") else image
    assert difference(picture, straight.convert("RGBA")) == 0


@pytest.mark.parametrize("suffix", ["png", "tiff", "webp"])
def test_alpha_is_read_from_files(suffix: str, tmp_path: Path) -> None:
    image = with_alpha(smooth())
    image.save(tmp_path / f"picture.{suffix}", **({"lossless": True, "exact": True} if suffix == "webp" else {}))
    picture = read(tmp_path / f"picture.{suffix}")
    np.testing.assert_array_equal(picture.alpha, np.asarray(image.getchannel("A")))
    assert difference(picture, image) == 0


def test_a_cmyk_jpeg_has_its_own_colors_and_not_their_negative(tmp_path: Path) -> None:
    path = tmp_path / "print.jpg"
    smooth().convert("CMYK").save(path, quality=98)
    assert difference(read(path), smooth()) <= 12


@pytest.mark.parametrize("transparency", [3, bytes([255, 128, 10, 0])], ids=["one-color", "alpha-per-color"])
def test_a_palette_with_transparency_becomes_colors_and_alpha(transparency: int | bytes, tmp_path: Path) -> None:
    image = Image.fromarray(np.arange(4, dtype=np.uint8).reshape(2, 2))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9], "RGB")
    image = image.convert("P") if image.mode != "P" else image
    image.save(tmp_path / "palette.png", transparency=transparency)
    picture = read(tmp_path / "palette.png")
    np.testing.assert_array_equal(picture.rgb.reshape(4, 3)[:3], 255 * np.eye(3))
    np.testing.assert_array_equal(picture.rgb[1, 1], [85, 85, 85])  # hidden: the mean of the others
    expected = [255, 255, 255, 0] if transparency == 3 else [255, 128, 10, 0]
    assert picture.alpha is not None
    np.testing.assert_array_equal(picture.alpha.ravel(), expected)


def test_a_gif_with_transparency_has_alpha(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8))
    image.putpalette([200, 100, 50, 0, 0, 0])
    image.save(tmp_path / "cutout.gif", transparency=1)
    picture = read(tmp_path / "cutout.gif")
    np.testing.assert_array_equal(picture.alpha, [[255, 0], [0, 255]])
    np.testing.assert_array_equal(picture.rgb, np.full((2, 2, 3), (200, 100, 50)))


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_a_transparent_color_becomes_alpha(mode: str, tmp_path: Path) -> None:
    image = Image.new(mode, (4, 2), "white")
    image.paste(0, (0, 0, 1, 2))
    image.save(tmp_path / "key.png", transparency=(0, 0, 0) if mode == "RGB" else 0)
    picture = read(tmp_path / "key.png")
    np.testing.assert_array_equal(picture.alpha, [[0, 255, 255, 255]] * 2)
    np.testing.assert_array_equal(picture.rgb, 255)


# 16 bit and floats


def test_a_16_bit_grey_png_is_scaled_and_not_clipped(tmp_path: Path) -> None:
    values = np.linspace(0, 65535, 64 * 48).round().astype(np.uint16).reshape(48, 64)
    Image.fromarray(values).save(tmp_path / "deep.png")
    expected = np.floor(values / 257 + 0.5)
    np.testing.assert_array_equal(read(tmp_path / "deep.png").rgb, np.repeat(expected[..., None], 3, axis=2))


def test_a_16_bit_grey_tiff_is_scaled_and_not_clipped(tmp_path: Path) -> None:
    values = np.linspace(0, 65535, 64 * 48).round().astype(np.uint16).reshape(48, 64)
    Image.fromarray(values).save(tmp_path / "deep.tiff")
    np.testing.assert_array_equal(read(tmp_path / "deep.tiff").rgb[..., 0], np.floor(values / 257 + 0.5))


def test_a_transparent_16_bit_grey_becomes_alpha(tmp_path: Path) -> None:
    values = np.array([[1000, 2000], [30000, 1001]], np.uint16)
    Image.fromarray(values).save(tmp_path / "deep.png", transparency=1000)
    picture = read(tmp_path / "deep.png")
    np.testing.assert_array_equal(picture.alpha, [[0, 255], [255, 255]])
    np.testing.assert_array_equal(picture.rgb[1, 0], 117)  # 30000 / 257


@pytest.mark.parametrize(("kind", "channels"), [(2, 3), (4, 2), (6, 4)], ids=["RGB", "LA", "RGBA"])
def test_a_16_bit_color_png_is_scaled(kind: int, channels: int, tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(300, 65536, (6, 5, channels), dtype=np.uint16)
    (tmp_path / "deep.png").write_bytes(png(5, 6, 16, kind, values.astype(">u2")))
    picture = read(tmp_path / "deep.png")
    colors = values[..., : 3 if channels > 2 else 1] / 257
    assert abs(picture.rgb - colors).max() <= 1  # Pillow keeps the high byte of 16-bit colours
    if channels in (2, 4):
        assert picture.alpha is not None
        assert abs(picture.alpha - values[..., -1] / 257).max() <= 1


def test_a_16_bit_rgb_png_with_a_transparent_color_is_read(tmp_path: Path) -> None:
    values = np.array([[[256, 512, 768], [40000, 50000, 60000]]], ">u2")
    data = struct.pack(">HHH", 256, 512, 768)
    chunk = struct.pack(">I", 6) + b"tRNS" + data + struct.pack(">I", zlib.crc32(b"tRNS" + data))
    (tmp_path / "deep.png").write_bytes(png(2, 1, 16, 2, values, chunk))
    picture = read(tmp_path / "deep.png")
    np.testing.assert_allclose(picture.rgb[0, 1], values[0, 1] / 257, atol=1)
    np.testing.assert_array_equal(picture.alpha, [[0, 255]])


@pytest.mark.parametrize("channels", [3, 4])
def test_a_16_bit_color_tiff_is_scaled(channels: int, tmp_path: Path) -> None:
    values = np.random.default_rng(1).integers(300, 65536, (6, 5, channels), dtype=np.uint16)
    (tmp_path / "deep.tiff").write_bytes(tiff_16(values))
    picture = read(tmp_path / "deep.tiff")
    assert abs(picture.rgb - values[..., :3] / 257).max() <= 1
    assert (picture.alpha is not None) == (channels == 4)


def test_a_float_tiff_in_0_to_1_is_scaled(tmp_path: Path) -> None:
    values = np.linspace(0, 1, 20, dtype=np.float32).reshape(4, 5)
    Image.fromarray(values).save(tmp_path / "float.tiff")
    np.testing.assert_array_equal(read(tmp_path / "float.tiff").rgb[..., 0], np.floor(values * 255 + 0.5))


def test_a_float_picture_beyond_the_range_is_refused_by_name(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 200]], np.float32)).save(tmp_path / "float.tiff")
    with pytest.raises(ImageError, match=r"float\.tiff.*\[0, 1\], got 0 to 200"):
        read(tmp_path / "float.tiff")


def test_32_bit_integers_count_as_16_bit() -> None:
    np.testing.assert_array_equal(read(Image.fromarray(np.array([[0, 257 * 9]], np.int32))).rgb[0, :, 0], [0, 9])
    for values in ([[-1, 5]], [[0, 65536]]):
        with pytest.raises(ImageError, match=r"32-bit integers from .* allowed are 0 to 65535"):
            read(Image.fromarray(np.array(values, np.int32)))


# Orientation

TURNS: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.transpose(1, 0, 2),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored[::-1, ::-1].transpose(1, 0, 2),
    8: lambda stored: np.rot90(stored, 1),
}


@pytest.mark.parametrize("suffix", ["png", "tiff", "webp"])
@pytest.mark.parametrize("orientation", TURNS)
def test_a_rotated_photograph_is_turned_upright_once(orientation: int, suffix: str, tmp_path: Path) -> None:
    image = Image.fromarray(photo())
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / f"turned.{suffix}", exif=exif, lossless=True)
    np.testing.assert_array_equal(read(tmp_path / f"turned.{suffix}").rgb, TURNS[orientation](photo()))


def test_alpha_is_turned_with_the_colors(tmp_path: Path) -> None:
    image = with_alpha(smooth())
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(read(tmp_path / "turned.png").alpha, np.rot90(np.asarray(image.getchannel("A")), -1))


@pytest.mark.parametrize("orientation", [0, 9, 77])
def test_an_orientation_that_does_not_exist_is_ignored(orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(photo()).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(read(tmp_path / "turned.png").rgb, photo())


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\x00\x05\x01\x12"]
)
@pytest.mark.filterwarnings("ignore")  # Pillow may say that it is corrupt
def test_broken_exif_data_does_not_cost_the_picture(exif: bytes, tmp_path: Path) -> None:
    smooth().save(tmp_path / "picture.jpg", quality=98, exif=exif)
    assert difference(read(tmp_path / "picture.jpg"), smooth()) <= 6


# Colour profiles


def gamma_profile(gamma: float) -> bytes:
    """A grey ICC profile of one gamma, written by hand."""
    curve = b"curv" + b"\0" * 4 + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    white = b"XYZ " + b"\0" * 4 + struct.pack(">iii", 63190, 65536, 54061)
    text = b"desc" + b"\0" * 4 + struct.pack(">I", 5) + b"grey\0" + b"\0" * 78
    entries, data, at = [], b"", 128 + 4 + 3 * 12
    for name, value in ((b"kTRC", curve), (b"wtpt", white), (b"desc", text)):
        value += b"\0" * (-len(value) % 4)
        entries.append(struct.pack(">4sII", name, at + len(data), len(value)))
        data += value
    body = struct.pack(">I", 3) + b"".join(entries) + data
    header = struct.pack(">I4sI4s4s4s", 128 + len(body), b"\0" * 4, 0x02100000, b"mntr", b"GRAY", b"XYZ ")
    header += b"\0" * 12 + b"acsp" + b"\0" * 28 + struct.pack(">iii", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + body


def swapped_profile() -> bytes:
    """An RGB profile whose red and green primaries are exchanged: unmistakable, whatever the rounding."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack_from(">I", profile, 128)[0]
    names = {bytes(profile[132 + 12 * i : 136 + 12 * i]): 132 + 12 * i for i in range(count)}
    red, green = names[b"rXYZ"], names[b"gXYZ"]
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile)


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def test_an_srgb_profile_changes_not_one_value(tmp_path: Path) -> None:
    Image.fromarray(painting()).save(tmp_path / "tagged.png", icc_profile=SRGB)
    np.testing.assert_array_equal(read(tmp_path / "tagged.png").rgb, painting())


@pytest.mark.parametrize("suffix", ["png", "jpg", "tiff", "webp"])
def test_another_rgb_profile_is_converted_to_srgb(suffix: str, tmp_path: Path) -> None:
    image = Image.new("RGB", (32, 32), (250, 10, 10))
    options: dict[str, object] = {"quality": 98} if suffix in ("jpg", "webp") else {}
    image.save(tmp_path / f"tagged.{suffix}", icc_profile=swapped_profile(), **options)  # type: ignore[arg-type]
    red, green, blue = read(tmp_path / f"tagged.{suffix}").rgb[16, 16].astype(int)
    assert green > 240
    assert max(red, blue) < 30


def test_alpha_survives_the_conversion(tmp_path: Path) -> None:
    image = with_alpha(smooth())
    image.save(tmp_path / "tagged.png", icc_profile=swapped_profile())
    picture = read(tmp_path / "tagged.png")
    np.testing.assert_array_equal(picture.alpha, np.asarray(image.getchannel("A")))
    assert abs(picture.rgb[..., 0].astype(int) - np.asarray(image)[..., 1]).max() <= 2


@pytest.mark.parametrize("mode", ["L", "LA", "I;16"])
def test_a_grey_profile_is_converted_to_srgb(mode: str, tmp_path: Path) -> None:
    image = Image.new("LA" if mode == "LA" else "L", (8, 8), (128, 200) if mode == "LA" else 128)
    if mode == "I;16":
        image = Image.fromarray(np.full((8, 8), 128 * 257, np.uint16))
    image.save(tmp_path / "grey.png", icc_profile=gamma_profile(1.0))
    picture = read(tmp_path / "grey.png")
    assert abs(picture.rgb.astype(int) - 188).max() <= 1  # linear 0.5 in sRGB
    assert (picture.alpha is not None) == (mode == "LA")


def test_a_grey_picture_tagged_with_an_rgb_profile_is_read(tmp_path: Path) -> None:
    Image.fromarray(photo()).convert("L").save(tmp_path / "grey.jpg", icc_profile=SRGB, quality=98)
    assert difference(read(tmp_path / "grey.jpg"), Image.fromarray(photo()).convert("L")) <= 6


@pytest.mark.parametrize(
    "profile",
    [b"not a profile", SRGB[:200], SRGB[: len(SRGB) // 2], gamma_profile(2.2)],
    ids=["text", "header", "half", "grey-for-colors"],
)
def test_a_broken_profile_is_taken_as_srgb_and_logged(
    profile: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Image.fromarray(photo()).save(tmp_path / "tagged.png", icc_profile=profile)
    with caplog.at_level(logging.WARNING, "adain"):
        np.testing.assert_array_equal(read(tmp_path / "tagged.png").rgb, photo())
    assert "tagged.png" in caplog.text
    assert "taken as sRGB" in caplog.text


def test_a_lab_tiff_is_converted_to_srgb(tmp_path: Path) -> None:
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    image = ImageCms.profileToProfile(smooth(), srgb, lab, outputMode="LAB")
    assert image is not None
    image.save(tmp_path / "lab.tiff")
    apart = abs(read(tmp_path / "lab.tiff").rgb.astype(int) - np.asarray(smooth()))
    assert apart.mean() < 2  # Lab in 8 bit is coarse, most of all in saturated blue
    assert apart.max() < 20


def test_reading_twice_gives_the_same(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with_alpha(smooth()).save(buffer, "PNG", icc_profile=swapped_profile())
    with Image.open(buffer) as image:
        one, two = read(image), read(image)
    np.testing.assert_array_equal(one.rgb, two.rgb)


# Real files


def test_every_real_picture_is_read_at_its_size(shared: Path) -> None:
    files = [file for folder in ("content", "style") for file in sorted((shared / "images" / folder).iterdir())]
    assert files
    for file in files:
        with Image.open(file) as image:
            assert read(file).size in (image.size, image.size[::-1])


def test_a_real_picture_of_20_megapixels_is_read(shared: Path) -> None:
    file = min((shared / "images/large").iterdir())
    width, height = read(file).size
    assert width * height > 20_000_000


# HEIC


@pytest.fixture
def heic_file(tmp_path: Path) -> Path:
    """A photograph as a phone writes it."""
    heif = pytest.importorskip("pillow_heif", reason="needs the extra heic")
    heif.register_heif_opener()
    exif = Image.Exif()
    exif[0x010F] = "Apple"
    smooth().save(tmp_path / "IMG_1.heic", quality=95, exif=exif)
    return tmp_path / "IMG_1.heic"


def test_a_heic_photograph_is_read(heic_file: Path, tmp_path: Path) -> None:
    shutil.copy(heic_file, tmp_path / "photo.jpg")
    for source in (heic_file, heic_file.read_bytes(), tmp_path / "photo.jpg"):
        picture = read(source)
        assert difference(picture, smooth()) <= 8
        assert b"Apple" in picture.metadata.exif


def test_without_its_extra_a_heic_photograph_is_named_as_such(heic_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)  # as if it were not installed
    monkeypatch.delitem(Image.OPEN, "HEIF")
    with pytest.raises(
        ImageError, match=r'IMG_1\.heic is HEIC, .*; pip install "adain\[heic\]", or convert it to JPEG'
    ):
        read(heic_file)


@pytest.mark.parametrize("suffix", ["jfif", "jpe", "mpo"])
def test_further_names_of_jpegs(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"photo.{suffix}"
    if suffix == "mpo":
        smooth().save(path, "MPO", save_all=True, append_images=[Image.new("RGB", (40, 30))], quality=98)
    else:
        smooth().save(path, "JPEG", quality=98)
    assert difference(read(path), smooth()) <= 8
