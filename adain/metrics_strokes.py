"""How much paint a picture holds and how like the style's its strokes and shapes are: pure functions on tensors.

The distances of `adain.metrics` compare moments over the whole picture, and hardly tell a painting from a tinted
photograph. These look at the contrast of each band of sizes (in windows, so that an empty sky counts as much as a busy
foreground), at what fills areas where the content is smooth, at patches of features as distributions (sliced
Wasserstein distances: Heitz et al. 2021, arXiv 2006.07229), and at the light, dark or bare rim around things.

A mesh also fills a sky: read these beside grid and hatching of `adain.metrics`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from adain.color import LUMA

__all__ = [
    "BANDS",
    "band_contrasts",
    "bareness",
    "contrast_distance",
    "fill",
    "flatness",
    "halo",
    "luminance",
    "quick_halo",
    "response_distance",
    "sliced_distance",
    "slices",
    "sorted_response_distance",
    "sorted_wasserstein",
    "wasserstein",
]

BANDS = 5  # 1, 2, 4, 8 and 16 px
WINDOW = 4  # pixels of a band
FLOOR = 0.5 / 255  # contrast that 8 bits hardly hold, of a picture in [0, 1]
FLAT_WINDOW = 33  # px
FLAT_SHARE = 0.2
SLICES = 64
STRONG = 0.95  # of a picture's slopes are less than a strong edge's
WEAKEST = 8 / 255  # of an edge, over 2 px
TONES = 6  # of ground that is compared
LEAST = 1 / 255  # a deviation that is added to those on smooth ground, so that traces of paint count little


def band_contrasts(picture: Tensor, bands: int = BANDS) -> list[Tensor]:
    """Local contrast of each Laplacian band.

    Args:
        picture: (N, C, H, W) in [0, 1].
        bands: how many, from 1 px on, each twice as wide as the one before.

    Returns:
        Per band (N, h, w): the base-2 logarithm of the root mean square over channels and windows of 4 of the band's
        pixels. Differentiable.
    """
    found = []
    finer = picture
    for _ in range(bands):
        coarser = _halved(finer)
        band = finer - F.interpolate(coarser, size=finer.shape[2:], mode="bilinear", align_corners=False)
        power = F.avg_pool2d(band.square().mean(1, keepdim=True), _window(band))
        found.append(0.5 * (power[:, 0] + FLOOR**2).log2())
        finer = coarser
    return found


def _window(band: Tensor) -> tuple[int, int]:
    return min(WINDOW, band.shape[2]), min(WINDOW, band.shape[3])


def _halved(picture: Tensor) -> Tensor:
    """Blurred by a binomial of 5 and every second pixel of it (Burt & Adelson 1983)."""
    kernel = _binomial(picture.device).to(picture.dtype).expand(picture.shape[1], 1, 5, 5)
    around = F.pad(picture, (2, 2, 2, 2), mode="replicate")
    return F.conv2d(around, kernel, stride=2, groups=picture.shape[1])


@lru_cache(maxsize=2)
def _binomial(device: torch.device) -> Tensor:
    """Kept on the device: a CUDA graph copies nothing from the processor."""
    with torch.inference_mode(False):  # a training may use it, too
        row = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], device=device) / 16
        return row[:, None] * row


def wasserstein(found: Tensor, wanted: Tensor) -> Tensor:
    """Wasserstein-1 distance of samples (..., n) and (..., m): (...). Differentiable."""
    return sorted_wasserstein(found.sort(-1).values, wanted.sort(-1).values)


def sorted_wasserstein(found: Tensor, wanted: Tensor) -> Tensor:
    """`wasserstein` of samples that rise along the last axis."""
    count = max(found.shape[-1], wanted.shape[-1])
    return (_quantiles(found, count) - _quantiles(wanted, count)).abs().mean(-1)


def _quantiles(ordered: Tensor, count: int) -> Tensor:
    """The samples (..., n), read at `count` even places."""
    if ordered.shape[-1] == count:
        return ordered
    flat = ordered.reshape(1, -1, ordered.shape[-1])
    return F.interpolate(flat, size=count, mode="linear", align_corners=True).view(*ordered.shape[:-1], count)


def contrast_distance(picture: Sequence[Tensor], style: Sequence[Tensor]) -> Tensor:
    """How far the distribution of local contrast is from the style's.

    Args:
        picture: `band_contrasts` of the picture.
        style: of the style.

    Returns:
        (N,) in octaves of contrast, the mean over bands.
    """
    pairs = zip(picture, style, strict=True)
    return torch.stack([wasserstein(a.flatten(1), b.flatten(1)) for a, b in pairs]).mean(0)


def flatness(content: Tensor, share: float = FLAT_SHARE) -> Tensor:
    """Where a content is smoothest: its standard deviation in windows of 33 px is in the lowest `share`.

    Args:
        content: (N, 3, H, W) in [0, 1].
        share: of the picture.

    Returns:
        (N, 1, H, W), 1 or 0.
    """
    deviation = _local_variance(luminance(content), FLAT_WINDOW)
    limit = deviation.flatten(1).kthvalue(max(1, round(share * deviation[0].numel())), dim=1).values
    return (deviation <= limit[:, None, None, None]).to(content.dtype)


def _local_variance(grey: Tensor, window: int) -> Tensor:
    mean = _box(grey, window)
    return _box(grey.square(), window) - mean.square()


def _box(x: Tensor, window: int) -> Tensor:
    """The mean over windows of an odd side, edges repeated; from running sums, so that a large side costs no more."""
    half = window // 2
    for axis, before in ((-1, (half + 1, half, 0, 0)), (-2, (0, 0, half + 1, half))):
        sums = F.pad(x, before, mode="replicate").cumsum(axis, dtype=torch.float64)  # in 32 bits they lose 3 digits
        length = x.shape[axis]
        x = ((sums.narrow(axis, window, length) - sums.narrow(axis, 0, length)) / window).to(x.dtype)
    return x


def fill(picture: Sequence[Tensor], style: Sequence[Tensor], flat: Tensor) -> Tensor:
    """How much paint there is where the content is smooth, against the style's.

    Args:
        picture: `band_contrasts` of one result.
        style: of its style.
        flat: `flatness` of its content, (1, 1, H, W).

    Returns:
        A scalar in octaves: the median contrast there minus the style's, mean over bands of 2 px and more; 0 is as
        much as the style has.
    """
    differences = []
    for found, wanted in list(zip(picture, style, strict=True))[1:]:
        here = F.adaptive_avg_pool2d(flat, (found.shape[1], found.shape[2]))[:, 0]
        inside = found[here > 0.5] if bool((here > 0.5).any()) else found[here >= here.max()]
        differences.append(inside.median() - wanted.median())
    return torch.stack(differences).mean()


def slices(channels: int, count: int = SLICES, seed: int | None = 0, device: torch.device | None = None) -> Tensor:
    """Random 3 x 3 filters (count, channels, 3, 3) of norm 1, the same for a seed; None: of torch's own generator."""
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    filters = torch.randn(count, channels, 3, 3, generator=generator, device=device)
    return F.normalize(filters.flatten(1)).view_as(filters)


def sliced_distance(features: Tensor, style: Tensor, filters: Tensor) -> Tensor:
    """Sliced Wasserstein distance of patches of features, over the style's own spread.

    Args:
        features: (N, C, h, w).
        style: (N, C, h', w').
        filters: `slices` of C channels.

    Returns:
        (N,): per filter the Wasserstein-1 distance of its responses over their standard deviation in the style; the
        mean over filters. Differentiable.
    """
    found, wanted = (F.conv2d(x, filters).flatten(2) for x in (features, style))  # (N, count, pixels)
    return response_distance(found, wanted)


def response_distance(found: Tensor, wanted: Tensor) -> Tensor:
    """As `sliced_distance`, of responses (..., count, pixels) to filters: (...)."""
    return sorted_response_distance(found.sort(-1).values, wanted.sort(-1).values)


def sorted_response_distance(found: Tensor, wanted: Tensor) -> Tensor:
    """`response_distance` of responses that rise along the last axis."""
    spread = wanted.std(-1).clamp_min(1e-3)
    return (sorted_wasserstein(found, wanted) / spread).mean(-1)


def halo(picture: Tensor, content: Tensor) -> Tensor:
    """A light or dark rim around things: what a result adds beside edges, on their smooth sides.

    Args:
        picture: (1, 3, H, W) in [0, 1].
        content: (1, 3, H, W), the picture that was stylized.

    Returns:
        A scalar in units of 8 bits: low-pass luminance (sigma 4 px) within 2 to 12 px of strong edges against that 16
        to 32 px away, both on smooth ground of about the same luminance and averaged in windows of 65 px, so that
        strokes cancel; the mean absolute difference less the content's own.
    """
    grey = luminance(content)
    edge, smooth = _edges_and_smooth_ground(grey)
    near = smooth * (_grown(edge, 12) - _grown(edge, 2))
    far = smooth * (_grown(edge, 32) - _grown(edge, 16))
    grounds = _by_tone(grey, near, far)
    found, own = (_rim(_blurred(luminance(each), 4.0), grounds, 65) for each in (picture, content))
    return 255 * (found - own)[0]


def quick_halo(picture: Tensor, content: Tensor) -> Tensor:
    """`halo` at a quarter of the size, for training: (N,), of a picture in [0, 1]; 0 where there is less than before.

    Args:
        picture: (N, 3, H, W).
        content: (N, 3, H, W) in [0, 1], H and W multiples of 4.
    """
    grey = luminance(content)
    grounds = _quarter_grounds(grey, (0, 3), (4, 8))
    found, own = (F.avg_pool2d(each, 4) for each in (luminance(picture), grey))
    rims = [_rim((low + _box(low, 3)) / 2, grounds, 17) for low in (found, own)]
    return torch.relu(rims[0] - rims[1])


def bareness(picture: Tensor, content: Tensor) -> Tensor:
    """A rim without paint around things: how much less local contrast a result has beside edges than farther away.

    Args:
        picture: (N, 3, H, W) in [0, 1].
        content: (N, 3, H, W) in [0, 1], the picture that was stylized; H and W multiples of 4.

    Returns:
        (N,) in octaves: local contrast (log2 of the deviation in windows of 9 px) within 8 to 20 px of strong edges
        against that 28 to 48 px away, both on smooth ground of about the same luminance and averaged in windows of
        68 px; 0 where there is more beside the edges.
    """
    grounds = _quarter_grounds(luminance(content), (2, 5), (7, 12))
    contrast = (_local_variance(luminance(picture), 9).clamp_min(0) + LEAST**2).log2() / 2
    return _rim(F.avg_pool2d(contrast, 4), grounds, 17, lambda difference: torch.relu(-difference))


@torch.no_grad()
def _quarter_grounds(grey: Tensor, near: tuple[int, int], far: tuple[int, int]) -> list[tuple[Tensor, Tensor]]:
    """The smooth ground in two ranges of distance from strong edges, at a quarter of the size, by luminance.

    Args:
        grey: (N, 1, H, W) in [0, 1].
        near: the nearer range, in pixels of a quarter of the size.
        far: the farther one.
    """
    edge, smooth = _edges_and_smooth_ground(grey)
    edge, smooth = F.max_pool2d(edge, 4), F.avg_pool2d(smooth, 4)
    rings = [smooth * (_grown(edge, end) - _grown(edge, begin)) for begin, end in (near, far)]
    return _by_tone(F.avg_pool2d(grey, 4), *rings)


def _edges_and_smooth_ground(grey: Tensor) -> tuple[Tensor, Tensor]:
    """Where strong edges are, and where there is no detail: (N, 1, H, W) each, 1 or 0."""
    slope = _slope(_blurred(grey, 1.0))
    limit = slope.flatten(1).kthvalue(round(STRONG * slope[0].numel()), dim=1).values[:, None, None, None]
    edges = (slope >= limit) & (slope > WEAKEST)
    return edges.to(grey.dtype), (_local_variance(grey, 9) < (4 / 255) ** 2).to(grey.dtype)


def _by_tone(grey: Tensor, near: Tensor, far: Tensor) -> list[tuple[Tensor, Tensor]]:
    """The ground beside edges and that farther away, split by luminance."""
    tone = (grey * TONES).floor().clamp(0, TONES - 1)
    return [(near * (tone == level), far * (tone == level)) for level in range(TONES)]


def _rim(
    values: Tensor,
    grounds: Sequence[tuple[Tensor, Tensor]],
    window: int,
    size: Callable[[Tensor], Tensor] = torch.abs,
) -> Tensor:
    """The mean size of the difference between the values on the first and the second mask, window by window: (N,)."""
    total, count = values.new_zeros(values.shape[0]), values.new_zeros(values.shape[0])
    for masks in grounds:
        shares = [_box(mask, window) for mask in masks]
        enough = masks[0] * (shares[0] > 0.02) * (shares[1] > 0.02)
        means = [_box(values * mask, window) / share.clamp_min(1e-6) for mask, share in zip(masks, shares, strict=True)]
        total = total + (size(means[0] - means[1]) * enough).sum((1, 2, 3))
        count = count + enough.sum((1, 2, 3))
    return total / count.clamp_min(1)


def _grown(mask: Tensor, radius: int) -> Tensor:
    side = 2 * radius + 1
    rows = F.max_pool2d(mask, (1, side), stride=1, padding=(0, radius))
    return F.max_pool2d(rows, (side, 1), stride=1, padding=(radius, 0))


def _slope(grey: Tensor) -> Tensor:
    around = F.pad(grey, (1, 1, 1, 1), mode="replicate")
    across, along = around[..., 1:-1, 2:] - around[..., 1:-1, :-2], around[..., 2:, 1:-1] - around[..., :-2, 1:-1]
    return (across.square() + along.square()).sqrt()


def _blurred(grey: Tensor, sigma: float) -> Tensor:
    radius = round(3 * sigma)
    offsets = torch.arange(-radius, radius + 1, dtype=grey.dtype, device=grey.device)
    row = (-offsets.square() / (2 * sigma**2)).exp()
    row = row / row.sum()
    around = F.pad(grey, (radius, radius, radius, radius), mode="replicate")
    return F.conv2d(F.conv2d(around, row.view(1, 1, 1, -1)), row.view(1, 1, -1, 1))


def luminance(rgb: Tensor) -> Tensor:
    """Weigh RGB (N, 3, H, W) in [0, 1] into luminance (N, 1, H, W) in [0, 1] (BT.601, gamma-encoded)."""
    weights: list[float] = LUMA.tolist()  # numbers, because a CUDA graph copies nothing from the CPU
    red, green, blue = weights
    return red * rgb[:, :1] + green * rgb[:, 1:2] + blue * rgb[:, 2:]
