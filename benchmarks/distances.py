"""Distances of a picture from a style and from a content, which only the quality report uses.

Pure functions on torch tensors; `judge.py` chooses the network whose features they compare. The report's other numbers
are also losses and live in `adain.metrics`.

- Style distance: the moment distance of AdaIN's style loss (Huang & Belongie 2017, arXiv:1703.06868) with a root,
  relative to the style, so that layers of any scale can be averaged. 0 is the style's statistics, 1 those of zeros.
- Content distance: feature maps are compared after instance normalisation, which removes the statistics that a style
  transfer is meant to change.
- SSIM: Wang et al. 2004 (doi:10.1109/TIP.2003.819861).
- Grid: this project's own. Upsampling networks leave patterns that repeat every 2, 4 or 8 px (Odena et al. 2016,
  doi:10.23915/distill.00003); those are lines in the spectrum.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from adain.errors import InputError
from adain.metrics import VARIANCE_FLOOR, Moments

GRID_PERIODS = (2, 4, 8)  # px; the strides of the networks
GRID_NEIGHBOURS = range(4, 12)  # bins beside a period's own; the window smears a line over nearer ones
GRID_SMALLEST_SIDE = 128  # px; in smaller pictures the periods are each other's neighbours
SSIM_WINDOW = 11  # px, and sigma 1.5: Wang et al. 2004, section III.C
SSIM_SIGMA = 1.5
SSIM_K1, SSIM_K2 = 0.01, 0.03


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
