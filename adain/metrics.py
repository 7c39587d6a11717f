"""Measures of a picture that are both losses and columns of the quality report.

Pure functions on torch tensors (N, C, H, W); all of them have useful gradients.

- Colour distance: the sliced Wasserstein distance of two normal distributions (Rabin et al. 2011,
  doi:10.1007/978-3-642-24785-9_37).
- Blocks: this project's own. Upsampling networks leave patterns that repeat every 2, 4 or 8 px (Odena et al. 2016,
  doi:10.23915/distill.00003). Where the sign of such a pattern changes from place to place, the spectrum has no line,
  but the picture changes more at these pixels than between them.
- Hatching: this project's own. A network that optimises statistics can make lines of any period out of a content's
  noise.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = [
    "VARIANCE_FLOOR",
    "Moments",
    "blocks",
    "color_distance",
    "color_moments",
    "hatching",
    "standing_out",
]

VARIANCE_FLOOR = 1e-5  # added before the root, as in AdaIN; features are of order 1 and more
LEAST_COLOR = 1e-4  # of a picture in [0, 1]; far below what 8 bits hold
BLOCK = 8  # px; the largest block of the networks' upsampling
LEAST_CHANGE = 1e-5  # of a picture in [0, 1]; below, the picture is flat
HATCH_WINDOW = 32  # px
CHANCE = 0.5  # natural logarithm; a frequency of noise stands out by up to this
UNSEEN = (0.5 / 255) ** 2  # variance of a pixel, too small for 8 bits


class Moments(NamedTuple):
    """Mean and standard deviation over space, (N, C) each; the population's deviation, which is 0 for one pixel."""

    mean: Tensor
    std: Tensor


def color_moments(rgb: Tensor) -> Moments:
    """Mean and deviation of a picture's (N, 3, H, W) colours along 13 directions: a cube's edges and diagonals."""
    # Computed on the device, because a CUDA graph copies nothing from the CPU: digits in base 3, from (0, 0, 1) on.
    numbers = torch.arange(14, 27, device=rgb.device)
    axes = torch.stack((numbers // 9, numbers // 3 % 3, numbers % 3), dim=1) - 1
    directions = F.normalize(axes.to(rgb.dtype), dim=1)  # (13, 3)
    pixels = rgb.flatten(2)  # (N, 3, H * W)
    mean = pixels.mean(2)
    centred = pixels - mean[..., None]
    covariance = centred @ centred.mT / pixels.shape[2]
    variance = ((directions @ covariance) * directions).sum(2)
    return Moments(mean @ directions.T, (variance.clamp_min(0) + VARIANCE_FLOOR).sqrt())


def color_distance(picture: Moments, style: Moments) -> Tensor:
    """Distance of a picture's colours from a style's, as distributions with a mean and a covariance.

    Moments of features miss how channels vary together: a blue picture with an orange corner can have all means and
    deviations of a blue style.

    Args:
        picture: `color_moments` of the picture.
        style: `color_moments` of the style.

    Returns:
        (N,) in units of the pictures' values. 0 is the style's colours. Colours that all move by a vector are at the
        distance of its length.
    """
    squared = (picture.mean - style.mean).square() + (picture.std - style.std).square()
    # The mean of a vector's squared component over all directions is a third of its square. The constant keeps the
    # root's gradient finite at 0.
    return (3 * squared.mean(1) + LEAST_COLOR**2).sqrt()


def blocks(picture: Tensor) -> Tensor:
    """Edges of blocks of 2, 4 or 8 px, of either sign, as upsampling by repetition leaves them.

    Args:
        picture: (N, C, H, W) in [0, 1], sides of at least 9.

    Returns:
        (N,): the mean change from pixel to pixel at each of 8 places of the lattice, relative to the mean of all
        places; of that the mean squared difference from 1, over places and both directions. 0.01 is a difference of a
        tenth. 0 for a flat picture.
    """
    changes = (picture[..., 1:] - picture[..., :-1]).abs(), (picture[..., 1:, :] - picture[..., :-1, :]).abs().mT
    return torch.stack([_unevenness(each) for each in changes]).mean(dim=0)


def _unevenness(changes: Tensor) -> Tensor:
    """Relative variance of the mean changes at every eighth column: (N, C, H, W) to (N,)."""
    places = torch.stack([changes[..., place::BLOCK].mean(dim=(1, 2, 3)) for place in range(BLOCK)], dim=1)  # (N, 8)
    mean = places.mean(dim=1, keepdim=True)
    return ((places - mean) / mean.clamp_min(LEAST_CHANGE)).square().mean(dim=1)


def standing_out(picture: Tensor) -> Tensor:
    """How much each frequency stands out from the frequencies around it.

    Args:
        picture: (N, C, H, W) in [0, 1].

    Returns:
        (N, C, 32, 32) in the order of `torch.fft.fft2`: the natural logarithm of the mean power in windows of 32 px,
        minus its mean over the frequencies two and three steps away. NaN for pictures with a side below 32 px.
    """
    if min(picture.shape[-2:]) < HATCH_WINDOW:
        return picture.new_full((*picture.shape[:2], HATCH_WINDOW, HATCH_WINDOW), float("nan"))
    row = torch.hann_window(HATCH_WINDOW, dtype=picture.dtype, device=picture.device)
    window, step = row[:, None] * row, HATCH_WINDOW // 2
    tiles = picture.unfold(2, HATCH_WINDOW, step).unfold(3, HATCH_WINDOW, step)  # (N, C, h, w, 32, 32)
    tiles = (tiles - tiles.mean(dim=(4, 5), keepdim=True)) * window
    power: Tensor = torch.fft.fft2(tiles).abs().square().mean(dim=(2, 3))
    level = (power + UNSEEN * window.square().sum()).log()
    near, wide = (F.avg_pool2d(F.pad(level, (r, r, r, r), mode="circular"), 2 * r + 1, stride=1) for r in (1, 3))
    around: Tensor = (49 * wide - 9 * near) / 40  # mean over 7 x 7 without the inner 3 x 3
    return level - around


def hatching(picture: Tensor, content: Tensor, style: Tensor) -> Tensor:
    """Lines in a result that neither the content nor the style has.

    Args:
        picture: (N, C, 32, 32), `standing_out` of the result.
        content: (N, C, 32, 32), `standing_out` of the content.
        style: (N, C, 32, 32), `standing_out` of the style.

    Returns:
        (N,): the mean square, over channels and frequencies, by which the result exceeds both and chance. 0 for no
        hatching, 0.25 for a clearly visible one.
    """
    explained = torch.maximum(content, style).clamp_min(0) + CHANCE
    return F.relu(picture - explained).square().mean(dim=(1, 2, 3))
