"""How far a picture is from a style and from a content: the numbers the quality report is made of.

Pure functions on torch tensors; which network's features go in is for the caller (`adain.training.quality`).

The style distance is the moment distance of AdaIN's style loss (Huang & Belongie 2017, arXiv:1703.06868) with a
root and relative to the style, so that layers of any scale can be averaged: 0 is the style's statistics, 1 is
as far from them as a feature map of zeros. The content distance compares feature maps after instance
normalisation, which removes what a transfer of those statistics is meant to change. SSIM is Wang et al. 2004
(doi:10.1109/TIP.2003.819861). The distance of colours is the Wasserstein distance of two normal distributions,
sliced (Rabin et al. 2011, doi:10.1007/978-3-642-24785-9_37). Grid, blocks and hatching are this project's own:
upsampling networks leave patterns that repeat every 2, 4 or 8 px (Odena et al. 2016, doi:10.23915/distill.00003).
Those are lines in the spectrum (grid); where their sign changes from place to place they are none, but the picture
changes more at those pixels than between (blocks). A network that looks for statistics can also make lines of any
other period out of a content's noise (hatching).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from adain.errors import InputError

__all__ = [
    "Moments",
    "blocks",
    "color_distance",
    "color_moments",
    "content_distance",
    "grid",
    "hatching",
    "instance_normalize",
    "luminance",
    "moments",
    "ssim",
    "standing_out",
    "style_distance",
]

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, the grey of Pillow and OpenCV
VARIANCE_FLOOR = 1e-5  # AdaIN's own, added before the root; features are of order 1 and more
GRID_PERIODS = (2, 4, 8)  # px; the strides of the networks
GRID_NEIGHBOURS = range(4, 12)  # bins beside a period's own; nearer ones the window smears the line into
GRID_SMALLEST_SIDE = 128  # px; below, the periods are each other's neighbours
LEAST_COLOR = 1e-4  # of a picture in [0, 1]; far below what 8 bits hold
BLOCK = 8  # px; the largest that the networks' upsampling repeats
LEAST_CHANGE = 1e-5  # of a picture in [0, 1], below which it is flat
HATCH_WINDOW = 32  # px
CHANCE = 0.5  # of a natural logarithm, by which a frequency stands out of noise
UNSEEN = (0.5 / 255) ** 2  # a pixel's variance
SSIM_WINDOW = 11  # px, and sigma 1.5: Wang et al. 2004, section III.C
SSIM_SIGMA = 1.5
SSIM_K1, SSIM_K2 = 0.01, 0.03


class Moments(NamedTuple):
    """A feature map's statistics over space, per channel.

    Attributes:
        mean: (N, C).
        std: (N, C), the population standard deviation, so that one pixel has 0.
    """

    mean: Tensor
    std: Tensor


def moments(features: Tensor) -> Moments:
    """Reduce a feature map (N, C, H, W) to its mean and standard deviation per channel."""
    flat = features.flatten(2)  # (N, C, H*W)
    return Moments(flat.mean(dim=2), flat.std(dim=2, correction=0))


def style_distance(picture: Moments, style: Moments) -> Tensor:
    """Measure how far a picture's statistics are from the style's, relative to the style's own size.

    Args:
        picture: statistics of the picture at one layer.
        style: statistics of the style at the same layer.

    Returns:
        (N,): sqrt(|mean - mean_s|^2 + |std - std_s|^2) / sqrt(|mean_s|^2 + |std_s|^2). 0 is the style's own
        statistics, 1 is where a feature map of zeros is.
    """
    difference = (picture.mean - style.mean).square().sum(1) + (picture.std - style.std).square().sum(1)
    size = style.mean.square().sum(1) + style.std.square().sum(1)
    return (difference / size).sqrt()


def color_moments(rgb: Tensor) -> Moments:
    """Reduce a picture (N, 3, H, W) to the mean and deviation of its colours along a cube's 13 axes."""
    # Made where they are used: a CUDA graph copies nothing from the processor. In base 3, all beyond (0, 0, 0).
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
    """Measure how far a picture's colours are from the style's, as distributions of mean and covariance.

    The distance of features leaves out how channels vary together: a picture in blue that has kept an orange corner
    may have all of a blue style's means and deviations.

    Args:
        picture: `color_moments` of the picture.
        style: of the style.

    Returns:
        (N,) in units of the pictures' values: 0 is the style's colours, and what moves all by a vector is its length.
    """
    squared = (picture.mean - style.mean).square() + (picture.std - style.std).square()
    # Over all directions a vector's component is on average a third of its square. The root's slope at 0 is infinite.
    return (3 * squared.mean(1) + LEAST_COLOR**2).sqrt()


def instance_normalize(features: Tensor) -> Tensor:
    """Give each channel of each picture (N, C, H, W) mean 0 and variance 1; a constant channel becomes 0."""
    mean = features.mean(dim=(2, 3), keepdim=True)
    variance = features.var(dim=(2, 3), correction=0, keepdim=True)
    return (features - mean) / (variance + VARIANCE_FLOOR).sqrt()


def content_distance(picture: Tensor, content: Tensor) -> Tensor:
    """Measure how much of the content's structure is lost: 1 - cosine similarity, each picture flattened.

    Args:
        picture: (N, C, H, W), an instance-normalised feature map.
        content: (N, C, H, W), likewise.

    Returns:
        (N,) in [0, 2]: 0 is the content's structure, 1 is an unrelated picture.

    Raises:
        InputError: the two maps have different shapes.
    """
    _same_shape(picture, content)
    return 1 - F.cosine_similarity(picture.flatten(1), content.flatten(1), dim=1)


def luminance(rgb: Tensor) -> Tensor:
    """Weigh RGB (N, 3, H, W) in [0, 1] into luminance (N, 1, H, W) in [0, 1] (BT.601, gamma-encoded)."""
    return (rgb * rgb.new_tensor(LUMA).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)


def ssim(picture: Tensor, content: Tensor) -> Tensor:
    """Structural similarity, averaged over the windows that lie inside the picture.

    Args:
        picture: luminance (N, 1, H, W) in [0, 1].
        content: luminance (N, 1, H, W) in [0, 1].

    Returns:
        (N,) in [-1, 1]: 1 is the same picture.

    Raises:
        InputError: the two have different shapes, or a side is shorter than the 11 px window.
    """
    _same_shape(picture, content)
    if min(picture.shape[-2:]) < SSIM_WINDOW:
        height, width = picture.shape[-2:]
        raise InputError(f"SSIM needs at least {SSIM_WINDOW} px on both sides, got {width} x {height}")
    mean_x, mean_y = _blur(picture), _blur(content)
    variance_x = _blur(picture.square()) - mean_x.square()
    variance_y = _blur(content.square()) - mean_y.square()
    covariance = _blur(picture * content) - mean_x * mean_y
    c1, c2 = SSIM_K1**2, SSIM_K2**2  # times the data range squared, which is 1
    numerator = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    denominator = (mean_x.square() + mean_y.square() + c1) * (variance_x + variance_y + c2)
    return (numerator / denominator).mean(dim=(1, 2, 3))


def grid(picture: Tensor) -> Tensor:
    """Measure how far the strongest periodic pattern of a network's stride stands out.

    Args:
        picture: luminance (N, 1, H, W) in [0, 1].

    Returns:
        (N,) in decibels: the power at a period of 2, 4 or 8 px over that of the frequencies around it, the
        largest of the three and of both directions. Photographs and paintings have about 0; 5 is visible. Not
        a number for pictures with a side below 128 px.
    """
    if min(picture.shape[-2:]) < GRID_SMALLEST_SIDE:
        return picture.new_full(picture.shape[:1], float("nan"))
    return torch.cat([_grid_along_rows(picture), _grid_along_rows(picture.mT)], dim=1).amax(dim=1)


def _grid_along_rows(picture: Tensor) -> Tensor:
    """Measure each period along the last axis: (N, 1, H, W) to (N, periods)."""
    n = picture.shape[-1] // 8 * 8  # so that every period is a frequency of its own
    rows = picture[:, 0, :, :n]
    window = torch.hann_window(n, dtype=rows.dtype, device=rows.device)
    spectrum = torch.fft.rfft((rows - rows.mean(dim=-1, keepdim=True)) * window)  # (N, H, n/2 + 1)
    power = spectrum.abs().square().mean(dim=1) + 1e-12  # a flat picture has none
    return torch.stack([_line(power, n // period) for period in GRID_PERIODS], dim=1)


def _line(power: Tensor, k: int) -> Tensor:
    """Compare a line at frequency k with both its sides, in decibels; geometrically, as spectra are steep."""
    below = power[:, [k - offset for offset in GRID_NEIGHBOURS]].mean(dim=1)
    beyond = [k + offset for offset in GRID_NEIGHBOURS if k + offset < power.shape[1]]
    above = power[:, beyond].mean(dim=1) if beyond else below  # period 2 is the end of the spectrum
    return 10 * (power[:, k - 1 : k + 2].amax(dim=1) / (below * above).sqrt()).log10()


def blocks(picture: Tensor) -> Tensor:
    """Measure the edges of blocks of 2, 4 or 8 px: what upsampling by repetition leaves, of whatever sign.

    Args:
        picture: (N, C, H, W) in [0, 1], sides of at least 9.

    Returns:
        (N,): the mean square of how much more or less it changes from pixel to pixel at each of 8 places, along and
        across, than on average: 0.01 for a tenth, 0 for a flat picture. Differentiable.
    """
    changes = (picture[..., 1:] - picture[..., :-1]).abs(), (picture[..., 1:, :] - picture[..., :-1, :]).abs().mT
    return torch.stack([_unevenness(each) for each in changes]).mean(dim=0)


def _unevenness(changes: Tensor) -> Tensor:
    """The mean square by which means of every eighth column differ from the mean of all, relative to that: (N,)."""
    places = torch.stack([changes[..., place::BLOCK].mean(dim=(1, 2, 3)) for place in range(BLOCK)], dim=1)  # (N, 8)
    mean = places.mean(dim=1, keepdim=True)
    return ((places - mean) / mean.clamp_min(LEAST_CHANGE)).square().mean(dim=1)


def standing_out(picture: Tensor) -> Tensor:
    """By how much each frequency stands out from those around it.

    Args:
        picture: (N, C, H, W) in [0, 1].

    Returns:
        (N, C, 32, 32): the natural logarithm of the mean power in windows of 32 px, minus its mean two and three
        frequencies off in all directions, as `torch.fft.fft2` orders them. Differentiable. Not a number for pictures
        with a side below 32 px.
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
    around: Tensor = (49 * wide - 9 * near) / 40  # the mean of 7 x 7 without the inner 3 x 3
    return level - around


def hatching(picture: Tensor, content: Tensor, style: Tensor) -> Tensor:
    """Measure what stands out in a result alone: lines that neither the content nor the style has.

    Args:
        picture: (N, C, 32, 32), `standing_out` of the result.
        content: (N, C, 32, 32), of the content.
        style: (N, C, 32, 32), of the style.

    Returns:
        (N,): the mean square, over channels and frequencies, of the excess over both, less what chance explains; 0
        for none, 0.25 for a hatching that is plainly seen. Differentiable.
    """
    explained = torch.maximum(content, style).clamp_min(0) + CHANCE
    return F.relu(picture - explained).square().mean(dim=(1, 2, 3))


def _blur(picture: Tensor) -> Tensor:
    """Average (N, 1, H, W) under the Gaussian window, without padding."""
    offsets = torch.arange(SSIM_WINDOW, dtype=picture.dtype, device=picture.device) - SSIM_WINDOW // 2
    window = torch.exp(-offsets.square() / (2 * SSIM_SIGMA**2))
    window = window / window.sum()
    rows = F.conv2d(picture, window.view(1, 1, -1, 1))
    return F.conv2d(rows, window.view(1, 1, 1, -1))


def _same_shape(picture: Tensor, content: Tensor) -> None:
    if picture.shape != content.shape:
        shapes = f"{tuple(picture.shape)} and {tuple(content.shape)}"
        raise InputError(f"the picture and the content must have one shape, got {shapes}")
