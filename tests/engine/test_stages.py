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
from adain.engine.backend import framed, unframed
from adain.engine.moments import Moments, merge
from adain.nn.build import build
from adain.nn.models import StyleTransfer
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


@pytest.mark.parametrize("size", [(128, 192), (131, 77), (20, 40), (1, 1)])
def test_the_stages_one_by_one_are_the_whole_model(backend: TorchBackend, size: tuple[int, int]) -> None:
    code = backend.encode_style(pixels(40, 50, seed=1))
    picture = content = pixels(*size)
    for stage in backend.stages:
        maps, own = backend.encode(framed(picture, backend.reach(stage)), stage)
        picture = unframed(backend.decode(maps, stage, own, code, 0.7), backend.reach(stage))
    np.testing.assert_allclose(picture[:, :, : size[0], : size[1]], backend.stylize(content, code, 0.7), atol=2e-3)


def test_merged_moments_of_halves_are_those_of_the_whole(backend: TorchBackend) -> None:
    for stage in backend.stages:
        reach = backend.reach(stage)
        content = framed(pixels(331, 45), reach)
        height, width = (side - 2 * reach.rim for side in content.shape[2:])
        above, below = SPLIT + reach.encode, SPLIT - reach.encode
        first, last = reach.margin, width - reach.margin
        _, upper = backend.encode(content[:, :, : above + 2 * reach.rim], stage, (first, first, SPLIT, last))
        core = reach.encode, first, height - reach.margin - below, last
        _, lower = backend.encode(content[:, :, below:], stage, core)
        assert_alike(merge([upper, lower]), backend.encode(content, stage)[1])


def test_statistics_are_of_the_picture_and_feel_no_padding_beyond_its_margin(backend: TorchBackend) -> None:
    if not backend.reach(backend.stages[0]).margin:
        pytest.skip("without a margin, statistics are of the whole maps")
    style = pixels(48, 64)
    for stage in backend.stages:
        reach = backend.reach(stage)
        framed_style = framed(style, reach)
        own = backend.encode(framed_style, stage)[1]
        beyond = reach.encode
        wider = pixels(*(side + 2 * beyond for side in framed_style.shape[2:]), seed=1)
        wider[:, :, beyond:-beyond, beyond:-beyond] = framed_style  # noise instead of zeros
        first = beyond + reach.margin
        assert_alike(backend.encode(wider, stage, (first, first, first + 48, first + 64))[1], own)
        for name, array in backend.encode_style(style).items():
            if name.endswith(".mean"):
                np.testing.assert_allclose(array, own.maps[name.removesuffix(".mean")].mean, rtol=1e-4, atol=1e-5)


def test_reach_is_how_far_what_lies_beyond_a_cut_is_felt(backend: TorchBackend) -> None:
    code = backend.encode_style(pixels(40, 50))
    for stage in backend.stages:
        reach = backend.reach(stage)
        cut = 2 * max(reach.encode, reach.decode)
        picture = pixels(2 * (cut + reach.rim), 48 + 2 * reach.rim)
        maps, own = backend.encode(picture, stage)
        picture[:, :, : cut + reach.rim] = np.nan  # spreads to whatever is computed from it
        for name, x in backend.encode(picture, stage)[0].items():
            felt = np.isnan(x).any(axis=(0, 1, 3))  # per row
            scale = 2 * cut // x.shape[2]
            assert not felt[(cut + reach.encode) // scale :].any()
            maps[name][:, :, : cut // scale] = np.nan
        felt = np.isnan(backend.decode(maps, stage, own, code, 0.5)).any(axis=(0, 1, 3))
        assert felt[: cut + reach.decode - reach.multiple + 1].all()
        assert not felt[cut + reach.decode :].any()
