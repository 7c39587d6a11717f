"""Writes a matrix product as an ONNX file byte by byte, so that users need not install the package onnx.

The bytes are protocol buffers. Each field is a varint of its number and kind, then a varint (kind 0), or a length and
that many bytes (kind 2). The fields' numbers are from onnx.proto3; a comment beside each gives its name.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["ELEMENTS", "matmul_graph"]

_IR_VERSION, _OPSET = 8, 18
_FLOAT, _UINT8, _INT8, _INT32, _FLOAT16 = 1, 2, 3, 6, 10  # TensorProto.DataType

# Operator, the types of both factors in numpy, and all three in ONNX. bfloat16 has no product on most providers.
ELEMENTS: dict[str, tuple[str, type[np.generic], type[np.generic], tuple[int, int, int]]] = {
    "fp32": ("MatMul", np.float32, np.float32, (_FLOAT, _FLOAT, _FLOAT)),
    "fp16": ("MatMul", np.float16, np.float16, (_FLOAT16, _FLOAT16, _FLOAT16)),
    "int8": ("MatMulInteger", np.uint8, np.int8, (_UINT8, _INT8, _INT32)),
}


def matmul_graph(precision: str, right: NDArray[np.generic]) -> bytes:
    """The graph `y = a @ right`, with `right` constant as a layer's weights are.

    Args:
        precision: one of `ELEMENTS`.
        right: square, of the type in `ELEMENTS`.
    """
    operator, _, _, (left_type, right_type, result_type) = ELEMENTS[precision]
    node = _text(1, "a") + _text(1, "b") + _text(2, "y") + _text(4, operator)  # input, input, output, op_type
    constant = b"".join(_number(1, side) for side in right.shape)  # dims
    constant += _number(2, right_type) + _text(8, "b") + _bytes(9, right.tobytes())  # data_type, name, raw_data
    graph = _bytes(1, node) + _text(2, "matmul") + _bytes(5, constant)  # node, name, initializer
    graph += _bytes(11, _value("a", left_type, right.shape)) + _bytes(12, _value("y", result_type, right.shape))
    opset = _text(1, "") + _number(2, _OPSET)  # domain, version
    return _number(1, _IR_VERSION) + _bytes(7, graph) + _bytes(8, opset)  # ir_version, graph, opset_import


def _value(name: str, element: int, shape: tuple[int, ...]) -> bytes:
    """A ValueInfoProto: name, type.tensor_type of elem_type and shape.dim.dim_value."""
    dims = b"".join(_bytes(1, _number(1, side)) for side in shape)
    return _text(1, name) + _bytes(2, _bytes(1, _number(1, element) + _bytes(2, dims)))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


def _varint(value: int) -> bytes:
    """Encode a varint: seven bits per byte, lowest first; the highest bit marks that more bytes follow."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
