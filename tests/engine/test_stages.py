"""Models stage by stage: the statistics of parts are those of the whole, and a part of a picture comes out as in it."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the networks need the extra torch")

import published
import torch
from numpy.typing import NDArray
from torch import nn

from adain import registry
from adain.engine.framing import Box, Framing
from adain.engine.moments import Moments, merge
from adain.nn.build import build
from adain.nn.network import StyleTransfer
from adain.runtimes.torch_backend import TorchBackend

MODELS = [published.thin(model) for model in registry.MODELS.values()]
SPLIT = 160  # pixels, a multiple of every model's stride, and further than any statistics reach


def lively(model: registry.Model) -> StyleTransfer:
    """With random weights that leave hardly a channel dead, so that every layer sees what the one before does."""
    torch.manual_seed(0)
    network = build(model).eval().requires_grad_(False)
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.bias is not None:
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            module.bias.fill_(1.0)
    return network


@pytest.fixture(scope="module", params=MODELS, ids=lambda model: model.name)
def backend(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TorchBackend:
    """Each row of the registry, thin, with random weights."""
    made = TorchBackend(request.param, published.save_random(request.param, tmp_path_factory.mktemp("w")), "cpu")
    made.network = lively(request.param)
    return made


def pixels(height: int, width: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random((1, 3, height, width), np.float32)


def assert_alike(found: Moments, expected: Moments) -> None:
    assert list(found.maps) == list(expected.maps)
    for name, moments in expected.maps.items():
        assert found.maps[name].count == moments.count
        np.testing.assert_allclose(found.maps[name].mean, moments.mean, rtol=1e-4, atol=1e-4)
        scale = np.abs(moments.spread).max()
        np.testing.assert_allclose(found.maps[name].spread, moments.spread, atol=1e-4 * scale)


def core(picture: NDArray[np.float32], framing: Framing, box: Box | None = None) -> NDArray[np.float32]:
    """What counts of a framed picture, or of a tile with its context: all but the margin, or a box."""
    height, width = (side - 2 * framing.context for side in picture.shape[2:])
    top, left, bottom, right = box or framing.inside((height, width))
    mask = np.zeros((1, 1, height, width), np.float32)
    mask[..., top:bottom, left:right] = 1
    return mask


@pytest.mark.parametrize("size", [(128, 192), (131, 77), (20, 40), (1, 1)])
def test_the_stages_one_by_one_are_the_whole_model(backend: TorchBackend, size: tuple[int, int]) -> None:
    code = backend.encode_style(pixels(40, 50, seed=1))
    picture = content = pixels(*size)
    for stage in backend.stages:
        framing = backend.framing(stage)
        framed = framing.framed(picture)
        maps, (own,) = backend.encode(framed, stage, core(framed, framing))
        picture = framing.unframed(backend.decode(maps, stage, own, code, 0.7))
    np.testing.assert_allclose(picture[:, :, : size[0], : size[1]], backend.stylize(content, code, 0.7), atol=2e-3)


@pytest.mark.parametrize("size", [(128, 192), (51, 37), (1, 1)])
def test_the_stages_one_by_one_are_the_whole_model_with_regions(backend: TorchBackend, size: tuple[int, int]) -> None:
    codes = [backend.encode_style(pixels(40, 50, seed=seed)) for seed in (1, 2)]
    content, masks = pixels(*size), np.random.default_rng(3).random((1, 2, *size), np.float32)
    masks[:, :, : size[0] // 2, : size[1] // 3] = 0
    picture = content
    for stage in backend.stages:
        framing = backend.framing(stage)
        framed, framed_masks = framing.framed(picture), framing.masks(masks)
        everywhere = core(framed, framing)
        shares = framed_masks / np.maximum(framed_masks.sum(axis=1, keepdims=True), 1)
        maps, (*regions, own) = backend.encode(framed, stage, np.concatenate([shares * everywhere, everywhere], axis=1))
        found = [*(each.of_region(own) for each in regions), own]
        picture = framing.unframed(backend.decode_regions(maps, stage, found, codes, framed_masks, 0.7))
    expected = backend.stylize_regions(content, codes, masks, 0.7)
    np.testing.assert_allclose(picture[:, :, : size[0], : size[1]], expected, atol=4e-3)


def test_merged_moments_of_halves_are_those_of_the_whole(backend: TorchBackend) -> None:
    for stage in backend.stages:
        framing = backend.framing(stage)
        content = framing.framed(pixels(331, 45))
        height, width = (side - 2 * framing.context for side in content.shape[2:])
        above, below = SPLIT + framing.encoder_band, SPLIT - framing.encoder_band
        first, last = framing.margin, width - framing.margin
        upper = content[:, :, : above + 2 * framing.context]
        _, (one,) = backend.encode(upper, stage, core(upper, framing, (first, first, SPLIT, last)))
        lower = content[:, :, below:]
        box = framing.encoder_band, first, height - framing.margin - below, last
        _, (other,) = backend.encode(lower, stage, core(lower, framing, box))
        assert_alike(merge([one, other]), backend.encode(content, stage, core(content, framing))[1][0])


def test_statistics_are_of_the_picture_and_feel_no_padding_beyond_its_margin(backend: TorchBackend) -> None:
    if not backend.framing(backend.stages[0]).margin:
        pytest.skip("without a margin, statistics are of the whole maps")
    style = pixels(48, 64)
    for stage in backend.stages:
        framing = backend.framing(stage)
        framed = framing.framed(style)
        own = backend.encode(framed, stage, core(framed, framing))[1][0]
        beyond = framing.encoder_band
        wider = pixels(*(side + 2 * beyond for side in framed.shape[2:]), seed=1)
        wider[:, :, beyond:-beyond, beyond:-beyond] = framed  # noise instead of zeros
        first = beyond + framing.margin
        inner = core(wider, framing, (first, first, first + 48, first + 64))
        assert_alike(backend.encode(wider, stage, inner)[1][0], own)
        for name, array in backend.encode_style(style).items():
            if name.endswith(".mean"):
                np.testing.assert_allclose(array, own.maps[name.removesuffix(".mean")].mean, rtol=1e-4, atol=1e-5)


def test_bands_are_how_far_what_lies_beyond_a_cut_is_felt(backend: TorchBackend) -> None:
    code = backend.encode_style(pixels(40, 50))
    for stage in backend.stages:
        framing = backend.framing(stage)
        cut = 2 * max(framing.encoder_band, framing.decoder_band)
        picture = pixels(2 * (cut + framing.context), 48 + 2 * framing.context)
        everywhere = np.ones_like(core(picture, framing))
        maps, (own,) = backend.encode(picture, stage, everywhere)
        picture[:, :, : cut + framing.context] = np.nan  # spreads to whatever is computed from it
        for name, x in backend.encode(picture, stage, everywhere)[0].items():
            felt = np.isnan(x).any(axis=(0, 1, 3))  # per row
            scale = 2 * cut // x.shape[2]
            assert not felt[(cut + framing.encoder_band) // scale :].any()
            maps[name][:, :, : cut // scale] = np.nan
        felt = np.isnan(backend.decode(maps, stage, own, code, 0.5)).any(axis=(0, 1, 3))
        assert felt[: cut + framing.decoder_band - framing.multiple + 1].all()
        assert not felt[cut + framing.decoder_band :].any()
