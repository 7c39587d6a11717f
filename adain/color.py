"""Keeping the content's colours: two ways, both of Gatys et al. 2016 (arXiv:1606.05897).

`coral` recolours the *style picture* before it is encoded, so that the style's colours are the content's: the
linear colour transfer with matrix square roots that CORAL (Sun et al. 2016, arXiv:1511.05547) uses for
features. `luminance` takes only the brightness of the *stylised picture* and gives it the content's colours.

What differs from the reference implementations:

- pytorch-AdaIN takes the roots of `X X^T + I` of standardised colours: sums over pixels. With pictures of
  different sizes, the recoloured style is then too contrasty or too pale by the root of the ratio of their
  pixels. Here each covariance is a mean over its own pixels: the same result for equal sizes, right for
  others.
- The identity that keeps the style's root invertible weighs next to nothing in such a sum. Here it is
  `NOISE_VARIANCE`, and of the style only: what hardly varies in it is compression noise, which would
  otherwise be blown up to coloured blocks where a nearly grey style meets a colourful content.
- Colours that `luminance` would take out of the gamut are made paler, which keeps brightness and hue, not
  clipped, which keeps neither.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from adain.errors import InputError
from adain.images.arrays import bands, check_rgb, quantize

__all__ = ["coral", "luminance"]

PRIOR = 4.0  # pixels: nothing for a region of common size; an empty one has the whole content's colours
NOISE_VARIANCE = 4.0  # of 8-bit levels: two levels, about what JPEG leaves in a flat area
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # of sRGB-encoded R, G, B; ITU-R BT.601, as YIQ and YCbCr


def coral(
    style: NDArray[np.uint8], content: NDArray[np.uint8], weights: NDArray[np.float32] | None = None
) -> NDArray[np.uint8]:
    """Recolour a style picture so that its colours have the content's mean and covariance.

    A flat, one-colour style becomes the content's mean colour; with a flat content, that is what any style
    becomes.

    Args:
        style: uint8 (H, W, 3), the picture to recolour.
        content: uint8 (H, W, 3) of any other size, the picture whose colours to take.
        weights: float32 (H, W), the content's size, at least 0: how much each of its pixels counts, for the colours
            of a region. `PRIOR` pixels' worth of the whole content are added. None: all alike.

    Returns:
        uint8, the style's shape. What falls outside 0 to 255 is clipped.

    Raises:
        InputError: if an array is of another dtype or shape.
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


def luminance(stylized: NDArray[np.uint8], content: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give a stylised picture the content's colours, keeping its own brightness.

    Args:
        stylized: uint8 (H, W, 3), whose luma (BT.601) is kept.
        content: uint8 of the same shape, whose chroma is taken; paler where the gamut has no such colour of
            the stylised brightness.

    Returns:
        uint8 (H, W, 3).

    Raises:
        InputError: if an array is of another dtype, or the shapes differ.
    """
    check_rgb(stylized)
    check_rgb(content)
    if stylized.shape != content.shape:
        raise InputError(
            f"stylised picture and content must be of one shape, got {stylized.shape} and {content.shape}; "
            "resize one of them"
        )
    result = np.empty_like(content)
    for rows in bands(*content.shape[:2]):
        result[rows] = quantize(_with_luma(content[rows], stylized[rows] @ LUMA))
    return result


def _moments(
    rgb: NDArray[np.uint8], weights: NDArray[np.float32] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean (3,) and biased covariance (3, 3) of a picture's colours, in 8-bit levels."""
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
    """Deviation per channel (3,) and the correlation's root (3, 3); a flat channel correlates with none."""
    deviation = np.sqrt(np.maximum(covariance.diagonal(), 0))  # round-off may leave less than 0
    scale = np.outer(deviation, deviation)
    correlation = np.divide(covariance, scale, out=np.zeros((3, 3)), where=scale > 0)
    values, vectors = np.linalg.eigh(correlation)
    return deviation, (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def _with_luma(content: NDArray[np.uint8], luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """The given luma (H, W), in 8-bit levels, with the content's chroma, in gamut: (H, W, 3) in [0, 1]."""
    grey = content @ LUMA
    chroma = np.subtract(content.transpose(2, 0, 1), grey, dtype=np.float32, order="C")  # (3, H, W), of luma 0
    scale = np.ones_like(luma)
    for channel in chroma:
        room = np.where(channel > 0, 255 - luma, luma)
        np.minimum(scale, room / np.maximum(abs(channel), 1e-3), out=scale)
    colors: NDArray[np.float32] = (luma + scale * chroma) / np.float32(255)
    return colors.transpose(1, 2, 0)
