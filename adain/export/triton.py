"""Arrange exported graphs as a model repository of NVIDIA's Triton Inference Server.

Each graph becomes a model of its own, `NAME/config.pbtxt` and `NAME/1/model.onnx`. The configuration is Triton's
`ModelConfig` as text. It repeats the graph's metadata as parameters, because a client sees these and not the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import onnx

from adain.atomic import write_bytes
from adain.errors import InputError
from adain.export.graphs import Written, make_folder
from adain.runtimes.contract import GraphKind

__all__ = ["MAX_BATCH", "SERVED", "configuration", "repository"]

SERVED: tuple[GraphKind, ...] = ("whole", "encode_style", "apply", "apply_regions")
"""The kinds of graphs in a repository, unless others are asked for."""
MAX_BATCH = 4
"""The most pictures in a batch: Triton joins requests with pictures of one size, and needs the memory of all."""

_TYPES: dict[int, str] = {
    onnx.TensorProto.FLOAT: "TYPE_FP32",
    onnx.TensorProto.FLOAT16: "TYPE_FP16",
    onnx.TensorProto.UINT8: "TYPE_UINT8",
}


def repository(written: Iterable[Written], directory: Path) -> list[Path]:
    """Write a model repository.

    Args:
        written: the graphs, as `adain.export.graphs.export` wrote them. Each file must hold its own weights.
        directory: of the repository; created if missing. Models of the same names are replaced.

    Returns:
        The folder of each model.

    Raises:
        InputError: a graph reads its weights from another file.
        OutputError: a file cannot be written.
    """
    folders = []
    for each in written:
        data = each.path.read_bytes()
        model = onnx.ModelProto.FromString(data)
        if any(initializer.external_data for initializer in model.graph.initializer):
            raise InputError(f"{each.path.name} reads its weights from another file; export it without --runtime")
        name = each.path.name.removesuffix(".onnx").replace(".", "_")  # a dot would end a name in some clients
        folder = directory / name
        make_folder(folder / "1")
        write_bytes(folder / "1" / "model.onnx", data)
        write_bytes(folder / "config.pbtxt", configuration(name, model).encode())
        folders.append(folder)
    return folders


def configuration(name: str, model: onnx.ModelProto) -> str:
    """Return the text of `config.pbtxt` for a graph.

    Triton makes batches of graphs whose batch dimension may change. A graph with a fixed one takes its own shapes only.
    """
    values = [*model.graph.input, *model.graph.output]
    batched = all(_dims(value)[0] == -1 for value in values)
    lines = [
        f"name: {json.dumps(name)}",
        'backend: "onnxruntime"',
        f"max_batch_size: {MAX_BATCH if batched else 0}",
        *_tensors("input", model.graph.input, batched),
        *_tensors("output", model.graph.output, batched),
        *(["dynamic_batching { }"] if batched else []),
        *(
            f"parameters {{ key: {json.dumps(entry.key)} value {{ string_value: {json.dumps(entry.value)} }} }}"
            for entry in model.metadata_props
        ),
    ]
    return "\n".join(lines) + "\n"


def _tensors(field: str, values: Sequence[onnx.ValueInfoProto], batched: bool) -> list[str]:
    return [
        f"{field} {{ name: {json.dumps(value.name)} data_type: {_TYPES[value.type.tensor_type.elem_type]} "
        f"dims: {_dims(value)[batched:]} }}"
        for value in values
    ]


def _dims(value: onnx.ValueInfoProto) -> list[int]:
    """A tensor's sizes; -1 for each that may change."""
    return [size.dim_value or -1 for size in value.type.tensor_type.shape.dim]
