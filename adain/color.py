"""Colour preservation, in the two ways of Gatys et al. 2016 (arXiv:1606.05897).

`coral` recolours the *style picture* before it is encoded, so that it has the content's colours. This is the linear
colour transfer with matrix square roots that CORAL (Sun et al. 2016, arXiv:1511.05547) uses for features.
`luminance` keeps the brightness of the *stylised picture* and gives it the content's colours.

Differences from the reference implementations:

- pytorch-AdaIN takes the roots of `X X^T + I` of standardised colours, which are sums over pixels. If the pictures
  differ in size, the recoloured style is too contrasty or too pale by the root of the ratio of their pixel counts.
  Here each covariance is a mean over its own pixels: the same result for equal sizes, and correct for others.
- In such a sum, the identity that keeps the style's root invertible has almost no weight. Here `NOISE_VARIANCE` takes
  its place, for the style only. A style's weakest colour direction is mostly compression noise; without this term, a
  nearly grey style with a colourful content gets coloured blocks.
- If `luminance` gives colours outside the gamut, they are desaturated, which keeps brightness and hue. Clipping would
  keep neither.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adain.errors import InputError
from adain.images.arrays import Colors, bands, check_rgb, described, quantize

__all__ = ["coral", "luminance"]

PRIOR = 4.0  # pixels; negligible in a region of common size, and gives an empty region the whole content's colours
NOISE_VARIANCE = 4.0  # squared 8-bit levels; a deviation of two levels, about JPEG's noise in a flat area
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # of sRGB-encoded R, G, B; ITU-R BT.601, as YIQ and YCbCr


def coral(
    style: NDArray[np.uint8], content: NDArray[np.uint8], weights: NDArray[np.float32] | None = None
) -> NDArray[np.uint8]:
    """Recolour a style picture so that its colours have the content's mean and covariance.

    If the style or the content has one colour only, the result is the content's mean colour.

    Args:
        style: uint8 (H, W, 3), the picture to recolour.
        content: uint8 (H, W, 3) of any size; its colours are taken.
        weights: float32 (H, W) of the content's size, at least 0: weight of each content pixel, to take the colours
            of a region. The whole content is added with the weight of `PRIOR` pixels. None: equal weights.

    Returns:
        uint8, the style's shape, clipped to 0 to 255.

    Raises:
        InputError: an array has another dtype or shape.
    """
    check_rgb(style)
    check_rgb(content)
    style_mean, style_covariance = _moments(style)
    content_mean, content_covariance = _moments(content, weights)
    style_std, style_root = _standardized(style_covariance + NOISE_VARIANCE * np.eye(3))
    content_std, content_root = _standardized(content_covariance)
    matrix = content_std[:, None] * (content_root @ np.linalg.inv(style_root)) / style_std
    offset = content_mean - matrix @ style_mean
    weight, bias = (matrix.T / 255).astype(np.float32), (offset / 255).astype(np.float32)
    result = np.empty_like(style)
    for rows in bands(*style.shape[:2]):
        colors = style[rows].reshape(-1, 3)  # (pixels, 3)
        result[rows] = quantize(colors @ weight + bias).reshape(style[rows].shape)
    return result


def luminance(stylized: Colors, content: Colors) -> NDArray[Any]:
    """Give a stylised picture the content's colours, keeping its own brightness.

    Args:
        stylized: uint8 or uint16 (H, W, 3); its luma (BT.601) is kept.
        content: of the same dtype and shape; its chroma is taken, and desaturated where it would leave the gamut at the
            stylised brightness.

    Returns:
        Of the same dtype and shape.

    Raises:
        InputError: an array has another dtype, or dtypes or shapes differ.
    """
    check_rgb(stylized, deep=True)
    check_rgb(content, deep=True)
    if stylized.shape != content.shape or stylized.dtype != content.dtype:
        raise InputError(
            f"stylised picture and content must be of one shape and dtype, got {described(stylized)} and "
            f"{described(content)}; resize one of them"
        )
    result = np.empty_like(content)
    for rows in bands(*content.shape[:2]):
        result[rows] = quantize(_with_luma(content[rows], stylized[rows] @ LUMA), content.dtype.type)
    return result


def _moments(
    rgb: NDArray[np.uint8], weights: NDArray[np.float32] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean (3,) and biased covariance (3, 3) of a picture's colours, in 8-bit levels."""
    shift = rgb[0, 0].astype(np.float64)  # keeps the sums small, and exactly 0 for a flat picture
    pixels = rgb.shape[0] * rgb.shape[1]
    count, total, square = 0.0, np.zeros(3), np.zeros((3, 3))
    for rows in bands(*rgb.shape[:2]):
        colors = rgb[rows].reshape(-1, 3) - shift  # (pixels, 3)
        each = np.ones(len(colors)) if weights is None else weights[rows].ravel() + PRIOR / pixels
        count += each.sum()
        total += each @ colors  # twice as fast as sum(axis=0)
        square += colors.T @ (colors if weights is None else colors * each[:, None])
    mean = total / count
    return mean + shift, square / count - np.outer(mean, mean)


def _standardized(covariance: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the deviation per channel (3,) and the root of the correlation (3, 3), 0 for a flat channel."""
    deviation = np.sqrt(np.maximum(covariance.diagonal(), 0))  # round-off may give less than 0
    scale = np.outer(deviation, deviation)
    correlation = np.divide(covariance, scale, out=np.zeros((3, 3)), where=scale > 0)
    values, vectors = np.linalg.eigh(correlation)
    return deviation, (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def _with_luma(content: Colors, luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """Combine a luma (H, W) in the content's levels with the content's chroma, in gamut: (H, W, 3) in [0, 1]."""
    grey, most = content @ LUMA, np.iinfo(content.dtype).max
    chroma = np.subtract(content.transpose(2, 0, 1), grey, dtype=np.float32, order="C")  # (3, H, W), of luma 0
    scale = np.ones_like(luma)
    for channel in chroma:
        room = np.where(channel > 0, most - luma, luma)
        np.minimum(scale, room / np.maximum(abs(channel), 1e-3), out=scale)
    colors: NDArray[np.float32] = (luma + scale * chroma) / np.float32(most)
    return colors.transpose(1, 2, 0)
