"""The objective of an AdaIN network: what it compares, and behind which heads."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="training needs the torch extra")

from adain.training import losses  # noqa: E402
from adain.training.objective import Objective, watched  # noqa: E402
from adain.training.recipe import LossRecipe  # noqa: E402

LAYERS = ("relu1_1", "relu2_1")


class Copy(torch.nn.Module):
    """A network whose result is the content."""

    def encode_style(self, style):
        return {"mean": style.mean((2, 3))}

    def forward(self, content, code, alpha):
        return content


def features(picture, layers):
    return {name: picture * (1 + LAYERS.index(name)) for name in layers}


def test_a_layer_with_a_head_is_compared_behind_it():
    torch.manual_seed(0)
    heads = {"relu2_1": torch.nn.Conv2d(3, 5, 1)}
    recipe = LossRecipe(style_layers=LAYERS, content_layers=("relu2_1",))
    content, style = torch.rand(2, 2, 3, 40, 48)
    _, parts = Objective(recipe, features, heads)(Copy(), content, style)
    expected = [
        losses.style_moments_relative(losses.moments(content), losses.moments(style)),
        losses.style_moments_relative(
            losses.moments(heads["relu2_1"](2 * content)), losses.moments(heads["relu2_1"](2 * style))
        ),
    ]
    torch.testing.assert_close(parts["style"], torch.stack(expected).mean(), rtol=1e-3, atol=1e-5)
    assert parts["content_cosine"] < 1e-6


def test_each_loss_that_has_a_weight_is_there():
    names = ("style", "content", "content_cosine", "gram", "color", "stability", "grid", "hatching", "blocks", "gamut")
    weights = dict.fromkeys(names, 1.0)
    recipe = LossRecipe(**weights, style_layers=LAYERS, content_layers=("relu2_1",))
    content, style = torch.rand(2, 2, 3, 40, 48)
    total, parts = Objective(recipe, features)(Copy(), content, style, watched(content))
    assert set(parts) == set(weights)
    torch.testing.assert_close(total, torch.stack(list(parts.values())).sum())


def stability(network, content, noisy):
    recipe = LossRecipe(stability=1.0, style=0.0, content_cosine=0.0)
    return Objective(recipe, features)(network, content, torch.rand_like(content), noisy)[1]["stability"]


def test_stability_is_what_noise_in_the_content_changes():
    content = torch.rand(3, 3, 40, 48)
    noisy = losses.noisy(watched(content), 5)
    torch.testing.assert_close(stability(Copy(), content, noisy), (noisy - watched(content)).square().mean())


def test_stability_sees_a_frame():
    class Framed(Copy):
        def forward(self, content, code, alpha):
            return torch.nn.functional.pad(content[..., 2:-2, 2:-2], (2, 2, 2, 2))

    content = 0.5 + 0.1 * torch.rand(2, 3, 40, 48)
    noisy = losses.noisy(watched(content), 5)
    assert stability(Framed(), content, noisy) > 10 * stability(Copy(), content, noisy)
