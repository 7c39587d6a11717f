"""Graphs that read their weights from the file the network is kept in, instead of each holding a copy.

safetensors files and ONNX's external data both hold plain little-endian arrays, and most of a graph's constants are the
network's own: a graph for which there are only those is a few dozen kilobytes. It works where its weights lie beside it
under their own name, as in this package; a file that is to be handed to other programs had better hold its own.
"""

from __future__ import annotations

import json
from pathlib import Path

import onnx
from onnx import numpy_helper

__all__ = ["share"]

_WORTH = 1024  # bytes of a constant from which on


def share(model: onnx.ModelProto, weights: Path) -> None:
    """Let a graph read what it shares with a safetensors file from there.

    Args:
        model: changed in place.
        weights: the file, which must lie beside the graph's own wherever that is.
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


def _places(weights: Path) -> dict[bytes, int]:
    """Where in the file each array lies, by its bytes."""
    content = weights.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")  # the header's length, the header, the arrays
    header = json.loads(content[8:start])
    header.pop("__metadata__", None)
    spans = ((start + begin, start + end) for begin, end in (entry["data_offsets"] for entry in header.values()))
    return {content[begin:end]: begin for begin, end in spans}
