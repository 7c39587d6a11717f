"""Exports a torch module to an ONNX graph, with torch's exporter."""

from __future__ import annotations

import contextlib
import copy
import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import onnx
import torch

from adain.export import passes
from adain.export.assembly import HELD, assembled, kinds_in
from adain.export.fans import limit_fans
from adain.export.graph_modules import Example, Graph, examples, fixed_examples, graph, output_axes
from adain.export.one_size import for_one_size
from adain.export.opsets import OPSET, lower
from adain.nn.network import StyleTransfer
from adain.registry import Stage
from adain.runtimes.contract import GRAPHS, Fixed, GraphKind, Io

__all__ = ["Tracer"]


class Tracer:
    """Makes the graphs of a network.

    Args:
        network: in the form of the graphs.
        opset: version of ONNX's operators, at least `OLDEST`.
        fixed: the only sizes that the graphs take.
    """

    def __init__(self, network: StyleTransfer, opset: int = OPSET, fixed: Fixed | None = None) -> None:
        self._network, self._opset, self._fixed = network, opset, fixed
        self._made: dict[GraphKind, onnx.ModelProto] = {}  # of float pictures; other graphs hold them

    def __call__(self, kind: GraphKind, io: Io = "float", stage: Stage | None = None) -> onnx.ModelProto:
        """One graph of the contract, without metadata.

        Args:
            kind: which graph.
            io: the layout of its pictures.
            stage: for a graph that is a part of a stage. None: the last stage.
        """
        own = kind in HELD and io == "float"
        model = copy.deepcopy(self._held(kind)) if own else self._traced(kind, io, stage)
        assembled(model, {name: self._held(name) for name in kinds_in(model)})
        if self._fixed is not None:
            for_one_size(model)
        lower(model, self._opset)
        return model

    def _held(self, kind: GraphKind) -> onnx.ModelProto:
        if kind not in self._made:
            self._made[kind] = self._traced(kind, "float", None)
        return self._made[kind]

    def _traced(self, kind: GraphKind, io: Io, stage: Stage | None) -> onnx.ModelProto:
        stage = self._network.stages[-1] if stage is None else stage
        module = graph(kind, self._network, io, stage)
        if self._fixed is not None:
            fixed = fixed_examples(kind, self._network, io, self._fixed)
            return _traced(module, fixed, GRAPHS[kind].outputs, self._opset)
        inputs, outputs = examples(kind, self._network, io, stage), output_axes(kind, io, stage)
        model = _traced(module, inputs, outputs, self._opset)
        passes.name_axes(model, _own_axes({name: each.axes for name, each in inputs.items()} | outputs, stage))
        return model


def _traced(module: Graph, inputs: Mapping[str, Example], outputs: Iterable[str], opset: int) -> onnx.ModelProto:
    with _quiet():
        traced = torch.export.export(
            module,
            tuple(example.tensor for example in inputs.values()),
            dynamic_shapes=(_dynamic_shapes(inputs),),  # a tuple, for the one argument `*inputs`
            strict=False,
        )
        program = torch.onnx.export(
            traced,
            (),
            dynamo=True,
            opset_version=max(opset, OPSET),
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
    return model


def _own_axes(axes: Mapping[str, Mapping[int, str]], stage: Stage) -> dict[str, Mapping[int, str]]:
    """The names of axes, with names of their own for maps, whose lengths differ from the picture's."""
    own = {
        each.name: {
            index: axis if axis == "batch" else f"{each.name}_{axis}" for index, axis in axes[each.name].items()
        }
        for each in stage.maps
        if each.name in axes
    }
    return {**axes, **own}


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
