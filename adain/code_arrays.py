"""Arrays of style codes in files, bytes and JSON values. Other dtypes are refused before they are read."""

from __future__ import annotations

import base64
import math
import os
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, deserialize, safe_open

from adain import checks

__all__ = ["Arrays", "JsonType", "from_json", "open_file", "parsed", "to_json"]

Arrays: TypeAlias = dict[str, NDArray[np.float32]]
JsonType: TypeAlias = Literal["float32", "float16"]
_DTYPES: Final = {"float32": "<f4", "float16": "<f2"}  # little-endian


def open_file(path: str | os.PathLike[str]) -> tuple[Any, dict[str, str]]:
    """Open a safetensors file. Return it with its metadata.

    Raises:
        ValueError: it cannot be opened, is no safetensors file, or an array is not float32.
    """
    try:
        file: Any = safe_open(path, framework="numpy")
        for name in file.keys():  # noqa: SIM118  no mapping
            _check_kind(name, file.get_slice(name).get_dtype())
        return file, file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise ValueError(str(error)) from error


def parsed(data: bytes) -> tuple[Arrays, dict[str, str]]:
    """Read the arrays and the metadata of a safetensors file in memory.

    Raises:
        ValueError: see `open_file`.
    """
    try:
        tensors = deserialize(data)  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    for name, tensor in tensors:
        _check_kind(name, tensor["dtype"])
    header = checks.parsed_json(data[8 : 8 + int.from_bytes(data[:8], "little")].decode())  # deserialize has checked it
    arrays = {name: np.frombuffer(each["data"], "<f4").reshape(each["shape"]) for name, each in tensors}
    return arrays, header.get("__metadata__", {})


def to_json(arrays: Mapping[str, NDArray[np.float32]], dtype: JsonType) -> dict[str, dict[str, Any]]:
    """Return arrays as JSON values; see `adain.code.StyleCode.to_json`.

    Raises:
        ValueError: a number is too large for the dtype.
    """
    kind, found = _DTYPES[dtype], {}
    for name, array in arrays.items():
        with np.errstate(over="ignore"):
            values = np.ascontiguousarray(array, kind)
        if not np.isfinite(values).all():
            raise ValueError(f"{name} holds numbers that {dtype} cannot hold")
        found[name] = {"shape": list(array.shape), "data": base64.b64encode(values.tobytes()).decode()}
    return found


def from_json(values: object, dtype: object) -> Arrays:
    """Read arrays that `to_json` wrote.

    Raises:
        ValueError: the values have another form.
    """
    kind = _DTYPES.get(dtype) if isinstance(dtype, str) else None
    if kind is None:
        raise ValueError(f"its dtype must be one of {', '.join(_DTYPES)}, got {checks.shown(dtype)}")
    if not isinstance(values, Mapping):
        raise ValueError(f"its arrays must be an object, got {checks.shown(values)}")
    return {str(name): _array(str(name), each, np.dtype(kind)) for name, each in values.items()}


def _array(name: str, value: object, kind: np.dtype[Any]) -> NDArray[np.float32]:
    shape, data = (value.get("shape"), value.get("data")) if isinstance(value, Mapping) else (None, None)
    if not isinstance(shape, (list, tuple)) or not all(type(side) is int and side >= 0 for side in shape):
        raise ValueError(f"the shape of {name} must be a list of whole numbers, got {checks.shown(shape)}")
    if not isinstance(data, str):
        raise ValueError(f"the data of {name} must be text in base64, got {checks.shown(data)}")
    try:
        content = base64.b64decode(data, validate=True)
    except ValueError as error:  # also of letters that are not ASCII
        raise ValueError(f"the data of {name} are not base64 ({error})") from error
    if len(content) != math.prod(shape) * kind.itemsize:
        raise ValueError(f"the data of {name} have {len(content):,} bytes, not those of {checks.shown(shape)}")
    return np.frombuffer(content, kind).reshape(shape).astype(np.float32)


def _check_kind(name: str, kind: object) -> None:
    if kind not in ("F32", "float32"):
        raise ValueError(f"{name} is not float32 and finite, but {kind}")
