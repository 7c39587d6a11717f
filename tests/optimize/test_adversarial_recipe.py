"""The adversarial recipe: its losses, and that the network and the discriminator learn in turns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pictures import save_to_train_on

torch = pytest.importorskip("torch", reason="training needs the extra torch")
pytest.importorskip("torchvision", reason="training needs the extra torch")

from safetensors.torch import load_file  # noqa: E402

from adain import registry, weights  # noqa: E402
from adain.training import losses, recipe, session  # noqa: E402

NAMES = ("content_cosine", "gram", "total_variation", "adversarial", "cycle", "discriminator")
PHASES = "phases=[{iterations=3, batch=2, crop=48, content_side=[48,48], style_side=[48,48]}]"
SMALL = (
    PHASES,
    "losses.network=shipped",
    "run.workers=0",
    "run.samples=1",
    "run.sample_side=48",
    "run.metrics_every=1",
    "losses.identity_fraction=0.5",
)


def test_three_iterations_move_the_network_and_the_discriminator(tmp_path: Path) -> None:
    save_to_train_on(tmp_path)
    data = ('data.content=["content"]', 'data.style=["style"]')
    chosen = recipe.read("adain-slim-adversarial", [*SMALL, *data, "optimizer.warmup=0", "optimizer.ema=0"])
    trainer = session.prepare(chosen, session.Places(tmp_path / "run", tmp_path, None), device="cpu", resume=False)
    adversary = trainer._loss._adversary
    assert adversary is not None
    before = {name: value.clone() for name, value in adversary.network.state_dict().items()}
    written = trainer.run().weights
    assert written is not None
    after = adversary.network.state_dict()
    assert any((before[name] != after[name]).any() for name in before)
    first = load_file(weights.find(registry.get("adain-slim"))["model"])
    trained = load_file(written)
    assert all((first[name] != trained[name]).any() for name in first if name.endswith("weight"))
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert len(lines) == 3
    for line in lines:
        assert all(name in line for name in NAMES)


def test_gram_matrices_are_relative_where_the_moments_are() -> None:
    a, b = torch.rand(2, 4, 6, 6), torch.rand(2, 4, 6, 6)
    assert losses.gram_relative(b, b).item() == 0
    torch.testing.assert_close(losses.gram_relative(10 * a, 10 * b), losses.gram_relative(a, b))
    chosen = recipe.read("adain-slim-adversarial").losses
    assert chosen.style_form == "relative_root"
    assert chosen.gram > 0
