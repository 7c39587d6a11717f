"""What a file says of itself is read back as it was written, and refused where it is not ours."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest

from adain.engine.framing import Framing
from adain.errors import InputError, WeightsError
from adain.registry import FusedMap, Stage
from adain.runtimes.contract import CONTRACT_VERSION, GRAPHS, Fixed, GraphInfo, file_name, flatten, unflatten

STAGES = (
    Stage("relu2_1", (FusedMap("relu2_1", 2, 3, "wct"),), 4.0),
    Stage("relu1_1", (FusedMap("relu1_1", 1, 2, "adain"),), 2.0),
)
LAYOUT = {"relu2_1.mean": (3,), "relu2_1.coloring": (3, 3), "relu1_1.mean": (2,), "relu1_1.std": (2,)}
STAGE = '[{"name": "x", "maps": [{"name": %s, "stride": %s, "channels": %s, "fusion": %s}], "numbers_per_pixel": %s}]'
INFO = GraphInfo(
    model="wct-slim",
    graph="level",
    fusion="wct",
    stages=STAGES,
    precision="fp16",
    io="float",
    portable=True,
    size_multiple=16,
    size_minimum=32,
    default_alpha=0.6,
    licence="MIT AND Apache-2.0",
    paper="Li et al. 2017, arXiv:1705.08086",
    weights_sha256={"model": "ab" * 32},
    code_digest="cd" * 32,
    adain_version="0.1.0",
)


def test_metadata_is_strings_and_comes_back() -> None:
    metadata = INFO.to_metadata()
    assert all(isinstance(value, str) for value in metadata.values())
    assert all(key.startswith("adain.") for key in metadata)
    assert metadata["adain.model"] == "wct-slim"  # plain, for those who read it in another language
    assert json.loads(metadata["adain.code_layout"])[1] == ["relu2_1.coloring", [3, 3]]
    assert GraphInfo.from_metadata({**metadata, "other": "tool"}, "file.onnx") == INFO
    assert INFO.code_layout == LAYOUT


def test_every_field_is_in_the_metadata() -> None:
    info = dataclasses.replace(
        INFO,
        stage="relu2_1",
        framing=Framing(multiple=2, minimum=4, encoder_band=16, decoder_band=16, margin=8, context=2),
        fixed=Fixed(height=480, width=640, styles=2),
    )
    fields = {f"adain.{field.name}" for field in dataclasses.fields(GraphInfo)}
    assert {*fields, "adain.code_layout"} == set(info.to_metadata())
    assert GraphInfo.from_metadata(info.to_metadata(), "file.onnx") == info


def test_a_file_of_another_origin_is_an_error() -> None:
    with pytest.raises(WeightsError, match=r"file\.onnx is not a graph of this package"):
        GraphInfo.from_metadata({"producer": "someone"}, "file.onnx")


def test_another_version_of_the_contract_is_an_error() -> None:
    metadata = {**INFO.to_metadata(), "adain.contract": str(CONTRACT_VERSION + 1)}
    with pytest.raises(
        WeightsError, match=rf"version {CONTRACT_VERSION + 1} of .* version {CONTRACT_VERSION}; export it"
    ):
        GraphInfo.from_metadata(metadata, "file.onnx")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("graph", "encode"),
        ("precision", "fp8"),
        ("portable", "1"),
        ("size_multiple", "many"),
        ("size_multiple", "1e999"),
        ("size_multiple", "0"),
        ("size_minimum", "-1"),
        ("size_minimum", "9" * 5000),
        ("default_alpha", "NaN"),
        ("default_alpha", "2"),
        ("default_strokes", "-Infinity"),
        ("weights_sha256", "[]"),
        ("weights_sha256", '{"model": 3}'),
        ("stages", "[1]"),
        ("stages", "[]"),
        ("stages", "[" * 20_000),
        ("stages", STAGE % ('"../x"', 2, 3, '"wct"', 1)),
        ("stages", STAGE % ('"x"', "1e999", 3, '"wct"', 1)),
        ("stages", STAGE % ('"x"', 2, "3.0", '"wct"', 1)),
        ("stages", STAGE % ('"x"', 3, 3, '"wct"', 1)),
        ("stages", STAGE % ('"x"', 2, 3, '"unet"', 1)),
        ("stages", STAGE % ('"x"', 2, 3, '"wct"', "1e999")),
        ("stages", STAGE % ('"x"', 2, 3, '"wct"', 1)),  # not those of the layout
        ("code_layout", "[]"),
        ("framing", "{}"),
        ("framing", '{"multiple": 0, "minimum": 1, "encoder_band": 0, "decoder_band": 0, "margin": 0, "context": 0}'),
    ],
)
def test_metadata_that_export_does_not_write_is_an_error(key: str, value: str) -> None:
    with pytest.raises(WeightsError, match="export it again"):
        GraphInfo.from_metadata({**INFO.to_metadata(), f"adain.{key}": value}, "file.onnx")


def test_metadata_that_lacks_something_is_an_error() -> None:
    metadata = INFO.to_metadata()
    del metadata["adain.licence"]
    with pytest.raises(WeightsError, match="licence"):
        GraphInfo.from_metadata(metadata, "file.onnx")


def test_codes_are_flat_in_the_order_of_the_layout() -> None:
    rng = np.random.default_rng(0)
    arrays = {name: rng.normal(size=shape).astype(np.float32) for name, shape in reversed(LAYOUT.items())}
    flat = flatten(arrays, LAYOUT)
    assert flat.shape == (INFO.code_size,) == (16,)
    assert flat.dtype == np.float32
    assert np.array_equal(flat[:3], arrays["relu2_1.mean"])
    back = unflatten(flat, LAYOUT)
    assert list(back) == list(LAYOUT)
    for name, array in arrays.items():
        assert np.array_equal(back[name], array)


def test_a_code_of_another_model_is_an_error() -> None:
    with pytest.raises(InputError, match="encode the style with this model"):
        flatten({"relu1_1.mean": np.zeros(2, np.float32)}, LAYOUT)


def test_files_are_named_by_model_and_graph() -> None:
    names = [file_name("adain-slim", kind) for kind in GRAPHS]
    assert names[:3] == ["adain-slim.onnx", "adain-slim.encode_style.onnx", "adain-slim.apply.onnx"]
    assert len(set(names)) == len(GRAPHS)


def test_the_contract_needs_no_torch_and_no_onnx() -> None:
    heavy = {"torch", "onnx", "onnxruntime", "onnxscript"}
    code = f"import sys, adain.runtimes.contract; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
