"""The distances of the quality report, each against its definition."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

torch = pytest.importorskip("torch", reason="quality is measured with torch (extra `torch`)")

from adain.errors import InputError  # noqa: E402
from adain.metrics import Moments  # noqa: E402


@pytest.fixture
def d(benchmarks: Path) -> ModuleType:
    import distances

    return distances


@pytest.fixture
def features() -> torch.Tensor:
    return torch.randn(2, 5, 13, 7, generator=torch.Generator().manual_seed(1)) * 3 + 1


@pytest.fixture
def pictures() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    return torch.rand(2, 1, 24, 17, generator=generator), torch.rand(2, 1, 24, 17, generator=generator)


def test_moments_are_mean_and_std_per_channel(d, features):
    mean, std = d.moments(features)
    assert mean.shape == std.shape == (2, 5)
    torch.testing.assert_close(mean[1, 3], features[1, 3].mean())
    torch.testing.assert_close(std[1, 3], features[1, 3].std(correction=0))


def test_one_pixel_has_no_spread(d):
    assert d.moments(torch.full((1, 3, 1, 1), 2.0)).std.tolist() == [[0.0, 0.0, 0.0]]


def test_a_style_is_at_no_distance_from_itself(d, features):
    assert d.style_distance(d.moments(features), d.moments(features)).tolist() == [0.0, 0.0]


def test_zeros_are_at_distance_one(d, features):
    distance = d.style_distance(d.moments(torch.zeros_like(features)), d.moments(features))
    torch.testing.assert_close(distance, torch.ones(2))


def test_style_distance_by_hand(d):
    style = Moments(torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 4.0]]))  # size 5
    picture = Moments(torch.tensor([[3.0, 1.0]]), torch.tensor([[2.0, 2.0]]))  # off by (0, 1), (2, -2): 3
    torch.testing.assert_close(d.style_distance(picture, style), torch.tensor([3 / 5]))


def test_style_distance_does_not_depend_on_the_scale_of_the_layer(d, features):
    style = features.flip(0)
    expected = d.style_distance(d.moments(features), d.moments(style))
    torch.testing.assert_close(d.style_distance(d.moments(10 * features), d.moments(10 * style)), expected)


def test_instance_normalised_features_have_mean_0_and_variance_1(d, features):
    mean, std = d.moments(d.instance_normalize(features))
    torch.testing.assert_close(mean, torch.zeros(2, 5), atol=1e-6, rtol=0)  # fp32 rounding
    torch.testing.assert_close(std, torch.ones(2, 5), atol=1e-5, rtol=0)  # the variance floor


def test_a_constant_channel_normalises_to_zero(d):
    assert d.instance_normalize(torch.full((1, 2, 4, 4), 7.0)).abs().max() == 0


def test_content_distance_ignores_what_adain_changes(d, features):
    restyled = features * torch.rand(1, 5, 1, 1).add(0.5) - 4
    distance = d.content_distance(d.instance_normalize(restyled), d.instance_normalize(features))
    torch.testing.assert_close(distance, torch.zeros(2), atol=1e-5, rtol=0)  # the variance floor


def test_an_inverted_structure_is_at_content_distance_two(d, features):
    normalized = d.instance_normalize(features)
    torch.testing.assert_close(d.content_distance(-normalized, normalized), torch.full((2,), 2.0))


def test_content_distance_is_per_picture(d, features):
    normalized = d.instance_normalize(features)
    mixed = torch.stack([normalized[0], -normalized[1]])
    distance = d.content_distance(mixed, normalized)
    torch.testing.assert_close(distance, torch.tensor([0.0, 2.0]), atol=1e-6, rtol=0)


def test_ssim_of_a_picture_with_itself_is_one(d, pictures):
    torch.testing.assert_close(d.ssim(pictures[0], pictures[0]), torch.ones(2))


def test_ssim_is_symmetric(d, pictures):
    torch.testing.assert_close(d.ssim(*pictures), d.ssim(*reversed(pictures)))


def test_ssim_of_two_flat_pictures_is_the_luminance_term(d):
    grey, dark = torch.full((1, 1, 11, 11), 0.5), torch.full((1, 1, 11, 11), 0.25)
    expected = (2 * 0.5 * 0.25 + 1e-4) / (0.5**2 + 0.25**2 + 1e-4)
    # E[x^2] - E[x]^2 leaves about 1e-8 of fp32 noise beside c2 = 9e-4.
    torch.testing.assert_close(d.ssim(grey, dark), torch.tensor([expected]), atol=1e-4, rtol=0)


def test_ssim_agrees_with_its_definition_written_out(d, pictures):
    x, y = (picture[0, 0, 3:14, 2:13].double() for picture in pictures)
    offsets = torch.arange(11).double() - 5
    window = torch.exp(-(offsets[:, None].square() + offsets.square()) / (2 * 1.5**2))
    window = window / window.sum()
    mean_x, mean_y = (window * x).sum(), (window * y).sum()
    var_x, var_y = (window * (x - mean_x).square()).sum(), (window * (y - mean_y).square()).sum()
    cov = (window * (x - mean_x) * (y - mean_y)).sum()
    expected = (2 * mean_x * mean_y + 1e-4) * (2 * cov + 9e-4)
    expected = expected / (mean_x**2 + mean_y**2 + 1e-4) / (var_x + var_y + 9e-4)
    torch.testing.assert_close(d.ssim(x[None, None], y[None, None]), expected[None])


@pytest.mark.parametrize("measure", ["content_distance", "ssim"])
def test_pictures_of_two_sizes_cannot_be_compared(d, measure):
    with pytest.raises(InputError, match=r"one shape, got \(1, 1, 16, 16\) and \(1, 1, 16, 17\)"):
        getattr(d, measure)(torch.zeros(1, 1, 16, 16), torch.zeros(1, 1, 16, 17))


def test_ssim_says_when_a_picture_is_smaller_than_its_window(d):
    with pytest.raises(InputError, match="at least 11 px on both sides, got 20 x 10"):
        d.ssim(torch.zeros(1, 1, 10, 20), torch.zeros(1, 1, 10, 20))


@pytest.fixture
def noise() -> torch.Tensor:
    rough = torch.rand(1, 1, 200, 260, generator=torch.Generator().manual_seed(3))
    return torch.nn.functional.avg_pool2d(rough, 3, stride=1, padding=1)  # as in pictures, fine detail is weaker


def test_a_picture_without_a_pattern_has_no_grid(d, noise):
    assert d.grid(noise).item() < 2


@pytest.mark.parametrize("period", [2, 4, 8])
@pytest.mark.parametrize("direction", ["across", "down"])
def test_a_faint_pattern_of_a_networks_stride_is_a_grid(d, noise, period, direction):
    pattern = 0.06 * (torch.arange(260) % period < period // 2)
    screened = noise + pattern
    assert d.grid(screened if direction == "across" else screened.mT).item() > d.grid(noise).item() + 3


def test_stripes_of_another_width_are_no_grid(d, noise):
    stripes = 0.05 * torch.sin(torch.arange(260) * 2 * torch.pi / 23)
    assert d.grid(noise + stripes).item() < 2


def test_brightness_and_contrast_do_not_change_the_grid(d, noise):
    screened = noise + 0.02 * (torch.arange(260) % 4 < 2)
    torch.testing.assert_close(d.grid(0.5 * screened + 0.2), d.grid(screened), atol=0.01, rtol=0)


def test_a_flat_picture_has_no_grid_and_a_small_one_cannot_tell(d, noise):
    assert d.grid(torch.full((1, 1, 128, 130), 0.5)).item() == pytest.approx(0, abs=0.1)
    assert d.grid(noise[..., :127]).isnan().all()
