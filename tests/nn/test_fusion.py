"""The fusions by what defines them: whose statistics the result has."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import read_tensor
from torch import Tensor

from adain import registry
from adain.nn import checkpoints, fusion
from adain.nn.build import parts
from adain.nn.vgg import Encoder

# Relative, Frobenius. The ridge raises each eigenvalue by 1e-3 of their mean; measured 0.003 on VGG-19.
WCT_TOLERANCE = 0.01


def features(seed: int, n: int = 2, channels: int = 8, height: int = 20, width: int = 24) -> Tensor:
    """Correlated, skewed and not centred, as features after a ReLU are; (n, channels, height, width)."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(n, channels, channels, generator=generator)
    noise = torch.randn(n, channels, height * width, generator=generator)
    return torch.relu(mixing @ noise + 0.5).view(n, channels, height, width)


def wct_code(style: Tensor) -> tuple[Tensor, Tensor]:
    mean, covariance = fusion.mean_covariance(style)
    return mean, fusion.eigh_roots(fusion.regularized(covariance))[1]


def relative_error(got: Tensor, expected: Tensor) -> float:
    return float((got - expected).norm() / expected.norm())


@pytest.fixture(scope="module")
def real_features(shared: Path) -> tuple[Tensor, Tensor]:
    """A photograph's and a painting's relu3_1 of the exact VGG-19."""
    model = registry.get("wct-vgg19")
    encoder = parts(model.architecture)["encoder3"]
    assert isinstance(encoder, Encoder)
    file = shared / "weights/original/deep-transfer/vgg_normalised_conv3_1.pth"
    checkpoints.load_into(encoder, file, model.architecture.keys)
    with torch.inference_mode():
        content = encoder(read_tensor(shared / "images/content/cornell.jpg", 160))
        return content, encoder(read_tensor(shared / "images/style/la_muse.jpg", 160))


def test_statistics_are_pytorch_adains() -> None:
    x = features(0)
    mean, std = fusion.mean_std(x)
    torch.testing.assert_close(mean, x.mean(dim=(2, 3)))
    torch.testing.assert_close(std, (x.flatten(2).var(dim=2, unbiased=True) + 1e-5).sqrt())


def test_adain_output_has_the_styles_mean_and_std() -> None:
    content, style = features(0), features(1, height=9, width=31)
    mean, std = fusion.mean_std(style)
    fused = fusion.adain(content, mean, std)
    got_mean, got_std = fusion.mean_std(fused)
    assert fused.shape == content.shape
    torch.testing.assert_close(got_mean, mean, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(got_std, std, rtol=1e-3, atol=1e-4)  # the 1e-5 under the root


def test_adain_output_has_the_styles_mean_and_std_on_real_features(
    real_features: tuple[Tensor, Tensor],
) -> None:
    content, style = real_features
    mean, std = fusion.mean_std(style)
    got_mean, got_std = fusion.mean_std(fusion.adain(content, mean, std))
    torch.testing.assert_close(got_mean, mean, rtol=1e-3, atol=1e-4)
    # A channel that is dead in the style has std sqrt(1e-5), and not that plus itself.
    torch.testing.assert_close(got_std, std, rtol=5e-3, atol=math.sqrt(fusion.VARIANCE_EPS))


def test_wct_output_has_the_styles_mean_and_covariance() -> None:
    content, style = features(0), features(1, height=9, width=31)
    fused = fusion.wct(content, *wct_code(style))
    mean, covariance = fusion.mean_covariance(fused)
    style_mean, style_covariance = fusion.mean_covariance(style)
    assert fused.shape == content.shape
    torch.testing.assert_close(mean, style_mean, rtol=1e-4, atol=1e-4)
    assert relative_error(covariance, style_covariance) < WCT_TOLERANCE


def test_wct_output_has_the_styles_mean_and_covariance_on_real_features(
    real_features: tuple[Tensor, Tensor],
) -> None:
    content, style = real_features
    mean, covariance = fusion.mean_covariance(fusion.wct(content, *wct_code(style)))
    style_mean, style_covariance = fusion.mean_covariance(style)
    assert relative_error(mean, style_mean) < 1e-3
    assert relative_error(covariance, style_covariance) < WCT_TOLERANCE


def test_covariance_is_that_of_numpy() -> None:
    x = features(0, n=1)
    _, covariance = fusion.mean_covariance(x)
    np.testing.assert_allclose(covariance[0].numpy(), np.cov(x[0].flatten(1).numpy()), rtol=1e-4, atol=1e-5)


def test_roots_whiten_and_color() -> None:
    _, covariance = fusion.mean_covariance(features(0))
    covariance = fusion.regularized(covariance)
    whitening, coloring = fusion.eigh_roots(covariance)
    torch.testing.assert_close(coloring @ coloring, covariance, rtol=1e-4, atol=1e-4)
    identity = torch.eye(8).expand(2, 8, 8)
    torch.testing.assert_close(whitening @ covariance @ whitening, identity, rtol=1e-3, atol=1e-3)


def test_a_style_equal_to_the_content_changes_nothing() -> None:
    x = features(0)
    torch.testing.assert_close(fusion.adain(x, *fusion.mean_std(x)), x, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(fusion.wct(x, *wct_code(x)), x, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("fusion_name", ["adain", "wct"])
def test_alpha_is_a_convex_mix_of_fused_and_content(fusion_name: str) -> None:
    content, style = features(0), features(1)
    if fusion_name == "adain":
        code = fusion.mean_std(style)
        fused = [fusion.adain(content, *code, alpha) for alpha in (0.0, 0.3, 1.0)]
    else:
        code = wct_code(style)
        fused = [fusion.wct(content, *code, alpha) for alpha in (0.0, 0.3, 1.0)]
    torch.testing.assert_close(fused[0], content, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(fused[1], 0.3 * fused[2] + 0.7 * content, rtol=1e-4, atol=1e-4)


def test_alpha_may_differ_within_a_batch() -> None:
    content, style = features(0), features(1)
    alphas = torch.tensor([[0.2], [0.9]])
    together = fusion.adain(content, *fusion.mean_std(style), alphas)
    together_wct = fusion.wct(content, *wct_code(style), alphas)
    for i, alpha in enumerate((0.2, 0.9)):
        one, its_style = content[i : i + 1], style[i : i + 1]
        torch.testing.assert_close(together[i : i + 1], fusion.adain(one, *fusion.mean_std(its_style), alpha))
        torch.testing.assert_close(
            together_wct[i : i + 1], fusion.wct(one, *wct_code(its_style), alpha), rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (4, 4)])
@pytest.mark.parametrize("value", [0.0, 300.0])
def test_flat_and_one_pixel_maps_stay_finite_and_take_the_styles_mean(shape: tuple[int, int], value: float) -> None:
    flat = torch.full((1, 8, *shape), value)
    style = features(1, n=1)
    style_mean = style.mean(dim=(2, 3))[:, :, None, None].expand_as(flat)
    adain, wct = fusion.adain(flat, *fusion.mean_std(style)), fusion.wct(flat, *wct_code(style))
    # What rounding leaves of 300 - mean is raised by std / sqrt(1e-5).
    torch.testing.assert_close(adain, style_mean, rtol=0.05, atol=0.05)
    torch.testing.assert_close(wct, style_mean, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("shape", [(1, 1), (4, 4)])
def test_a_flat_style_gives_its_one_color(shape: tuple[int, int]) -> None:
    flat = torch.full((1, 8, *shape), 3.0)
    content = features(0, n=1)
    for fused in (fusion.adain(content, *fusion.mean_std(flat)), fusion.wct(content, *wct_code(flat))):
        # A flat style's deviation is not 0 but sqrt(1e-5), and whitened features reach a few units.
        torch.testing.assert_close(fused, torch.full_like(content, 3.0), rtol=0, atol=0.05)


def test_fewer_pixels_than_channels_are_finite() -> None:
    content, style = features(0, channels=32, height=2, width=3), features(1, channels=32, height=3, width=3)
    assert fusion.wct(content, *wct_code(style)).isfinite().all()
