"""Arrays in and out: dtypes, shapes, rounding, and the way to the network and back."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from adain.errors import AdainError, ImageError, InputError
from adain.images import Picture, from_tensor, quantize, read, to_tensor
from adain.images.arrays import BAND_PIXELS, bands

EVERY_BYTE = np.arange(256, dtype=np.uint8)


def noise(*shape: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


# read: dtypes


def test_uint8_is_taken_as_it_is() -> None:
    array = noise(5, 7, 3)
    picture = read(array)
    np.testing.assert_array_equal(picture.rgb, array)
    assert picture.alpha is None
    assert picture.size == (7, 5)


def test_uint16_is_scaled_to_the_nearest_of_256_values() -> None:
    array = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    expected = np.floor(array / 65535 * 255 + 0.5)
    np.testing.assert_array_equal(read(array).rgb[..., 0], expected)


@pytest.mark.parametrize("dtype", ["<u2", ">u2"])
def test_either_byte_order_will_do(dtype: str) -> None:
    np.testing.assert_array_equal(read(np.full((2, 2), 257 * 9, dtype)).rgb, 9)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_in_0_to_1_are_scaled_to_the_nearest(dtype: type[np.floating]) -> None:
    array = (EVERY_BYTE.reshape(16, 16) / 255).astype(dtype)
    np.testing.assert_array_equal(read(array).rgb[..., 0], EVERY_BYTE.reshape(16, 16))


def test_float_round_off_beyond_the_range_is_forgiven() -> None:
    array = np.array([[-1e-6, 1 + 1e-6]])
    np.testing.assert_array_equal(read(array).rgb[..., 0], [[0, 255]])


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([[0.5, np.nan]]), "NaN"),
        (np.array([[0.5, np.inf]]), "inf"),
        (np.array([[0.5, -0.1]]), r"\[0, 1\], got -0.1 to 0.5; scale or clip"),
        (np.array([[0.5, 1e300]]), r"\[0, 1\], got"),
        (np.array([[0.0, 200.0]]), "divide it by 255"),
        (np.array([[1, 2]]), "int64.*uint8"),
        (np.array([[True, False]]), "bool"),
        (np.array([["a", "b"]]), "<U1"),
        (np.array([[1 + 1j]]), "complex128"),
    ],
    ids=["nan", "inf", "negative", "huge", "bytes-as-float", "int64", "bool", "text", "complex"],
)
def test_other_values_and_dtypes_are_refused_with_advice(array: NDArray[np.generic], message: str) -> None:
    with pytest.raises(ImageError, match=message):
        read(array)


# read: shapes


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 1)], ids=str)
def test_grey_becomes_three_equal_channels(shape: tuple[int, ...]) -> None:
    array = noise(*shape)
    np.testing.assert_array_equal(read(array).rgb, np.repeat(array.reshape(4, 6, 1), 3, axis=2))


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 9, 3), (9, 1, 3), (3, 5, 3)], ids=str)
def test_every_size_will_do(shape: tuple[int, ...]) -> None:
    np.testing.assert_array_equal(read(noise(*shape)).rgb, noise(*shape))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_fourth_channel_is_alpha(dtype: type[np.generic]) -> None:
    levels = np.maximum(noise(6, 5, 4), 1)  # no alpha of 0, whose colours are replaced
    scale = {np.uint8: 1, np.uint16: 257, np.float32: 1 / 255}[dtype]
    picture = read((levels * np.float64(scale)).astype(dtype))
    np.testing.assert_array_equal(picture.rgb, levels[..., :3])
    np.testing.assert_array_equal(picture.alpha, levels[..., 3])


@pytest.mark.parametrize("shape", [(5,), (4, 4, 2), (4, 4, 5), (1, 3, 8, 8), (0, 4, 3), (4, 0, 3), (4, 0), ()], ids=str)
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match=r"\(H, W, 3\).* got \("):
        read(np.zeros(shape, np.uint8))


def test_channels_first_gets_the_right_advice() -> None:
    with pytest.raises(ImageError, match=r"transpose\(1, 2, 0\)"):
        read(np.zeros((3, 20, 20), np.uint8))


def test_a_picture_does_not_share_memory_with_the_array_it_was_read_from() -> None:
    for array in (noise(4, 4, 3), noise(4, 4), noise(4, 4, 4)):
        picture = read(array)
        assert not np.shares_memory(picture.rgb, array)
        assert picture.alpha is None or not np.shares_memory(picture.alpha, array)


@pytest.mark.parametrize("view", [np.s_[::-1], np.s_[:, ::-2], np.s_[..., ::-1]])
def test_views_are_read_like_copies(view: tuple[slice, ...]) -> None:
    array = noise(6, 8, 3)[view]
    picture = read(array)
    np.testing.assert_array_equal(picture.rgb, array)
    assert picture.rgb.flags.c_contiguous


@pytest.mark.parametrize("source", [None, 3, [[1, 2], [3, 4]], object()], ids=["none", "int", "list", "object"])
def test_what_is_no_picture_at_all_is_refused(source: object) -> None:
    with pytest.raises(InputError, match=f"path, bytes, .*or a torch tensor, got {type(source).__name__}"):
        read(source)  # type: ignore[arg-type]


# Colours below alpha 0


def test_hidden_colors_become_the_mean_of_the_visible_ones() -> None:
    array = noise(8, 8, 4)
    array[..., 3] = 255
    array[:, :4] = (0, 0, 0, 0)
    picture = read(array)
    np.testing.assert_array_equal(picture.rgb[:, 4:], array[:, 4:, :3])
    mean = array[:, 4:, :3].reshape(-1, 3).mean(axis=0).round()
    np.testing.assert_array_equal(picture.rgb[:, :4], np.broadcast_to(mean, (8, 4, 3)))
    np.testing.assert_array_equal(picture.alpha, array[..., 3])


def test_what_is_hidden_has_no_influence() -> None:
    one, other = noise(8, 8, 4), noise(8, 8, 4)
    one[2:5, :, 3] = other[2:5, :, 3] = 0
    other[2:5, :, :3] = 77
    np.testing.assert_array_equal(read(one).rgb, read(other).rgb)


def test_a_wholly_transparent_picture_keeps_its_colors() -> None:
    array = noise(4, 4, 4)
    array[..., 3] = 0
    np.testing.assert_array_equal(read(array).rgb, array[..., :3])


# Picture


def test_a_picture_checks_its_arrays() -> None:
    with pytest.raises(InputError, match=r"uint8 \(H, W, 3\).*float64 \(2, 2, 3\)"):
        Picture(np.zeros((2, 2, 3)))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"uint8 \(H, W, 3\).*got str"):
        Picture("x")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"alpha must be uint8 \(2, 2\).*got int"):
        Picture(np.zeros((2, 2, 3), np.uint8), 255)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"uint8 \(2, 2\).*uint8 \(3, 2\)"):
        Picture(np.zeros((2, 2, 3), np.uint8), np.zeros((3, 2), np.uint8))


@pytest.mark.parametrize("channels", [3, 4])
def test_to_pil_and_back_is_the_same_picture(channels: int) -> None:
    picture = read(np.maximum(noise(5, 9, channels), 1))
    image = picture.to_pil()
    assert image.mode == ("RGB" if channels == 3 else "RGBA")
    assert image.size == picture.size == (9, 5)
    again = read(image)
    np.testing.assert_array_equal(again.rgb, picture.rgb)
    assert (again.alpha is None) == (channels == 3)
    assert again.alpha is None or (again.alpha == picture.alpha).all()


# Tensors


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 5, 3), (300, 700, 3)], ids=str)
def test_to_the_network_and_back_is_exact(shape: tuple[int, ...]) -> None:
    rgb = noise(*shape)
    tensor = to_tensor(rgb)
    assert tensor.dtype == np.float32
    assert tensor.shape == (1, 3, *shape[:2])
    assert tensor.flags.c_contiguous
    np.testing.assert_array_equal(from_tensor(tensor), rgb)


def test_a_tensor_holds_values_over_255_in_planes() -> None:
    rgb = EVERY_BYTE.reshape(16, 16)[..., None] // np.array([1, 2, 3], np.uint8)
    tensor = to_tensor(rgb)
    for channel in range(3):
        np.testing.assert_array_equal(tensor[0, channel], rgb[..., channel] / np.float32(255))
    assert tensor.min() == 0.0
    assert tensor.max() == 1.0


def test_from_tensor_clips_and_rounds_to_the_nearest_with_halves_up() -> None:
    levels = np.array([-1e9, -1.0, -0.1, 0.0, 0.49, 0.5, 1.49, 1.5, 254.49, 254.5, 255.0, 255.4, 256.0, 1e9])
    tensor = np.broadcast_to(levels / 255, (1, 3, 1, levels.size)).astype(np.float64)
    expected = [0, 0, 0, 0, 0, 1, 1, 2, 254, 255, 255, 255, 255, 255]
    np.testing.assert_array_equal(from_tensor(tensor)[0, :, 0], expected)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_from_tensor_takes_every_float(dtype: type[np.floating]) -> None:
    result = from_tensor(np.full((1, 3, 2, 2), 0.5, dtype))
    np.testing.assert_array_equal(result, 128)
    assert result.dtype == np.uint8
    assert result.flags.c_contiguous


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3e38], ids=str)
def test_from_tensor_refuses_what_is_not_finite(bad: float) -> None:
    tensor = np.full((1, 3, 40, 40), 0.5, np.float32)
    tensor[0, 1, 39, 39] = bad
    with pytest.raises(InputError, match="NaN or infinity"):
        from_tensor(tensor)


@pytest.mark.parametrize(
    "tensor",
    [None, [0.5], np.zeros((3, 4, 4)), np.zeros((2, 3, 4, 4)), np.zeros((1, 4, 4, 3)), np.zeros((1, 3, 4, 4), int)],
)
def test_from_tensor_refuses_other_shapes_and_dtypes(tensor: NDArray[np.floating]) -> None:
    with pytest.raises(InputError, match=r"float \(1, 3, H, W\), got"):
        from_tensor(tensor)


def test_to_tensor_refuses_other_arrays() -> None:
    for other in (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), None, "x"):
        with pytest.raises(InputError, match="uint8"):
            to_tensor(other)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(1, 1), (7, BAND_PIXELS), (3, 2 * BAND_PIXELS), (5000, 40)], ids=str)
def test_bands_cover_every_row_once(shape: tuple[int, int]) -> None:
    rows = [row for band in bands(*shape) for row in range(band.start, band.stop)]
    assert rows == list(range(shape[0]))


@pytest.mark.parametrize(
    "values", [None, 0.5, [0.5], np.float64(0.5), np.array(0.5), np.zeros((2, 2, 3), int)], ids=str
)
def test_quantize_takes_only_arrays_of_floats(values: object) -> None:
    with pytest.raises(InputError, match="array of floats"):
        quantize(values)  # type: ignore[arg-type]


def test_quantize_does_not_change_its_argument() -> None:
    values = np.array([[[-1.0, 0.3, 2.0]]], np.float32)
    quantize(values)
    np.testing.assert_array_equal(values, np.array([[[-1.0, 0.3, 2.0]]], np.float32))


def test_every_error_is_the_packages_own_and_a_value_error() -> None:
    assert issubclass(ImageError, AdainError)
    assert issubclass(ImageError, ValueError)
    with pytest.raises(ValueError, match="NaN"):
        read(np.array([[np.nan]]))


def test_a_pil_image_can_be_read_without_being_changed() -> None:
    image = Image.fromarray(noise(4, 4, 4))
    before = image.tobytes()
    read(image)
    assert image.tobytes() == before
    assert image.mode == "RGBA"
