"""The default model as two ONNX graphs of one layer each, without torch: what a benchmark needs is known of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from adain import __version__, registry
from adain.registry import FusedMap, Stage
from adain.runtimes.contract import GraphInfo, GraphKind, file_name

STAGES = (Stage("x", (FusedMap("x", 1, 3, "adain"),), 3.0),)
CODE_SIZE = 6
MACS_PER_PIXEL = 3 * 3 * 3 * 3  # one 3x3 convolution from 3 channels to 3


def write_graphs(folder: Path) -> None:
    """A style's code is its mean colour, twice; a content is convolved, and gets 0 times the code."""
    folder.mkdir(parents=True, exist_ok=True)
    nodes = [
        helper.make_node("ReduceMean", ["style", "axes"], ["mean"], keepdims=0),
        helper.make_node("Concat", ["mean", "mean"], ["code"], axis=1),
    ]
    _write(folder, "encode_style", nodes)
    kernel = np.zeros((3, 3, 3, 3), np.float32)
    kernel[range(3), range(3), 1, 1] = 1
    nodes = [
        helper.make_node("ReduceMean", ["codes", "all"], ["one"], keepdims=0),
        helper.make_node("ReduceMean", ["weights", "both"], ["two"], keepdims=0),
        helper.make_node("ReduceMean", ["alpha", "both"], ["three"], keepdims=0),
        helper.make_node("Sum", ["one", "two", "three"], ["sum"]),
        helper.make_node("Mul", ["sum", "zero"], ["nothing"]),
        helper.make_node("Conv", ["content", "kernel"], ["convolved"], pads=[1, 1, 1, 1]),
        helper.make_node("Add", ["convolved", "nothing"], ["stylized"]),
    ]
    _write(folder, "level", nodes, kernel=kernel)


def _write(folder: Path, kind: GraphKind, nodes: list[onnx.NodeProto], **constants: np.ndarray) -> None:
    row = registry.get(registry.DEFAULT)
    picture = ["batch", 3, "height", "width"]
    shapes = {"content": picture, "codes": ["batch", "styles", CODE_SIZE], "weights": ["batch", "styles"]}
    shapes |= {"alpha": ["batch", 1], "style": picture, "code": ["batch", CODE_SIZE], "stylized": picture}
    used = {name for node in nodes for name in (*node.input, *node.output)}
    constants |= {"axes": np.array([2, 3]), "all": np.array([0, 1, 2]), "both": np.array([0, 1])}
    constants["zero"] = np.zeros((), np.float32)
    values = {n: helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n, shape in shapes.items() if n in used}
    output = values.pop("code" if kind == "encode_style" else "stylized")
    initializers = [numpy_helper.from_array(array, name) for name, array in constants.items() if name in used]
    graph = helper.make_graph(nodes, kind, list(values.values()), [output], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    info = GraphInfo(
        model=row.name,
        graph=kind,
        fusion=row.fusion,
        stages=STAGES,
        precision="fp32",
        io="float",
        portable=False,
        size_multiple=1,
        size_minimum=1,
        default_alpha=row.default_alpha,
        licence=row.licence,
        paper=row.paper,
        weights_sha256={file.role: file.sha256 for file in row.files if file.sha256},
        code_digest=row.code_digest or "",
        adain_version=__version__,
    )
    helper.set_model_props(model, info.to_metadata())
    onnx.save(model, folder / file_name(row.name, kind))
