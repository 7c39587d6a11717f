"""The measures of strokes: what each is 0 for, and what makes it grow."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="metrics need the torch extra")

from adain import metrics_strokes as strokes  # noqa: E402

F = torch.nn.functional


def noise(height=128, width=128, cell=1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, height // cell, width // cell, generator=generator)
    return F.interpolate(coarse, scale_factor=cell, mode="nearest")


def half_flat(height=128, width=128):
    """Busy on the left, smooth on the right."""
    picture = noise(height, width)
    picture[..., width // 2 :] = 0.5
    return picture


def test_a_picture_has_its_own_contrast_patches_and_no_halo():
    picture = noise()
    bands = strokes.band_contrasts(picture)
    assert strokes.contrast_distance(bands, bands).item() == 0
    assert strokes.sliced_distance(picture, picture, strokes.slices(3)).item() == 0
    assert strokes.halo(picture, picture).item() == 0


def test_twice_the_contrast_is_an_octave():
    weak, strong = (strokes.band_contrasts(0.5 + gain * (noise() - 0.5)) for gain in (0.4, 0.8))
    assert strokes.contrast_distance(weak, strong).item() == pytest.approx(1, abs=0.06)  # the floor takes a little


def test_wide_cells_have_their_contrast_in_wide_bands():
    contrasts = [[band.mean().item() for band in strokes.band_contrasts(noise(cell=cell))] for cell in (1, 8)]
    assert contrasts[0][0] > contrasts[1][0]
    assert contrasts[1][3] > contrasts[0][3] + 1


def test_wasserstein_distance_of_shifted_samples_is_the_shift():
    samples = torch.randn(3, 100)
    assert strokes.wasserstein(samples, samples + 0.7).tolist() == pytest.approx([0.7] * 3, abs=1e-5)
    assert strokes.wasserstein(samples, samples.flip(-1)).abs().max() == 0


def test_samples_of_different_number_can_be_compared():
    few, many = torch.linspace(0, 1, 50), torch.linspace(0, 1, 333)
    assert strokes.wasserstein(few, many).item() < 1e-3


@pytest.mark.parametrize("window", [1, 9, 33, 65])
def test_means_over_windows_repeat_the_edges(window):
    picture = torch.rand(2, 3, 40, 51, generator=torch.Generator().manual_seed(0))
    half = window // 2
    padded = F.pad(picture.double(), (half, half, half, half), mode="replicate")
    wanted = F.avg_pool2d(padded, window, stride=1)
    torch.testing.assert_close(strokes._box(picture, window), wanted.float(), rtol=0, atol=1e-6)


def test_flatness_finds_the_smooth_half():
    flat = strokes.flatness(half_flat())
    assert flat[..., :48].sum() == 0
    assert 0.15 < flat.mean() < 0.55


def test_fill_is_0_for_as_much_paint_as_the_style_has_and_negative_for_less():
    content, style = half_flat(), noise(seed=1)
    flat = strokes.flatness(content)
    of_style = strokes.band_contrasts(style)
    painted = strokes.fill(strokes.band_contrasts(noise(seed=2)), of_style, flat)
    empty = strokes.fill(strokes.band_contrasts(content), of_style, flat)
    assert painted.abs() < 0.2
    assert empty < -2


def test_patches_tell_textures_of_the_same_values_apart():
    fine, coarse = noise(cell=1), noise(cell=4)
    filters = strokes.slices(3)
    other = strokes.sliced_distance(noise(cell=1, seed=5), fine, filters).item()
    assert other < 0.05
    assert strokes.sliced_distance(coarse, fine, filters).item() > 3 * other


def test_a_rim_around_a_thing_is_a_halo_and_strokes_are_none():
    content = torch.full((1, 3, 160, 160), 0.3)
    content[..., 96:, :] = 0.8  # below a dark sky
    rim = content.clone()
    rim[..., 84:94, :] += 0.2
    painted = content.clone()
    painted[..., :96, :] += 0.1 * (noise(96, 160, cell=8) - 0.5)
    assert strokes.halo(rim, content).item() > 10
    assert abs(strokes.halo(painted, content).item()) < 3


def test_paint_that_ends_before_a_thing_leaves_it_bare():
    content = torch.full((1, 3, 160, 160), 0.3)
    content[..., 96:, :] = 0.8
    paint = torch.zeros_like(content)
    paint[..., :96, :] = 0.2 * (noise(96, 160, cell=2) - 0.5)
    rim = paint.clone()
    rim[..., 72:96, :] *= 0.1
    bare, filled, empty = (strokes.bareness(content + each, content).item() for each in (rim, paint, 0 * paint))
    assert bare > 1
    assert filled < 0.2
    assert empty < 0.01
    assert strokes.bareness(content + (rim - paint), content).item() < 0.01  # paint beside the edge only


def test_where_there_are_no_edges_nothing_is_bare():
    flat = torch.full((1, 3, 96, 96), 0.3)
    assert strokes.bareness(noise(96, 96), flat).item() == 0


def test_all_but_fill_and_halo_are_differentiable():
    picture = noise(64, 64).requires_grad_()
    style = noise(64, 64, seed=1)
    with torch.enable_grad():
        contrast = strokes.contrast_distance(strokes.band_contrasts(picture, 4), strokes.band_contrasts(style, 4))
        (contrast.sum() + strokes.sliced_distance(picture, style, strokes.slices(3)).sum()).backward()
    assert torch.isfinite(picture.grad).all()


def test_luminance_of_white_is_one_and_green_is_the_brightest_primary():
    assert strokes.luminance(torch.ones(1, 3, 2, 2)).flatten().tolist() == pytest.approx([1.0] * 4)
    primaries = strokes.luminance(torch.eye(3).view(3, 3, 1, 1)).flatten()
    assert primaries.argmax() == 1
