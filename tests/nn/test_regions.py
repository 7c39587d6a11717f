"""Regions: each style on its own part of the content, with that part's statistics, whatever the masks are."""

from __future__ import annotations

import pytest
import small_models
import torch
from pictures import painting, photo
from torch import Tensor

from adain import images
from adain.export.layers import Form
from adain.export.networks import ExportNetwork, exportable
from adain.nn import build, fusion, regions
from adain.nn.fusion import eigh_roots, regularized

SIDE = 64
ONE_OF_255 = 1 / 255


def feature(height: int = 12, width: int = 10, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.rand(6, 6, generator=generator)
    raw = torch.randn(2, 6, height, width, generator=generator).relu() * 3
    return torch.einsum("ij,njhw->nihw", mixing, raw) + seed


def left(height: int = 12, width: int = 10) -> Tensor:
    """The left half, hard, (1, 1, height, width)."""
    mask = torch.zeros(1, 1, height, width)
    mask[..., : width // 2] = 1
    return mask


# What a mask means


def test_shares_sum_to_one_and_the_content_has_what_masks_leave() -> None:
    masks = torch.tensor([0.2, 0.3, 1.0, 1.0, 0.0, 0.0]).reshape(1, 2, 1, 3)  # two styles, three pixels
    shares = regions.shares(masks)
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(1, 1, 3))
    torch.testing.assert_close(shares[0, :, 0, 0], torch.tensor([0.2 / 1.2, 1 / 1.2, 0.0]))
    torch.testing.assert_close(shares[0, :, 0, 1], torch.tensor([0.3, 0.0, 0.7]))
    torch.testing.assert_close(shares[0, :, 0, 2], torch.tensor([1.0, 0.0, 0.0]))


# AdaIN


def styles(count: int) -> tuple[Tensor, Tensor]:
    mean, std = zip(*(fusion.mean_std(feature(seed=seed)) for seed in range(3, 3 + count)), strict=True)
    return torch.stack(mean, dim=1), torch.stack(std, dim=1)


def adain(x: Tensor, masks: Tensor, mean: Tensor, std: Tensor, alpha: float = 1.0) -> Tensor:
    fused, _ = regions.adain(x, regions.shares(masks), mean, std, alpha)
    return fused


@pytest.mark.parametrize("alpha", [0.0, 0.4, 1.0])
def test_one_region_over_all_is_adain(alpha: float) -> None:
    x, (mean, std) = feature(), styles(1)
    expected = fusion.adain(x, mean[:, 0], std[:, 0], alpha)
    torch.testing.assert_close(adain(x, torch.ones(2, 1, 12, 10), mean, std, alpha), expected, rtol=1e-4, atol=1e-4)


def test_a_region_gets_its_styles_statistics() -> None:
    x, (mean, std) = feature(60, 80), styles(2)
    mask = left(60, 80).expand(2, 1, -1, -1)
    fused = adain(x, torch.cat([mask, 1 - mask], dim=1), mean, std)
    for index, part in enumerate((fused[..., :40], fused[..., 40:])):
        got_mean, got_std = fusion.mean_std(part)
        torch.testing.assert_close(got_mean, mean[:, index], rtol=0.02, atol=0.02)  # PRIOR of 2400 pixels
        torch.testing.assert_close(got_std, std[:, index], rtol=0.02, atol=0.02)


def test_what_no_mask_covers_is_the_content() -> None:
    x, (mean, std) = feature(), styles(1)
    fused = adain(x, left().expand(2, 1, -1, -1), mean, std)
    torch.testing.assert_close(fused[..., 5:], x[..., 5:])
    assert not torch.allclose(fused[..., :5], x[..., :5])


def test_alpha_0_is_the_content_under_any_masks() -> None:
    x, (mean, std) = feature(), styles(2)
    masks = torch.rand(2, 2, 12, 10, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(adain(x, masks, mean, std, 0.0), x, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("pixels", [0, 1])
def test_an_empty_region_and_one_of_one_pixel_are_finite_and_mild(pixels: int) -> None:
    x, (mean, std) = feature(), styles(2)
    mask = torch.zeros(2, 1, 12, 10)
    mask[..., 3, 4] = pixels
    fused = adain(x, torch.cat([mask, 1 - mask], dim=1), mean, std)
    whole = adain(x, torch.ones(2, 1, 12, 10), mean[:, 1:], std[:, 1:])
    assert torch.isfinite(fused).all()
    others = torch.ones(12, 10, dtype=torch.bool)
    others[3, 4] = False
    torch.testing.assert_close(fused[..., others], whole[..., others], rtol=0.05, atol=0.3)
    assert float(fused.abs().max()) < 4 * float(whole.abs().max())


# WCT


def colorings(count: int) -> tuple[Tensor, Tensor]:
    found = [fusion.mean_covariance(feature(seed=seed)) for seed in range(3, 3 + count)]
    means = torch.stack([mean for mean, _ in found], dim=1)
    return means, torch.stack([eigh_roots(regularized(covariance))[1] for _, covariance in found], dim=1)


def wct(x: Tensor, masks: Tensor, mean: Tensor, coloring: Tensor, alpha: float = 1.0) -> Tensor:
    return regions.wct(x, regions.shares(masks), mean, coloring, alpha, eigh_roots)


@pytest.mark.parametrize("alpha", [0.0, 0.4, 1.0])
def test_one_region_over_all_is_wct(alpha: float) -> None:
    x, (mean, coloring) = feature(), colorings(1)
    expected = fusion.wct(x, mean[:, 0], coloring[:, 0], alpha)
    fused = wct(x, torch.ones(2, 1, 12, 10), mean, coloring, alpha)
    torch.testing.assert_close(fused, expected, rtol=1e-3, atol=1e-2)


def test_a_region_gets_its_styles_covariance() -> None:
    x, (mean, coloring) = feature(60, 80), colorings(2)
    mask = left(60, 80).expand(2, 1, -1, -1)
    fused = wct(x, torch.cat([mask, 1 - mask], dim=1), mean, coloring)
    for index, part in enumerate((fused[..., :40], fused[..., 40:])):
        got_mean, covariance = fusion.mean_covariance(part)
        expected = coloring[:, index] @ coloring[:, index]
        torch.testing.assert_close(got_mean, mean[:, index], rtol=0.02, atol=0.05)
        assert float((covariance - expected).norm() / expected.norm()) < 0.02


def test_wct_of_an_empty_region_is_finite_and_the_rest_as_without_it() -> None:
    x, (mean, coloring) = feature(), colorings(2)
    masks = torch.cat([torch.zeros(2, 1, 12, 10), torch.ones(2, 1, 12, 10)], dim=1)
    whole = wct(x, torch.ones(2, 1, 12, 10), mean[:, 1:], coloring[:, 1:])
    torch.testing.assert_close(wct(x, masks, mean, coloring), whole, rtol=1e-4, atol=1e-3)


# Whole networks


@pytest.fixture(scope="module", params=list(small_models.ARCHITECTURES))
def network(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ExportNetwork:
    model = small_models.make(request.param, tmp_path_factory.mktemp("small"))
    return exportable(build.load(model.row, model.files), Form())


def codes(network: ExportNetwork, count: int) -> dict[str, Tensor]:
    found = [network.encode_style(torch.from_numpy(images.to_tensor(painting(40, 40, s)))) for s in range(count)]
    return {name: torch.stack([code[name] for code in found], dim=1) for name in network.code_shapes}


def content(width: int = SIDE, height: int = SIDE) -> Tensor:
    return torch.from_numpy(images.to_tensor(photo(width, height)))


@pytest.mark.parametrize("size", [(64, 64), (51, 37)])
def test_one_region_over_all_is_the_network(network: ExportNetwork, size: tuple[int, int]) -> None:
    picture, alpha = content(*size), torch.tensor([[0.8]])
    with torch.inference_mode():
        code = codes(network, 1)
        masks = torch.ones(1, 1, *picture.shape[2:])
        fused = network.forward_regions(picture, code, masks, alpha)
        expected = network(picture, {name: array[:, 0] for name, array in code.items()}, alpha)
    assert fused.shape == picture.shape
    assert float((fused - expected).abs().max()) < ONE_OF_255


def test_halves_are_near_their_own_style_away_from_the_border(network: ExportNetwork) -> None:
    picture, alpha = content(), torch.ones(1, 1)
    same = torch.cat([picture[..., :32], picture[..., :32].flip(3)], dim=3)  # so that halves have one statistic
    with torch.inference_mode():
        code = codes(network, 2)
        mask = left(SIDE, SIDE)
        fused = network.forward_regions(same, code, torch.cat([mask, 1 - mask], dim=1), alpha)
        alone = [network(same, {name: array[:, index] for name, array in code.items()}, alpha) for index in (0, 1)]
    assert float((alone[0] - alone[1]).abs().mean()) > 0.02  # there is something to tell apart
    for index, columns in enumerate((slice(0, 8), slice(56, 64))):
        own, other = ((fused - picture)[..., columns].abs().mean() for picture in (alone[index], alone[1 - index]))
        assert own < other


def test_no_mask_at_all_is_the_networks_own_content(network: ExportNetwork) -> None:
    picture = content()
    with torch.inference_mode():
        code = codes(network, 1)
        fused = network.forward_regions(picture, code, torch.zeros(1, 1, SIDE, SIDE), torch.ones(1, 1))
        expected = network(picture, {name: array[:, 0] for name, array in code.items()}, torch.zeros(1, 1))
    assert float((fused - expected).abs().max()) < ONE_OF_255
