"""Each loss against its paper's formula, on tiny tensors."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="training needs the torch extra")

from adain.training import losses  # noqa: E402
from adain.training.adversary import Adversary  # noqa: E402


@pytest.fixture
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    return torch.rand(2, 4, 5, 6, generator=generator), torch.rand(2, 4, 5, 6, generator=generator)


def test_moments_are_mean_and_unbiased_deviation_per_channel(pair):
    mean, std = losses.moments(pair[0])
    torch.testing.assert_close(mean, pair[0].mean((2, 3)))
    torch.testing.assert_close(std, (pair[0].var((2, 3), correction=1) + 1e-5).sqrt())


def test_the_gradient_of_moments_is_that_of_their_formula(pair):
    ours, reference = pair[0].clone().requires_grad_(), pair[0].clone().requires_grad_()
    mean, std = losses.moments(ours)
    (mean * torch.arange(8.0).view(2, 4) + std.square()).sum().backward()
    mean, variance = reference.mean((2, 3)), reference.var((2, 3), correction=1) + 1e-5
    (mean * torch.arange(8.0).view(2, 4) + variance).sum().backward()
    torch.testing.assert_close(ours.grad, reference.grad)


def test_moments_of_one_pixel_are_finite():
    assert all(torch.isfinite(m).all() for m in losses.moments(torch.rand(1, 3, 1, 1)))


def test_projected_moments_are_those_of_the_convolution(pair):
    torch.manual_seed(0)
    head = torch.nn.Conv2d(4, 7, 1)
    for found, expected in zip(losses.projected_moments(pair[0], head), losses.moments(head(pair[0])), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_projected_moments_have_a_gradient_and_survive_one_pixel():
    features = torch.rand(1, 4, 1, 1, requires_grad=True)
    mean, std = losses.projected_moments(features, torch.nn.Conv2d(4, 7, 1))
    (mean.sum() + std.sum()).backward()
    assert torch.isfinite(features.grad).all()
    assert features.grad.abs().sum() > 0


@pytest.mark.parametrize("period", [2, 4, 8])
def test_grid_sees_a_screen_and_neither_a_slope_nor_noise(period):
    slope = torch.linspace(0.2, 0.8, 128).expand(1, 3, 128, 128)
    screen = 0.05 * (torch.arange(128) % period == 0).float()
    noise = 0.05 * torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    assert losses.grid(slope + screen) > 20 * losses.grid(slope + noise)
    assert losses.grid(slope) < 1e-6


def test_grid_sees_a_screen_of_2_px_that_is_far_fainter_than_the_texture_over_it():
    noise = 0.5 + 0.02 * torch.randn(1, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    screen = 0.003 * (torch.arange(256) % 2).float()
    assert losses.grid(noise + screen) > 2 * losses.grid(noise)


def test_grid_takes_pictures_smaller_than_its_window():
    assert losses.grid(torch.rand(1, 3, 32, 40)) > 0


@pytest.mark.parametrize("side", [2, 4, 8])
@pytest.mark.parametrize("turned", [False, True])
def test_blocks_sees_areas_of_one_value_and_no_noise(side, turned):
    values = torch.rand(2, 3, 96 // side, 96 // side, generator=torch.Generator().manual_seed(0))
    blocky = values.repeat_interleave(side, dim=3)
    blocky = blocky.repeat_interleave(side, dim=2) if side == 8 else blocky.repeat(1, 1, side, 1)
    blocky = blocky.transpose(2, 3) if turned else blocky
    noise = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    assert losses.blocks(blocky) > 0.4
    assert losses.blocks(noise) < 0.005
    assert losses.blocks(0.1 * blocky) == pytest.approx(losses.blocks(blocky).item(), rel=1e-4)


def test_blocks_sees_what_grid_does_not_because_its_sign_changes():
    areas = torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    areas = areas.repeat_interleave(4, dim=2).repeat_interleave(4, dim=3)
    screen = 0.5 + areas.std() * (torch.arange(96) // 4 % 2 * 2 - 1).expand(2, 3, 96, 96)
    assert losses.grid(areas) < losses.grid(screen) / 20
    assert losses.blocks(areas) > 0.4


def test_blocks_of_a_flat_picture_has_a_finite_gradient():
    flat = torch.full((1, 3, 32, 40), 0.5, requires_grad=True)
    losses.blocks(flat).backward()
    assert torch.isfinite(flat.grad).all()


def test_color_is_0_with_a_finite_gradient_where_colors_are_the_styles():
    picture = torch.rand(2, 3, 16, 24, requires_grad=True)
    losses.color(picture, picture.detach().flip(3)).backward()
    assert losses.color(picture, picture.flip(3)) < 1e-3
    assert torch.isfinite(picture.grad).all()


def test_color_falls_as_the_colors_come_closer():
    content, style = torch.rand(2, 2, 3, 16, 24)
    further, nearer = (losses.color(style.lerp(0.3 * content, share), style) for share in (0.8, 0.3))
    assert further > 1.5 * nearer


def test_noise_is_of_its_seed_and_there_in_each_octave():
    flat = torch.full((1, 3, 128, 72), 0.5)
    noise = 255 * (losses.noisy(flat, 1) - flat)
    assert torch.equal(losses.noisy(flat, 1), losses.noisy(flat, 1))
    assert not torch.equal(losses.noisy(flat, 1), losses.noisy(flat, 2))
    for cell, octaves in ((1, 4), (2, 3 + 1 / 4), (4, 2 + 5 / 16), (8, 1 + 21 / 64)):  # what means of cells leave
        assert torch.nn.functional.avg_pool2d(noise, cell).var().item() == pytest.approx(octaves, rel=0.3)


def test_relative_mse_does_not_change_with_scale(pair):
    torch.testing.assert_close(losses.relative_mse(*pair), losses.relative_mse(7 * pair[0], 7 * pair[1]))


def test_content_cosine_ignores_each_channels_mean_and_deviation(pair):
    features = pair[0]
    restyled = features * torch.tensor([2.0, 0.5, 3.0, 1.0]).view(1, 4, 1, 1) + 5
    assert losses.content_cosine(restyled, features) < 1e-3
    assert losses.content_cosine(pair[1], features) > 0.5
    torch.testing.assert_close(losses.content_cosine(-features, features), torch.tensor(2.0))


def test_style_moments_mse_is_adains(pair):
    found, wanted = losses.moments(pair[0]), losses.moments(pair[1])
    expected = (found[0] - wanted[0]).square().mean() + (found[1] - wanted[1]).square().mean()
    torch.testing.assert_close(losses.style_moments_mse(found, wanted), expected)


def test_relative_style_moments_are_one_for_features_of_zero():
    wanted = (torch.rand(2, 4) + 1, torch.rand(2, 4) + 1)
    zero = (torch.zeros(2, 4), torch.zeros(2, 4))
    for root in (False, True):
        assert losses.style_moments_relative(zero, wanted, root=root) == pytest.approx(1, abs=1e-4)
        assert losses.style_moments_relative(wanted, wanted, root=root) == pytest.approx(0, abs=2e-3)


def test_relative_style_moments_have_a_finite_gradient_at_the_style_itself(pair):
    features = pair[0].clone().requires_grad_()
    loss = losses.style_moments_relative(losses.moments(features), losses.moments(pair[0]), root=True)
    loss.backward()
    assert torch.isfinite(features.grad).all()


def test_gram_matrix_is_the_mean_product_of_channels(pair):
    f = pair[0].flatten(2)
    expected = torch.einsum("nip,njp->nij", f, f) / (4 * 30)
    torch.testing.assert_close(losses.gram(pair[0]), expected)
    torch.testing.assert_close(losses.gram_mse(*pair), (expected - losses.gram(pair[1])).square().mean())


def test_total_variation_of_a_ramp_is_its_slope():
    ramp = torch.linspace(0, 0.9, 10).expand(1, 3, 4, 10)
    assert losses.total_variation(ramp) == pytest.approx(0.1, rel=1e-5)


def test_gamut_counts_only_what_clipping_takes_away():
    assert losses.gamut(torch.tensor([0.0, 0.5, 1.0])) == 0
    assert losses.gamut(torch.tensor([-1.0, 0.5, 1.5, 0.0])) == pytest.approx((1 + 0.25) / 4)


def test_reconstruction_losses(pair):
    torch.testing.assert_close(losses.reconstruction_l1(*pair), (pair[0] - pair[1]).abs().mean())
    torch.testing.assert_close(losses.reconstruction_mse(*pair), (pair[0] - pair[1]).square().mean())


def test_hinge_losses():
    real, fake = torch.tensor([2.0, 0.0]), torch.tensor([-3.0, 1.0])
    assert losses.hinge_discriminator(real, fake) == pytest.approx(0.5 + 1.0)
    assert losses.hinge_generator(fake) == pytest.approx(1.0)


def test_losses_are_float32_whatever_comes_in(pair):
    half = pair[0].bfloat16()
    assert losses.content_cosine(half, half).dtype == torch.float32
    assert losses.moments(half)[0].dtype == torch.float32


# The adversarial loss


def test_a_discriminator_learns_to_tell_results_from_styles():
    adversary = Adversary(2e-3, seed=0, device=torch.device("cpu"))
    generator = torch.Generator().manual_seed(1)
    style = torch.rand(4, 3, 32, 32, generator=generator)
    result = 0.5 + 0.02 * torch.rand(4, 3, 32, 32, generator=generator)
    found = []
    for _ in range(30):
        adversary.generator_loss(result, style)
        found.append(adversary.step().item())
    assert found[-1] < 0.8 * found[0]
    assert adversary.network(style).mean() > adversary.network(result).mean()


def test_the_adversarial_loss_reaches_the_picture_and_not_the_discriminator():
    adversary = Adversary(1e-3, seed=0, device=torch.device("cpu"))
    result = torch.rand(2, 3, 32, 32, requires_grad=True)
    loss = adversary.generator_loss(result, torch.rand(2, 3, 32, 32))
    loss.backward()
    assert result.grad.abs().sum() > 0
    assert all(p.grad is None for p in adversary.network.parameters())
    assert adversary.network(torch.rand(1, 3, 64, 40)).shape == (1, 1, 7, 4)
