"""The losses that see strokes, and training through draft and revision."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="training needs the torch extra")

from adain import metrics_strokes  # noqa: E402
from adain.errors import InputError  # noqa: E402
from adain.training import recipe as recipes  # noqa: E402
from adain.training import stroke_losses  # noqa: E402
from adain.training.objective import Objective  # noqa: E402
from adain.training.recipe import LossRecipe  # noqa: E402

LAYERS = ("relu2_1", "relu3_1")
PHASES = {"phases": [{"iterations": 10}]}


class Copy(torch.nn.Module):
    """A network whose result is the content."""

    def encode_style(self, style):
        return {"mean": style.mean((2, 3))}

    def forward(self, content, code, alpha):
        return content


def features(picture, layers):
    return {name: picture * (1 + LAYERS.index(name)) for name in layers}


def recipe(**weights):
    return LossRecipe(**{"style": 0.0, "content_cosine": 0.0, **weights}, style_layers=LAYERS, content_layers=LAYERS)


def test_each_loss_is_0_for_the_style_itself():
    style = torch.rand(2, 3, 64, 64)
    assert stroke_losses.covariance(style, style) < 2e-3  # the root of what keeps it differentiable
    assert stroke_losses.sliced(style, style) == 0
    assert stroke_losses.contrast(style, style) == 0


def test_paint_in_smooth_areas_lowers_the_loss_there():
    content = torch.rand(1, 3, 96, 96)
    content[..., 40:] = 0.5
    style = torch.rand(1, 3, 96, 96)
    assert stroke_losses.flat_contrast(style, content, style) < stroke_losses.flat_contrast(content, content, style)


def test_losses_of_a_degenerate_picture_have_finite_gradients():
    picture = torch.full((1, 3, 64, 64), 0.5, requires_grad=True)
    style = torch.full((1, 3, 64, 64), 0.5)
    with torch.enable_grad():
        total = (
            stroke_losses.covariance(picture, style)
            + stroke_losses.sliced(picture, style)
            + stroke_losses.contrast(picture, style)
        )
        (total + stroke_losses.flat_contrast(picture, style, style)).backward()
    assert torch.isfinite(picture.grad).all()


def test_the_objective_has_each_stroke_loss_that_has_a_weight():
    names = ("covariance", "sliced", "contrast", "flat_contrast")
    content, style = torch.rand(2, 2, 3, 64, 64)
    total, parts = Objective(recipe(**dict.fromkeys(names, 2.0)), features)(Copy(), content, style)
    assert set(parts) == set(names)
    torch.testing.assert_close(total, 2 * torch.stack(list(parts.values())).sum())


def test_at_half_size_the_style_losses_are_weighted_as_at_full_size(monkeypatch):
    content, style = torch.rand(2, 2, 3, 64, 64)
    weighted = recipe(style=3.0, covariance=2.0, sliced=4.0, half_size=0.5)
    monkeypatch.setattr(metrics_strokes, "slices", lambda channels, **own: torch.ones(4, channels, 3, 3))  # in both
    _, parts = Objective(weighted, features)(Copy(), content, style)
    small = [stroke_losses.shrunk(picture, 2) for picture in (content, style)]
    _, of_small = Objective(weighted, features)(Copy(), *small)
    expected = sum(getattr(weighted, name) * of_small[name] for name in ("style", "covariance", "sliced"))
    torch.testing.assert_close(parts["half_size"], expected)


def test_a_picture_in_its_own_style_need_not_be_filled():
    content, style = torch.rand(2, 2, 3, 64, 64)
    own = recipe(flat_contrast=1.0, identity_fraction=1.0, identity_pixels=1.0)
    assert "flat_contrast" not in Objective(own, features)(Copy(), content, style)[1]


@pytest.mark.parametrize(
    ("strokes", "message"),
    [
        ({"drafts": -1}, "strokes.drafts"),
        ({"scale": [8, 3]}, "strokes.scale"),
        ({"scale": [1]}, "strokes.scale"),
        ({"detail": 1.5}, "strokes.detail"),
    ],
)
def test_a_wrong_draft_is_refused(strokes, message):
    with pytest.raises(InputError, match=message):
        recipes.parse({**PHASES, "strokes": strokes})


def test_a_rim_around_a_thing_is_a_loss_and_the_content_itself_is_none():
    content = torch.full((2, 3, 96, 96), 0.2)
    content[:, :, 32:64, 32:64] = 0.8
    rim = content.clone()
    rim[:, :, 24:72, 24:72] += 0.2
    rim[:, :, 32:64, 32:64] = 0.8
    assert stroke_losses.halo(content, content) == 0
    assert stroke_losses.halo(rim, content) > 0.02


def test_a_bare_rim_is_a_loss_that_moves_what_is_in_it():
    content = torch.full((1, 3, 160, 160), 0.3)
    content[..., 96:, :] = 0.8
    picture = content.clone()
    picture[..., :64, :] += 0.2 * (torch.rand(1, 3, 64, 160) - 0.5)
    picture[..., 64:96, :] += 0.01 * (torch.rand(1, 3, 32, 160) - 0.5)
    with torch.enable_grad():
        loss = stroke_losses.bareness(picture.requires_grad_(), content)
        loss.backward()
    assert loss > 1
    assert picture.grad[..., 76:88, :].abs().max() > 0
    assert torch.isfinite(picture.grad).all()


def test_a_picture_in_its_own_style_may_be_bare():
    content, style = torch.rand(2, 2, 3, 64, 64)
    weighted = recipe(bareness=1.0, identity_fraction=0.5, identity_pixels=1.0)
    assert "bareness" in Objective(weighted, features)(Copy(), content, style)[1]
    own = recipe(bareness=1.0, identity_fraction=1.0, identity_pixels=1.0)
    assert "bareness" not in Objective(own, features)(Copy(), content, style)[1]


def test_quarter_size_is_half_size_twice():
    content, style = torch.rand(2, 1, 3, 128, 128)
    halves = [stroke_losses.shrunk(picture, 2) for picture in (content, style)]
    _, parts = Objective(recipe(style=3.0, quarter_size=0.5), features)(Copy(), content, style)
    _, of_half = Objective(recipe(style=3.0, half_size=0.5), features)(Copy(), *halves)
    torch.testing.assert_close(parts["quarter_size"], of_half["half_size"])
