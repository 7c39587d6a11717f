"""Writing: whole or not at all, in the format the suffix names."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pictures import photo
from PIL import Image

from adain.errors import InputError, OutputError
from adain.images import Picture, check_target, read, write
from adain.images.formats import WRITABLE

SUFFIXES = list(WRITABLE)
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX file modes and links")


@pytest.fixture
def image() -> Image.Image:
    return Image.fromarray(photo())


@pytest.fixture
def cutout() -> Image.Image:
    image = Image.new("RGBA", (10, 6), (200, 40, 40, 255))
    image.paste((0, 0, 0, 0), (0, 0, 5, 6))
    return image


def failing(error: BaseException) -> Callable[..., None]:
    """A `save` that writes half a file and then raises."""

    def save(self: Image.Image, file: object, **_: object) -> None:
        file.write(b"half a pict")  # type: ignore[attr-defined]
        raise error

    return save


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".PNG", ".Jpg"])
def test_the_suffix_names_the_format(suffix: str, image: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / f"out{suffix}"
    write(image, path)
    with Image.open(path) as written:
        assert written.format == WRITABLE[suffix.lower()].pillow
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_lossless_formats_keep_every_value(suffix: str, mode: str, image: Image.Image, tmp_path: Path) -> None:
    image = image.convert(mode)
    write(image, tmp_path / f"out{suffix}")
    np.testing.assert_array_equal(read(tmp_path / f"out{suffix}").rgb, np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_lossy_formats_are_close(suffix: str, tmp_path: Path) -> None:
    y, x = np.mgrid[:64, :64]
    smooth = np.stack([2 * x + 60, 2 * y + 60, 190 - x], axis=-1).astype(np.uint8)
    write(Image.fromarray(smooth), tmp_path / f"out{suffix}")
    assert abs(read(tmp_path / f"out{suffix}").rgb.astype(int) - smooth).mean() < 2


def test_jpeg_keeps_the_full_resolution_of_colors(image: Image.Image, tmp_path: Path) -> None:
    write(image, tmp_path / "out.jpg")
    with Image.open(tmp_path / "out.jpg") as written:
        assert {layer[1:3] for layer in written.layer} == {(1, 1)}  # type: ignore[attr-defined]


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_alpha_is_written_where_the_format_has_it(suffix: str, cutout: Image.Image, tmp_path: Path) -> None:
    write(cutout, tmp_path / f"out{suffix}")
    np.testing.assert_array_equal(read(tmp_path / f"out{suffix}").alpha, np.asarray(cutout.getchannel("A")))


@pytest.mark.parametrize("suffix", [".jpg", ".bmp"])
def test_without_an_alpha_channel_a_picture_lies_on_white(suffix: str, cutout: Image.Image, tmp_path: Path) -> None:
    write(cutout, tmp_path / f"out{suffix}")
    picture = read(tmp_path / f"out{suffix}")
    assert picture.alpha is None
    assert picture.rgb[3, 0].min() > 245
    assert abs(picture.rgb[3, 9].astype(int) - (200, 40, 40)).max() < 10


@pytest.mark.parametrize("mode", ["P", "CMYK", "I;16", "LA", "1", "F"])
def test_other_modes_are_converted(mode: str, tmp_path: Path) -> None:
    image = Image.fromarray(np.full((4, 4), 0.5, np.float32) if mode == "F" else photo()[..., 0])
    if mode == "I;16":
        image = Image.fromarray(photo()[..., 0].astype(np.uint16) * 257)
    elif mode != "F":
        image = image.convert(mode)
    write(image, tmp_path / "out.png")
    np.testing.assert_array_equal(read(tmp_path / "out.png").rgb, read(image).rgb)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (300, 2)], ids=str)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_size_is_written(suffix: str, size: tuple[int, int], tmp_path: Path) -> None:
    write(Image.new("RGB", size), tmp_path / f"out{suffix}")
    assert read(tmp_path / f"out{suffix}").size == size


def test_an_existing_file_is_replaced(image: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / "out.png"
    path.write_bytes(b"old")
    write(image, path)
    np.testing.assert_array_equal(read(path).rgb, photo())


@posix
def test_through_a_link_the_file_behind_it_is_written(image: Image.Image, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere/real.png", tmp_path / "link.png"
    target.touch()
    link.symlink_to(target)
    write(image, link)
    assert link.is_symlink()
    np.testing.assert_array_equal(read(target).rgb, photo())


@posix
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_the_files_mode_follows_the_umask(umask: int, mode: int, image: Image.Image, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        write(image, tmp_path / "out.png")
    finally:
        os.umask(before)
    assert (tmp_path / "out.png").stat().st_mode & 0o777 == mode


def test_a_name_as_long_as_the_system_allows_is_written(image: Image.Image, tmp_path: Path) -> None:
    length = 100 if sys.platform == "win32" else 251
    path = tmp_path / ("x" * length + ".png")
    write(image, path)
    assert path.is_file()


# What goes wrong


@pytest.mark.parametrize("name", ["out", "out.", "out.heic", "out.mpo", "out.xyz", "out.png.txt", ".png", ""])
def test_an_unknown_suffix(name: str, image: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"suffix must be one of \.jpg, .*\.png"):
        write(image, name)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_made(image: Image.Image, tmp_path: Path) -> None:
    write(image, tmp_path / "new" / "folder" / "out.png")
    assert (tmp_path / "new" / "folder" / "out.png").is_file()


def test_a_folder_that_is_a_file(image: Image.Image, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"file is no folder; choose another place"):
        write(image, tmp_path / "file" / "out.png")


def test_a_target_that_is_a_folder(image: Image.Image, tmp_path: Path) -> None:
    (tmp_path / "out.png").mkdir()
    with pytest.raises(OutputError, match="is a folder; give the name of a file in it"):
        write(image, tmp_path / "out.png")


@posix
def test_a_device_is_never_replaced_by_a_file(image: Image.Image, tmp_path: Path) -> None:
    (tmp_path / "out.png").symlink_to("/dev/null")
    with pytest.raises(OutputError, match="not a regular file"):
        write(image, tmp_path / "out.png")


@pytest.mark.parametrize("protected", ["folder", "out.png"])
def test_a_write_protected_place(
    protected: str, image: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "out.png").write_bytes(b"old")
    # Asked for, and not tried: the superuser may write everywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != protected)
    with pytest.raises(OutputError, match=f"{protected} is write-protected"):
        write(image, folder / "out.png")
    assert (folder / "out.png").read_bytes() == b"old"


@pytest.mark.parametrize(
    "error",
    [OSError(28, "No space left on device"), ValueError("encoder"), RuntimeError("encoder")],
    ids=repr,
)
def test_a_failure_half_way_leaves_the_target_and_nothing_else(
    error: Exception, image: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.png"
    path.write_bytes(b"old")
    monkeypatch.setattr(Image.Image, "save", failing(error))
    with pytest.raises(OutputError, match=r"out\.png cannot be written .*nothing was left behind") as caught:
        write(image, path)
    assert caught.value.__cause__ is error
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["out.png"]


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), SystemExit(), MemoryError()], ids=lambda value: type(value).__name__
)
def test_an_interruption_leaves_nothing_and_passes_on(
    error: BaseException, image: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image.Image, "save", failing(error))
    with pytest.raises(type(error)):
        write(image, tmp_path / "out.png")
    assert list(tmp_path.iterdir()) == []


def test_a_failing_rename_leaves_nothing(image: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> None:
        raise PermissionError(13, "the file is in use")

    monkeypatch.setattr(os, "replace", busy)
    with pytest.raises(OutputError, match="in use"):
        write(image, tmp_path / "out.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("suffix", "limit"), [(".webp", 16_383), (".jpg", 65_500)])
def test_a_side_the_format_cannot_hold(suffix: str, limit: int, tmp_path: Path) -> None:
    write(Image.new("L", (limit, 1)), tmp_path / f"fits{suffix}")
    with pytest.raises(
        OutputError, match=rf"at most {limit:,} pixels a side, got {limit + 1}x1; write .*PNG, .*TIFF.* or .* instead"
    ):
        write(Image.new("L", (limit + 1, 1)), tmp_path / f"out{suffix}")
    assert not (tmp_path / f"out{suffix}").exists()


@pytest.mark.parametrize("name", ["out.png", "out.JPG"])
def test_a_target_can_be_checked_beforehand(name: str, tmp_path: Path) -> None:
    check_target(tmp_path / name)
    check_target(tmp_path / "missing" / name)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError):
        check_target(tmp_path / "out.xyz")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        check_target(tmp_path / "file" / name)


# Streams


@pytest.mark.parametrize("format", [*SUFFIXES, "png", "jpeg", "JPG", "WebP", "tiff", "bmp"])
def test_a_stream_gets_what_a_file_would(format: str, cutout: Image.Image, tmp_path: Path) -> None:
    stream = io.BytesIO(b"before")
    stream.seek(6)
    write(cutout, stream, format)
    path = tmp_path / f"out.{format.removeprefix('.')}"
    write(cutout, path)
    assert stream.getvalue() == b"before" + path.read_bytes()
    assert not stream.closed


def test_a_path_with_a_named_format_needs_no_suffix(image: Image.Image, tmp_path: Path) -> None:
    for name in ("picture", "picture.jpg", "picture.part"):
        write(image, tmp_path / name, format="png")
        with Image.open(tmp_path / name) as written:
            assert written.format == "PNG"


def test_a_stream_needs_a_format(image: Image.Image) -> None:
    stream = io.BytesIO()
    with pytest.raises(InputError, match='name one, such as format="png"'):
        write(image, stream)
    assert stream.getvalue() == b""


@pytest.mark.parametrize("format", ["", ".", "heic", "xyz", "image/png", "..png", 3, b"png"])
def test_an_unknown_format(format: str, image: Image.Image, tmp_path: Path) -> None:
    for target in (io.BytesIO(), tmp_path / "out.png"):
        with pytest.raises(InputError, match=r"format must be one of jpg, .*bmp.*, got "):
            write(image, target, format)
    assert list(tmp_path.iterdir()) == []


def test_an_encoder_that_fails_half_way_leaves_a_stream_as_it_was(
    image: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image.Image, "save", failing(ValueError("encoder")))
    stream = io.BytesIO()
    with pytest.raises(OutputError, match=r"the stream cannot be written \(encoder\)"):
        write(image, stream, "png")
    assert stream.getvalue() == b""


def test_a_text_stream_is_refused(image: Image.Image) -> None:
    with pytest.raises(InputError, match='takes text; open it with mode "wb"'):
        write(image, io.StringIO(), "png")  # type: ignore[arg-type]


class Sink:
    """A stream of somebody else's library."""

    name = "upload"

    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.data = b""

    def write(self, data: bytes) -> object:
        if isinstance(self.answer, Exception):
            raise self.answer
        self.data += data
        return self.answer


def test_anything_that_takes_bytes_is_a_stream(image: Image.Image) -> None:
    sink = Sink(None)
    write(image, sink, "png")
    np.testing.assert_array_equal(read(sink.data).rgb, photo())


@pytest.mark.parametrize(
    "answer", [0, 10, OSError(32, "Broken pipe"), RuntimeError("gone")], ids=lambda value: type(value).__name__
)
def test_a_stream_that_fails(answer: object, image: Image.Image) -> None:
    with pytest.raises(OutputError, match=r"upload cannot be written \("):
        write(image, Sink(answer), "png")


def test_a_closed_stream(image: Image.Image) -> None:
    stream = io.BytesIO()
    stream.close()
    with pytest.raises(OutputError, match=r"closed file.*pass a buffered stream that is open"):
        write(image, stream, "png")


def test_a_side_too_long_for_the_format_leaves_a_stream_as_it_was() -> None:
    stream = io.BytesIO()
    with pytest.raises(OutputError, match=r"the stream: WebP allows at most 16,383 pixels a side, got 16384x1"):
        write(Image.new("L", (16_384, 1)), stream, "webp")
    assert stream.getvalue() == b""


@pytest.mark.parametrize("target", [None, 3, object(), b"out.png"], ids=lambda value: type(value).__name__)
def test_a_target_of_another_type(target: object, image: Image.Image) -> None:
    for format in (None, "png"):
        with pytest.raises(InputError, match=f"path or a binary stream, got {type(target).__name__}"):
            write(image, target, format)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=f"must be a path, got {type(target).__name__}"):
        check_target(target)  # type: ignore[arg-type]


@pytest.mark.parametrize("picture", [None, "x", photo(), Picture(photo())], ids=["none", "str", "array", "Picture"])
def test_only_pil_images_are_written(picture: object, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"must be a PIL image, got {type(picture).__name__}"):
        write(picture, tmp_path / "out.png")  # type: ignore[arg-type]


def test_a_path_with_a_zero_byte(image: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for format in (None, "png"):
        with pytest.raises(InputError, match="zero byte"):
            write(image, "a\0b.png", format)
    assert list(tmp_path.iterdir()) == []
