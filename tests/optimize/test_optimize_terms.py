"""The losses of an optimisation: what they are, and that tiles do not change them."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="optimisation needs the extra torch")

from torch.nn import functional as F  # noqa: E402

from adain.optimization import options, style_terms  # noqa: E402
from adain.optimization.objective import Objective, Target  # noqa: E402
from adain.optimization.statistics import Second, parts  # noqa: E402
from adain.training import losses as training_losses  # noqa: E402

ALL = dict.fromkeys(options.LOSSES, 1.0)
OF_STYLE = ("gram", "moments", "covariance", "gatys_style", "sliced")
OF_CONTENT = ("content", "content_cosine", "gatys_content", "self_similarity")


def smooth(height: int, width: int, seed: int):
    coarse = torch.rand(1, 3, height // 8, width // 8, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(coarse, size=(height, width), mode="bicubic").clamp(0, 1)


def target_of(height: int, width: int, *, masked: bool = False) -> Target:
    styles = [smooth(72, 96, 1), smooth(64, 80, 2)]
    masks = torch.zeros(2, height, width)
    masks[0, :, : width // 2], masks[1, :, width // 2 :] = 1, 0.8
    return Target(smooth(height, width, 0), styles, None if masked else [0.5, 0.5], masks if masked else None)


def test_every_loss_is_zero_for_a_match_and_positive_for_another_picture(tiny):
    picture, other = smooth(64, 80, 0), smooth(64, 80, 5)
    objective = Objective(tiny, ALL, Target(picture, [picture], [1.0]))
    same, different = objective(picture)[0], objective(other)[0]
    for name in (*OF_STYLE, *OF_CONTENT):
        assert same[name] == pytest.approx(0, abs=2e-3), name
        assert different[name] > max(10 * same[name], 1e-3), name


def test_the_total_weighs_the_losses(tiny):
    weights = {"content": 2.0, "gram": 0.5, "total_variation": 3.0}
    values, _ = Objective(tiny, weights, target_of(64, 80))(smooth(64, 80, 3))
    assert values["total"] == pytest.approx(sum(weights[name] * values[name] for name in weights), rel=1e-5)
    assert values.keys() == {"total", *weights}


@pytest.mark.parametrize("masked", [False, True])
def test_tiles_give_the_losses_and_the_gradient_of_the_whole(tiny, masked):
    target, picture = target_of(470, 250, masked=masked), smooth(470, 250, 3)
    whole = Objective(tiny, ALL, target)(picture)
    tiled = Objective(tiny, ALL, target, tile=448)
    assert len(tiled._parts) > 1
    values, gradient = tiled(picture)
    for name, value in whole[0].items():
        assert values[name] == pytest.approx(value, rel=2e-3, abs=1e-4), name  # covariances are small differences
    assert (gradient - whole[1]).norm() < 2e-3 * whole[1].norm()


def test_cores_cover_a_picture_once(tiny):
    for size in ((1000, 700), (449, 452), (448, 2001)):
        count = torch.zeros(size)
        for part in parts(size, 448, tiny):
            top, left, bottom, right = part.core
            count[top:bottom, left:right] += 1
        assert (count == 1).all()


def test_content_cosine_is_that_of_training(tiny):
    picture, content = smooth(64, 80, 3), smooth(64, 80, 0)
    values, _ = Objective(tiny, {"content_cosine": 1.0}, Target(content, [content], [1.0]))(picture)
    maps = [tiny(each, tiny.content_layers)["relu4_2"] for each in (picture, content)]
    assert values["content_cosine"] == pytest.approx(training_losses.content_cosine(*maps).item(), abs=2e-3)


def second_of(samples) -> Second:
    x = torch.from_numpy(samples).float()
    return Second.of(torch.tensor([float(x.shape[1])]), x.sum(1)[None], (x @ x.T)[None])


def test_covariance_is_the_wasserstein_distance_of_normal_distributions(generator):
    mean, mean_s = np.array([1.0, 2.0, 0.5]), np.array([0.5, 2.5, 1.0])
    spread, spread_s = np.array([1.0, 0.3, 2.0]), np.array([0.5, 0.6, 1.0])
    noise = generator.normal(size=(2, 3, 200_000))
    found, wanted = (
        second_of(m[:, None] + s[:, None] * n)
        for m, s, n in zip((mean, mean_s), (spread, spread_s), noise, strict=True)
    )
    distance = ((mean - mean_s) ** 2).sum() + ((spread - spread_s) ** 2).sum()  # both covariances are diagonal
    power = (mean_s**2).sum() + (spread_s**2).sum()
    assert style_terms.covariance(found, wanted).item() == pytest.approx(distance / power, rel=0.02)


def test_gatys_style_is_the_papers_formula(generator):
    found, wanted = generator.random((2, 4, 50))
    wanted /= wanted.mean()  # the paper's network has mean activations of 1
    gram, style_gram = found @ found.T, wanted @ wanted.T
    expected = ((gram - style_gram) ** 2).sum() / (4 * 4**2 * 50**2)
    assert style_terms.gatys_style(second_of(found), second_of(wanted)).item() == pytest.approx(expected, rel=1e-4)


def test_the_trace_of_a_root_has_the_right_gradient(generator):
    samples = torch.from_numpy(generator.normal(size=(2, 4, 9)))
    matrix = (samples @ samples.transpose(1, 2)).requires_grad_()
    symmetric = torch.autograd.gradcheck(lambda m: style_terms._TraceRoot.apply((m + m.transpose(1, 2)) / 2), matrix)
    assert symmetric


def test_a_region_without_pixels_changes_nothing(tiny):
    target = target_of(64, 80, masked=True)
    target.masks[0], target.masks[1] = 0, 1
    values, gradient = Objective(tiny, ALL, target)(smooth(64, 80, 3))
    assert np.isfinite(list(values.values())).all()
    assert gradient.isfinite().all()
