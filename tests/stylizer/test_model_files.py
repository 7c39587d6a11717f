"""Models by path: trained files and folders of graphs, from Python."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import painting, photo
from safetensors.numpy import load_file, save_file

import adain
from adain import registry, trained, weights
from adain.code import StyleCode
from adain.code_files import CodeFile, save_codes
from adain.errors import InputError, WeightsError
from adain.model_files import resolve
from adain.stylizer import Stylizer

SLIM = registry.get("adain-slim")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small trained network."""
    pytest.importorskip("torch", reason="training needs the extra torch")
    from small_models import make

    folder = tmp_path_factory.mktemp("run")
    small = make("small-slim", folder)
    options = {"widths": [4, 6, 8], "hidden": 8}
    save_file(load_file(small.file), folder / "model.safetensors", trained.describe("adain-slim", options))
    return folder / "model.safetensors"


@pytest.fixture(scope="module")
def graphs(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its graphs for this package, that hold their weights, alone in a folder."""
    return exported(model, tmp_path_factory.mktemp("graphs"))


def exported(model: Path, folder: Path) -> Path:
    pytest.importorskip("onnxscript", reason="exporting needs the extra torch")
    from adain.export.graphs import Options, export
    from adain.nn.build import load

    source = resolve(model)
    network = load(source.model, source.weights())
    export(source.model, network, source.weights(), folder, Options(kinds=("encode_style", "level")))
    return folder


def changed(path: Path, target: Path, name: str) -> Path:
    """The same network with other numbers in one tensor."""
    tensors = load_file(path)
    tensors[name] = tensors[name] + np.float32(0.01)
    save_file(tensors, target, trained.describe("adain-slim", {"widths": [4, 6, 8], "hidden": 8}))
    return target


def pixels(stylizer: Stylizer) -> NDArray[np.int16]:
    return np.asarray(stylizer(photo(), painting()), np.int16)


# Files and folders


def test_a_trained_file_stylizes(model: Path) -> None:
    stylizer = adain.load(model, device="cpu")
    assert stylizer.model.name == "model"
    assert pixels(stylizer).shape == (36, 48, 3)
    assert np.array_equal(pixels(adain.load(str(model), device="cpu", runtime="torch")), pixels(stylizer))


def test_a_folder_of_graphs_is_the_trained_file(model: Path, graphs: Path) -> None:
    expected = pixels(adain.load(model, device="cpu"))
    for path in (graphs, str(graphs), graphs / "model.level.onnx", graphs / "model.encode_style.onnx"):
        stylizer = adain.load(path, device="cpu")
        assert type(stylizer.backend).__name__ == "OrtBackend"
        assert stylizer.model.name == "model"
        assert np.abs(pixels(stylizer) - expected).max() <= 1
    with pytest.raises(WeightsError, match=r"holds graphs of model but not its weights, which torch needs"):
        adain.load(graphs, device="cpu", runtime="torch")


def test_graphs_say_what_the_file_says(model: Path, graphs: Path) -> None:
    ours, theirs = resolve(graphs).model, resolve(model).model
    assert ours.code_digest == theirs.code_digest
    assert ours.stages == theirs.stages
    assert (ours.fusion, ours.default_alpha, ours.licence) == (theirs.fusion, theirs.default_alpha, theirs.licence)


def test_a_file_beside_its_graphs_runs_them_without_torch(model: Path, graphs: Path, tmp_path: Path) -> None:
    for path in (model, *graphs.glob("*.onnx")):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    code = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "import adain, numpy as np\n"
        "for path in sys.argv[1:]:\n"
        "    stylizer = adain.load(path, device='cpu')\n"
        "    picture = np.zeros((40, 30, 3), np.uint8)\n"
        "    print(stylizer.model.name, stylizer(picture, picture).size)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "model.safetensors"), str(tmp_path), str(graphs)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.stdout == "model (30, 40)\n" * 3, done.stderr


def test_without_torch_and_graphs_the_error_says_what_to_do(model: Path) -> None:
    code = "import sys; sys.modules['torch'] = None; import adain; adain.load(sys.argv[1], device='cpu')"
    done = subprocess.run([sys.executable, "-c", code, str(model)], capture_output=True, text=True, timeout=60)
    assert "or load graphs that `adain export` wrote" in done.stderr
    with pytest.raises(WeightsError, match=rf"no ONNX graphs of model in .*`adain export {model} -o"):
        adain.load(model, runtime="onnx")


def test_graphs_of_other_weights_than_the_file_beside_are_refused(model: Path, graphs: Path, tmp_path: Path) -> None:
    for path in graphs.glob("*.onnx"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    changed(model, tmp_path / "model.safetensors", "decoder.to_picture.bias")
    for path in (tmp_path, tmp_path / "model.safetensors"):
        with pytest.raises(WeightsError, match=r"was made from other weights than model has.*export it again"):
            adain.load(path, device="cpu")


def test_graphs_of_the_package_are_the_packages_model() -> None:
    folder = weights.find(SLIM)["model"].parent
    source = resolve(folder / "adain-slim.level.onnx")
    assert source.model is SLIM
    assert (
        adain.load(folder / "adain-slim.level.onnx", device="cpu").encode_style(painting()).digest == SLIM.code_digest
    )


def test_a_trained_file_of_a_shipped_models_name_is_not_that_model(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "adain-slim.safetensors"
    path.write_bytes(model.read_bytes())
    stylizer = adain.load(path, device="cpu")
    assert np.array_equal(pixels(stylizer), pixels(adain.load(model, device="cpu")))


# What is no model


def test_what_is_not_there_is_named_with_what_a_model_is(tmp_path: Path) -> None:
    for name in (tmp_path / "modle.safetensors", "run/modle", "modle.safetensors", Path("modle")):
        with pytest.raises(InputError, match=r"no such file or folder: .*mod.*a model is one of adain-slim"):
            adain.load(name)
    with pytest.raises(InputError, match=r"unknown model 'adian-slim'; .*did you mean adain-slim\?"):
        adain.load("adian-slim")


@pytest.mark.parametrize("value", [None, 3, ["adain-slim"], ""])
def test_what_is_no_name_is_an_input_error(value: object) -> None:
    with pytest.raises(InputError, match="model"):
        adain.load(value)  # type: ignore[arg-type]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are of Unix")
def test_a_named_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model.safetensors")
    with pytest.raises(InputError, match="is neither a file nor a folder"):
        adain.load(tmp_path / "model.safetensors")


def test_folders_without_one_model_are_refused(model: Path, graphs: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no graphs of a model \(NAME\.level\.onnx\); a model is one of"):
        adain.load(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(model.read_bytes())
    with pytest.raises(InputError, match=r"did you mean .*model\.safetensors\?"):
        adain.load(tmp_path)
    for name in ("one", "two"):
        (tmp_path / f"{name}.level.onnx").write_bytes((graphs / "model.level.onnx").read_bytes())
    with pytest.raises(InputError, match=r"graphs of several models \(one, two\); name one of the files"):
        adain.load(tmp_path)


def test_a_graph_that_was_renamed_is_refused(graphs: Path, tmp_path: Path) -> None:
    for kind in ("level", "encode_style"):
        (tmp_path / f"other.{kind}.onnx").write_bytes((graphs / f"model.{kind}.onnx").read_bytes())
    with pytest.raises(WeightsError, match=r"other\.level\.onnx is a graph of model, but its name"):
        adain.load(tmp_path)


@pytest.mark.parametrize("content", [b"no graph", b"\xff" * 40, b"\x08\x08"])
def test_a_file_that_is_no_graph_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.level.onnx").write_bytes(content)
    with pytest.raises(WeightsError, match=r"onnxruntime cannot load .*model\.level\.onnx"):
        adain.load(tmp_path)


# Style codes


def test_codes_are_for_the_weights_that_made_them(model: Path, tmp_path: Path) -> None:
    own = adain.load(model, device="cpu")
    code = own.encode_style(painting())
    assert code.digest == own.model.code_digest
    code.save(tmp_path / "code.safetensors")
    save_codes({"a": code}, tmp_path / "codes.safetensors")
    assert StyleCode.load(tmp_path / "code.safetensors").digest == code.digest
    assert CodeFile(tmp_path / "codes.safetensors").digest == code.digest
    assert CodeFile(tmp_path / "codes.safetensors")[0].digest == code.digest
    assert adain.mix([code, code]).digest == code.digest
    other = adain.load(changed(model, tmp_path / "model.safetensors", "encoder.to_half.bias"), device="cpu")
    for style in (code, tmp_path / "code.safetensors"):
        with pytest.raises(InputError, match=r"is of model \(weights \w{8}\), the loaded model is model \(weights"):
            other(photo(), style)
    with pytest.raises(InputError, match="different models cannot be mixed"):
        adain.mix([code, other.encode_style(painting())])


def test_codes_of_a_frozen_encoder_stay_valid(model: Path, tmp_path: Path) -> None:
    code = adain.load(model, device="cpu").encode_style(painting())
    tuned = adain.load(changed(model, tmp_path / "tuned.safetensors", "decoder.to_picture.bias"), device="cpu")
    assert tuned(photo(), code).size == (48, 36)
    assert adain.mix([code, tuned.encode_style(photo())]).model == "model"


@pytest.mark.parametrize("name", ["adain-slim", "wct-slim"])
def test_codes_saved_before_digests_are_not_of_weights_that_shipped_later(name: str, tmp_path: Path) -> None:
    stylizer = adain.load(name, device="cpu")
    arrays = dict(stylizer.encode_style(painting()).arrays)
    save_file(arrays, tmp_path / "old.safetensors", {"format": "adain.style-code.1", "model": name})
    with pytest.raises(InputError, match="encode the style again with this model"):
        stylizer(photo(), StyleCode.load(tmp_path / "old.safetensors"))


def test_codes_saved_before_digests_are_no_other_models(model: Path, tmp_path: Path) -> None:
    stylizer = adain.load(model, device="cpu")
    arrays = dict(stylizer.encode_style(painting()).arrays)
    for name in ("model", "adain-slim"):
        with pytest.raises(InputError, match="encode the style again with this model"):
            stylizer(photo(), StyleCode(name, arrays))


# Pickles


def _stylized(stylizer: Stylizer) -> NDArray[np.int16]:
    return pixels(stylizer)


def test_a_stylizer_travels_to_a_spawned_worker(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(model.parent)
    stylizer = adain.load("./model.safetensors", device="cpu", runtime="torch", threads=1)
    monkeypatch.chdir("/")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        there = pool.apply_async(_stylized, (stylizer,)).get(timeout=120)
    assert np.array_equal(there, pixels(stylizer))


def test_a_pickle_loads_again_with_all_that_load_was_given(tmp_path: Path) -> None:
    stylizer = adain.load("adain-slim", device="cpu", runtime="onnx", weights_dir=tmp_path, threads=1)
    again = pickle.loads(pickle.dumps(stylizer))
    assert again.loading.args == ("adain-slim",)
    given = {"device": "cpu", "runtime": "onnx", "precision": None, "weights_dir": str(tmp_path), "threads": 1}
    assert again.loading.keywords == given
    assert len(pickle.dumps(stylizer)) < 1000
    assert np.array_equal(pixels(again), pixels(stylizer))
