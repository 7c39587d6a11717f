from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the metrics are measured with torch (extra `torch`)")

from adain.metrics import blocks, color_distance, color_moments, hatching, standing_out  # noqa: E402


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
    torch.testing.assert_close(against.std((2, 3)), together.std((2, 3)))
    assert (color_distance(color_moments(against), color_moments(together)) > 0.2).all()


@pytest.fixture
def noise() -> torch.Tensor:
    rough = torch.rand(1, 1, 200, 260, generator=torch.Generator().manual_seed(3))
    return torch.nn.functional.avg_pool2d(rough, 3, stride=1, padding=1)  # as in pictures, fine detail is weaker


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
