"""16 bits: read exactly, kept through resizing and stylizing, and written to PNG and TIFF."""

from __future__ import annotations

import io
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from pictures import painting
from PIL import ExifTags, Image

import adain
from adain.cli.main import main
from adain.errors import ImageError, InputError
from adain.images import Picture, from_tensor, read, resize, to_tensor, write
from adain.images.deep import turned

imagecodecs = pytest.importorskip("imagecodecs", reason="needs the extra tiff")
tifffile = pytest.importorskip("tifffile", reason="needs the extra tiff")


def smooth(channels: int = 3, width: int = 40, height: int = 30) -> NDArray[np.uint16]:
    """Gradients of many values; alpha is nowhere 0."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    planes = [0.3 + 0.4 * x, 0.2 + 0.5 * y, 0.5 + 0.3 * x * y, 0.1 + 0.9 * x]
    chosen = {1: planes[:1], 2: [planes[0], planes[3]], 3: planes[:3], 4: planes}[channels]
    return np.round(np.stack(chosen, axis=-1) * 65535).astype(np.uint16)


def png(values: NDArray[np.uint16], **info: object) -> bytes:
    return bytes(imagecodecs.png_encode(values if values.shape[2] > 1 else values[..., 0]))


def tiff(values: NDArray[np.uint16], **options: object) -> bytes:
    stream = io.BytesIO()
    channels = values.shape[2]
    tifffile.imwrite(
        stream,
        values if channels > 1 else values[..., 0],
        photometric="rgb" if channels > 2 else "minisblack",
        planarconfig="contig" if channels > 1 else None,
        extrasamples=["unassalpha"] if channels in (2, 4) else None,
        **options,
    )
    return stream.getvalue()


def written(image: Image.Image, format: str) -> bytes:
    stream = io.BytesIO()
    write(image, stream, format)
    return stream.getvalue()


@pytest.mark.parametrize("encode", [png, tiff])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bits_are_read_exactly(channels: int, encode: object) -> None:
    values = smooth(channels)
    picture = read(encode(values))  # type: ignore[operator]
    assert picture.deep is not None
    expected = values[..., :3] if channels > 2 else np.repeat(values[..., :1], 3, axis=2)
    np.testing.assert_array_equal(picture.deep, expected)
    np.testing.assert_array_equal(picture.rgb, (expected.astype(int) + 128) // 257)
    assert (picture.alpha is None) == (channels in (1, 3))


def test_8_bits_stay_8_bits(photo_file: Path) -> None:
    assert read(photo_file).deep is None


@pytest.mark.parametrize("orientation", range(1, 9))
def test_deep_pixels_are_turned_like_shallow_ones(orientation: int) -> None:
    values = smooth()
    data = tiff(values, extratags=[(274, 3, 1, orientation, True)])
    with Image.open(io.BytesIO(data)) as image:
        shallow = read(image.copy())
    assert read(data).size == ((30, 40) if orientation > 4 else (40, 30))
    np.testing.assert_array_equal(read(data).deep, turned(values, orientation))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    image = Image.fromarray((values // 257).astype(np.uint8))
    image.info["exif"] = exif.tobytes()
    np.testing.assert_array_equal(read(image).rgb, turned(values // 257, orientation))
    assert shallow.deep is None


def test_a_profile_is_applied_in_16_bits() -> None:
    from adain.images.png import PngFacts, profile

    linear = profile({"gamma": 1.0}, PngFacts(), "it")
    light = np.linspace(0.001, 1, 1200).reshape(30, 40)
    values = np.repeat(np.round(light * 65535)[..., None], 3, axis=2).astype(np.uint16)
    picture = read(tiff(values, iccprofile=linear))
    exact = values[..., 0] / 65535
    expected = np.where(exact <= 0.0031308, 12.92 * exact, 1.055 * exact ** (1 / 2.4) - 0.055) * 65535
    assert picture.deep is not None
    np.testing.assert_allclose(picture.deep[..., 0], expected, atol=60)  # of 65535: LittleCMS's own curves
    assert len(np.unique(picture.deep)) > 1000


def test_a_broken_profile_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    picture = read(tiff(smooth(), iccprofile=b"no profile at all"))
    np.testing.assert_array_equal(picture.deep, smooth())
    assert "its colour profile cannot be used" in caplog.text


@pytest.mark.parametrize("channels", [3, 4])
def test_resizing_keeps_16_bits(channels: int) -> None:
    picture = read(png(smooth(channels)))
    for size in (15, 45):
        resized, shallow = resize(picture, size), resize(Picture(picture.rgb, picture.alpha), size)
        assert resized.deep is not None
        assert resized.size == shallow.size
        assert len(np.unique(resized.deep)) > 256
        solid = slice(size // 2, None)  # columns; where alpha is low, Pillow's 8 bits are coarse
        assert abs(resized.rgb.astype(int) - shallow.rgb)[:, solid].max() <= 4
        if shallow.alpha is not None:
            assert resized.alpha is not None
            np.testing.assert_allclose(resized.alpha, shallow.alpha, atol=1)


@pytest.mark.parametrize("format", ["png", "tif"])
@pytest.mark.parametrize("channels", [3, 4])
def test_16_bits_are_written_with_their_metadata(channels: int, format: str) -> None:
    source = read(png(smooth(channels)))
    image = source.to_pil()
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Canon"
    image.info.update(exif=exif.tobytes(), xmp=b"<a>M\xc3\xbcller</a>", dpi=(300, 300))
    data = written(image, format)
    picture = read(data)
    np.testing.assert_array_equal(picture.deep, source.deep)
    np.testing.assert_array_equal(picture.alpha, source.alpha)
    assert b"Canon" in picture.metadata.exif
    assert picture.metadata.xmp == b"<a>M\xc3\xbcller</a>"
    assert picture.metadata.dpi == pytest.approx((300, 300), abs=0.02)
    with Image.open(io.BytesIO(data)) as opened:  # for other programs too
        opened.load()
        assert opened.getexif()[ExifTags.Base.Make] == "Canon"
        assert abs(np.asarray(opened)[..., :3].astype(int) - picture.rgb).max() <= 1


@pytest.mark.parametrize("format", ["jpg", "webp", "bmp", "avif", "gif"])
def test_other_formats_are_written_in_8_bits(format: str) -> None:
    assert read(written(read(png(smooth())).to_pil(), format)).deep is None


def test_an_image_that_was_changed_is_written_as_it_is() -> None:
    image = read(png(smooth())).to_pil()
    image.paste("red", (0, 0, 10, 10))
    picture = read(written(image, "png"))
    assert picture.deep is None
    np.testing.assert_array_equal(picture.rgb[0, 0], [255, 0, 0])


@pytest.mark.parametrize("module", ["imagecodecs", "tifffile"])
def test_without_the_extra_8_bits_are_read_and_written(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    image, data = read(png(smooth())).to_pil(), png(smooth())
    monkeypatch.setitem(sys.modules, module, None)
    picture = read(data)
    assert picture.deep is None
    assert abs(picture.rgb - smooth() / 257).max() <= 1
    with Image.open(io.BytesIO(written(image, "png"))) as opened:
        np.testing.assert_array_equal(np.asarray(opened), np.asarray(image))


def test_deep_colors_of_another_shape_are_refused() -> None:
    rgb = np.zeros((4, 5, 3), np.uint8)
    for deep in (np.zeros((4, 4, 3), np.uint16), rgb):
        with pytest.raises(InputError, match=r"deep must be uint16 \(4, 5, 3\) like rgb, got uint"):
            Picture(rgb, deep=deep)  # type: ignore[arg-type]


def test_tensors_of_16_bits_come_back_exactly() -> None:
    values = np.arange(65536, dtype=np.uint16)[:65535].reshape(-1, 5, 3)
    np.testing.assert_array_equal(from_tensor(to_tensor(values), np.uint16), values)


def test_a_16_bit_content_gives_a_16_bit_result() -> None:
    stylizer = adain.load(device="cpu")
    content, style = png(smooth(4)), Image.fromarray(painting())
    deep, shallow = stylizer(content, style), stylizer(read(content).to_pil().copy(), style)
    values = deep.info["rgb16"]
    assert values.dtype == np.uint16
    np.testing.assert_array_equal((values.astype(int) + 128) // 257, np.asarray(deep)[..., :3])
    assert len(np.unique(values)) > 256
    assert "rgb16" not in stylizer(Image.open(io.BytesIO(written(shallow, "jpg"))), style).info


@pytest.mark.usefixtures("random_weights")
@pytest.mark.parametrize(
    "options", [{"preserve_color": "luminance"}, {"tile": 192}, {"size": 20}, {"masks": "subject"}]
)
def test_every_option_keeps_16_bits(options: dict[str, object]) -> None:
    stylizer = adain.load(device="cpu")
    image = stylizer(png(smooth(4, 240, 200)), Image.fromarray(painting()), **options)  # type: ignore[arg-type]
    assert image.info["rgb16"].shape == (image.height, image.width, 3)
    np.testing.assert_array_equal((image.info["rgb16"].astype(int) + 128) // 257, np.asarray(image)[..., :3])


@pytest.mark.usefixtures("random_weights")
def test_file_to_file_and_folder_to_folder(painting_file: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(png(smooth()))
    (tmp_path / "in" / "b.tif").write_bytes(tiff(smooth()))
    for arguments in (["in/a.png", "-o", "a.tif"], ["in", "-o", "out"]):
        command = ["stylize", arguments[0], str(painting_file), *arguments[1:]]
        command = [str(tmp_path / part) if "/" in part or part in ("in", "out", "a.tif") else part for part in command]
        assert CliRunner().invoke(main, command).exit_code == 0
    for path in (tmp_path / "a.tif", tmp_path / "out" / "a_painting.png", tmp_path / "out" / "b_painting.tif"):
        assert read(path).deep is not None


def test_nothing_is_printed_about_a_broken_profile(capfd: pytest.CaptureFixture[str]) -> None:
    data = png(smooth())
    broken = b"\0\0\0\x06iCCPx\0\0abc"
    broken += zlib.crc32(broken[4:]).to_bytes(4, "big")
    np.testing.assert_array_equal(read(data[:33] + broken + data[33:]).deep, smooth())
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("compression", [None, "lzw", "deflate"])
@pytest.mark.filterwarnings("ignore")
def test_a_file_of_16_bits_that_is_cut_off_is_an_error_or_the_whole_picture(compression: str | None) -> None:
    noise = np.random.default_rng(0).integers(0, 65536, (31, 47, 3), dtype=np.uint16)
    for data in (png(noise), tiff(noise, compression=compression, rowsperstrip=8)):
        errors = 0
        for length in range(8, len(data), len(data) // 25):
            try:
                np.testing.assert_array_equal(read(data[:length]).deep, noise)
            except ImageError:
                errors += 1
        assert errors > 20
