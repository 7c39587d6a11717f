"""Lowers the decoder's layers to bf16, and keeps all layers that statistics depend on in fp32.

OpenVINO's own setting, `INFERENCE_PRECISION_HINT`, lowers every layer, including the roots of covariances. It is faster
(about half of the time of fp32; this module takes two thirds). But it ruins pictures with large smooth areas, whose
covariances have a low rank: they differ from fp32 by 30 to 110 of 255. With this module they differ by about 1.
"""

from __future__ import annotations

from typing import Any

from adain.runtimes.openvino_import import openvino

__all__ = ["lower"]

_CONVOLUTIONS = ("Convolution", "GroupConvolution")


def lower(graph: Any) -> None:
    """Lower convolutions that no statistics depend on, and all nodes behind them, to bf16.

    Args:
        graph: an `openvino.Model` in fp32, changed in place. Its outputs stay float32.
    """
    from openvino import opset13

    before = _before_statistics(graph)
    lowered: set[str] = set()
    for node in graph.get_ordered_ops():
        outside = [entry for entry in node.inputs() if _source(entry) not in lowered]
        follows = len(outside) < len(node.inputs())
        if node.get_type_name() == "Result":
            if follows:
                _convert(node.inputs(), "f32", opset13)
        elif node.output(0).get_element_type() == openvino.Type.f32 and (
            follows or (node.get_type_name() in _CONVOLUTIONS and node.get_friendly_name() not in before)
        ):
            _convert(outside, "bf16", opset13)
            lowered.add(node.get_friendly_name())
    graph.validate_nodes_and_infer_types()


def _before_statistics(graph: Any) -> set[str]:
    """The names of all nodes that a mean or sum depends on."""
    found: set[str] = set()
    for node in reversed(graph.get_ordered_ops()):
        followers = (entry.get_node() for output in node.outputs() for entry in output.get_target_inputs())
        if node.get_type_name().startswith("Reduce") or any(each.get_friendly_name() in found for each in followers):
            found.add(node.get_friendly_name())
    return found


def _source(entry: Any) -> str:
    name: str = entry.get_source_output().get_node().get_friendly_name()
    return name


def _convert(inputs: list[Any], kind: str, opset: Any) -> None:
    """Convert a node's floating point inputs."""
    for entry in inputs:
        source = entry.get_source_output()
        if source.get_element_type() in (openvino.Type.f32, openvino.Type.bf16):
            entry.replace_source_output(opset.convert(source, kind).output(0))
