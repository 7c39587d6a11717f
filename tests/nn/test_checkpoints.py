"""Foreign checkpoints: every key and shape accounted for, nothing unpickled but tensors."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import published
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from adain import registry
from adain.errors import WeightsError
from adain.nn import checkpoints
from adain.nn.build import build, load, parts
from adain.nn.vgg import Decoder, Encoder
from adain.nn.vgg_networks import VGGNetwork

WIDTHS = (4, 6, 8, 10, 12)
MODELS = [*registry.MODELS.values(), *published.OWN]


class Payload:
    """What an attacker would put into a pickle."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (Path("executed"),)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_every_row_loads_from_its_authors_key_scheme(model: registry.Model, tmp_path: Path) -> None:
    thin = published.thin(model)
    files = published.save_random(thin, tmp_path)
    network = load(thin, files)
    assert not network.training
    assert all(not p.is_meta and p.dtype == torch.float32 for p in network.parameters())
    code = network.encode_style(torch.rand(1, 3, 20, 24))
    assert network(torch.rand(1, 3, 18, 33), code, 1.0).shape == (1, 3, 18, 33)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_every_row_has_one_file_per_part_of_its_network(model: registry.Model) -> None:
    with torch.device("meta"):
        assert set(parts(model.architecture)) == {file.role for file in model.files}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_the_authors_files_fit(model: registry.Model, shared: Path) -> None:
    """Those that are here; the others are downloaded, and checked the same way, by their users."""
    pieces = parts(model.architecture)
    original = shared / "weights/original"
    found = {file.role: path for file in model.files for path in original.rglob(file.name)}
    if not found:
        pytest.skip(f"none of the files of {model.name} lies in ../shared")
    for role, path in found.items():
        checkpoints.load_into(pieces[role], path, model.architecture.keys)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("nested", [False, True])
def test_a_state_dict_fills_every_parameter(suffix: str, nested: bool, tmp_path: Path) -> None:
    state = published.decoder(WIDTHS, 2).state_dict()
    path = tmp_path / f"decoder{suffix}"
    if suffix == ".pth":
        torch.save({"model": state, "epoch": 3} if nested else state, path)
    else:
        save_file(state, path)
    decoder = Decoder(WIDTHS, 2)
    checkpoints.load_into(decoder, path, "index")
    for index, name in (("1", "conv2_1"), ("5", "conv1_2"), ("8", "conv1_1")):
        for kind in ("weight", "bias"):
            assert torch.equal(decoder.state_dict()[f"{name}.{kind}"], state[f"{index}.{kind}"])


def test_half_precision_is_widened(tmp_path: Path) -> None:
    state = {key: tensor.half() for key, tensor in published.decoder(WIDTHS, 1).state_dict().items()}
    torch.save(state, tmp_path / "d.pth")
    decoder = Decoder(WIDTHS, 1)
    checkpoints.load_into(decoder, tmp_path / "d.pth", "index")
    assert decoder.get_parameter("conv1_1.weight").dtype == torch.float32


def save_changed(path: Path, change: Callable[[dict[str, Tensor]], object]) -> Path:
    state = published.distilled_state(WIDTHS, 2, decodes=False)
    change(state)
    torch.save(state, path)
    return path


def test_all_that_does_not_fit_is_named_at_once(tmp_path: Path) -> None:
    def change(state: dict[str, Tensor]) -> None:
        del state["conv12.bias"]
        state["conv99.weight"] = torch.zeros(1)
        state["conv21.weight"] = torch.zeros(7, 4, 3, 3)
        state["conv11_aux.weight"] = torch.zeros(64, 5, 1, 1)

    path = save_changed(tmp_path / "2SE.pth", change)
    with pytest.raises(WeightsError) as caught:
        checkpoints.load_into(Encoder(WIDTHS, 2), path, "layer")
    message = str(caught.value)
    assert "2SE.pth does not fit the network" in message
    assert "missing: conv12.bias;" in message
    assert "unexpected: conv99.weight;" in message
    assert "conv21.weight is (7, 4, 3, 3), not (6, 4, 3, 3)" in message
    assert "conv11_aux.weight is (64, 5, 1, 1), not (64, 4, 1, 1)" in message


def test_what_inference_does_not_need_may_be_absent(tmp_path: Path) -> None:
    def change(state: dict[str, Tensor]) -> None:
        for key in [key for key in state if "aux" in key]:
            del state[key]

    checkpoints.load_into(Encoder(WIDTHS, 2), save_changed(tmp_path / "e.pth", change), "layer")


def test_a_network_that_does_not_fit_is_left_as_it_was(tmp_path: Path) -> None:
    encoder = Encoder(WIDTHS, 2)
    before = {key: tensor.clone() for key, tensor in encoder.state_dict().items()}
    with pytest.raises(WeightsError):
        checkpoints.load_into(encoder, save_changed(tmp_path / "e.pth", lambda s: s.pop("conv21.bias")), "layer")
    assert all(torch.equal(tensor, before[key]) for key, tensor in encoder.state_dict().items())


def test_a_long_list_of_keys_is_cut(tmp_path: Path) -> None:
    torch.save({}, tmp_path / "empty.pth")
    with pytest.raises(WeightsError, match=r"missing: .* and 20 more$"):
        checkpoints.load_into(Encoder(WIDTHS, 5), tmp_path / "empty.pth", "layer")


def test_nothing_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"1.weight": Payload()}, "new.pth")
    torch.save({"1.weight": Payload()}, "old.pth", _use_new_zipfile_serialization=False)
    Path("bare.pth").write_bytes(pickle.dumps(Payload()))
    for name in ("new.pth", "old.pth", "bare.pth"):
        with pytest.raises(WeightsError, match="cannot be read as weights"):
            checkpoints.read(Path(name))
    assert not Path("executed").exists()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"PK\x03\x04 cut", b"\x80\x02}q\x00(X"])
def test_a_damaged_file_is_a_weights_error(content: bytes, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=re.escape(str(path))):
        checkpoints.read(path)


@pytest.mark.parametrize("new", [True, False])
def test_a_truncated_checkpoint_is_a_weights_error(new: bool, tmp_path: Path) -> None:
    path = tmp_path / "cut.pth"
    torch.save(published.decoder(WIDTHS, 2).state_dict(), path, _use_new_zipfile_serialization=new)
    whole = path.read_bytes()
    for length in range(0, len(whole), len(whole) // 7):
        path.write_bytes(whole[:length])
        with pytest.raises(WeightsError):
            checkpoints.read(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "holds a list"),
        (torch.zeros(3), "holds a Tensor"),
        ({"1.weight": 3}, r"more than named float tensors: '1\.weight'"),
        ({"1.weight": torch.zeros(3, dtype=torch.int64)}, "more than named float tensors"),
        ({"model": {"a": "b"}}, "more than named float tensors: 'a'"),
    ],
)
def test_anything_but_named_tensors_is_refused(content: object, message: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(WeightsError, match=message):
        checkpoints.read(tmp_path / "x.pth")


def test_a_missing_file_and_a_missing_role_are_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"nowhere\.pth does not exist"):
        checkpoints.read(tmp_path / "nowhere.pth")
    model = published.thin(registry.get("adain-vgg19"))
    files = published.save_random(model, tmp_path)
    del files["decoder"]
    with pytest.raises(WeightsError, match="adain-vgg19 needs a file for decoder"):
        load(model, files)


def test_our_own_files_name_parameters_by_part_and_layer(tmp_path: Path) -> None:
    model = published.thin(published.OWN[1])
    path = published.save_random(model, tmp_path)["model"]
    state = checkpoints.read(path)
    assert {"encoder.conv1_1.weight", "decoder5.conv5_1.bias", "decoder1.conv1_1.weight"} <= state.keys()
    network = load(model, {"model": path})
    assert isinstance(network, VGGNetwork)
    assert len(network.encoders) == 1
    assert torch.equal(network.encoders[0].conv3_2.weight, state["encoder.conv3_2.weight"])
    assert torch.equal(network.decoders[0].conv5_1.weight, state["decoder5.conv5_1.weight"])
    assert torch.equal(network.decoders[4].conv1_1.bias, state["decoder1.conv1_1.bias"])


@pytest.mark.parametrize("model", published.OWN, ids=lambda model: model.name)
def test_our_own_files_are_checked_like_others(model: registry.Model, tmp_path: Path) -> None:
    model = published.thin(model)
    path = published.save_random(model, tmp_path)["model"]
    state = checkpoints.read(path)
    first, second = sorted(state)[:2]
    del state[first]
    state[second] = torch.zeros(7)
    save_file({**state, "head.weight": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match=f"missing: {first}; unexpected: head.weight; .*{second} is"):
        load(model, {"model": path})


@pytest.mark.parametrize("model", published.OWN, ids=lambda model: model.name)
def test_our_own_networks_may_be_stored_in_half_precision(model: registry.Model, tmp_path: Path) -> None:
    model = published.thin(model)
    path = published.save_random(model, tmp_path)["model"]
    save_file({key: tensor.half() for key, tensor in checkpoints.read(path).items()}, path)
    assert all(p.dtype == torch.float32 for p in load(model, {"model": path}).parameters())


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_style_code_holds_statistics_of_the_maps_the_registry_names(model: registry.Model) -> None:
    names = [name.rsplit(".", 1)[0] for name in build(published.thin(model)).code_shapes]
    maps = [each.name for stage in model.stages for each in stage.maps]
    assert list(dict.fromkeys(names)) == list(dict.fromkeys(maps))
