"""Rewrites a graph of one size with operators that OpenCV 4, ncnn, NNAPI and CoreML take wholly.

- Every tensor has four axes, the first of length 1. ncnn takes the first axis for the batch, and guesses it where a
  tensor has fewer. Leading axes of length 1 leave broadcasting as it is, because that begins at the last axis.
- NNAPI has no ReduceSum, no uneven Split, and one order of DepthToSpace (DCR; torch writes CRD, and so does ncnn).
- pnnx, ncnn's converter, joins no constant of one value. It is computed, which also saves its bytes.
- onnxruntime's partitioner takes an input that is left out for one of unknown size.
- OpenCV 4 takes no constant in two nodes Concat or MatMul, nor Squeeze and Unsqueeze of several axes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from adain.errors import InputError
from adain.export import passes

__all__ = ["for_one_size"]

_AXES = 4
_FEW_CHANNELS = 8  # of DepthToSpace that is written out, with three nodes for each
_ELEMENTWISE = ("Add", "Cast", "Clip", "Div", "Max", "Min", "Mul", "Pow", "Relu", "Sqrt", "Sub")
_OF_MAPS = ("AveragePool", "Conv", "MaxPool")  # their tensors always have four axes

Shape = tuple[int, ...]
Nodes = Iterator[onnx.NodeProto]


def for_one_size(model: onnx.ModelProto) -> None:
    """Rewrite a graph of one size, of opset 18 or newer. Its inputs and outputs stay as they are."""
    shapes = passes.shapes(onnx.shape_inference.infer_shapes(model, strict_mode=True))
    rewriter = _Rewriter(model.graph, {name: tuple(map(int, shape)) for name, shape in shapes.items()})
    nodes = list(rewriter.nodes())
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    _own_constants(model.graph)
    passes.remove_unused(model)
    passes.strip(model)


class _Rewriter:
    """Writes the nodes of a graph anew, and adds constants to it.

    Args:
        graph: whose nodes are read.
        shapes: of every tensor that is not a constant.
    """

    def __init__(self, graph: onnx.GraphProto, shapes: Mapping[str, Shape]) -> None:
        self._graph = graph
        self._constants = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
        self._shapes = {**shapes, **{name: array.shape for name, array in self._constants.items()}}
        self._names: dict[str, str] = {}  # tensors that have another name now
        self._writers: dict[str, Callable[[onnx.NodeProto], Nodes]] = {
            **dict.fromkeys(_ELEMENTWISE, self._elementwise),
            **dict.fromkeys(_OF_MAPS, self._same),
            **dict.fromkeys(("Reshape", "Squeeze", "Unsqueeze"), self._reshape),
            "Concat": self._concat,
            "DepthToSpace": self._depth_to_space,
            "Gemm": self._gemm,
            "MatMul": self._elementwise,
            "ReduceMean": self._reduce,
            "ReduceSum": self._reduce,
            "Resize": self._resize,
            "Slice": self._slice,
            "Split": self._split,
            "Transpose": self._transpose,
        }

    def nodes(self) -> Nodes:
        """The new nodes, in order."""
        for each in self._graph.input:
            if len(self._shapes[each.name]) < _AXES:
                self._names[each.name] = f"{each.name}_wide"
                yield self._shaped(each.name, f"{each.name}_wide", _wide(self._shapes[each.name]))
        narrow = [each.name for each in self._graph.output if len(self._shapes[each.name]) < _AXES]
        self._names |= {name: f"{name}_wide" for name in narrow}
        for node in self._graph.node:
            if node.op_type not in self._writers:
                raise InputError(f"a graph of one size cannot hold {node.op_type}; export without a size")
            yield from self._writers[node.op_type](node)
        for name in narrow:
            yield self._shaped(self._names[name], name, self._shapes[name])

    def _same(self, node: onnx.NodeProto) -> Nodes:
        node.input[:] = [self._names.get(name, name) for name in node.input]
        yield node

    def _elementwise(self, node: onnx.NodeProto) -> Nodes:
        wide = [self._operand(name) for name in node.input]
        if node.op_type == "Clip" and not wide[1]:
            wide[1] = self._number(np.finfo(np.float32).min)
        yield self._like(node, wide)

    def _reshape(self, node: onnx.NodeProto) -> Nodes:
        source, result = node.input[0], node.output[0]
        if _wide(self._shapes[source]) == _wide(self._shapes[result]) and result not in self._names:
            self._names[result] = self._operand(source)
        else:
            yield self._shaped(self._operand(source), self._new(result), _wide(self._shapes[result]))

    def _concat(self, node: onnx.NodeProto) -> Nodes:
        axis = self._axis(_attribute(node, "axis"), node.output[0])
        parts = [self._operand(name) for name in node.input]
        computed = next((name for name in parts if name not in self._constants), None)
        for index, name in enumerate(parts):
            array = self._constants.get(name)
            if computed and array is not None and array.shape[axis] == 1 and np.ptp(array) == 0:
                parts[index] = f"{node.output[0]}_filled{index}"
                yield from self._filled(computed, parts[index], array.flat[0], axis)
        yield helper.make_node("Concat", parts, [self._out(node)], axis=axis)

    def _filled(self, like: str, result: str, value: np.generic, axis: int) -> Nodes:
        """One value everywhere, in the shape of another tensor with a length of 1 along an axis."""
        yield self._sliced(like, f"{result}_like", 0, 1, axis)
        nought, number = (self._number(each, value.dtype) for each in (0, value))
        yield helper.make_node("Mul", [f"{result}_like", nought], [f"{result}_nought"])
        yield helper.make_node("Add", [f"{result}_nought", number], [result])

    def _transpose(self, node: onnx.NodeProto) -> Nodes:
        axes = [self._axis(axis, node.input[0]) for axis in _attribute(node, "perm")]
        order = [*range(_AXES - len(axes)), *axes]
        yield helper.make_node("Transpose", [self._operand(node.input[0])], [self._out(node)], perm=order)

    def _reduce(self, node: onnx.NodeProto) -> Nodes:
        source, result = node.input[0], node.output[0]
        axes = [self._axis(int(axis), source) for axis in self._constants[node.input[1]]]
        kept = tuple(1 if axis in axes else side for axis, side in enumerate(_wide(self._shapes[source])))
        reduced = f"{result}_kept" if kept != _wide(self._shapes[result]) else self._new(result)
        count = math.prod(_wide(self._shapes[source])[axis] for axis in axes)
        mean = f"{result}_mean" if node.op_type == "ReduceSum" else reduced
        yield helper.make_node("ReduceMean", [self._operand(source), self._integers(axes)], [mean], keepdims=1)
        if mean != reduced:
            yield helper.make_node("Mul", [mean, self._number(count)], [reduced])
        if reduced != self._new(result):
            yield self._shaped(reduced, self._new(result), _wide(self._shapes[result]))

    def _slice(self, node: onnx.NodeProto) -> Nodes:
        source, starts, ends, axes = node.input[:4]
        moved = self._integers([self._axis(int(axis), source) for axis in self._constants[axes]])
        yield self._like(node, [self._operand(source), starts, ends, moved, *node.input[4:]])

    def _split(self, node: onnx.NodeProto) -> Nodes:
        source = node.input[0]
        axis = self._axis(_attribute(node, "axis"), source)
        first = 0
        for result in node.output:
            last = first + _wide(self._shapes[result])[axis]
            yield self._sliced(self._operand(source), self._new(result), first, last, axis)
            first = last

    def _gemm(self, node: onnx.NodeProto) -> Nodes:
        """A linear layer is a 1x1 convolution of one pixel; its weights are (outputs, inputs)."""
        source, weight, bias = node.input
        numbers = {each.name: helper.get_attribute_value(each) for each in node.attribute}
        assert numbers.get("transB") == 1, numbers
        assert (numbers.get("alpha", 1), numbers.get("beta", 1), numbers.get("transA", 0)) == (1, 1, 0), numbers
        outputs, inputs = self._constants[weight].shape
        kernel = self._constant(f"{weight}_kernel", self._constants[weight][:, :, None, None])
        pixel, result = f"{node.output[0]}_pixel", f"{node.output[0]}_convolved"
        yield self._shaped(self._operand(source), pixel, (1, inputs, 1, 1))
        yield helper.make_node("Conv", [pixel, kernel, bias], [result], kernel_shape=[1, 1])
        yield self._shaped(result, self._out(node), (1, 1, 1, outputs))

    def _depth_to_space(self, node: onnx.NodeProto) -> Nodes:
        """Two transposes of each channel's (phase row, phase column, row, column)."""
        channels, height, _ = self._shapes[node.output[0]][1:]
        rows, columns = self._shapes[node.input[0]][2:]
        up, result = height // rows, node.output[0]
        if channels > _FEW_CHANNELS:
            yield from self._same(node)
            return
        flat, turned, lines = f"{result}_flat", f"{result}_turned", f"{result}_lines"
        yield self._shaped(self._operand(node.input[0]), flat, (1, channels * up, up, rows * columns))
        yield helper.make_node("Transpose", [flat], [turned], perm=[0, 1, 3, 2])
        yield self._shaped(turned, lines, (1, channels * up, rows, columns * up))
        parts = [f"{result}_channel{channel}" for channel in range(channels)]
        for channel, part in enumerate(parts):
            yield self._sliced(lines, f"{part}_phases", channel * up, (channel + 1) * up, axis=1)
            yield helper.make_node("Transpose", [f"{part}_phases"], [f"{part}_turned"], perm=[0, 2, 1, 3])
            yield self._shaped(f"{part}_turned", part, (1, 1, height, columns * up))
        yield helper.make_node("Concat", parts, [result], axis=1)

    def _resize(self, node: onnx.NodeProto) -> Nodes:
        yield from self._same(node)
        node.input[1] = node.input[1] or self._constant("no_roi", np.empty(0, np.float32))

    def _like(self, node: onnx.NodeProto, inputs: Sequence[str]) -> onnx.NodeProto:
        made = helper.make_node(node.op_type, inputs, [self._out(node)])
        made.attribute.extend(node.attribute)
        return made

    def _sliced(self, source: str, result: str, first: int, last: int, axis: int) -> onnx.NodeProto:
        bounds = [self._integers([number]) for number in (first, last, axis)]
        return helper.make_node("Slice", [source, *bounds], [result])

    def _shaped(self, source: str, result: str, shape: Shape) -> onnx.NodeProto:
        return helper.make_node("Reshape", [source, self._integers(shape)], [result])

    def _operand(self, name: str) -> str:
        """The wide tensor; numbers stay numbers."""
        array = self._constants.get(name)
        if array is not None and 0 < array.ndim < _AXES:
            return self._constant(f"{name}_wide", array.reshape(_wide(array.shape)))
        return self._names.get(name, name)

    def _new(self, name: str) -> str:
        return self._names.get(name, name)

    def _out(self, node: onnx.NodeProto) -> str:
        return self._new(node.output[0])

    def _axis(self, axis: int, name: str) -> int:
        """An axis of a tensor after it has got more in front."""
        axes = len(self._shapes[name])
        return axis % axes + max(0, _AXES - axes)

    def _number(self, value: Any, dtype: Any = np.float32) -> str:
        array = np.array(value, dtype)
        return self._constant(f"number_{array.dtype}_{value}", array)

    def _integers(self, numbers: Sequence[int]) -> str:
        name = "_".join(["integers", *map(str, numbers)]).replace("-", "m")
        return self._constant(name, np.array(numbers, np.int64))

    def _constant(self, name: str, array: NDArray[np.generic]) -> str:
        if name not in self._constants:
            self._constants[name] = array
            self._graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name


def _own_constants(graph: onnx.GraphProto) -> None:
    """Give each node Concat or MatMul constants of its own."""
    constants = {constant.name: constant for constant in graph.initializer}
    seen: set[str] = set()
    for node in graph.node:
        for index, name in enumerate(node.input if node.op_type in ("Concat", "MatMul") else ()):
            if name in seen:
                node.input[index] = f"{node.output[0]}_own{index}"
                own = numpy_helper.from_array(numpy_helper.to_array(constants[name]), node.input[index])
                graph.initializer.append(own)
            elif name in constants:
                seen.add(name)


def _wide(shape: Shape) -> Shape:
    return (1,) * (_AXES - len(shape)) + shape


def _attribute(node: onnx.NodeProto, name: str) -> Any:
    return next(helper.get_attribute_value(each) for each in node.attribute if each.name == name)
