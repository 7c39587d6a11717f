"""Regions: each style on its own part of the content, with that part's statistics, whatever the masks are."""

from __future__ import annotations

import pytest
import small_models
import torch
from pictures import painting, photo
from torch import Tensor

from adain import images
from adain.export.exported import exportable
from adain.export.layers import Form
from adain.nn import build
from adain.nn import network as networks
from adain.nn.fusions import FUSIONS
from adain.nn.network import StyleTransfer
from adain.nn.operators import Operators

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
    shares = networks._shares(masks)
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(1, 1, 3))
    torch.testing.assert_close(shares[0, :, 0, 0], torch.tensor([0.2 / 1.2, 1 / 1.2, 0.0]))
    torch.testing.assert_close(shares[0, :, 0, 1], torch.tensor([0.3, 0.0, 0.7]))
    torch.testing.assert_close(shares[0, :, 0, 2], torch.tensor([1.0, 0.0, 0.0]))


# Fusions

OPERATORS = Operators()
Code = dict[str, Tensor]


def styles(name: str, count: int) -> Code:
    found = [FUSIONS[name](OPERATORS).style(feature(seed=seed)) for seed in range(3, 3 + count)]
    return {key: torch.stack([code[key] for code in found], dim=1) for key in found[0]}


def fused(name: str, x: Tensor, masks: Tensor, codes: Code, alpha: float = 1.0) -> Tensor:
    """A map with a style on each region."""
    fusion, shares = FUSIONS[name](OPERATORS), networks._shares(masks)
    weights = torch.cat([shares[:, :-1], torch.ones_like(shares[:, -1:])], dim=1)
    own = fusion.regions(fusion.moments(x, weights))
    target = {k: own[k][:, :-1] + alpha * (codes[k] - own[k][:, :-1]) for k in codes if k in own}
    return fusion.fuse_regions(x, own, codes, target, shares, alpha)


def whole(name: str, x: Tensor, code: Code, alpha: float = 1.0) -> Tensor:
    """A map in one style."""
    fusion = FUSIONS[name](OPERATORS)
    own = fusion.content(x)
    target = {k: own[k] + alpha * (code[k] - own[k]) for k in code if k in own}
    return fusion.transfer(own, code, target, alpha)(x)


every_fusion = pytest.mark.parametrize("name", list(FUSIONS))


@every_fusion
@pytest.mark.parametrize("alpha", [0.0, 0.4, 1.0])
def test_one_region_over_all_is_the_fusion(name: str, alpha: float) -> None:
    x, codes = feature(), styles(name, 1)
    expected = whole(name, x, {key: array[:, 0] for key, array in codes.items()}, alpha)
    result = fused(name, x, torch.ones(2, 1, 12, 10), codes, alpha)
    torch.testing.assert_close(result, expected, rtol=1e-3, atol=1e-2)


@every_fusion
def test_a_region_gets_its_styles_statistics(name: str) -> None:
    x, codes = feature(60, 80), styles(name, 2)
    mask = left(60, 80).expand(2, 1, -1, -1)
    result = fused(name, x, torch.cat([mask, 1 - mask], dim=1), codes)
    for index, part in enumerate((result[..., :40], result[..., 40:])):
        for key, array in FUSIONS[name](OPERATORS).style(part).items():
            wanted = codes[key][:, index]
            assert float((array - wanted).norm() / wanted.norm()) < 0.02, key  # PRIOR of 2400 pixels


@every_fusion
def test_what_no_mask_covers_is_the_content(name: str) -> None:
    x = feature()
    result = fused(name, x, left().expand(2, 1, -1, -1), styles(name, 1))
    torch.testing.assert_close(result[..., 5:], x[..., 5:], rtol=1e-4, atol=1e-4)
    assert not torch.allclose(result[..., :5], x[..., :5])


@every_fusion
def test_alpha_0_is_the_content_under_any_masks(name: str) -> None:
    x = feature()
    masks = torch.rand(2, 2, 12, 10, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(fused(name, x, masks, styles(name, 2), 0.0), x, rtol=1e-4, atol=1e-4)


@every_fusion
@pytest.mark.parametrize("pixels", [0, 1])
def test_an_empty_region_and_one_of_one_pixel_are_finite_and_mild(name: str, pixels: int) -> None:
    x, codes = feature(), styles(name, 2)
    mask = torch.zeros(2, 1, 12, 10)
    mask[..., 3, 4] = pixels
    result = fused(name, x, torch.cat([mask, 1 - mask], dim=1), codes)
    second = whole(name, x, {key: array[:, 1] for key, array in codes.items()})
    assert torch.isfinite(result).all()
    others = torch.ones(12, 10, dtype=torch.bool)
    others[3, 4] = False
    torch.testing.assert_close(result[..., others], second[..., others], rtol=0.05, atol=0.6)
    assert float(result.abs().max()) < 4 * float(second.abs().max())


# Whole networks


@pytest.fixture(scope="module", params=list(small_models.ARCHITECTURES))
def network(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> StyleTransfer:
    model = small_models.make(request.param, tmp_path_factory.mktemp("small"))
    return exportable(build.load(model.row, model.files), Form())


def codes(network: StyleTransfer, count: int) -> dict[str, Tensor]:
    found = [network.encode_style(torch.from_numpy(images.to_tensor(painting(40, 40, s)))) for s in range(count)]
    return {name: torch.stack([code[name] for code in found], dim=1) for name in network.code_shapes}


def content(width: int = SIDE, height: int = SIDE) -> Tensor:
    return torch.from_numpy(images.to_tensor(photo(width, height)))


@pytest.mark.parametrize("size", [(64, 64), (51, 37)])
def test_one_region_over_all_is_the_network(network: StyleTransfer, size: tuple[int, int]) -> None:
    picture, alpha = content(*size), torch.tensor([[0.8]])
    with torch.inference_mode():
        code = codes(network, 1)
        masks = torch.ones(1, 1, *picture.shape[2:])
        fused = network.forward_regions(picture, code, masks, alpha)
        expected = network(picture, {name: array[:, 0] for name, array in code.items()}, alpha)
    assert fused.shape == picture.shape
    assert float((fused - expected).abs().max()) < ONE_OF_255


def test_halves_are_near_their_own_style_away_from_the_border(network: StyleTransfer) -> None:
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


def test_no_mask_at_all_is_the_networks_own_content(network: StyleTransfer) -> None:
    picture = content()
    with torch.inference_mode():
        code = codes(network, 1)
        fused = network.forward_regions(picture, code, torch.zeros(1, 1, SIDE, SIDE), torch.ones(1, 1))
        expected = network(picture, {name: array[:, 0] for name, array in code.items()}, torch.zeros(1, 1))
    assert float((fused - expected).abs().max()) < ONE_OF_255
