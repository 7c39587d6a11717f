"""Trained model files: what a file says it is, and one clear sentence where it is no model."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from adain import registry, trained, weights
from adain.engine.fusions import code_layout
from adain.errors import WeightsError
from adain.registry import SlimArchitecture

Tensors = dict[str, NDArray[np.generic]]

SHIPPED = [model for model in registry.MODELS.values() if model.shipped]
each_shipped = pytest.mark.parametrize("model", SHIPPED, ids=[model.name for model in SHIPPED])


def shipped(name: str = "adain-slim") -> tuple[Tensors, dict[str, str]]:
    path = weights.find(registry.get(name))["model"]
    with safe_open(path, framework="numpy") as file:
        return dict(load_file(path)), dict(file.metadata())


def write(path: Path, change: Callable[[Tensors, dict[str, str]], object] = lambda tensors, metadata: None) -> Path:
    """The shipped network with something changed, as a file of the format of today."""
    tensors, _ = shipped()
    metadata = trained.describe("adain-slim", {})
    change(tensors, metadata)
    save_file(tensors, path, metadata)
    return path


@each_shipped
def test_the_pinned_digest_is_that_of_the_shipped_weights(model: registry.Model) -> None:
    row = trained.read(weights.find(model)["model"])
    assert row.code_digest == model.code_digest


@each_shipped
def test_a_shipped_file_is_read(model: registry.Model) -> None:
    row = trained.read(weights.find(model)["model"])
    assert row.architecture == model.architecture
    assert (row.name, row.fusion, row.default_alpha) == (model.name, model.fusion, model.default_alpha)
    assert dataclasses.replace(row.files[0], licence="MIT") == model.files[0]


def test_older_options_are_read(tmp_path: Path) -> None:
    path = tmp_path / "old.safetensors"
    save_file(shipped()[0], path, {"format": "pt", "network": "wct-slim", "options": '{"covariances": [8]}'})
    row = trained.read(path)
    assert isinstance(row.architecture, SlimArchitecture)
    assert (row.architecture.covariances, row.architecture.passes, row.fusion) == ((8,), 2, "wct")


def test_the_architecture_is_read_as_it_was_described(tmp_path: Path) -> None:
    options = {"widths": [4, 6, 8], "hidden": 5, "covariances": [2, 8], "passes": 3}
    path = write(tmp_path / "m.safetensors", lambda _, metadata: metadata.update(trained.describe("wct-slim", options)))
    assert trained.read(path).architecture == SlimArchitecture(widths=(4, 6, 8), hidden=5, covariances=(2, 8), passes=3)


def test_the_row_pins_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "monet.safetensors", lambda _, metadata: metadata.update(licence="CC0-1.0"))
    file = trained.read(path).files[0]
    assert (file.role, file.name, file.bytes, file.licence) == (
        "model",
        path.name,
        path.stat().st_size,
        "CC0-1.0",
    )
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("stem", "named", "name"),
    [
        ("model", None, "model"),
        ("model", "monet", "monet"),
        ("my model, v2", None, "my-model-v2"),
        ("model", "../../etc/passwd", "etc-passwd"),
        ("model", "a\\b:c\nd", "a-b-c-d"),
        ("Gemälde", None, "Gemälde"),
        ("model", "...", "model"),
        ("model", "x" * 500, "x" * 64),
    ],
)
def test_a_name_can_be_part_of_a_files_name(stem: str, named: str | None, name: str, tmp_path: Path) -> None:
    path = write(
        tmp_path / f"{stem}.safetensors", lambda _, metadata: metadata.update({} if named is None else {"name": named})
    )
    assert trained.read(path).name == name


# The digest


def test_the_digest_is_of_the_encoder_and_the_layout_of_codes() -> None:
    tensors, _ = shipped()
    layout = code_layout(registry.get("adain-slim").stages)
    digest = trained.code_digest(tensors, layout)
    changed = {**tensors, "decoder.to_picture.bias": tensors["decoder.to_picture.bias"] + 1}
    assert trained.code_digest(changed, layout) == digest
    assert trained.code_digest(tensors, code_layout(registry.get("wct-slim").stages)) != digest
    changed = {**tensors, "encoder.to_half.bias": tensors["encoder.to_half.bias"] + np.float32(1e-6)}
    assert trained.code_digest(changed, layout) != digest


# What is no model


def without(name: str) -> Callable[[Tensors, dict[str, str]], object]:
    return lambda tensors, metadata: metadata.pop(name)


def says(**values: str) -> Callable[[Tensors, dict[str, str]], object]:
    return lambda tensors, metadata: metadata.update(values)


def holds(name: str, array: NDArray[np.generic]) -> Callable[[Tensors, dict[str, str]], object]:
    return lambda tensors, metadata: tensors.update({name: array})


def described(**values: object) -> Callable[[Tensors, dict[str, str]], object]:
    return lambda tensors, metadata: metadata.update(
        architecture=json.dumps({**json.loads(metadata["architecture"]), **values})
    )


BIAS = "decoder.to_picture.bias"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("format"), "names no network in its metadata; a model is the"),
        (says(format="pt", network="unet"), r"unknown network 'unet'; this version runs adain-slim, wct-slim"),
        (without("network"), "names no network in its metadata"),
        (says(network="adain-vgg19"), "unknown network 'adain-vgg19'"),
        (says(format="adain.model.2"), r"format adain\.model\.2, this version reads adain\.model\.1; install"),
        (says(format="adain.style-code.1"), "holds style codes, not a model; pass it as a style"),
        (says(architecture="{"), "has an architecture that this version does not run"),
        (says(architecture="[1]"), "has an architecture"),
        (described(depth=3), "has an architecture.*depth"),
        (described(widths=[4, 6]), r"has an architecture.*\(4, 6\)"),
        (described(widths=[4, 6, 0]), "has an architecture"),
        (described(hidden="96"), "has an architecture"),
        (described(covariances=[3]), r"has an architecture.*\(3,\)"),
        (holds(BIAS, np.zeros(12, np.float16)), rf"holds {BIAS} as F16; save it as float32"),
        (holds(BIAS, np.zeros(12, np.int64)), rf"holds {BIAS} as I64"),
        (holds(BIAS, np.full(12, np.nan, np.float32)), rf"not finite, in {BIAS}"),
        (holds(BIAS, np.full(12, np.inf, np.float32)), rf"not finite, in {BIAS}"),
    ],
)
def test_a_file_that_is_no_model_gets_one_clear_sentence(
    change: Callable[[Tensors, dict[str, str]], object], message: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "m.safetensors", change)
    with pytest.raises(WeightsError, match=message) as error:
        trained.read(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("keep", [0, 7, 100, -1])
def test_a_file_that_was_cut_off_is_named(keep: int, tmp_path: Path) -> None:
    path = write(tmp_path / "m.safetensors")
    path.write_bytes(path.read_bytes()[:keep])
    said = r"m\.safetensors (cannot be read as a model: it is damaged or no safetensors|is an empty file)"
    with pytest.raises(WeightsError, match=said):
        trained.read(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors, _: tensors.pop(BIAS), rf"missing: model\.{BIAS}|missing: {BIAS}"),
        (holds("more", np.zeros(1, np.float32)), "unexpected: more"),
        (holds(BIAS, np.zeros(3, np.float32)), rf"of another shape: {BIAS} is \(3,\), not \(12,\)"),
        (described(hidden=8), r"of another shape: decoder\.modulation\.hidden\.bias is \(96,\), not \(8,\)"),
    ],
)
def test_tensors_that_do_not_fit_are_named(
    change: Callable[[Tensors, dict[str, str]], object], message: str, tmp_path: Path
) -> None:
    pytest.importorskip("torch", reason="the network needs the extra torch")
    import adain

    with pytest.raises(WeightsError, match=message):
        adain.load(write(tmp_path / "m.safetensors", change), device="cpu")
