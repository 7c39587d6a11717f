"""A Triton model repository: its files, and its configuration as Triton's own protobuf reads it."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from google.protobuf import text_format
from onnx import TensorProto, helper
from tritonclient.grpc.model_config_pb2 import DataType, ModelConfig

from adain.errors import InputError
from adain.export.graphs import Written
from adain.export.triton import MAX_BATCH, configuration, repository
from adain.runtimes.contract import GraphInfo

Sizes = list[int | str]
PICTURE: Sizes = ["batch", 3, "height", "width"]
INFO = GraphInfo(
    model="own",
    graph="whole",
    fusion="adain",
    stages=(),
    precision="fp32",
    io="float",
    portable=False,
    size_multiple=1,
    size_minimum=1,
    default_alpha=1.0,
    licence="MIT",
    paper="",
    weights_sha256={},
    code_digest="",
    adain_version="0",
)


def _model(content: Sizes, alpha: Sizes) -> onnx.ModelProto:
    """A graph that gives the content back, with some metadata."""
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)
        for name, dims in {"content": content, "alpha": alpha}.items()
    ]
    output = helper.make_tensor_value_info("stylized", TensorProto.FLOAT, content)
    graph = helper.make_graph([helper.make_node("Identity", ["content"], ["stylized"])], "g", inputs, [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    helper.set_model_props(model, {"adain.contract": "5", "adain.stages": '[{"name": "x8"}]', "adain.paper": "Möller"})
    return model


def _written(path: Path, model: onnx.ModelProto) -> Written:
    onnx.save(model, path)
    return Written(path, INFO)


def test_triton_reads_the_configuration() -> None:
    config = text_format.Parse(configuration("adain-slim", _model(PICTURE, ["batch", 1])), ModelConfig())
    assert (config.name, config.backend, config.max_batch_size) == ("adain-slim", "onnxruntime", MAX_BATCH)
    tensors = {each.name: (DataType.Name(each.data_type), list(each.dims)) for each in (*config.input, *config.output)}
    assert tensors == {
        "content": ("TYPE_FP32", [3, -1, -1]),
        "alpha": ("TYPE_FP32", [1]),
        "stylized": ("TYPE_FP32", [3, -1, -1]),
    }
    assert config.HasField("dynamic_batching")
    parameters = {name: value.string_value for name, value in config.parameters.items()}
    assert parameters == {"adain.contract": "5", "adain.stages": '[{"name": "x8"}]', "adain.paper": "Möller"}


def test_a_graph_with_a_fixed_batch_is_not_batched() -> None:
    config = text_format.Parse(configuration("fixed", _model([1, 3, 96, 128], [1, 1])), ModelConfig())
    assert config.max_batch_size == 0
    assert not config.HasField("dynamic_batching")
    assert [list(each.dims) for each in config.input] == [[1, 3, 96, 128], [1, 1]]


def test_a_repository_has_a_folder_for_each_graph(tmp_path: Path) -> None:
    written = [
        _written(tmp_path / name, _model(PICTURE, ["batch", 1])) for name in ("own.onnx", "own.encode_style.onnx")
    ]
    folders = repository(written, tmp_path / "models")
    assert [folder.name for folder in folders] == ["own", "own_encode_style"]
    for folder, each in zip(folders, written, strict=True):
        assert (folder / "1" / "model.onnx").read_bytes() == each.path.read_bytes()
        assert f'name: "{folder.name}"' in (folder / "config.pbtxt").read_text(encoding="utf-8")


def test_graphs_that_share_a_file_of_weights_are_refused(tmp_path: Path) -> None:
    model = _model(PICTURE, ["batch", 1])
    weights = model.graph.initializer.add(name="weights", data_type=TensorProto.FLOAT, dims=[1])
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="own.safetensors")
    with pytest.raises(InputError, match=r"own\.onnx reads its weights from another file; export it without"):
        repository([_written(tmp_path / "own.onnx", model)], tmp_path / "models")
