"""Lower precision of a finished graph: int8 by static quantisation (float16 is a matter of the network's form).

What is quantised are the convolutions on the content's way, and what lies between them: activations per tensor
(uint8, ranges from pictures), weights per channel (int8). What is not: the layers that read or write pictures, where
8 bits would show as bands; the statistics; and the style's way, so that a style code is the same in every precision.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from adain.onnx import passes

__all__ = ["quantized"]

Feed = Mapping[str, NDArray[np.generic]]

_QUANTIZED = ("Conv", "Relu", "Pad", "Resize", "MaxPool")
_AT_THE_PICTURE = 12  # channels; 3, or four pixels of 3


def quantized(model: onnx.ModelProto, feeds: Iterable[Feed]) -> onnx.ModelProto:
    """The graph with its convolutions in int8.

    Args:
        model: a float32 graph; all nodes have names.
        feeds: inputs to find the ranges of activations with, a few to a few dozen.
    """
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantType,
        quantize_static,
    )

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # not typed
        def __init__(self) -> None:
            self.feeds: Iterator[Feed] = iter(feeds)

        def get_next(self) -> Any:
            return next(self.feeds, None)

    prepared = copy.deepcopy(model)
    # that its shapes need no symbolic inference first, which the library otherwise advises to do
    onnx.helper.set_model_props(prepared, {"onnx.infer": "onnxruntime.quant"})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        quantize_static(
            prepared,
            path,
            Reader(),
            op_types_to_quantize=list(_QUANTIZED),
            nodes_to_exclude=sorted(_kept_in_float(model)),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            extra_options={"CalibMaxIntermediateOutputs": 4},  # memory: ranges are merged as they come
        )
        result = onnx.load(path)
    del result.metadata_props[:]
    passes.integer_pads(result)
    return result


def _kept_in_float(model: onnx.ModelProto) -> set[str]:
    """Names of nodes that are not quantised."""
    weights = {constant.name: numpy_helper.to_array(constant) for constant in model.graph.initializer}
    of_content = {"content"}
    kept = set()
    for node in model.graph.node:
        on_the_way = not of_content.isdisjoint(node.input)
        if on_the_way:
            of_content.update(node.output)
        if not on_the_way or _at_the_picture(node, weights):
            kept.add(node.name)
    return kept


def _at_the_picture(node: onnx.NodeProto, weights: Mapping[str, NDArray[Any]]) -> bool:
    if node.op_type == "Conv":
        return bool(min(weights[node.input[1]].shape[:2]) <= _AT_THE_PICTURE)
    return node.op_type == "Pad" and node.input[1] not in weights  # what fits the picture to the network
