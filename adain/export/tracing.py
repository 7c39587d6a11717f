"""Exports a torch module to an ONNX graph, with torch's exporter."""

from __future__ import annotations

import contextlib
import copy
import logging
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import onnx
import torch

from adain.export import passes
from adain.export.assembly import HELD, assembled, kinds_in
from adain.export.fans import limit_fans
from adain.export.graph_modules import Example, examples, graph, output_axes
from adain.nn.network import StyleTransfer
from adain.registry import Stage
from adain.runtimes.contract import GraphKind, Io

__all__ = ["OPSET", "Tracer"]

OPSET = 18
"""Default ONNX opset, and the oldest that this module can write. Use a newer one only for a runtime that needs it. In
many releases, onnxruntime's CUDA provider has no kernels for Pad 19 and Resize 19 (onnxruntime #26393, #27415), nor for
several operators on shapes from 21 on (#26065, #28368). Such nodes run on the CPU, with copies."""


class Tracer:
    """Makes the graphs of a network.

    Args:
        network: in the form of the graphs.
        opset: version of ONNX's operators, at least 18.
    """

    def __init__(self, network: StyleTransfer, opset: int = OPSET) -> None:
        self._network, self._opset = network, opset
        self._made: dict[GraphKind, onnx.ModelProto] = {}  # of float pictures; other graphs hold them

    def __call__(self, kind: GraphKind, io: Io = "float", stage: Stage | None = None) -> onnx.ModelProto:
        """One graph of the contract, without metadata.

        Args:
            kind: which graph.
            io: the layout of its pictures.
            stage: for a graph that is a part of a stage. None: the last stage.
        """
        if kind in HELD and io == "float":
            return copy.deepcopy(self._held(kind))
        model = _traced(kind, self._network, io, self._opset, stage)
        assembled(model, {name: self._held(name) for name in kinds_in(model)})
        return model

    def _held(self, kind: GraphKind) -> onnx.ModelProto:
        if kind not in self._made:
            self._made[kind] = _traced(kind, self._network, "float", self._opset, None)
        return self._made[kind]


def _traced(kind: GraphKind, network: StyleTransfer, io: Io, opset: int, stage: Stage | None) -> onnx.ModelProto:
    stage = network.stages[-1] if stage is None else stage
    inputs, outputs = examples(kind, network, io, stage), output_axes(kind, io, stage)
    with _quiet():
        traced = torch.export.export(
            graph(kind, network, io, stage),
            tuple(example.tensor for example in inputs.values()),
            dynamic_shapes=(_dynamic_shapes(inputs),),  # a tuple, for the one argument `*inputs`
            strict=False,
        )
        program = torch.onnx.export(
            traced,
            (),
            dynamo=True,
            opset_version=opset,
            external_data=False,
            input_names=list(inputs),
            output_names=list(outputs),
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    passes.constant_reshapes(model)
    passes.constant_fills(model)
    passes.fold_constants(model)
    limit_fans(model)
    passes.merge_constants(model)
    passes.strip(model)
    # For old runtimes. Placeholders have an opset of their own until they are replaced.
    model.ir_version = onnx.helper.find_min_ir_version_for(model.opset_import, ignore_unknown=True)
    axes = {name: example.axes for name, example in inputs.items()} | outputs
    for name in (each.name for each in stage.maps):  # their lengths differ from the picture's
        axes[name] = {
            index: axis if axis == "batch" else f"{name}_{axis}" for index, axis in axes.get(name, {}).items()
        }
    passes.name_axes(model, axes)
    return model


def _dynamic_shapes(inputs: Mapping[str, Example]) -> tuple[dict[int, Any], ...]:
    """The free axes of each input, with their constraints.

    `Dim.DYNAMIC` lets torch infer the constraints. With a bare `Dim`, ceil-mode pooling got a wrong shape at sizes
    other than the traced one. If the graph does not pad pictures itself, sides are multiples of `Example.step`, plus
    `Example.beyond`, and the sides of all maps share their `Dim`.
    """
    free: Any = torch.export.Dim.DYNAMIC

    def axis(name: str, example: Example) -> Any:
        if example.step is None or name in ("batch", "styles", "regions"):
            return free
        return example.step * torch.export.Dim(name, min=example.least) + example.beyond

    return tuple({index: axis(name, example) for index, name in example.axes.items()} for example in inputs.values())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter's warnings and its log messages, which also go to the root logger."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
