"""`adain train` from a recipe file to weights, with weights of VGG-19's shape made here."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import signal
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

torch = pytest.importorskip("torch", reason="training needs the torch extra")
pytest.importorskip("torchvision", reason="training needs the torch extra")

import published  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

from adain import registry  # noqa: E402
from adain.cli.train import _stopping_on_signals, train  # noqa: E402
from adain.errors import InputError, WeightsError  # noqa: E402
from adain.nn.vgg import Conv, Encoder, encoder_layers  # noqa: E402
from adain.training import loss_network, session  # noqa: E402
from adain.weights import cached  # noqa: E402

RECIPE = """
[network]
options = { widths = [4, 6, 8], hidden = 4 }
[[phases]]
iterations = 2
batch = 1
crop = 32
content_side = [32, 32]
style_side = [32, 40]
[data]
content = ["content"]
style = ["style"]
[losses]
style_layers = ["relu1_1", "relu2_1"]
content_layers = ["relu2_1"]
[run]
workers = 0
samples = 1
sample_side = 32
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name in ("content", "style"):
        (tmp_path / name).mkdir()
        Image.fromarray(rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)).save(tmp_path / name / "a.png")
    (tmp_path / "recipe.toml").write_text(RECIPE)
    encoder = Encoder(loss_network.VGG_WIDTHS, 3).state_dict()
    convs = [layer for layer in encoder_layers(loss_network.VGG_WIDTHS, 3) if isinstance(layer, Conv)]
    tensors = {
        f"{index}.{kind}": encoder[f"{conv.name}.{kind}"]
        for conv, index in zip(convs, loss_network.VGG_INDICES, strict=False)
        for kind in ("weight", "bias")
    }
    save_file(tensors, tmp_path / loss_network.SHALLOW_FILE)
    return tmp_path


def run(folder: Path, *more: str) -> Result:
    paths = ["-o", folder / "run", "--data", folder, "--teachers", folder]
    return CliRunner().invoke(train, [str(folder / "recipe.toml"), *map(str, paths), "--device", "cpu", *more])


def test_train_writes_weights_and_says_where(folder):
    result = run(folder)
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(folder / "run" / "model.safetensors")
    assert "2/2" in result.stderr
    assert load_file(folder / "run" / "model.safetensors")


def test_a_folder_with_a_run_is_not_overwritten(folder):
    run(folder)
    assert isinstance(run(folder).exception, InputError)
    assert run(folder, "--resume").exit_code == 0


def test_export_writes_weights_from_the_newest_checkpoint(folder):
    run(folder)
    (folder / "run" / "model.safetensors").unlink()
    assert run(folder, "--export").exit_code == 0
    assert (folder / "run" / "model.safetensors").exists()


def test_a_trained_network_is_where_fine_tuning_starts(folder):
    run(folder)
    weights = folder / "run" / "model.safetensors"
    (folder / "run").rename(folder / "first")
    weights = folder / "first" / "model.safetensors"
    result = run(folder, "--set", f"network.init={weights}", "--set", "optimizer.learning_rate=0")
    assert result.exit_code == 0, result.output
    before, after = load_file(weights), load_file(folder / "run" / "model.safetensors")
    assert all(torch.allclose(before[name], after[name], atol=1e-4) for name in before)


def test_fine_tuning_starts_from_a_model_of_the_package_by_name(folder, monkeypatch):
    run(folder)
    weights = folder / "package" / "own-adain.safetensors"
    weights.parent.mkdir()
    (folder / "run" / "model.safetensors").rename(weights)
    (folder / "run").rename(folder / "first")
    content = weights.read_bytes()
    pinned = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    row = published.OWN[0]
    row = dataclasses.replace(row, files=(dataclasses.replace(row.files[0], **pinned),))
    monkeypatch.setattr(registry, "MODELS", {row.name: row})
    monkeypatch.setattr("adain.weights.places._SHIPPED", (weights.parent,))
    result = run(folder, "--set", "network.init=own-adain", "--set", "optimizer.learning_rate=0")
    assert result.exit_code == 0, result.output
    before, after = load_file(weights), load_file(folder / "run" / "model.safetensors")
    assert all(torch.allclose(before[name], after[name], atol=1e-4) for name in before)


def test_the_vgg19_that_models_downloads_is_found(tmp_path, monkeypatch):
    published_file = tmp_path / "vgg_normalised.pth"
    published_file.write_bytes(b"weights")
    row = registry.get(session.VGG_MODEL)
    file = dataclasses.replace(row.files[0], bytes=7, sha256=hashlib.sha256(b"weights").hexdigest())
    monkeypatch.setattr(registry, "MODELS", {row.name: dataclasses.replace(row, files=(file,))})
    with pytest.raises(InputError, match=f"adain models download {row.name}"):
        session._teachers(None)
    cached(row, file).parent.mkdir(parents=True, exist_ok=True)
    published_file.rename(cached(row, file))
    try:
        assert session._teachers(None) == cached(row, file)
    finally:
        cached(row, file).unlink()


@pytest.mark.parametrize(
    ("override", "kind", "message"),
    [
        ("network.name=unet", InputError, "unknown network 'unet'; available: adain-slim"),
        ("network.options.depth=3", InputError, "does not take these options"),
        ("network.freeze=['head']", InputError, "no parameter begins with 'head'; parts: decoder, encoder"),
        ("network.init=missing.safetensors", WeightsError, "cannot start from missing.safetensors"),
        ("network.init=adain-vgg19", InputError, "adain-vgg19 comes from other code"),
        ("task=wct", InputError, "'losses' is not read by task 'wct'"),
        ("task=distill", InputError, "'losses' is not read by task 'distill'"),
        ("data.style=['nothing']", InputError, "nothing"),
        ("losses.style_layers=['relu4_1']", WeightsError, "collab_distill_encoder_relu4_1"),
    ],
)
def test_what_does_not_fit_is_a_clear_error(folder, override, kind, message):
    error = run(folder, "--set", override).exception
    assert isinstance(error, kind)
    assert message in str(error)


def test_export_without_a_checkpoint_is_an_error(folder):
    assert isinstance(run(folder, "--export").exception, InputError)


def test_a_signal_asks_the_run_to_stop_and_handlers_are_put_back():
    class Stub:
        stopped = False

        def stop(self) -> None:
            self.stopped = True

    stub, before = Stub(), signal.getsignal(signal.SIGTERM)
    with _stopping_on_signals(stub):
        signal.raise_signal(signal.SIGTERM)
    assert stub.stopped
    assert signal.getsignal(signal.SIGTERM) is before


def test_loss_network_has_gradients_for_the_picture_only(folder):
    network = loss_network.load(folder, ["relu1_1", "relu3_1"])
    picture = torch.rand(1, 3, 32, 32, requires_grad=True)
    sum(f.mean() for f in network(picture, ["relu1_1", "relu3_1"]).values()).backward()
    assert picture.grad.abs().sum() > 0
    assert all(p.grad is None for p in network.parameters())


def test_a_loss_network_that_does_not_fit_names_the_tensor(folder):
    save_file({"0.weight": torch.zeros(3, 3, 1, 1)}, folder / loss_network.SHALLOW_FILE)
    with pytest.raises(WeightsError, match=r"'0.bias' must have shape \(3,\), got nothing"):
        loss_network.load(folder, ["relu1_1"])


def test_metadata_say_what_the_weights_were_made_from(folder):
    from safetensors import safe_open

    run(folder)
    with safe_open(folder / "run" / "model.safetensors", "np") as file:
        metadata = file.metadata()
    assert json.loads(metadata["options"])["widths"] == [4, 6, 8]
    assert metadata["step"] == "2"
    assert loss_network.SHALLOW_FILE in metadata["loss_network"]
