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
from adain.engine import fusions
from adain.engine.moments import VARIANCE_EPS, Moments
from adain.nn import checkpoints
from adain.nn.build import parts
from adain.nn.fusions import FUSIONS
from adain.nn.fusions.wct import regularized
from adain.nn.operators import Operators, eigh_roots
from adain.nn.vgg import Encoder
from adain.registry import FusedMap, Stage

# Relative, Frobenius. The ridge raises each eigenvalue by 1e-3 of their mean; measured 0.003 on VGG-19.
WCT_TOLERANCE = 0.01


def features(seed: int, n: int = 2, channels: int = 8, height: int = 20, width: int = 24) -> Tensor:
    """Correlated, skewed and not centred, as features after a ReLU are; (n, channels, height, width)."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(n, channels, channels, generator=generator)
    noise = torch.randn(n, channels, height * width, generator=generator)
    return torch.relu(mixing @ noise + 0.5).view(n, channels, height, width)


def mean_std(x: Tensor) -> tuple[Tensor, Tensor]:
    return Operators().mean_std(x)


def mean_covariance(x: Tensor) -> tuple[Tensor, Tensor]:
    return Operators().mean_covariance(x)


def fused(name: str, content: Tensor, style: Tensor, alpha: float | Tensor = 1.0) -> Tensor:
    """A content's map with a style's statistics, by the fusion of that name."""
    fusion = FUSIONS[name](Operators())
    own, code = fusion.content(content), fusion.style(style)
    target = {key: own[key] + alpha * (code[key] - own[key]) for key in code if key in own}
    return fusion.transfer(own, code, target, alpha)(content)


def adain(content: Tensor, style: Tensor, alpha: float | Tensor = 1.0) -> Tensor:
    return fused("adain", content, style, alpha)


def wct(content: Tensor, style: Tensor, alpha: float | Tensor = 1.0) -> Tensor:
    return fused("wct", content, style, alpha)


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
    mean, std = mean_std(x)
    torch.testing.assert_close(mean, x.mean(dim=(2, 3)))
    torch.testing.assert_close(std, (x.flatten(2).var(dim=2, unbiased=True) + 1e-5).sqrt())


def test_adain_output_has_the_styles_mean_and_std() -> None:
    content, style = features(0), features(1, height=9, width=31)
    mean, std = mean_std(style)
    result = adain(content, style)
    got_mean, got_std = mean_std(result)
    assert result.shape == content.shape
    torch.testing.assert_close(got_mean, mean, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(got_std, std, rtol=1e-3, atol=1e-4)  # the 1e-5 under the root


def test_adain_output_has_the_styles_mean_and_std_on_real_features(
    real_features: tuple[Tensor, Tensor],
) -> None:
    content, style = real_features
    mean, std = mean_std(style)
    got_mean, got_std = mean_std(adain(content, style))
    torch.testing.assert_close(got_mean, mean, rtol=1e-3, atol=1e-4)
    # A channel that is dead in the style has std sqrt(1e-5), and not that plus itself.
    torch.testing.assert_close(got_std, std, rtol=5e-3, atol=math.sqrt(VARIANCE_EPS))


def test_wct_output_has_the_styles_mean_and_covariance() -> None:
    content, style = features(0), features(1, height=9, width=31)
    result = wct(content, style)
    mean, covariance = mean_covariance(result)
    style_mean, style_covariance = mean_covariance(style)
    assert result.shape == content.shape
    torch.testing.assert_close(mean, style_mean, rtol=1e-4, atol=1e-4)
    assert relative_error(covariance, style_covariance) < WCT_TOLERANCE


def test_wct_output_has_the_styles_mean_and_covariance_on_real_features(
    real_features: tuple[Tensor, Tensor],
) -> None:
    content, style = real_features
    mean, covariance = mean_covariance(wct(content, style))
    style_mean, style_covariance = mean_covariance(style)
    assert relative_error(mean, style_mean) < 1e-3
    assert relative_error(covariance, style_covariance) < WCT_TOLERANCE


def test_covariance_is_that_of_numpy() -> None:
    x = features(0, n=1)
    _, covariance = mean_covariance(x)
    np.testing.assert_allclose(covariance[0].numpy(), np.cov(x[0].flatten(1).numpy()), rtol=1e-4, atol=1e-5)


def test_roots_whiten_and_color() -> None:
    _, covariance = mean_covariance(features(0))
    covariance = regularized(covariance)
    whitening, coloring = eigh_roots(covariance)
    torch.testing.assert_close(coloring @ coloring, covariance, rtol=1e-4, atol=1e-4)
    identity = torch.eye(8).expand(2, 8, 8)
    torch.testing.assert_close(whitening @ covariance @ whitening, identity, rtol=1e-3, atol=1e-3)


def test_a_style_equal_to_the_content_changes_nothing() -> None:
    x = features(0)
    torch.testing.assert_close(adain(x, x), x, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(wct(x, x), x, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", list(FUSIONS))
def test_alpha_is_a_convex_mix_of_fused_and_content(name: str) -> None:
    content, style = features(0), features(1)
    results = [fused(name, content, style, alpha) for alpha in (0.0, 0.3, 1.0)]
    torch.testing.assert_close(results[0], content, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(results[1], 0.3 * results[2] + 0.7 * content, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", list(FUSIONS))
def test_a_gain_may_be_multiplied_into_what_fuses_a_map(name: str) -> None:
    content, style, scale = features(0), features(1), torch.rand(2, 8, 1, 1)
    fusion = FUSIONS[name](Operators())
    own, code = fusion.content(content), fusion.style(style)
    transfer = fusion.transfer(own, code, {key: code[key] for key in code if key in own}, 1.0)
    scaled, shift = transfer.scaled(content, scale)
    torch.testing.assert_close(scaled + shift, transfer(content) * scale, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", list(FUSIONS))
def test_arrays_are_those_of_the_table_without_torch(name: str) -> None:
    fusion, layout = FUSIONS[name](Operators()), fusions.FUSIONS[name]
    x, masks = features(0), torch.rand(2, 3, 20, 24)
    for arrays, shapes, regions in (
        (fusion.style(x), layout.code, ()),
        (fusion.content(x), layout.statistics, ()),
        (fusion.moments(x, masks), layout.moments, (3,)),
        (fusion.regions(fusion.moments(x, masks)), layout.statistics, (3,)),
    ):
        found = {key: tuple(array.shape) for key, array in arrays.items()}
        assert list(found.items()) == [(key, (2, *regions, *shape(8))) for key, shape in shapes.items()]


@pytest.mark.parametrize("name", list(FUSIONS))
def test_statistics_of_regions_are_those_that_are_merged_without_torch(name: str) -> None:
    fusion, x, masks = FUSIONS[name](Operators()), features(0, n=1), torch.rand(1, 2, 20, 24)
    stage = Stage("x", (FusedMap("x", 1, 8, name),), 8.0)
    arrays = fusion.moments(x, torch.cat([masks, torch.ones(1, 1, 20, 24)], dim=1))
    found = [
        Moments.from_arrays({f"x.{key}": array[0, region].numpy() for key, array in arrays.items()})
        for region in range(3)
    ]
    expected = [*(each.of_region(found[-1]) for each in found[:-1]), found[-1]]
    for key, array in fusion.regions(arrays).items():
        same = np.stack([each.statistics(stage)[f"x.{key}"] for each in expected])
        np.testing.assert_allclose(array[0].numpy(), same, rtol=2e-3, atol=2e-3)


def test_alpha_may_differ_within_a_batch() -> None:
    content, style = features(0), features(1)
    alphas = torch.tensor([[0.2], [0.9]])
    together, together_wct = adain(content, style, alphas), wct(content, style, alphas)
    for i, alpha in enumerate((0.2, 0.9)):
        one, its_style = content[i : i + 1], style[i : i + 1]
        torch.testing.assert_close(together[i : i + 1], adain(one, its_style, alpha))
        torch.testing.assert_close(together_wct[i : i + 1], wct(one, its_style, alpha), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (4, 4)])
@pytest.mark.parametrize("value", [0.0, 300.0])
def test_flat_and_one_pixel_maps_stay_finite_and_take_the_styles_mean(shape: tuple[int, int], value: float) -> None:
    flat = torch.full((1, 8, *shape), value)
    style = features(1, n=1)
    style_mean = style.mean(dim=(2, 3))[:, :, None, None].expand_as(flat)
    # What rounding leaves of 300 - mean is raised by std / sqrt(1e-5).
    torch.testing.assert_close(adain(flat, style), style_mean, rtol=0.05, atol=0.05)
    torch.testing.assert_close(wct(flat, style), style_mean, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("shape", [(1, 1), (4, 4)])
def test_a_flat_style_gives_its_one_color(shape: tuple[int, int]) -> None:
    flat = torch.full((1, 8, *shape), 3.0)
    content = features(0, n=1)
    for result in (adain(content, flat), wct(content, flat)):
        # A flat style's deviation is not 0 but sqrt(1e-5), and whitened features reach a few units.
        torch.testing.assert_close(result, torch.full_like(content, 3.0), rtol=0, atol=0.05)


def test_fewer_pixels_than_channels_are_finite() -> None:
    content, style = features(0, channels=32, height=2, width=3), features(1, channels=32, height=3, width=3)
    assert wct(content, style).isfinite().all()
