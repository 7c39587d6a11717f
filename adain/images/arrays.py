"""Conversions between picture arrays of any allowed dtype, 8-bit arrays and network tensors.

All values are sRGB, never linear light. The work is done in bands of rows, so that a picture of 20 megapixels needs no
float copy of its full size.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from adain.errors import ImageError, InputError

__all__ = ["Colors", "bands", "check_rgb", "described", "from_tensor", "quantize", "to_tensor", "to_uint8"]

Colors: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
"""Colours of 8 bits, or of 16 bits (see `adain.images.deep`)."""

BAND_PIXELS = 1 << 16  # a float32 RGB band of 768 KiB fits a core's cache
HALF_STEP = 0.5 / 255  # tolerance for round-off: a float this far outside [0, 1] still rounds to 0 or 255


def bands(height: int, width: int) -> Iterator[slice]:
    """Split `height` into slices of whole rows, of about `BAND_PIXELS` pixels each."""
    rows = max(1, BAND_PIXELS // max(1, width))
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))


def quantize(values: NDArray[np.floating], dtype: type[np.uint8] | type[np.uint16] = np.uint8) -> NDArray[Any]:
    """Round floats in [0, 1] to 8 bit: clip, then `floor(x * 255 + 0.5)`, as the ONNX graphs do; or to 16 bit.

    Args:
        values: float, of any shape whose first axis is rows. Values outside [0, 1] are clipped.
        dtype: uint8 or uint16.

    Returns:
        Of that dtype, the same shape, C-contiguous.

    Raises:
        InputError: a value is NaN or infinite, or `values` is not a float array.
    """
    if not isinstance(values, np.ndarray) or values.dtype.kind != "f" or values.ndim == 0:
        raise InputError(f"values must be an array of floats with rows, got {described(values)}")
    result, most = np.empty(values.shape, dtype), np.iinfo(dtype).max
    for rows in bands(values.shape[0], int(np.prod(values.shape[1:])) // 3):
        with np.errstate(over="ignore"):  # becomes infinity, which is reported below
            levels = np.multiply(values[rows], most, dtype=np.float32, casting="same_kind")
        levels += 0.5
        low, high = levels.min(), levels.max()
        if not (np.isfinite(low) and np.isfinite(high)):
            raise InputError(
                "a picture's values must be finite, got NaN or infinity; "
                "the array, or the network that computed it, is broken"
            )
        if low < 0 or high >= most + 1:
            np.clip(levels, 0, most, out=levels)
        result[rows] = levels.astype(dtype)  # the cast is the floor
    return result


def to_tensor(rgb: Colors) -> NDArray[np.float32]:
    """Convert 8-bit or 16-bit colours to a network's input.

    Args:
        rgb: uint8 or uint16 (H, W, 3).

    Returns:
        float32 (1, 3, H, W) in [0, 1], C-contiguous.

    Raises:
        InputError: the array has another dtype or shape.
    """
    check_rgb(rgb, deep=True)
    most = np.float32(np.iinfo(rgb.dtype).max)
    tensor = np.empty((1, 3, *rgb.shape[:2]), np.float32)
    for rows in bands(*rgb.shape[:2]):
        np.divide(rgb[rows].transpose(2, 0, 1), most, out=tensor[0, :, rows])
    return tensor


def from_tensor(tensor: NDArray[np.floating], dtype: type[np.uint8] | type[np.uint16] = np.uint8) -> NDArray[Any]:
    """Convert a network's output to 8-bit or 16-bit colours; the inverse of `to_tensor`.

    Args:
        tensor: float (1, 3, H, W) in [0, 1]. Values outside are clipped.
        dtype: uint8 or uint16.

    Returns:
        (H, W, 3), C-contiguous, rounded to the nearest value.

    Raises:
        InputError: the array has another shape or dtype, or a value is NaN or infinite.
    """
    if not isinstance(tensor, np.ndarray) or tensor.shape[:2] != (1, 3) or tensor.ndim != 4 or tensor.dtype.kind != "f":
        raise InputError(f"a tensor must be float (1, 3, H, W), got {described(tensor)}")
    result = np.empty((*tensor.shape[2:], 3), dtype)
    for channel, plane in enumerate(tensor[0]):
        result[..., channel] = quantize(plane, dtype)  # per channel: numpy interleaves all three at once slowly
    return result


def check_rgb(rgb: Colors, *, deep: bool = False) -> None:
    """Raise `InputError` unless the array is uint8 (H, W, 3) with at least one pixel; or uint16, if `deep`."""
    allowed = (np.uint8, np.uint16) if deep else (np.uint8,)
    if not isinstance(rgb, np.ndarray) or rgb.dtype not in allowed or rgb.shape[2:] != (3,) or rgb.size == 0:
        names = "uint8 or uint16" if deep else "uint8"
        raise InputError(f"colours must be {names} (H, W, 3) with H, W >= 1, got {described(rgb)}")


def described(value: object) -> str:
    """Describe an argument for an error message: dtype and shape of an array, else the type."""
    return f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__


def to_uint8(array: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Convert a picture array to 8 bit. The result never shares memory with the argument.

    Args:
        array: uint8, uint16 with values from 0 to 65535, or float in [0, 1]; of any shape.

    Returns:
        uint8, the same shape, each value the nearest of 256.

    Raises:
        ImageError: the dtype is not allowed, or a float is NaN or outside [0, 1].
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
        "convert it, for instance with .astype(numpy.uint8) if its values are 0 to 255"
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
