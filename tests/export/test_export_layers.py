"""Each rewrite of a layer computes what the layers it stands for do."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pictures import photo
from torch import Tensor, nn
from torch.nn import functional as F

from adain import images
from adain.export.layers import Ending, Form, GraphEncoder, GraphStem, Reflected, Upsampled
from adain.export.winograd import TILE, WinogradConv, transforms
from adain.nn.slim_layers import SpaceToDepthConv
from adain.nn.vgg import Encoder

SIZES = [(2, 2), (5, 8), (4, 12), (3, 17)]


def picture(width: int, height: int) -> Tensor:
    return torch.from_numpy(images.to_tensor(photo(width, height)))


def convolution(taps: int = 3) -> nn.Conv2d:
    """In float64, so that equal means equal."""
    torch.manual_seed(0)
    return nn.Conv2d(6, 5, taps, dtype=torch.float64)


@pytest.mark.parametrize("size", [*SIZES, (1, 3)])
@pytest.mark.parametrize("relu", [True, False])
@torch.no_grad()
def test_upsampling_goes_into_the_convolution_behind_it(size: tuple[int, int], relu: bool) -> None:
    conv = convolution()
    x = torch.rand(2, 6, *size, dtype=torch.float64)
    expected = conv(F.pad(F.interpolate(x, scale_factor=2.0), (1, 1, 1, 1), mode="reflect"))
    actual = Upsampled(conv, Form(dtype=torch.float64), relu=relu)(x)
    torch.testing.assert_close(actual, expected.relu() if relu else expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("size", [*SIZES, (1, 3), (1, 1)])
@torch.no_grad()
def test_the_last_two_convolutions_go_with_the_upsampling_before_them(size: tuple[int, int]) -> None:
    upsampled, last = convolution(), nn.Conv2d(5, 3, 3, dtype=torch.float64)
    x = torch.randn(2, 6, *size, dtype=torch.float64)
    expected = upsampled(F.pad(F.interpolate(x, scale_factor=2.0), (1, 1, 1, 1), mode="reflect")).relu()
    expected = last(F.pad(expected, (1, 1, 1, 1), mode="reflect"))
    actual = Ending(upsampled, last, Form(dtype=torch.float64))(x)
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-13)


@torch.no_grad()
def test_upsampling_takes_fewer_products() -> None:
    conv = convolution()
    upsampled = Upsampled(conv, Form(dtype=torch.float64), relu=True).conv
    assert isinstance(upsampled, nn.Conv2d)
    assert upsampled.weight.numel() * 36 == conv.weight.numel() * 4 * 16  # for the four pixels of one


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("taps", [2, 3])
@torch.no_grad()
def test_winograds_algorithm_is_the_convolution(size: tuple[int, int], taps: int) -> None:
    conv = convolution(taps)
    x = torch.randn(2, 6, size[0] + taps - 1, size[1] + taps - 1, dtype=torch.float64)
    torch.testing.assert_close(WinogradConv(conv)(x), conv(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("taps", [2, 3])
@torch.no_grad()
def test_winograds_algorithm_loses_one_digit_in_float32(taps: int) -> None:
    torch.manual_seed(0)
    conv, x = nn.Conv2d(128, 16, taps), torch.rand(1, 128, 18, 18)
    exact = F.conv2d(x.double(), conv.weight.double(), conv.bias.double())  # type: ignore[union-attr]
    error = float((WinogradConv(conv)(x) - exact).abs().max())
    assert error < 1e-5 * float(exact.abs().max())


@pytest.mark.parametrize("taps", [2, 3])
def test_winograds_transforms_are_a_filter(taps: int) -> None:
    into, weights, out = transforms(taps)
    count = TILE + taps - 1
    assert (into.shape, weights.shape, out.shape) == ((count, count), (count, taps), (TILE, count))
    signal, filtering = np.random.default_rng(0).random(count), np.arange(1.0, taps + 1)
    expected = np.correlate(signal, filtering, mode="valid")
    np.testing.assert_allclose(out @ ((weights @ filtering) * (into @ signal)), expected, atol=1e-12)


def test_winograds_algorithm_is_for_many_channels_where_it_is_asked_for() -> None:
    many, few = nn.Conv2d(128, 128, 3), nn.Conv2d(128, 16, 3)
    for conv, form, expected in ((many, Form(winograd=128), WinogradConv), (few, Form(winograd=128), nn.Conv2d)):
        assert isinstance(Reflected(conv, form, relu=True).conv, expected)
    assert isinstance(Reflected(many, Form(), relu=True).conv, nn.Conv2d)
    assert isinstance(Upsampled(few, Form(winograd=128), relu=True).conv, nn.Conv2d)
    assert isinstance(Upsampled(many, Form(winograd=128), relu=True).conv, WinogradConv)


@torch.no_grad()
def test_the_normalising_convolution_goes_into_the_first() -> None:
    encoder = Encoder((6,), 1)
    x = picture(20, 12)
    encoder.get_parameter("conv0.weight").mul_(255)
    torch.testing.assert_close(GraphEncoder(encoder, Form())(x), encoder(x), rtol=1e-4, atol=1e-3)


@torch.no_grad()
def test_space_to_depth_goes_into_the_convolution_behind_it() -> None:
    layer = SpaceToDepthConv(5)
    nn.init.normal_(layer.bias)  # type: ignore[arg-type]
    x = picture(24, 16)
    torch.testing.assert_close(GraphStem(layer, Form())(x), layer(x), rtol=1e-4, atol=1e-5)
