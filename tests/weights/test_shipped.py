"""The networks in `weights/`: the files are the registry's, and the graphs give the pictures of the weights."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import adain
from adain import registry
from adain.runtimes import graph_files as files
from adain.runtimes.contract import STAGED
from adain.runtimes.ort_session import OrtGraph

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS, PICTURES = ROOT / "weights", ROOT / "tests" / "data"
SHIPPED = [model for model in registry.MODELS.values() if model.shipped]

pytestmark = [
    pytest.mark.skipif(not (WEIGHTS / "README.md").is_file(), reason="the networks lie in the repository"),
    pytest.mark.parametrize("model", SHIPPED, ids=[model.name for model in SHIPPED]),
]


@pytest.fixture(autouse=True)
def no_directory_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ADAIN_WEIGHTS_DIR", raising=False)


def test_weights_are_the_registrys(model: registry.Model) -> None:
    for file in model.files:
        content = (WEIGHTS / file.name).read_bytes()
        assert len(content) == file.bytes
        assert hashlib.sha256(content).hexdigest() == file.sha256


def test_graphs_were_exported_from_these_weights(model: registry.Model) -> None:
    for name in files.names(model).values():
        info = OrtGraph(WEIGHTS / name, "cpu").info
        assert info.weights_sha256 == {file.role: file.sha256 for file in model.files}, name


def test_graphs_for_few_calls_hold_no_second_copy_of_the_weights(model: registry.Model) -> None:
    shape = model.architecture
    assert isinstance(shape, registry.SlimArchitecture)
    whole = {each.channels for each in model.stages[0].maps if each.fusion == "wct-std"}
    matrices = sum(2 * 4 * width**2 for width in whole)  # covariances need the identity matrix and three times that
    for key, name in files.names(model).items():
        if key.partition(".")[0] in files.FURTHER:
            assert (WEIGHTS / name).stat().st_size < 120_000 + matrices, name


def test_tiles_in_onnxruntime_are_the_picture_at_once_in_torch(model: registry.Model) -> None:
    pytest.importorskip("torch", reason="the torch backend needs the extra torch")
    content, style = PICTURES / "astronaut.jpg", PICTURES / "strokes.jpg"
    tiled = np.asarray(adain.load(model.name, backend="onnx", device="cpu")(content, style, size=500, tile=400))
    whole = np.asarray(adain.load(model.name, backend="torch", device="cpu")(content, style, size=500, tile=0))
    assert np.abs(tiled.astype(np.int16) - whole).max() <= 2


def test_graphs_of_stages_compute_what_the_network_does(model: registry.Model) -> None:
    pytest.importorskip("torch", reason="the network needs the extra torch")
    from adain.export.verify import Case, compare
    from adain.nn import build

    network = build.load(model, {file.role: WEIGHTS / file.name for file in model.files})
    for name in (files.names(model)[kind] for kind in STAGED):
        info = OrtGraph(WEIGHTS / name, "cpu").info
        for comparison in compare(WEIGHTS / name, info, network, [Case((67, 45), (40, 33), styles=2, alpha=0.6)]):
            assert comparison.passed, str(comparison)


def test_nothing_else_ships_and_the_readme_names_every_file(model: registry.Model) -> None:
    there = {path.name for path in WEIGHTS.glob(f"{model.name}.*")}
    assert there == {file.name for file in model.files} | set(files.names(model).values())
    readme = (WEIGHTS / "README.md").read_text(encoding="utf-8")
    assert not [name for name in there if f"`{name}`" not in readme]


def test_onnx_and_torch_give_the_same_picture_strongly_stylized(model: registry.Model) -> None:
    pytest.importorskip("torch", reason="the torch backend needs the extra torch")
    content, style = PICTURES / "astronaut.jpg", PICTURES / "strokes.jpg"
    pictures = [
        np.asarray(adain.load(model.name, backend=backend, device="cpu")(content, style, size=200), np.int16)
        for backend in ("onnx", "torch")
    ]
    assert pictures[0].shape == (200, 200, 3)
    assert np.abs(pictures[0] - pictures[1]).max() <= 1
    original = np.asarray(Image.open(content).resize((200, 200)), np.int16)
    assert np.abs(pictures[0] - original).mean() > 20, "of 255: the style must show"


def test_onnx_and_torch_agree_on_regions(model: registry.Model) -> None:
    pytest.importorskip("torch", reason="the torch backend needs the extra torch")
    content, styles = PICTURES / "astronaut.jpg", [PICTURES / "strokes.jpg", PICTURES / "astronaut.jpg"]
    right = np.tile(np.linspace(-1, 2, 96).clip(0, 1), (96, 1))
    pictures = [
        np.asarray(
            adain.load(model.name, backend=backend, device="cpu")(content, styles, masks=[1 - right, right], size=96),
            np.int16,
        )
        for backend in ("onnx", "torch")
    ]
    assert np.abs(pictures[0] - pictures[1]).max() <= 1
    changed = np.abs(pictures[0] - np.asarray(Image.open(content).resize((96, 96)), np.int16))
    assert changed[:, :32].mean() > changed[:, 64:].mean() + 5, "of 255: the right is in its own style"


def test_a_picture_in_its_own_style_stays_itself(model: registry.Model) -> None:
    content = PICTURES / "astronaut.jpg"
    own = np.asarray(adain.load(model.name, device="cpu")(content, content), np.int16)
    assert np.abs(own - np.asarray(Image.open(content), np.int16)).mean() < 12, "of 255"


def test_there_is_no_frame_along_a_pictures_border(model: registry.Model) -> None:
    stylizer, style = adain.load(model.name, device="cpu"), PICTURES / "strokes.jpg"
    content = np.asarray(Image.open(PICTURES / "coffee.jpg").convert("RGB").resize((256, 256)))
    wide = np.pad(content, ((32, 32), (32, 32), (0, 0)), mode="reflect")
    alone = np.asarray(stylizer(content, style), np.float32)
    within = np.asarray(stylizer(wide, style), np.float32)[32:-32, 32:-32]
    difference = np.abs(alone - within).mean(axis=2)  # also of the statistics, which are everywhere
    border = difference.copy()
    border[4:-4, 4:-4] = np.nan
    assert np.nanmean(border) < 2 * difference[64:-64, 64:-64].mean()  # five times that without a margin


def test_noise_that_nobody_sees_is_not_made_strokes(model: registry.Model) -> None:
    stylizer, style = adain.load(model.name, device="cpu"), PICTURES / "strokes.jpg"
    content = np.array(Image.open(PICTURES / "astronaut.jpg").convert("RGB").resize((256, 256)))
    content[:128] = np.linspace((110, 140, 190), (130, 165, 220), 128)[:, None]  # a sky
    noise = np.random.default_rng(0).normal(0, 1.5, content.shape)
    noisy = (content + noise).round().clip(0, 255).astype(np.uint8)
    pictures = [np.asarray(stylizer(each, style), np.float32)[8:112] for each in (content, noisy)]
    changed = np.std(pictures[1] - pictures[0]) / np.std(noisy[8:112].astype(np.float32) - content[8:112])
    assert changed < {"adain-slim": 13, "wct-slim": 30}[model.name]  # adain-slim: 18 without the loss of stability


def test_what_a_small_picture_hardly_has_is_not_magnified(model: registry.Model) -> None:
    stylizer, style = adain.load(model.name, device="cpu"), PICTURES / "strokes.jpg"
    for name in ("rocket", "chelsea"):
        content = Image.open(PICTURES / f"{name}.jpg").convert("RGB").resize((24, 24), Image.Resampling.LANCZOS)
        picture = np.asarray(stylizer(content, style))
        assert np.isin(picture, (0, 255)).mean() < 0.2, "clipped: up to 0.8 without repeating the edges"
