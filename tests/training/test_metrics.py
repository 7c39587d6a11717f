from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the metrics are measured with torch (extra `torch`)")

from adain.errors import InputError  # noqa: E402
from adain.metrics import (  # noqa: E402
    Moments,
    blocks,
    color_distance,
    color_moments,
    content_distance,
    grid,
    hatching,
    instance_normalize,
    luminance,
    moments,
    ssim,
    standing_out,
    style_distance,
)


@pytest.fixture
def features() -> torch.Tensor:
    return torch.randn(2, 5, 13, 7, generator=torch.Generator().manual_seed(1)) * 3 + 1


@pytest.fixture
def pictures() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    return torch.rand(2, 1, 24, 17, generator=generator), torch.rand(2, 1, 24, 17, generator=generator)


def test_moments_are_mean_and_std_per_channel(features):
    mean, std = moments(features)
    assert mean.shape == std.shape == (2, 5)
    torch.testing.assert_close(mean[1, 3], features[1, 3].mean())
    torch.testing.assert_close(std[1, 3], features[1, 3].std(correction=0))


def test_one_pixel_has_no_spread():
    assert moments(torch.full((1, 3, 1, 1), 2.0)).std.tolist() == [[0.0, 0.0, 0.0]]


def test_a_style_is_at_no_distance_from_itself(features):
    assert style_distance(moments(features), moments(features)).tolist() == [0.0, 0.0]


def test_zeros_are_at_distance_one(features):
    distance = style_distance(moments(torch.zeros_like(features)), moments(features))
    torch.testing.assert_close(distance, torch.ones(2))


def test_style_distance_by_hand():
    style = Moments(torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 4.0]]))  # size 5
    picture = Moments(torch.tensor([[3.0, 1.0]]), torch.tensor([[2.0, 2.0]]))  # off by (0, 1), (2, -2): 3
    torch.testing.assert_close(style_distance(picture, style), torch.tensor([3 / 5]))


@pytest.fixture
def colors() -> torch.Tensor:
    return torch.rand(2, 3, 24, 17, generator=torch.Generator().manual_seed(3))


def test_colors_moved_by_a_vector_are_as_far_as_it_is_long(colors):
    moved = colors + torch.tensor([0.3, -0.4, 1.2])[:, None, None]
    distance = color_distance(color_moments(moved), color_moments(colors))
    torch.testing.assert_close(distance, torch.full((2,), 1.3), rtol=1e-4, atol=0)


def test_the_same_colors_at_other_places_are_at_no_distance(colors):
    assert color_distance(color_moments(colors.flip(2, 3)), color_moments(colors)).max() < 2e-4


def test_color_distance_of_normal_distributions_by_hand():
    # Along all directions deviations of 1 and of 3: as far as moved by 2 in each of R, G and B.
    noise = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(4))
    distance = color_distance(color_moments(3 * noise), color_moments(noise))
    torch.testing.assert_close(distance, torch.tensor([2 * 3**0.5]), rtol=0.02, atol=0)


def test_color_distance_sees_which_channels_vary_together(colors):
    together = torch.cat([colors[:, :1], colors[:, :1], colors[:, 2:]], dim=1)
    against = torch.cat([colors[:, :1], 1 - colors[:, :1], colors[:, 2:]], dim=1)  # each channel as before but for 0.5
    torch.testing.assert_close(moments(against).std, moments(together).std)
    assert (color_distance(color_moments(against), color_moments(together)) > 0.2).all()


def test_style_distance_does_not_depend_on_the_scale_of_the_layer(features):
    style = features.flip(0)
    expected = style_distance(moments(features), moments(style))
    torch.testing.assert_close(style_distance(moments(10 * features), moments(10 * style)), expected)


def test_instance_normalised_features_have_mean_0_and_variance_1(features):
    mean, std = moments(instance_normalize(features))
    torch.testing.assert_close(mean, torch.zeros(2, 5), atol=1e-6, rtol=0)  # fp32 rounding
    torch.testing.assert_close(std, torch.ones(2, 5), atol=1e-5, rtol=0)  # the variance floor


def test_a_constant_channel_normalises_to_zero():
    assert instance_normalize(torch.full((1, 2, 4, 4), 7.0)).abs().max() == 0


def test_content_distance_ignores_what_adain_changes(features):
    restyled = features * torch.rand(1, 5, 1, 1).add(0.5) - 4
    distance = content_distance(instance_normalize(restyled), instance_normalize(features))
    torch.testing.assert_close(distance, torch.zeros(2), atol=1e-5, rtol=0)  # the variance floor


def test_an_inverted_structure_is_at_content_distance_two(features):
    normalized = instance_normalize(features)
    torch.testing.assert_close(content_distance(-normalized, normalized), torch.full((2,), 2.0))


def test_content_distance_is_per_picture(features):
    normalized = instance_normalize(features)
    mixed = torch.stack([normalized[0], -normalized[1]])
    distance = content_distance(mixed, normalized)
    torch.testing.assert_close(distance, torch.tensor([0.0, 2.0]), atol=1e-6, rtol=0)


def test_luminance_of_white_is_one_and_green_is_the_brightest_primary():
    assert luminance(torch.ones(1, 3, 2, 2)).flatten().tolist() == pytest.approx([1.0] * 4)
    primaries = luminance(torch.eye(3).view(3, 3, 1, 1)).flatten()
    assert primaries.argmax() == 1


def test_ssim_of_a_picture_with_itself_is_one(pictures):
    torch.testing.assert_close(ssim(pictures[0], pictures[0]), torch.ones(2))


def test_ssim_is_symmetric(pictures):
    torch.testing.assert_close(ssim(*pictures), ssim(*reversed(pictures)))


def test_ssim_of_two_flat_pictures_is_the_luminance_term():
    grey, dark = torch.full((1, 1, 11, 11), 0.5), torch.full((1, 1, 11, 11), 0.25)
    expected = (2 * 0.5 * 0.25 + 1e-4) / (0.5**2 + 0.25**2 + 1e-4)
    # E[x^2] - E[x]^2 leaves about 1e-8 of fp32 noise beside c2 = 9e-4.
    torch.testing.assert_close(ssim(grey, dark), torch.tensor([expected]), atol=1e-4, rtol=0)


def test_ssim_agrees_with_its_definition_written_out(pictures):
    x, y = (picture[0, 0, 3:14, 2:13].double() for picture in pictures)
    offsets = torch.arange(11).double() - 5
    window = torch.exp(-(offsets[:, None].square() + offsets.square()) / (2 * 1.5**2))
    window = window / window.sum()
    mean_x, mean_y = (window * x).sum(), (window * y).sum()
    var_x, var_y = (window * (x - mean_x).square()).sum(), (window * (y - mean_y).square()).sum()
    cov = (window * (x - mean_x) * (y - mean_y)).sum()
    expected = (2 * mean_x * mean_y + 1e-4) * (2 * cov + 9e-4)
    expected = expected / (mean_x**2 + mean_y**2 + 1e-4) / (var_x + var_y + 9e-4)
    torch.testing.assert_close(ssim(x[None, None], y[None, None]), expected[None])


@pytest.mark.parametrize("measure", [content_distance, ssim])
def test_pictures_of_two_sizes_cannot_be_compared(measure):
    with pytest.raises(InputError, match=r"one shape, got \(1, 1, 16, 16\) and \(1, 1, 16, 17\)"):
        measure(torch.zeros(1, 1, 16, 16), torch.zeros(1, 1, 16, 17))


def test_ssim_says_when_a_picture_is_smaller_than_its_window():
    with pytest.raises(InputError, match="at least 11 px on both sides, got 20 x 10"):
        ssim(torch.zeros(1, 1, 10, 20), torch.zeros(1, 1, 10, 20))


@pytest.fixture
def noise() -> torch.Tensor:
    rough = torch.rand(1, 1, 200, 260, generator=torch.Generator().manual_seed(3))
    return torch.nn.functional.avg_pool2d(rough, 3, stride=1, padding=1)  # as in pictures, fine detail is weaker


def test_a_picture_without_a_pattern_has_no_grid(noise):
    assert grid(noise).item() < 2


@pytest.mark.parametrize("period", [2, 4, 8])
@pytest.mark.parametrize("direction", ["across", "down"])
def test_a_faint_pattern_of_a_networks_stride_is_a_grid(noise, period, direction):
    pattern = 0.06 * (torch.arange(260) % period < period // 2)
    screened = noise + pattern
    assert grid(screened if direction == "across" else screened.mT).item() > grid(noise).item() + 3


def test_stripes_of_another_width_are_no_grid(noise):
    stripes = 0.05 * torch.sin(torch.arange(260) * 2 * torch.pi / 23)
    assert grid(noise + stripes).item() < 2


def test_brightness_and_contrast_do_not_change_the_grid(noise):
    screened = noise + 0.02 * (torch.arange(260) % 4 < 2)
    torch.testing.assert_close(grid(0.5 * screened + 0.2), grid(screened), atol=0.01, rtol=0)


def test_a_flat_picture_has_no_grid_and_a_small_one_cannot_tell(noise):
    assert grid(torch.full((1, 1, 128, 130), 0.5)).item() == pytest.approx(0, abs=0.1)
    assert grid(noise[..., :127]).isnan().all()


@pytest.mark.parametrize("side", [2, 4, 8])
def test_edges_of_blocks_are_told_in_each_picture_by_itself(noise, side):
    blocky = noise[..., ::side].repeat_interleave(side, dim=3)[..., :260]
    plain, found = blocks(torch.cat([noise[..., : blocky.shape[2], :260], blocky])).tolist()
    assert plain < 0.001
    assert found > 0.4
    assert blocks(blocky.mT).item() == pytest.approx(found)


def test_blocks_by_hand():
    steps = torch.tensor([1.0, 1, 1, 1, 1, 1, 1, 9]).repeat(4)  # the mean is 2: seven are half of it off, one 3.5 times
    along = steps.cumsum(0).expand(1, 1, 40, 32) / 100
    expected = (7 * 0.5**2 + 3.5**2) / 8 / 2  # and there is no change across
    assert blocks(torch.nn.functional.pad(along, (1, 0))).item() == pytest.approx(expected, rel=1e-4)


def test_a_flat_picture_has_no_blocks():
    assert blocks(torch.full((1, 1, 40, 32), 0.5)).item() == 0


def hatched(picture: torch.Tensor, amplitude: float = 0.03) -> torch.Tensor:
    height, width = picture.shape[-2:]
    diagonal = torch.arange(height)[:, None] + torch.arange(width)
    return picture + amplitude * torch.sin(2 * torch.pi * 0.43 * diagonal)  # a period no stride has


def lines(picture: torch.Tensor, content: torch.Tensor, style: torch.Tensor) -> float:
    return hatching(*map(standing_out, (picture, content, style))).item()


def test_a_hatching_of_a_result_alone_is_one(noise):
    style = 0.5 * noise.flip(2)
    assert lines(noise, noise, style) < 0.005
    assert lines(hatched(noise), noise, style) > 0.05
    assert lines(hatched(noise), noise, style) > 2 * lines(hatched(noise, 0.01), noise, style)


def test_lines_of_the_content_or_of_the_style_are_no_hatching(noise):
    assert lines(hatched(noise), hatched(noise), noise) < 0.005
    assert lines(hatched(noise), noise, hatched(noise.flip(3))) < 0.005


def test_what_8_bits_do_not_hold_is_no_hatching():
    flat = torch.full((1, 3, 64, 96), 0.5)
    assert lines(hatched(flat, 0.0002), flat, flat) == pytest.approx(0, abs=1e-3)
    assert torch.isfinite(standing_out(flat)).all()
    assert standing_out(flat[..., :31]).isnan().all()


def test_a_hatching_can_be_trained_away(noise):
    picture = hatched(noise).requires_grad_()
    content = standing_out(noise)
    before = hatching(standing_out(picture), content, content).sum()
    (slope,) = torch.autograd.grad(before, picture)
    after = hatching(standing_out(picture - 0.1 * before / slope.square().sum() * slope), content, content).sum()
    assert after < before
