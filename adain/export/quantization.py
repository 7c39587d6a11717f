"""Static quantisation of a finished graph to int8 (float16 is set by the network's form instead).

The convolutions that process the content and the operators between them are quantised: activations per tensor (uint8,
ranges from calibration pictures), weights per channel (int8). The rest stays in float: the layers that read or write
pictures, where 8 bits would show as bands; the statistics; and the style encoder, so that style codes are the same in
every precision.
"""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from adain.export import passes

__all__ = ["quantized"]

logger = logging.getLogger(__name__)

Feed = Mapping[str, NDArray[np.generic]]

_QUANTIZED = ("Conv", "Relu", "Pad", "Resize", "MaxPool", "Slice", "DepthToSpace")
_PERCENTILE = 99.99  # of an activation's values lie in its range; 4 dB better on pictures than the full range
_AT_THE_PICTURE = 12  # channels of layers at the picture: at most four pixels of 3


def quantized(model: onnx.ModelProto, feeds: Sequence[Feed], content: Collection[str]) -> onnx.ModelProto:
    """The graph with its convolutions in int8.

    Args:
        model: a float32 graph; all nodes have names.
        feeds: inputs for calibration, which finds the ranges of activations; a few to a few dozen.
        content: names of the inputs that carry the content; the graph need not have all of them. Only nodes that
            depend on them are quantised.
    """
    from adain.runtimes.ort_import import quantization

    tools = quantization()
    registry = tools.registry
    # The registry lacks DepthToSpace, which only moves values, as Transpose does.
    as_transpose = {"DepthToSpace": registry.QDQRegistry["Transpose"]}
    prepared = copy.deepcopy(model)
    # Silences advice to run a clean-up that torch's exporter and `adain.export.passes` have done.
    onnx.helper.set_model_props(prepared, {"onnx.quant.pre_process": "onnxruntime.quant"})
    said = io.StringIO()
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.redirect_stdout(said),  # onnxruntime prints
        mock.patch.dict(registry.QDQRegistry, as_transpose),
    ):
        path = Path(folder) / "model.onnx"
        tools.quantize_static(
            prepared,
            path,
            _reader(feeds),
            op_types_to_quantize=list(_QUANTIZED),
            nodes_to_exclude=sorted(_kept_in_float(model, content)),
            per_channel=True,
            activation_type=tools.QuantType.QUInt8,
            weight_type=tools.QuantType.QInt8,
            calibrate_method=tools.CalibrationMethod.Percentile,
            extra_options={
                "CalibPercentile": _PERCENTILE,
                "CalibStridedMinMax": 1,  # one picture at a time, because all at once take gigabytes
            },
        )
        result = onnx.load(path)
    logger.debug("onnxruntime: %s", said.getvalue())
    del result.metadata_props[:]
    passes.integer_moves(result)
    return result


def _reader(feeds: Sequence[Feed]) -> Any:
    """The feeds as onnxruntime reads them."""
    from adain.runtimes.ort_import import quantization

    class Reader(quantization().CalibrationDataReader):  # type: ignore[misc]  # not typed
        def __init__(self) -> None:
            self.feeds: Iterator[Feed] = iter(feeds)

        def __len__(self) -> int:
            return len(feeds)

        def set_range(self, start_index: int, end_index: int) -> None:
            self.feeds = iter(feeds[start_index:end_index])

        def get_next(self) -> Any:
            return next(self.feeds, None)

    return Reader()


def _kept_in_float(model: onnx.ModelProto, content: Collection[str]) -> set[str]:
    """Names of nodes that are not quantised."""
    weights = {constant.name: numpy_helper.to_array(constant) for constant in model.graph.initializer}
    of_content, of_quantized = set(content), set()
    kept = set()
    for node in model.graph.node:
        if node.op_type in _QUANTIZED:
            of_quantized.update(node.output)
        on_the_way = not of_content.isdisjoint(node.input)
        if on_the_way:
            of_content.update(node.output)
        of_resizing = node.op_type == "Slice" and node.input[0] not in of_quantized
        if not on_the_way or of_resizing or _at_the_picture(node, weights) or _of_statistics(node, weights):
            kept.add(node.name)
    return kept


def _of_statistics(node: onnx.NodeProto, weights: Mapping[str, NDArray[Any]]) -> bool:
    """Whether a node is a linear layer, which `adain.export.one_size` writes as a 1x1 convolution."""
    return node.op_type == "Conv" and weights[node.input[1]].shape[2:] == (1, 1)


def _at_the_picture(node: onnx.NodeProto, weights: Mapping[str, NDArray[Any]]) -> bool:
    if node.op_type == "Conv":
        return bool(min(weights[node.input[1]].shape[:2]) <= _AT_THE_PICTURE)
    return node.op_type == "Pad" and node.input[1] not in weights  # pads the picture to the network
