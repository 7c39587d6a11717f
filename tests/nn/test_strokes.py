"""Draft and revision: the grain, the resizing, and the composition of levels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from adain import metrics_strokes
from adain.engine import strokes as levels
from adain.engine.strokes import TILE, draft_size
from adain.nn import grain as grain_module
from adain.nn.grain import grain
from adain.nn.padding import crop_to, reflected
from adain.nn.resizing import resized, weights, weights_on
from adain.nn.strokes import DraftAndRevise, Strokes, shares


class Recorder:
    """A network that gives its content back and remembers what it was shown."""

    def __init__(self) -> None:
        self.seen: list[Tensor] = []

    def encode_style(self, style: Tensor) -> dict[str, Tensor]:
        return {"mean": style.mean((2, 3))}

    def __call__(self, content: Tensor, code: Mapping[str, Tensor], alpha: float | Tensor) -> Tensor:
        self.seen.append(content)
        return content


def picture(height: int, width: int, seed: int = 0) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("up", "down"), [(3, 8), (1, 2), (8, 3), (2, 1)])
def test_resizing_is_pillows_bicubic_away_from_the_sides(up: int, down: int) -> None:
    source = picture(48, 96)
    found = resized(source, weights(up, down))[0, 0].numpy()
    wanted = np.array(Image.fromarray(source[0, 0].numpy()).resize((96 * up // down, 48 * up // down), Image.BICUBIC))
    assert found.shape == wanted.shape
    inner = max(4, 4 * up // down)
    assert np.abs(found - wanted)[inner:-inner, inner:-inner].max() < 1e-5  # rounding of float32


def test_a_constant_picture_keeps_its_colour_in_any_size() -> None:
    assert torch.allclose(resized(torch.full((1, 3, 8, 16), 0.3), weights(3, 8)), torch.tensor(0.3))
    assert torch.allclose(resized(torch.full((1, 3, 3, 6), 0.3), weights(8, 3)), torch.tensor(0.3))


def test_the_grain_has_mean_0_and_deviation_1() -> None:
    tile = grain(TILE, TILE, torch.zeros(2, dtype=torch.int64))
    assert tile.mean().abs() < 1e-4
    assert (tile.std() - 1).abs() < 1e-4
    wide = grain(TILE, 1200, torch.zeros(2, dtype=torch.int64))
    assert torch.equal(wide[..., :TILE], tile)
    assert wide.mean().abs() < 0.02
    assert (wide.std() - 1).abs() < 0.02


def test_the_grain_is_fixed_to_the_canvas() -> None:
    whole = grain(64, 80, torch.tensor([3, 5]))
    part = grain(20, 30, torch.tensor([3 + 10, 5 + 40]))
    assert torch.equal(whole[:, :, 10:30, 40:70], part)


def test_each_picture_can_have_its_own_grain() -> None:
    both = grain(16, 16, torch.tensor([[0, 0], [7, 9]]))
    assert both.shape == (2, 3, 16, 16)
    assert torch.equal(both[1:], grain(16, 16, torch.tensor([7, 9])))


@pytest.mark.parametrize("strokes", [0.0, 0.2, 0.5, 1.0])
def test_shares_are_the_engines(strokes: float) -> None:
    found = torch.stack(shares(torch.tensor([[strokes]]))).flatten()
    assert torch.allclose(found, torch.tensor(levels.shares(strokes)))


def test_with_strokes_0_the_network_is_shown_the_content_alone() -> None:
    content = picture(64, 64)
    recorder = Recorder()
    DraftAndRevise(recorder, Strokes.of(torch.zeros(1, 1)))(content, {}, 1.0)
    assert torch.equal(recorder.seen[-1], content)


@pytest.mark.parametrize("size", [(64, 96), (50, 61), (9, 130), (1, 1)])
def test_the_result_has_the_contents_size(size: tuple[int, int]) -> None:
    recorder = Recorder()
    result = DraftAndRevise(recorder)(picture(*size), {}, 1.0)
    assert result.shape[2:] == size
    assert recorder.seen[0].shape[2:] == draft_size(*size)


def test_with_alpha_0_the_network_is_shown_the_content_alone() -> None:
    content = 0.25 + 0.5 * picture(64, 64)
    recorder = Recorder()
    DraftAndRevise(recorder)(content, {}, 0.0)
    assert torch.allclose(recorder.seen[-1], content, atol=1e-5)


def test_with_all_detail_and_no_grain_the_network_is_shown_the_content() -> None:
    content = 0.25 + 0.5 * picture(64, 64)
    recorder = Recorder()
    DraftAndRevise(recorder, Strokes(detail=1.0, grain=0.0))(content, {}, 1.0)
    assert torch.allclose(recorder.seen[-1], content, atol=1e-5)


def test_with_more_around_the_pictures_their_grain_stays_where_it_is() -> None:
    pictures = torch.cat([picture(48, 64, seed) for seed in (1, 2, 3)])
    drafted = DraftAndRevise(Recorder(), Strokes(detail=0.0), torch.tensor([[0, 3], [7, 9], [250, 100]]))
    wanted = drafted(pictures, {}, 1.0)[::2]
    found = drafted.widened(24, 2)(reflected(pictures[::2], 24), {}, 1.0)
    inner = (..., slice(16, -16), slice(16, -16))  # resizing repeats the edge, and reflection does not
    assert torch.allclose(crop_to(found, wanted, 24)[inner], wanted[inner], atol=1e-6)


def test_no_draft_is_the_network_alone() -> None:
    recorder = Recorder()
    content = picture(32, 32)
    assert torch.equal(DraftAndRevise(recorder, Strokes(drafts=0))(content, {}, 1.0), content)
    assert len(recorder.seen) == 1


def test_a_pyramid_goes_from_the_smallest_copy_to_the_picture() -> None:
    recorder = Recorder()
    DraftAndRevise(recorder, Strokes(drafts=2))(picture(320, 512), {}, torch.ones(1))
    assert [tuple(seen.shape[2:]) for seen in recorder.seen] == [(45, 72), (120, 192), (320, 512)]


def test_what_is_kept_from_a_picture_without_gradients_serves_a_training() -> None:
    for kept in (weights_on, grain_module._tile, metrics_strokes._binomial):
        kept.cache_clear()
    picture = torch.rand(1, 3, 16, 16)
    with torch.inference_mode():
        resized(picture, weights_on(3, 8, picture.device))
        grain(4, 4, torch.zeros(2))
        metrics_strokes.band_contrasts(picture)
    picture.requires_grad_()
    small = resized(picture, weights_on(3, 8, picture.device)) * grain(6, 6, torch.zeros(2))
    (small.sum() + sum(band.sum() for band in metrics_strokes.band_contrasts(picture))).backward()
    assert picture.grad is not None


def test_gradients_reach_the_network_through_both_levels() -> None:
    gain = torch.tensor(1.0, requires_grad=True)

    class Scaling(Recorder):
        def __call__(self, content: Tensor, code: Mapping[str, Tensor], alpha: float | Tensor) -> Tensor:
            return content * gain

    with torch.enable_grad():
        DraftAndRevise(Scaling(), Strokes(grain=0.0))(torch.full((1, 3, 16, 16), 0.4), {}, 1.0).mean().backward()
    assert gain.grad is not None
    assert torch.allclose(gain.grad, torch.tensor(2 * 0.4), atol=1e-4)  # c g (g - d) + c d g at g = 1
