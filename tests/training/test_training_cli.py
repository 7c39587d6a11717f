"""`adain train` from a recipe file to weights, with weights of VGG-19's shape made here."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

torch = pytest.importorskip("torch", reason="training needs the torch extra")
pytest.importorskip("torchvision", reason="training needs the torch extra")

import published  # noqa: E402
from safetensors import safe_open  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

from adain import registry  # noqa: E402
from adain.cli.train import _stopping_on_signals, train  # noqa: E402
from adain.errors import InputError, WeightsError  # noqa: E402
from adain.nn.checkpoints import slots  # noqa: E402
from adain.nn.vgg import VGG19_WIDTHS, Encoder  # noqa: E402
from adain.training import loss_files, loss_network  # noqa: E402
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
    encoder = Encoder(VGG19_WIDTHS, 3)
    own = {key: slot.parameter for key, slot in slots(encoder, "index").items() if slot.parameter}
    save_file({key: encoder.state_dict()[name] for key, name in own.items()}, tmp_path / loss_files.SHALLOW_FILE)
    return tmp_path


def run(folder: Path, *more: str) -> Result:
    paths = ["-o", folder / "run", "--data", folder, "--teachers", folder]
    return CliRunner().invoke(train, [str(folder / "recipe.toml"), *map(str, paths), "--device", "cpu", *more])


def test_train_writes_weights_and_says_where(folder):
    result = run(folder)
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(folder / "run" / "model.safetensors")
    assert "2/2  0:00:00 left" in result.stderr
    assert load_file(folder / "run" / "model.safetensors")


def test_a_folder_with_a_run_is_not_overwritten(folder):
    run(folder)
    assert isinstance(run(folder).exception, InputError)
    assert run(folder, "--resume").exit_code == 0


def test_weights_of_a_run_without_checkpoints_are_not_overwritten(folder):
    (folder / "run").mkdir()
    (folder / "run" / "model.safetensors").write_bytes(b"precious")
    for more in ([], ["--resume"]):
        assert "exists, without checkpoints of its run" in str(run(folder, *more).exception)
    assert (folder / "run" / "model.safetensors").read_bytes() == b"precious"


def test_the_weights_that_a_run_starts_from_are_not_overwritten(folder):
    (folder / "run").mkdir()
    (folder / "first.safetensors").write_bytes(b"precious")
    (folder / "run" / "model.safetensors").hardlink_to(folder / "first.safetensors")
    result = run(folder, "--set", f"network.init={folder / 'first.safetensors'}")
    assert "is an input" in str(result.exception)
    assert (folder / "first.safetensors").read_bytes() == b"precious"


def test_samples_do_not_go_among_the_pictures(folder):
    result = run(folder, "-o", str(folder / "content" / "run"))  # the later -o counts
    assert "its samples would be trained on" in str(result.exception)
    assert not (folder / "content" / "run").exists()


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
    monkeypatch.setattr(registry, "MODELS", {**registry.MODELS, row.name: row})
    monkeypatch.setattr("adain.weights.places._SHIPPED", (weights.parent,))
    result = run(folder, "--set", "network.init=own-adain", "--set", "optimizer.learning_rate=0")
    assert result.exit_code == 0, result.output
    before, after = load_file(weights), load_file(folder / "run" / "model.safetensors")
    assert all(torch.allclose(before[name], after[name], atol=1e-4) for name in before)


def test_the_vgg19_that_models_downloads_is_found(tmp_path, monkeypatch):
    published_file = tmp_path / "vgg_normalised.pth"
    published_file.write_bytes(b"weights")
    row = registry.get(loss_files.VGG_MODEL)
    file = dataclasses.replace(row.files[0], bytes=7, sha256=hashlib.sha256(b"weights").hexdigest())
    monkeypatch.setattr(registry, "MODELS", {row.name: dataclasses.replace(row, files=(file,))})
    with pytest.raises(WeightsError, match=f"adain models download {row.name}"):
        loss_files.find_vgg19(["relu1_1"])
    cached(row, file).parent.mkdir(parents=True, exist_ok=True)
    published_file.rename(cached(row, file))
    try:
        assert loss_files.find_vgg19(["relu1_1"]).by_layer == {"relu1_1": cached(row, file)}
        cached(row, file).write_bytes(b"damaged")
        with pytest.raises(WeightsError, match="has sha256"):
            loss_files.find_vgg19(["relu1_1"])
    finally:
        cached(row, file).unlink()


@pytest.mark.parametrize("teachers", [False, True])
def test_a_missing_loss_network_is_named_at_once_with_all_that_is_needed_to_get_it(tmp_path, teachers):
    """Without torch, which takes seconds, and before a picture is opened: the folders of pictures do not exist."""
    (tmp_path / "recipe.toml").write_text(RECIPE)
    arguments = [str(tmp_path / "recipe.toml"), "-o", "run", *(["--teachers", str(tmp_path)] if teachers else [])]
    code = (
        "import sys; from adain.cli.train import train\n"
        f"try: train({arguments!r}, standalone_mode=False)\n"
        "except Exception as error: print(type(error).__name__, error, 'torch' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    file = registry.get("adain-vgg19").files[0]
    folder = tmp_path if teachers else cached(registry.get("adain-vgg19"), file).parent
    assert said.startswith("WeightsError")
    assert said.strip().endswith("False")
    for needed in (file.name, file.url, file.sha256, str(folder), "--teachers", "losses.network=shipped"):
        assert needed in said


@pytest.mark.parametrize("network", ["shipped", pytest.param("vgg16", marks=pytest.mark.heavy)])
def test_fine_tuning_runs_offline(folder, network):
    if network == "vgg16":
        pytest.importorskip("stlpips_pytorch", reason="VGG-16 needs the extra perceptual")
    phase = ["iterations=3", "batch=4", "crop=128", "content_side=[128, 128]", "style_side=[128, 128]"]
    small = [f"phases.0.{line}" for line in phase] + ["run.workers=0", "run.samples=1", "run.sample_side=32"]
    small += ["optimizer.precision=fp32", "optimizer.loss_precision=fp32"]
    pictures = [f'data.{name}=["{folder / name}"]' for name in ("content", "style")]
    settings = [*small, *pictures, f"losses.network={network}", "run.metrics_every=1"]
    options = [part for line in settings for part in ("--set", line)]
    result = CliRunner().invoke(
        train, ["adain-slim-finetune", "-o", str(folder / "run"), "--device", "cpu", *options], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    with safe_open(folder / "run" / "model.safetensors", "np") as file:
        metadata = file.metadata()
    (loss_file,) = json.loads(metadata["loss_network"])
    assert loss_file == {"shipped": "adain-slim.safetensors", "vgg16": "vgg_shift_tolerant.pth"}[network]
    assert str(folder) not in json.dumps(metadata)
    lines = [json.loads(line) for line in (folder / "run" / "metrics.jsonl").read_text().splitlines()]
    assert all(0 < line["style"] < 2 for line in lines)


@pytest.mark.parametrize(
    ("override", "kind", "message"),
    [
        ("network.name=unet", InputError, "unknown network 'unet'; available: adain-slim"),
        ("network.options.depth=3", InputError, "unknown key 'network.options.depth'"),
        ("network.freeze=['head']", InputError, "no parameter begins with 'head'; parts: decoder, encoder"),
        ("network.init=missing.safetensors", WeightsError, "cannot start from missing.safetensors"),
        ("network.options.widths=[4, 6]", InputError, "'network.options.widths' must be three numbers"),
        ("network.options.hidden='4'", InputError, "'network.options.hidden' must be int"),
        ("network.options.covariances=[3]", InputError, "must be some of 2, 4, 8"),
        ("network.options.passes=0", InputError, "'network.options.passes' must be at least 1"),
        ("network.init=adain-vgg19", InputError, "adain-vgg19 is another kind of network"),
        ("task=wct", InputError, "task 'wct' no longer exists"),
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
    network = loss_network.load(loss_files.find_vgg19(["relu1_1", "relu3_1"], folder))
    picture = torch.rand(1, 3, 32, 32, requires_grad=True)
    sum(f.mean() for f in network(picture, ["relu1_1", "relu3_1"]).values()).backward()
    assert picture.grad.abs().sum() > 0
    assert all(p.grad is None for p in network.parameters())


def test_a_loss_network_that_does_not_fit_names_the_tensor(folder):
    save_file({"0.weight": torch.zeros(3, 3, 1, 1)}, folder / loss_files.SHALLOW_FILE)
    with pytest.raises(WeightsError, match=r"missing: 0\.bias"):
        loss_network.load(loss_files.find_vgg19(["relu1_1"], folder))


def test_metadata_say_what_the_weights_were_made_from(folder):
    run(folder)
    with safe_open(folder / "run" / "model.safetensors", "np") as file:
        metadata = file.metadata()
    assert json.loads(metadata["architecture"])["widths"] == [4, 6, 8]
    assert metadata["step"] == "2"
    assert loss_files.SHALLOW_FILE in metadata["loss_network"]
