"""The optimisation of a picture: what comes out, what is refused, and that nothing is lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pictures import painting, photo
from PIL import Image

torch = pytest.importorskip("torch", reason="optimisation needs the extra torch")

import adain  # noqa: E402
from adain import CancelledError, CancelToken, InputError, OptimizeOptions, OutOfMemoryError, StyleRequest  # noqa: E402
from adain.optimization import pictures  # noqa: E402
from adain.optimization.descent import LBFGS  # noqa: E402
from adain.optimization.objective import Objective  # noqa: E402
from adain.optimization.picture import Optimization, optimize  # noqa: E402

QUICK = {"start": "content", "iterations": 3, "coarsest": 32}


def options(**changes: object) -> OptimizeOptions:
    return OptimizeOptions(**{**QUICK, **changes})  # type: ignore[arg-type]


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int)


def test_losses_fall_and_the_size_is_the_contents(tiny, content, style):
    seen = []
    chosen = options(iterations=12, coarsest=0, rate=0.02, losses={"sliced": 0, "content_cosine": 0})
    result = optimize(content, style, chosen, progress=seen.append)
    assert result.size == content.size
    assert result.mode == "RGB"
    assert [step.done for step in seen] == list(range(1, 13))
    assert seen[-1].losses["total"] < 0.9 * seen[0].losses["total"]


def test_sides_grow_by_the_root_of_2():
    assert pictures.sides(512, 128) == [128, 181, 256, 362, 512]
    assert pictures.sides(500, 128) == [125 * 2**0.5, 250, 250 * 2**0.5, 500] or pictures.sides(500, 128)[0] >= 128
    assert pictures.sides(100, 128) == [100]
    assert pictures.sides(300, 0) == [300]


def test_a_coarse_copy_takes_more_iterations(tiny, content, style):
    run = Optimization(content, [style], options(iterations=10))
    counts: dict[int, int] = {}
    for step in run.steps():
        counts[step.side] = counts.get(step.side, 0) + 1
    assert counts == {37: 14, 52: 10}
    assert run.done == run.total == 24


def test_lbfgs_lowers_the_loss(tiny, content, style):
    seen = []
    smooth = {"gram": 1.0, "sliced": 0.0, "covariance": 0.0, "total_variation": 0.0, "grid": 0.0}
    chosen = options(optimizer="lbfgs", start="noise", iterations=6, coarsest=0, losses=smooth)
    optimize(content, style, chosen, progress=seen.append)
    assert seen[-1].losses["total"] < 0.95 * seen[0].losses["total"]


def test_lbfgs_goes_on_behind_tries_that_are_too_long_and_evaluates_no_picture_twice() -> None:
    seen = []

    def valley(picture: torch.Tensor) -> tuple[dict[str, float], torch.Tensor]:
        """Rosenbrock's, which is curved, so that first tries miss."""
        seen.append(picture.detach().clone())
        leaf = picture.detach().requires_grad_()
        one, two = leaf[:, :1], leaf[:, 1:2]
        total = (100 * (two - one.square()).square() + (1 - one).square()).mean()
        return {"total": total.item()}, torch.autograd.grad(total, leaf)[0]

    descent = LBFGS(torch.full((1, 3, 2, 2), -0.5), rate=1.0)
    losses = [descent.step(valley)["total"] for _ in range(80)]
    assert losses[-1] < 1e-6 < losses[0]
    assert len(torch.stack(seen).unique(dim=0)) == len(seen)


def test_the_preset_of_gatys_begins_with_noise_and_has_his_losses(tiny, content, style):
    seen = []
    optimize(content, style, OptimizeOptions(preset="gatys", iterations=4), progress=seen.append)
    assert seen[0].losses.keys() == {"total", "gatys_content", "gatys_style"}
    assert seen[-1].losses["total"] < 0.9 * seen[0].losses["total"]


def test_alpha_channels_and_16_bits_are_kept(tiny, content, style):
    rgba = content.copy()
    rgba.putalpha(Image.linear_gradient("L").resize(content.size))
    assert optimize(rgba, style, options()).mode == "RGBA"
    codecs = pytest.importorskip("imagecodecs", reason="needs the extra tiff")
    deep = codecs.png_encode(np.asarray(content).astype(np.uint16) * 257)
    assert optimize(deep, style, options()).info["rgb16"].dtype == np.uint16


@pytest.mark.parametrize("extra", [{}, {"optimizer": "lbfgs"}])
def test_a_resumed_run_ends_as_an_uninterrupted_one(tiny, content, style, tmp_path: Path, extra):
    state, straight = tmp_path / "run.state", optimize(content, style, options(**extra))

    def stop(step) -> None:
        if step.done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        optimize(content, style, options(**extra), state=state, progress=stop)
    assert state.is_file()
    resumed = optimize(content, style, options(**extra), state=state)
    assert not state.exists()
    difference = abs(pixels(straight) - pixels(resumed))
    assert difference.max() == 0 if not extra else difference.mean() < 30  # L-BFGS finds its curvature anew


def test_a_state_of_other_options_or_damaged_is_refused(tiny, content, style, tmp_path: Path):
    run = Optimization(content, [style], options())
    next(run.steps())
    run.save(tmp_path / "state")
    with pytest.raises(InputError, match="other pictures or options"):
        Optimization(content, [style], options(rate=0.5)).restore(tmp_path / "state")
    (tmp_path / "state").write_bytes(b"no state")
    with pytest.raises(InputError, match="damaged"):
        Optimization(content, [style], options()).restore(tmp_path / "state")


def test_a_cancelled_run_keeps_its_state(tiny, content, style, tmp_path: Path):
    token = CancelToken()
    with pytest.raises(CancelledError):
        optimize(content, style, options(), state=tmp_path / "s", progress=lambda step: token.cancel(), cancel=token)
    assert (tmp_path / "s").is_file()


def test_an_infinite_loss_is_an_error_and_the_picture_before_it_stays(tiny, content, style, monkeypatch):
    run, real = Optimization(content, [style], options()), Objective.__call__

    def breaking(self: Objective, picture):
        values, gradient = real(self, picture)
        return (
            ({**values, "total": float("nan"), "covariance": float("nan")}, gradient)
            if run.done == 2
            else (values, gradient)
        )

    monkeypatch.setattr(Objective, "__call__", breaking)
    with pytest.raises(InputError, match=r"the loss \(covariance\) is not a finite number after 2 iterations.*rate"):
        list(run.steps())
    assert run.done == 2
    assert run.result().size == content.size


def test_a_lack_of_memory_says_how_much_is_needed(tiny, content, style, monkeypatch):
    def full(self: Objective, picture):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(Objective, "__call__", full)
    with pytest.raises(OutOfMemoryError, match=r"optimising 70 x 52|optimising \d+ x \d+ pixels"):
        optimize(content, style, options())


def test_little_memory_chooses_tiles(tiny, style, monkeypatch):
    monkeypatch.setattr("adain.memory.available", lambda: 100 << 20)
    run = Optimization(Image.fromarray(photo(900, 700)), [style], options())
    assert run._tile(900, 700) == 448
    assert run._tile(60, 50) == 0


def test_masks_place_styles_and_leave_the_rest(tiny, content, style):
    mask = np.zeros((52, 70), bool)
    mask[:, :30] = True
    result = optimize(content, [style], options(iterations=8), request=StyleRequest(masks=[mask], style_size=None))
    difference = abs(pixels(result) - pixels(content)).sum(2)
    assert difference[:, 34:].max() == 0
    assert difference[:, :26].mean() > 3


def test_several_styles_mix_by_weight(tiny, content, style):
    other = Image.fromarray(painting(seed=3))
    first, mixed = (
        pixels(optimize(content, [style, other], options(), request=StyleRequest(weights=weights, style_size=None)))
        for weights in ((1, 0), (0.5, 0.5))
    )
    alone = pixels(optimize(content, style, options(losses={"sliced": 0.5})))
    assert abs(first - alone).mean() < abs(mixed - alone).mean()


def test_noise_depends_on_the_seed(tiny, content, style):
    noise = [
        pixels(optimize(content, style, options(start="noise", iterations=1), request=StyleRequest(seed=seed)))
        for seed in (0, 0, 1)
    ]
    assert (noise[0] == noise[1]).all()
    assert (noise[0] != noise[2]).any()


def test_luminance_keeps_the_contents_colours(tiny, content, style):
    request = StyleRequest(preserve_color="luminance", style_size=None)
    grey = content.convert("L").convert("RGB")
    result = pixels(optimize(grey, style, options(), request=request))
    assert (result.max(2) - result.min(2)).max() <= 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"style": Image.new("RGB", (60, 60), "teal")}, "one colour"),
        ({"content": Image.new("RGB", (20, 60), "teal")}, "at least 32"),
        ({"style": Image.fromarray(painting(12, 40))}, "at least 32"),
        ({"style": "a.safetensors"}, "style code"),
        ({"options": options(coarsest=8)}, "coarsest must be at least 32"),
        ({"options": options(start=Image.new("RGB", (10, 40)))}, "aspect"),
        ({"options": options(losses={name: 0 for name in adain.OptimizeOptions().settings.losses})}, "weight 0"),
        ({"request": StyleRequest(tile=100)}, "tile must be at least 448"),
        ({"request": StyleRequest(weights=[1, 2])}, "one weight per style"),
    ],
)
def test_bad_input_is_refused(tiny, content, style, arguments, said):
    given = {"content": content, "style": style, "options": options(), **arguments}
    with pytest.raises(InputError, match=said):
        optimize(**given)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"preset": "best"}, "preset must be one of"),
        ({"features": "resnet"}, "features must be one of"),
        ({"losses": {"grams": 1}}, "unknown loss 'grams'"),
        ({"losses": {"gram": -1}}, "weight of gram"),
        ({"losses": "gram"}, "weights by name"),
        ({"optimizer": "sgd"}, "optimizer"),
        ({"iterations": 0}, "iterations"),
        ({"rate": float("nan")}, "rate"),
        ({"average": 1.0}, "average"),
    ],
)
def test_options_are_checked(arguments, said):
    with pytest.raises(InputError, match=said):
        OptimizeOptions(**arguments)


def test_a_preset_gives_what_is_left_open_and_the_rate_is_the_optimizers() -> None:
    assert OptimizeOptions().settings.rate == 0.01
    assert OptimizeOptions(optimizer="lbfgs").settings.rate == OptimizeOptions(preset="gatys").settings.rate == 1
    assert OptimizeOptions(preset="gatys", rate=0.5, iterations=7).settings.rate == 0.5
    assert OptimizeOptions(preset="gatys", iterations=7).settings.iterations == 7
    assert OptimizeOptions().settings.coarsest == 0  # the fast result has been small already
    assert OptimizeOptions(start="content").settings.coarsest == OptimizeOptions(coarsest=128).settings.coarsest == 128
    losses = OptimizeOptions(losses={"gram": 2, "sliced": 0}).settings.losses
    assert losses.keys() == {"gram", "covariance", "content_cosine", "total_variation", "grid"}
