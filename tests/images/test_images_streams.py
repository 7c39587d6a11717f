"""Bytes, streams and torch tensors are read like the files and arrays that they hold."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import photo, save_as
from PIL import Image

from adain.errors import AdainError, ImageError, InputError
from adain.images import Picture, encoded, read, read_labels, read_rgb, resize
from adain.images.formats import READABLE

LABELS = np.arange(12, dtype=np.uint8).reshape(3, 4)


def picture_bytes(format: str = "PNG", array: NDArray[np.generic] | None = None) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(photo() if array is None else array).save(stream, format)
    return stream.getvalue()


class Unseekable:
    """A stream that can only be read, and gives little at a time."""

    name = "upload.png"

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, size: int, /) -> bytes:
        piece, self._data = self._data[: min(size, 100)], self._data[min(size, 100) :]
        return piece


class Answering:
    """A stream whose `read` gives or raises one thing."""

    def __init__(self, answer: object) -> None:
        self._answer = answer

    def read(self, size: int) -> object:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


# Bytes and streams


@pytest.mark.parametrize("suffix", READABLE)
def test_bytes_and_streams_of_every_format_are_read_as_their_file(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"photo{suffix}"
    save_as(Image.fromarray(photo()), path)
    expected, data = read(path).rgb, path.read_bytes()
    wide = memoryview(b"".join(bytes([value, 0]) for value in data))[::2]
    for source in (data, bytearray(data), memoryview(data), wide, io.BytesIO(data), Unseekable(data)):
        np.testing.assert_array_equal(read(source).rgb, expected)
        np.testing.assert_array_equal(read_rgb(data), expected)


def test_files_archives_and_pipes_are_streams(tmp_path: Path) -> None:
    data = picture_bytes()
    with gzip.open(tmp_path / "photo.gz", "wb") as packed:
        packed.write(data)
    with zipfile.ZipFile(tmp_path / "photo.zip", "w") as archive:
        archive.writestr("photo.png", data)
    (tmp_path / "photo.png").write_bytes(data)
    ending, start = os.pipe()
    with open(start, "wb") as pipe:
        pipe.write(data)
    with (
        gzip.open(tmp_path / "photo.gz") as unpacked,
        zipfile.ZipFile(tmp_path / "photo.zip") as archive,
        archive.open("photo.png") as member,
        (tmp_path / "photo.png").open("rb") as file,
        (tmp_path / "photo.png").open("rb", buffering=0) as raw,
        open(ending, "rb") as pipe,
    ):
        for stream in (unpacked, member, file, raw, pipe):
            np.testing.assert_array_equal(read(stream).rgb, photo())
            assert not stream.closed


def test_a_stream_is_read_from_its_position_to_its_end() -> None:
    stream = io.BytesIO(b"header" + picture_bytes())
    stream.seek(6)
    np.testing.assert_array_equal(read(stream).rgb, photo())
    assert stream.read() == b""
    with pytest.raises(ImageError, match=r"the picture gives 0 bytes; rewind the stream with seek\(0\)"):
        read(stream)


@pytest.mark.parametrize("empty", [b"", bytearray(), memoryview(b"")], ids=lambda value: type(value).__name__)
def test_empty_bytes(empty: bytes) -> None:
    with pytest.raises(ImageError, match="the picture has 0 bytes"):
        read(empty)


def test_bytes_that_are_no_picture() -> None:
    for source in (b"photo.jpg", io.BytesIO(b"photo.jpg")):
        with pytest.raises(
            ImageError, match=r"the picture is no picture.*starts with b.photo\.jpg.; allowed are JPEG, "
        ):
            read(source)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP"])
def test_damaged_bytes_are_an_image_error_by_the_streams_name(format: str) -> None:
    data = picture_bytes(format)[:-200]
    with pytest.raises(ImageError, match=r"^the picture .*complete copy"):
        read(data)
    with pytest.raises(ImageError, match=r"^upload\.png .*complete copy"):
        read(Unseekable(data))


@pytest.mark.parametrize("answer", ["text", None, 3, [b"x"]], ids=lambda value: type(value).__name__)
def test_a_stream_that_gives_no_bytes(answer: object) -> None:
    with pytest.raises(InputError, match=f"binary stream whose .* gives bytes, got {type(answer).__name__}"):
        read(Answering(answer))  # type: ignore[arg-type]


def test_a_text_stream(tmp_path: Path) -> None:
    (tmp_path / "photo.txt").write_text("text")
    with (tmp_path / "photo.txt").open() as stream, pytest.raises(InputError, match=r"photo\.txt must be a binary"):
        read(stream)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "error",
    [OSError(5, "I/O error"), TimeoutError("slow"), RuntimeError("gone")],
    ids=lambda value: type(value).__name__,
)
def test_a_stream_that_fails_keeps_the_cause(error: Exception) -> None:
    with pytest.raises(ImageError, match="the picture cannot be read from its stream") as caught:
        read(Answering(error))  # type: ignore[arg-type]
    assert caught.value.__cause__ is error


def test_a_closed_or_write_only_stream(tmp_path: Path) -> None:
    stream = io.BytesIO(picture_bytes())
    stream.close()
    with pytest.raises(ImageError, match=r"closed file.*pass one that is open"):
        read(stream)
    with (tmp_path / "out.png").open("wb") as write_only, pytest.raises(ImageError, match=r"out\.png cannot be read"):
        read(write_only)


def test_an_endless_stream_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    monkeypatch.setattr(encoded, "_METADATA", 1000)
    with pytest.raises(ImageError, match=r"longer than 9,000 bytes, more than a picture of the allowed 1,000 pixels"):
        read(Answering(b"\x89PNG"))  # type: ignore[arg-type]


def test_a_jpeg_is_decoded_smaller_but_not_below_what_is_needed() -> None:
    data = picture_bytes("JPEG", photo(160, 120))
    assert [read_rgb(data, at_least=side).size for side in (15, 16, 30, 60, 61, 500)] == [
        (20, 15), (40, 30), (40, 30), (80, 60), (160, 120), (160, 120)
    ]  # fmt: skip
    assert read_rgb(picture_bytes(array=photo(160, 120)), at_least=15).size == (160, 120)
    with pytest.raises(InputError, match="size must be a whole number"):
        read_rgb(data, at_least=0)


def test_the_colours_alone_are_those_of_the_picture() -> None:
    cutout = np.dstack([photo(), np.where(np.arange(48) < 20, 0, 255).astype(np.uint8)[None].repeat(36, 0)])
    data = picture_bytes(array=cutout)
    np.testing.assert_array_equal(read_rgb(data), read(data).rgb)


# Torch tensors


def test_torch_tensors_are_read_channels_first() -> None:
    torch = pytest.importorskip("torch", reason="needs the torch extra")
    whole = torch.from_numpy(photo()).permute(2, 0, 1)
    for tensor in (
        whole,
        whole[None],
        whole / 255,
        whole.double() / 255,
        (whole.float() / 255).requires_grad_(),
        torch.nn.Parameter(whole / 255),
        whole.contiguous(memory_format=torch.contiguous_format),
    ):
        np.testing.assert_array_equal(read(tensor).rgb, photo())
    for kind in (torch.float16, torch.bfloat16):
        assert abs(read((whole / 255).to(kind)).rgb.astype(int) - photo()).max() <= 1
    for grey in (whole[0], whole[:1], whole[None, :1]):
        np.testing.assert_array_equal(read(grey).rgb, photo()[..., :1].repeat(3, 2))
    alpha = read(torch.cat([whole, whole[:1]])).alpha
    np.testing.assert_array_equal(alpha, photo()[..., 0])


def test_a_torchvision_image_is_a_tensor() -> None:
    tensors = pytest.importorskip("torchvision.tv_tensors", reason="needs the torch extra")
    np.testing.assert_array_equal(read(tensors.Image(Image.fromarray(photo()))).rgb, photo())


def test_a_tensor_is_copied() -> None:
    torch = pytest.importorskip("torch", reason="needs the torch extra")
    tensor = torch.zeros(3, 4, 5, dtype=torch.uint8)
    read(tensor).rgb[:] = 1
    assert int(tensor.sum()) == 0


@pytest.mark.parametrize(
    "shape", [(2, 3, 4, 5), (5, 4, 3), (5,), (), (2, 4, 5), (3, 0, 5), (0, 3, 4, 5), (1, 1, 3, 4, 5)]
)
def test_tensors_of_other_shapes(shape: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch", reason="needs the torch extra")
    with pytest.raises(ImageError, match=r"picture tensor must be .*got \(.*one by one"):
        read(torch.zeros(shape))


def test_tensors_of_other_values() -> None:
    torch = pytest.importorskip("torch", reason="needs the torch extra")
    with pytest.raises(ImageError, match="uint8, uint16 or float"):
        read(torch.zeros(3, 4, 5, dtype=torch.int64))
    with pytest.raises(ImageError, match="divide it by 255"):
        read(torch.full((3, 4, 5), 200.0))
    with pytest.raises(ImageError, match="NaN"):
        read(torch.full((3, 4, 5), float("nan")))
    for empty in (torch.zeros(3, 4, 5, device="meta"), torch.zeros(3, 4, 5).to_sparse()):
        with pytest.raises(ImageError, match="no values that numpy can take"):
            read(empty)


def test_recognising_tensors_does_not_import_torch() -> None:
    code = "import sys, numpy, adain.images as i; i.read(numpy.zeros((2, 2))); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


# Maps of labels


def test_labels_are_read_from_bytes_streams_and_tensors() -> None:
    data = picture_bytes(array=LABELS)
    for source in (data, bytearray(data), io.BytesIO(data), Unseekable(data)):
        np.testing.assert_array_equal(read_labels(source), LABELS)
    torch = pytest.importorskip("torch", reason="needs the torch extra")
    for tensor in (
        torch.from_numpy(LABELS),
        torch.from_numpy(LABELS).long()[None],
        torch.from_numpy(LABELS)[None, None],
    ):
        np.testing.assert_array_equal(read_labels(tensor), LABELS)


def test_labels_from_bytes_that_cannot_be_read() -> None:
    for source in (b"", b"text", io.BytesIO(), picture_bytes()[:-100], Answering("text"), None, 3):
        with pytest.raises(AdainError):
            read_labels(source)  # type: ignore[arg-type]


# Wrong types elsewhere


@pytest.mark.parametrize("picture", [None, "x", photo()], ids=["none", "str", "array"])
def test_only_pictures_are_resized(picture: Picture) -> None:
    with pytest.raises(InputError, match=f"only a Picture can be resized, got {type(picture).__name__}"):
        resize(picture, 3)


@pytest.mark.parametrize("size", ["3", None, 3.0, True, 0, -1], ids=lambda value: type(value).__name__)
def test_sizes_are_whole_numbers(size: int) -> None:
    with pytest.raises(InputError, match="size must be a whole number of pixels"):
        resize(Picture(photo()), size)
