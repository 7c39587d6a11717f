"""Lets graphs read their weights from the network's safetensors file instead of holding a copy.

safetensors files and ONNX's external data both hold plain little-endian arrays, and most constants of a graph are the
network's own weights. A graph without them is a few dozen kilobytes. The weights file must lie beside the graph under
its own name, as in this package. Graphs for other programs should hold their weights themselves.
"""

from __future__ import annotations

import json
from pathlib import Path

import onnx
from onnx import numpy_helper

__all__ = ["share", "shared"]

_WORTH = 1024  # bytes; smaller constants are not shared


def share(model: onnx.ModelProto, weights: Path) -> None:
    """Replace constants of a graph that are also in a safetensors file by references to that file.

    Args:
        model: the graph, changed in place.
        weights: the safetensors file; it must always lie beside the graph's file.
    """
    places = _places(weights)
    for constant in model.graph.initializer:
        content = numpy_helper.to_array(constant).tobytes()
        if len(content) < _WORTH or content not in places:
            continue
        constant.ClearField("raw_data")
        constant.data_location = onnx.TensorProto.EXTERNAL
        entries = {"location": weights.name, "offset": places[content], "length": len(content)}
        for key, value in entries.items():
            constant.external_data.add(key=key, value=str(value))


def shared(graph: Path) -> list[Path]:
    """The files beside a graph that it reads its weights from."""
    constants = onnx.load(graph, load_external_data=False).graph.initializer
    names = {pair.value for each in constants for pair in each.external_data if pair.key == "location"}
    return [graph.with_name(name) for name in sorted(names)]


def _places(weights: Path) -> dict[bytes, int]:
    """The position of each array in the file, by the array's bytes."""
    content = weights.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")  # the file is the header's length, the header, the arrays
    header = json.loads(content[8:start])
    header.pop("__metadata__", None)
    spans = ((start + begin, start + end) for begin, end in (entry["data_offsets"] for entry in header.values()))
    return {content[begin:end]: begin for begin, end in spans}
