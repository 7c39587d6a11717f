"""Style codes: the statistics of a style that a fusion needs. Small; a style is encoded once, then mixed and saved.

AdaIN needs the mean and standard deviation per channel, WCT the mean and the root of the covariance per level. Both
fusions are affine in these, so a convex mix of codes is a convex mix of the stylised features (Huang & Belongie 2017,
arXiv 1703.06868, section 7.2; Li et al. 2017, arXiv 1705.08086, section 4.3).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from adain import atomic, checks, code_arrays
from adain.code_arrays import JsonType
from adain.errors import InputError
from adain.files import unreadable

if TYPE_CHECKING:
    from adain.images import Picture

__all__ = [
    "FORMAT",
    "MANY_FORMAT",
    "SUFFIX",
    "Maker",
    "StyleCode",
    "checked_arrays",
    "is_code_file",
    "maker_metadata",
    "mix",
    "shares",
]

FORMAT = "adain.style-code.1"  # in a file's metadata; the number is the version of the layout
MANY_FORMAT = "adain.style-codes.1"  # a file with many codes, see `adain.code_files`
SUFFIX = ".safetensors"  # of style code files, by convention

_BEFORE_DIGESTS = {
    "adain-slim": "2ccb60bfcb0ea39d93712e9ab3711158e939ede8f0f8608dc1f8544a7586d148",
    "wct-slim": "7e24f882305158fa3d8fd7c4b07924f7b907c0ce8bb787c03fc32467cd09a9b0",
}
"""Digests for old code files that were saved without one; each of these models had one set of weights then."""


class Maker(NamedTuple):
    """The model that made a style code.

    Attributes:
        model: the model's name.
        digest: digest of the encoder weights, `adain.registry.Model.code_digest`. None if the name is enough.
    """

    model: str
    digest: str | None

    @classmethod
    def of(cls, model: str, digest: str | None) -> Maker:
        """Return the maker of a code, also of a code that was saved before codes had digests."""
        return cls(model, digest or _BEFORE_DIGESTS.get(model))

    def agrees(self, other: Maker) -> bool:
        """Whether both make the same codes. Digests decide; without digests, the names do."""
        return self.digest == other.digest and (self.digest is not None or self.model == other.model)

    def __str__(self) -> str:
        return self.model if self.digest is None else f"{self.model} (weights {self.digest[:8]})"


@dataclass(frozen=True, eq=False, repr=False)
class StyleCode:
    """A style, encoded by one model.

    Attributes:
        model: the name of the model that encoded it.
        arrays: float32, without a batch dimension; names and shapes depend on the model.
        picture: the style picture, for colour preservation by CORAL. Kept in memory only, never saved.
        digest: digest of the model's encoder weights; only models with the same digest can use the code. None: see
            `Maker`.
    """

    model: str
    arrays: Mapping[str, NDArray[np.float32]]
    picture: Picture | None = None
    digest: str | None = None

    @property
    def maker(self) -> Maker:
        """The model that made the code."""
        return Maker.of(self.model, self.digest)

    @property
    def nbytes(self) -> int:
        """Size of the arrays in bytes."""
        return sum(array.nbytes for array in self.arrays.values())

    def __repr__(self) -> str:
        return f"StyleCode({self.maker}, {len(self.arrays)} arrays, {self.nbytes:,} bytes)"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the code as a safetensors file, complete or not at all.

        Raises:
            OutputError: the file cannot be written.
        """
        atomic.write_bytes(path, self.to_bytes())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> StyleCode:
        """Read a code that `save` wrote.

        Raises:
            InputError: the file does not exist, or is not a style code.
        """
        if (fault := unreadable(path, "style code")) is not None:
            raise InputError(f"{os.fspath(path)} {fault}")
        try:
            file, metadata = code_arrays.open_file(path)
        except ValueError as error:
            raise InputError(f"{os.fspath(path)} is not a style code: {error}") from error
        _check_metadata(metadata, os.fspath(path))
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  no mapping
        return cls(metadata["model"], checked_arrays(arrays, path), digest=metadata.get("digest"))

    def to_bytes(self) -> bytes:
        """Return the code as the bytes of the file that `save` writes: safetensors with float32 arrays.

        The metadata hold `format`, `model`, and `digest`, which says which encoders the code fits.
        """
        arrays = {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in self.arrays.items()}
        return save(arrays, metadata=maker_metadata(FORMAT, self.maker))

    @classmethod
    def from_bytes(cls, data: bytes | bytearray | memoryview) -> StyleCode:
        """Read a code from the bytes of `to_bytes`, or of a file that `save` wrote.

        Raises:
            InputError: the bytes are not a style code.
        """
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise InputError(f"a style code must be bytes, got {checks.shown(data)}")
        try:
            arrays, metadata = code_arrays.parsed(bytes(data))
        except ValueError as error:
            raise InputError(f"the bytes are not a style code: {error}") from error
        _check_metadata(metadata, "the bytes")
        return cls(metadata["model"], checked_arrays(arrays, "the bytes"), digest=metadata.get("digest"))

    def to_json(self, dtype: JsonType = "float32") -> dict[str, Any]:
        """Return the code as values that `json.dumps` takes, to send it over HTTP.

            {"format": "adain.style-code.1", "model": "adain-slim", "digest": "b4c0...", "dtype": "float32",
             "arrays": {"x2.mean": {"shape": [32], "data": "AAAA..."}, ...}}

        `digest` is the digest of the encoder's weights, also in the graphs' metadata as `adain.code_digest`; the code
        fits every model and graph with that digest. `data` is the base64 of the numbers, little-endian, in rows (the
        last index changes fastest). The input `codes` of a graph is all arrays, one after the other, in the order of
        the graph's metadata `adain.code_layout`.

        Args:
            dtype: of the numbers. float16 takes half the space; a result then differs by at most about 1 of 255.

        Raises:
            InputError: the dtype is unknown, or too small for a number of the code.
        """
        if dtype not in ("float32", "float16"):
            raise InputError(f"dtype must be float32 or float16, got {checks.shown(dtype)}")
        try:
            arrays = code_arrays.to_json(self.arrays, dtype)
        except ValueError as error:
            raise InputError(f"the style code cannot be written: {error}; use dtype float32") from error
        return {**maker_metadata(FORMAT, self.maker), "dtype": dtype, "arrays": arrays}

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | str | bytes) -> StyleCode:
        """Read a code from the values of `to_json`, or from their text.

        Raises:
            InputError: the value is not a style code.
        """
        try:
            if isinstance(value, (str, bytes)):
                value = checks.parsed_json(value if isinstance(value, str) else value.decode())
            if not isinstance(value, Mapping):
                raise ValueError(f"it must be an object, got {checks.shown(value)}")
            _check_metadata(value, "the JSON value")
            arrays = code_arrays.from_json(value.get("arrays"), value.get("dtype"))
        except InputError:
            raise
        except ValueError as error:
            raise InputError(f"the JSON value is not a style code: {error}") from error
        return cls(value["model"], checked_arrays(arrays, "the JSON value"), digest=value.get("digest"))


def _check_metadata(metadata: Mapping[str, Any], origin: str) -> None:
    if metadata.get("format") == MANY_FORMAT:
        raise InputError(
            f"{origin} holds many style codes, but one is needed; "
            "open it with adain.code_files.CodeFile, or encode the one style into its own file"
        )
    if "network" in metadata:
        raise InputError(f"{origin} is a model, not a style code; name it with --model, or load it")
    if metadata.get("format") != FORMAT or "model" not in metadata:
        raise InputError(
            f"{origin} is not a style code: its metadata lacks format {FORMAT!r} and a model; "
            "write style codes with StyleCode.save"
        )
    if not all(isinstance(metadata.get(name, ""), str) for name in ("model", "digest")):
        raise InputError(f"{origin} is not a style code: model and digest must be text")


def maker_metadata(kind: str, maker: Maker) -> dict[str, str]:
    """Return the metadata of a style code file: its format and the model that made it."""
    digest = {} if maker.digest is None else {"digest": maker.digest}
    return {"format": kind, "model": maker.model, **digest}


def is_code_file(path: str | os.PathLike[str]) -> bool:
    """Whether a path has the suffix of a style code file, not of a picture."""
    return os.path.splitext(path)[1].lower() == SUFFIX


def mix(codes: Sequence[StyleCode], weights: Sequence[float] | None = None) -> StyleCode:
    """Mix style codes of one model: a convex combination.

    Args:
        codes: at least one.
        weights: one per code, at least 0, not all 0; divided by their sum. None: equal.

    Returns:
        A style code. It has a picture only if all codes with a weight above 0 have the same picture.

    Raises:
        InputError: there are no codes, codes of several models, or invalid weights.
    """
    codes = checks.listed("codes", codes)
    for code in codes:
        if not isinstance(code, StyleCode):
            raise InputError(
                f"only style codes can be mixed, got {checks.shown(code)}; encode_style makes one of a picture"
            )
    normalized = shares(len(codes), weights)
    first = codes[0]
    for code in codes:
        _check_like(first, code)
    arrays = {
        name: sum(
            (np.float32(share) * code.arrays[name] for code, share in zip(codes, normalized, strict=True)),
            start=np.zeros_like(array),
        )
        for name, array in first.arrays.items()
    }
    counting = [code.picture for code, share in zip(codes, normalized, strict=True) if share > 0]
    picture = counting[0] if all(other is counting[0] for other in counting) else None
    return StyleCode(first.model, arrays, picture, first.digest)


def shares(count: int, weights: Sequence[float] | None) -> list[float]:
    """Normalise the weights of `count` styles to sum to 1.

    Args:
        count: number of styles, at least 1.
        weights: one per style, at least 0, not all 0. None: equal.

    Raises:
        InputError: there are no styles, or the weights are invalid.
    """
    if count == 0:
        raise InputError("a mix needs at least one style, got none")
    if weights is None:
        return [1 / count] * count
    values = [checks.number("each of the weights", weight, 0) for weight in checks.listed("weights", weights)]
    if len(values) != count:
        raise InputError(f"one weight per style is needed: got {len(values)} weights for {count} styles")
    largest = max(values)
    if largest == 0:
        raise InputError(f"at least one weight must be above 0, got {values}")
    values = [value / largest for value in values]  # so that the sum cannot overflow
    total = sum(values)
    return [value / total for value in values]


def _check_like(first: StyleCode, other: StyleCode) -> None:
    if not other.maker.agrees(first.maker):
        raise InputError(
            f"style codes of different models cannot be mixed: {first.maker} and {other.maker}; "
            "encode all styles with the same model"
        )
    shapes, others = ({k: v.shape for k, v in code.arrays.items()} for code in (first, other))
    if shapes != others:
        raise InputError(f"style codes of {first.model} differ in their arrays: {shapes} and {others}")


def checked_arrays(
    arrays: Mapping[str, NDArray[np.generic]], path: str | os.PathLike[str]
) -> dict[str, NDArray[np.float32]]:
    """Check the arrays of a style code file.

    Raises:
        InputError: there are none, or an array is not float32 or not finite.
    """
    if not arrays:
        raise InputError(f"{os.fspath(path)} is not a style code: it holds no arrays")
    checked: dict[str, NDArray[np.float32]] = {}
    for name, array in arrays.items():
        if array.dtype != np.float32 or not np.isfinite(array).all():
            raise InputError(f"{os.fspath(path)} is not a style code: {name} is not float32 and finite")
        checked[name] = array.astype(np.float32, copy=False)
    return checked
