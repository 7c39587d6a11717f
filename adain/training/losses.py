"""The losses of style transfer, as pure functions of pictures and features.

Content and moments after Huang & Belongie 2017 (arXiv:1703.06868), Gram matrices after Gatys et al. 2015
(arXiv:1508.06576), total variation after Johnson et al. 2016 (arXiv:1603.08155), identity after Park & Lee
2019 (arXiv:1812.02342), hinge loss after Lim & Ye 2017 (arXiv:1705.02894).

Features are (N, C, H, W) and pictures (N, 3, H, W) in [0, 1]. All losses are computed in float32. Unless stated
otherwise, a loss is a scalar, the mean over the batch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from adain import metrics
from adain.nn.operators import Operators

__all__ = [
    "Moments",
    "blocks",
    "color",
    "content_cosine",
    "gamut",
    "gram",
    "gram_mse",
    "gram_relative",
    "grid",
    "hatching",
    "hinge_discriminator",
    "hinge_generator",
    "moments",
    "noisy",
    "projected_moments",
    "reconstruction_l1",
    "reconstruction_mse",
    "relative_mse",
    "style_moments_mse",
    "style_moments_relative",
    "total_variation",
]

Moments = tuple[Tensor, Tensor]  # mean and standard deviation per channel, each (N, C)
_GRID_WINDOW = 64  # px; larger, areas of different tone cancel; smaller, any texture counts
_NOISE = 1 / 255  # in [0, 1]
_NOISE_CELLS = (1, 2, 4, 8)  # px
_OPERATORS = Operators()
_EPS = 1e-5  # added to the variance, as pytorch-AdaIN does


def moments(features: Tensor) -> Moments:
    """Mean and standard deviation (unbiased variance + 1e-5) per sample and channel, each (N, C) float32."""
    mean, std = _MomentsFunction.apply(features)
    return mean, std


def projected_moments(features: Tensor, head: nn.Conv2d) -> Moments:
    """Moments of a 1x1 convolution's output, from the features' covariance, without computing the convolution.

    Args:
        features: (N, C, H, W).
        head: the 1x1 convolution, with a bias, to C' channels.

    Returns:
        Mean and standard deviation of the output as in `moments`, each (N, C') float32.
    """
    with torch.autocast(features.device.type, enabled=False):  # a variance is a small difference of large numbers
        mean, covariance = _OPERATORS.mean_covariance(features.float())
        matrix = head.weight.flatten(1)  # (C', C)
        variance = ((matrix @ covariance) * matrix).sum(2)  # the diagonal of W S W^T
        return F.linear(mean, matrix, head.bias), (variance.clamp_min(0.0) + _EPS).sqrt()


def grid(picture: Tensor) -> Tensor:
    """Patterns that repeat every 2, 4 or 8 px: the screen that networks of these strides leave in smooth areas.

    Args:
        picture: (N, 3, H, W).

    Returns:
        The mean square of the mean cell of 8 x 8 px over windows of 64 px (or the picture's side, if smaller), plus 16
        times that of cells of 2 x 2 px. Texture that is not in step averages out. A window has 16 times as many of the
        small cells, so that chance leaves a 16th as much in their mean.
    """
    p = picture.float()
    fine = p - F.avg_pool2d(F.pad(p, (2, 2, 2, 2), mode="reflect"), 5, stride=1)  # removes slopes
    return _shared(fine, 8) + 16 * _shared(fine, 2)


def _shared(fine: Tensor, cell: int) -> Tensor:
    """Mean square of the mean cell of each window, without the window's mean."""
    cells = F.pixel_unshuffle(fine, cell)  # (N, 3 * cell^2, H / cell, W / cell)
    window = [min(_GRID_WINDOW // cell, side) for side in cells.shape[2:]]
    shared = F.avg_pool2d(cells, window, stride=[max(1, side // 2) for side in window])
    shared = shared.view(fine.shape[0], fine.shape[1], cell**2, *shared.shape[2:])
    return (shared - shared.mean(2, keepdim=True)).square().mean()


def hatching(picture: Tensor, content: Tensor, style: Tensor) -> Tensor:
    """Frequencies that stand out in the result but in neither the content nor the style: `adain.metrics.hatching`.

    To reach the deviations of a style's strokes, a network may amplify one frequency of faint noise into lines. The
    loss on noisy contents (`noisy`) hardly detects that.

    Args:
        picture: (N, 3, H, W), H and W at least 32.
        content: (N, 3, H, W).
        style: (N, 3, H', W').
    """
    with torch.autocast(picture.device.type, enabled=False):
        return metrics.hatching(*(metrics.standing_out(p.float()) for p in (picture, content, style))).mean()


def blocks(picture: Tensor) -> Tensor:
    """Edges of blocks of up to 8 px whose sign changes, which `grid` misses: `adain.metrics.blocks`.

    Args:
        picture: (N, 3, H, W), H and W at least 9.
    """
    return metrics.blocks(picture.float()).mean()


class _MomentsFunction(torch.autograd.Function):
    """Moments with a gradient of their own: three times as fast on a CPU as var_mean, a quarter of a step."""

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Moments:
        count = features.shape[2] * features.shape[3]
        centred = features.float()
        mean = centred.mean((2, 3))
        centred = centred - mean[..., None, None] if centred is features else centred.sub_(mean[..., None, None])
        variance = centred.square_().mean((2, 3)) * (count / max(1, count - 1))
        std = (variance + _EPS).sqrt()
        ctx.save_for_backward(features, mean, std)
        return mean, std

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, to_mean: Tensor, to_std: Tensor) -> Tensor:
        features, mean, std = ctx.saved_tensors
        count = features.shape[2] * features.shape[3]
        slope = to_std / (std * max(1, count - 1))  # d std / d x = (x - mean) / (std * (count - 1))
        offset = to_mean / count - slope * mean
        dtype = features.dtype
        gradient: Tensor = torch.addcmul(offset[..., None, None].to(dtype), features, slope[..., None, None].to(dtype))
        return gradient


def color(picture: Tensor, style: Tensor) -> Tensor:
    """Distance of the colours from the style's, covariance included, which moments of features miss.

    Args:
        picture: (N, 3, H, W).
        style: (N, 3, H', W').

    Returns:
        The mean of `adain.metrics.color_distance`.
    """
    with torch.autocast(picture.device.type, enabled=False):  # a variance is a small difference of large numbers
        found, wanted = metrics.color_moments(picture.float()), metrics.color_moments(style.float())
        return metrics.color_distance(found, wanted).mean()


def noisy(picture: Tensor, seed: int) -> Tensor:
    """Add noise as sensors and compression leave it.

    A network that turns such noise into strokes makes films flicker, and draws a mesh in smooth areas.

    Args:
        picture: (N, 3, H, W).
        seed: of the noise.

    Returns:
        (N, 3, H, W): the picture plus normal noise in cells of 1, 2, 4 and 8 px, each with a deviation of 1/255.
    """
    generator = torch.Generator(picture.device).manual_seed(seed)
    height, width = picture.shape[2:]
    noise = torch.zeros_like(picture)
    for cell in _NOISE_CELLS:
        shape = *picture.shape[:2], -(-height // cell), -(-width // cell)
        drawn = torch.randn(shape, generator=generator, device=picture.device)
        noise += F.interpolate(drawn, scale_factor=cell)[..., :height, :width]
    return picture + _NOISE * noise


def relative_mse(features: Tensor, target: Tensor) -> Tensor:
    """Per sample |f - t|^2 / |t|^2, so that the scale of a layer does not matter; then the mean."""
    f, t = features.float().flatten(1), target.float().flatten(1)
    return ((f - t).square().sum(1) / t.square().sum(1).clamp_min(_EPS)).mean()


def content_cosine(features: Tensor, target: Tensor) -> Tensor:
    """1 - cosine of instance-normalised features: compares the content's structure without its statistics."""
    f, t = _instance_normalised(features), _instance_normalised(target)  # (N, C*H*W)
    return 1 - F.cosine_similarity(f, t, dim=1, eps=_EPS).mean()


def _instance_normalised(features: Tensor) -> Tensor:
    mean, std = moments(features)
    return ((features.float() - mean[..., None, None]) / std[..., None, None]).flatten(1)


def style_moments_mse(found: Moments, wanted: Moments) -> Tensor:
    """AdaIN's style loss of one layer: MSE of the means plus MSE of the standard deviations."""
    return F.mse_loss(found[0], wanted[0]) + F.mse_loss(found[1], wanted[1])


def style_moments_relative(found: Moments, wanted: Moments, *, root: bool = False) -> Tensor:
    """Per sample (|mu - mu_s|^2 + |sd - sd_s|^2) / (|mu_s|^2 + |sd_s|^2), or its root; then the mean."""
    difference = sum((a - b).square().sum(1) for a, b in zip(found, wanted, strict=True))
    size = sum(b.square().sum(1) for b in wanted)
    ratio = torch.as_tensor(difference) / torch.as_tensor(size).clamp_min(_EPS)
    # The constant keeps the root's gradient finite at 0, where an identity sample can start.
    return ((ratio + 1e-6).sqrt() if root else ratio).mean()


def gram(features: Tensor) -> Tensor:
    """Gram matrix f f^T / (C H W), (N, C, C) float32."""
    flat = features.float().flatten(2)
    return flat @ flat.transpose(1, 2) / (flat.shape[1] * flat.shape[2])


def gram_mse(features: Tensor, style: Tensor) -> Tensor:
    """Mean squared error of Gram matrices; the pictures may differ in size."""
    return F.mse_loss(gram(features), gram(style))


def gram_relative(features: Tensor, style: Tensor) -> Tensor:
    """Per sample |G - A|^2 / |A|^2 of Gram matrices, so that the scale of a layer does not matter; then the mean."""
    channels = features.shape[1]  # keeps what is divided by well above its floor
    return relative_mse(channels * gram(features), channels * gram(style))


def total_variation(picture: Tensor) -> Tensor:
    """Mean absolute difference of neighbouring pixels, horizontal plus vertical."""
    p = picture.float()
    return (p[..., 1:] - p[..., :-1]).abs().mean() + (p[..., 1:, :] - p[..., :-1, :]).abs().mean()


def gamut(picture: Tensor) -> Tensor:
    """Mean squared distance of the values from [0, 1], which clipping removes."""
    p = picture.float()
    return (p - p.clamp(0, 1)).square().mean()


def reconstruction_l1(picture: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error of pixels, for the identity and the cycle loss."""
    return F.l1_loss(picture.float(), target.float())


def reconstruction_mse(picture: Tensor, target: Tensor) -> Tensor:
    """Mean squared error of pixels."""
    return F.mse_loss(picture.float(), target.float())


def hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Hinge loss of a discriminator's scores on real and generated pictures."""
    return F.relu(1 - real.float()).mean() + F.relu(1 + fake.float()).mean()


def hinge_generator(fake: Tensor) -> Tensor:
    """The generator's loss against a hinge discriminator."""
    return -fake.float().mean()
