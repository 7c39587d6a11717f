"""Training pictures come through the same door as all others."""

from __future__ import annotations

import io
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the torch extra")
from numpy.typing import NDArray
from pictures import photo, save_as
from PIL import Image, ImageCms, PngImagePlugin

from adain import images
from adain.images.formats import READABLE
from adain.training import data, recipe

PHASE = recipe.Phase(iterations=1, batch=2, crop=16, content_side=(16, 16), style_side=(16, 16))


def only(folder: Path) -> data.PictureRef:
    pictures = data.open_pictures([folder])
    assert pictures.problems == ()
    (ref,) = pictures.refs
    return ref


def profile_with_red_and_green_exchanged() -> bytes:
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    entries = range(132, 132 + 12 * struct.unpack_from(">I", profile, 128)[0], 12)
    at = {bytes(profile[entry : entry + 4]): entry for entry in entries}
    profile[at[b"rXYZ"] : at[b"rXYZ"] + 4], profile[at[b"gXYZ"] : at[b"gXYZ"] + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile)


@pytest.mark.parametrize("suffix", READABLE)
def test_every_readable_format_can_be_trained_on(suffix: str, tmp_path: Path) -> None:
    save_as(Image.fromarray(photo()), tmp_path / f"picture{suffix.upper()}")
    assert only(tmp_path).decode().size == (48, 36)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "CMYK", "P", "L", "1", "I;16"])
def test_every_kind_of_pixel_can_be_trained_on(mode: str, tmp_path: Path) -> None:
    image = (
        Image.fromarray(photo()[..., 0].astype(np.uint16) * 257)
        if mode == "I;16"
        else Image.fromarray(photo()).convert(mode)
    )
    image.save(tmp_path / "picture.tif")
    decoded = only(tmp_path).decode(16)
    assert decoded.mode == "RGB"
    np.testing.assert_array_equal(decoded, images.read(tmp_path / "picture.tif").rgb)
    pictures = data.open_pictures([tmp_path])
    content, _, problems = data.PairDataset(pictures, pictures, seed=0)[data.SampleKey(0, PHASE)]
    assert content.shape == (3, 16, 16)
    assert problems == ()


def test_hidden_colours_rotation_and_profiles_are_as_everywhere(tmp_path: Path) -> None:
    cutout = np.dstack([np.full((36, 48, 3), (250, 10, 10), np.uint8), np.full((36, 48), 255, np.uint8)])
    cutout[:, :24] = 0
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(cutout).save(tmp_path / "a.png", exif=exif, icc_profile=profile_with_red_and_green_exchanged())
    decoded = only(tmp_path).decode()
    assert decoded.size == (36, 48)
    colors: NDArray[np.uint8] = np.asarray(decoded)
    assert colors[..., 1].min() > 240
    assert colors[..., [0, 2]].max() < 30


def test_a_jpeg_is_decoded_smaller_but_not_below_the_side(tmp_path: Path) -> None:
    Image.fromarray(photo(160, 120)).save(tmp_path / "photo.jpg")
    assert [only(tmp_path).decode(side).size for side in (None, 61, 60, 16)] == [
        (160, 120),
        (160, 120),
        (80, 60),
        (40, 30),
    ]


def test_a_format_that_is_not_allowed_is_listed_and_starts_nothing(tmp_path: Path) -> None:
    Image.fromarray(photo()).save(tmp_path / "good.png")
    Image.fromarray(photo()).save(tmp_path / "vector.jpg", "EPS")
    (tmp_path / "empty.jpg").touch()
    pictures = data.open_pictures([tmp_path])
    assert [ref.name for ref in pictures.refs] == ["good.png"]
    assert any(line.startswith("vector.jpg: ") and "no picture that can be read" in line for line in pictures.problems)
    assert any(line.startswith("empty.jpg: ") and "0 bytes" in line for line in pictures.problems)


@pytest.mark.parametrize(
    "error",
    [SyntaxError("broken PNG"), struct.error("unpack"), IndexError("index"), ValueError("bad"), OSError("cut")],
    ids=repr,
)
def test_whatever_a_decoder_raises_the_picture_is_replaced_and_named(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(photo()).save(tmp_path / "bad.png")
    Image.fromarray(photo()).save(tmp_path / "good.bmp")
    pictures = data.open_pictures([tmp_path])

    def broken(self: object) -> None:
        raise error

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", broken)
    dataset = data.PairDataset(pictures, pictures, seed=0)
    samples = [dataset[data.SampleKey(index, PHASE)] for index in range(2)]
    problems = [line for _, _, lines in samples for line in lines]
    assert len(problems) == 2  # once as content, once as style
    assert all(line.startswith("bad.png: ") and str(error) in line for line in problems)


def test_a_tar_file_that_was_cut_off_later_is_no_end_of_the_run(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "pictures.tar", "w") as tar:
        for name in ("a.png", "b.png"):
            stream = io.BytesIO()
            Image.fromarray(photo()).save(stream, "PNG")
            member = tarfile.TarInfo(name)
            member.size = stream.tell()
            stream.seek(0)
            tar.addfile(member, stream)
    pictures = data.open_pictures([tmp_path / "pictures.tar"])
    with (tmp_path / "pictures.tar").open("r+b") as file:
        file.truncate(pictures.refs[1].offset)
    samples = [data.PairDataset(pictures, pictures, seed=0)[data.SampleKey(index, PHASE)] for index in range(2)]
    assert {line.split(":")[0] for _, _, lines in samples for line in lines} == {"b.png"}
