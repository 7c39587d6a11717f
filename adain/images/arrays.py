"""Arrays of every allowed dtype to 8 bit, and 8 bit to network tensors and back.

Values are sRGB-encoded throughout; nothing here is linear light. Work goes in bands of rows, so that a
picture of 20 megapixels never has a second full-size float copy beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import numpy as np
from numpy.typing import NDArray

from adain.errors import ImageError, InputError

__all__ = ["bands", "check_rgb", "from_tensor", "quantize", "to_tensor", "to_uint8"]

BAND_PIXELS = 1 << 16  # a float32 RGB band of 768 KiB stays in a core's cache
HALF_STEP = 0.5 / 255  # slack for round-off: a float this far outside [0, 1] still rounds to 0 or 255


def bands(height: int, width: int) -> Iterator[slice]:
    """Slices of whole rows that cover `height`, each of about `BAND_PIXELS` pixels."""
    rows = max(1, BAND_PIXELS // max(1, width))
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))


def quantize(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Round floats in [0, 1] to 8 bit: clip, then `floor(x * 255 + 0.5)`, the rounding of the ONNX graphs.

    Args:
        values: float, any shape whose first axis is rows; values outside [0, 1] are clipped.

    Returns:
        uint8, the same shape, C-contiguous.

    Raises:
        InputError: if a value is NaN or infinite.
    """
    result = np.empty(values.shape, np.uint8)
    for rows in bands(values.shape[0], int(np.prod(values.shape[1:])) // 3):
        with np.errstate(over="ignore"):  # becomes infinity, which is reported below
            levels = np.multiply(values[rows], 255, dtype=np.float32, casting="same_kind")
        levels += 0.5
        low, high = levels.min(), levels.max()
        if not (np.isfinite(low) and np.isfinite(high)):
            raise InputError(
                "a picture's values must be finite, got NaN or infinity; "
                "the array, or the network that computed it, is broken"
            )
        if low < 0 or high >= 256:
            np.clip(levels, 0, 255, out=levels)
        result[rows] = levels.astype(np.uint8)  # the cast is the floor
    return result


def to_tensor(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Turn a picture into what the networks take.

    Args:
        rgb: uint8 (H, W, 3).

    Returns:
        float32 (1, 3, H, W) in [0, 1], C-contiguous.

    Raises:
        InputError: if the array is of another dtype or shape.
    """
    check_rgb(rgb)
    tensor = np.empty((1, 3, *rgb.shape[:2]), np.float32)
    for rows in bands(*rgb.shape[:2]):
        np.divide(rgb[rows].transpose(2, 0, 1), np.float32(255), out=tensor[0, :, rows])
    return tensor


def from_tensor(tensor: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Turn a network's output into a picture; the inverse of `to_tensor`.

    Args:
        tensor: float (1, 3, H, W), meant to be in [0, 1]; what lies outside is clipped.

    Returns:
        uint8 (H, W, 3), C-contiguous, rounded to the nearest of 256 values.

    Raises:
        InputError: if the array is of another shape or dtype, or holds NaN or infinity.
    """
    if tensor.ndim != 4 or tensor.shape[:2] != (1, 3) or tensor.dtype.kind != "f":
        raise InputError(f"a tensor must be float (1, 3, H, W), got {tensor.dtype} {tensor.shape}")
    result = np.empty((*tensor.shape[2:], 3), np.uint8)
    for channel, plane in enumerate(tensor[0]):
        result[..., channel] = quantize(plane)  # at once, numpy would turn planes to pixels three bytes at a time
    return result


def check_rgb(rgb: NDArray[np.uint8]) -> None:
    """Raise `InputError` unless the array is uint8 (H, W, 3) with at least one pixel."""
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.size == 0:
        raise InputError(f"colours must be uint8 (H, W, 3) with H, W >= 1, got {rgb.dtype} {rgb.shape}")


def to_uint8(array: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Bring a picture of any allowed dtype to 8 bit; the result never shares memory with the argument.

    Args:
        array: uint8; uint16, all of whose 65536 values count; or float in [0, 1]. Any shape.

    Returns:
        uint8, the same shape, each value the nearest of 256.

    Raises:
        ImageError: for another dtype, and for a float that is NaN or outside [0, 1].
    """
    kind, bytes_per_value = array.dtype.kind, array.dtype.itemsize
    if kind == "u" and bytes_per_value == 1:
        return np.array(array, np.uint8, order="C")
    if kind == "u" and bytes_per_value == 2:
        return _from_16_bit(array)
    if kind == "f":
        return _from_float(cast("NDArray[np.floating]", array))
    raise ImageError(
        f"a picture array must be uint8, uint16 or float in [0, 1], got {array.dtype}; "
        "convert it, for instance with .astype(numpy.uint8) where its values are 0 to 255"
    )


def _from_16_bit(array: NDArray[np.generic]) -> NDArray[np.uint8]:
    result = np.empty(array.shape, np.uint8)
    for rows in bands(array.shape[0], int(np.prod(array.shape[1:])) // 3):
        wide = array[rows].astype(np.uint32)  # 65535 + 128 does not fit 16 bits
        result[rows] = (wide + 128) // 257  # 257 = 65535 / 255, so this is the nearest
    return result


def _from_float(array: NDArray[np.floating]) -> NDArray[np.uint8]:
    low, high = float(array.min()), float(array.max())
    if np.isnan(low):
        raise ImageError("a float picture must be finite and in [0, 1], got NaN; replace the NaNs first")
    if low < -HALF_STEP or high > 1 + HALF_STEP:
        hint = "divide it by 255" if 1 < high <= 255 and low >= 0 else "scale or clip it"
        raise ImageError(f"a float picture must be in [0, 1], got {low:g} to {high:g}; {hint} first")
    return quantize(array)
