"""Style codes: what a fusion needs of a style. Small, encoded once; kept, mixed and saved.

For AdaIN the mean and standard deviation per channel, for WCT the mean and the root of the covariance per
level. Both fusions are affine in these, so a convex mix of codes is a convex mix of the stylised features
(Huang & Belongie 2017, arXiv 1703.06868, section 7.2; Li et al. 2017, arXiv 1705.08086, section 4.3).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from adain import atomic, checks
from adain.errors import InputError

if TYPE_CHECKING:
    from adain.images import Picture

__all__ = ["FORMAT", "MANY_FORMAT", "SUFFIX", "StyleCode", "checked_arrays", "is_code_file", "mix", "shares"]

FORMAT = "adain.style-code.1"  # in a file's metadata; another number is another layout
MANY_FORMAT = "adain.style-codes.1"  # of a file of many, see `adain.code_files`
SUFFIX = ".safetensors"  # of files of style codes, by convention


@dataclass(frozen=True, eq=False)
class StyleCode:
    """A style as one model sees it.

    Attributes:
        model: the name of the model that encoded it, the only one that can use it.
        arrays: float32, without a batch dimension; names and shapes are the model's.
        picture: the style itself, for colour preservation by CORAL. Kept in memory only, never saved.
    """

    model: str
    arrays: Mapping[str, NDArray[np.float32]]
    picture: Picture | None = field(default=None, repr=False)

    @property
    def nbytes(self) -> int:
        """Size of the arrays in bytes."""
        return sum(array.nbytes for array in self.arrays.values())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the code as a safetensors file, complete or not at all.

        Raises:
            OutputError: the file cannot be written.
        """
        arrays = {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in self.arrays.items()}
        atomic.write_bytes(path, save(arrays, metadata={"format": FORMAT, "model": self.model}))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> StyleCode:
        """Read a code that `save` wrote.

        Raises:
            InputError: there is no such file, or it is no style code.
        """
        try:
            with safe_open(path, framework="numpy") as file:
                metadata = file.metadata() or {}
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  no mapping
        except FileNotFoundError as error:
            raise InputError(f"no such style code: {os.fspath(path)}") from error
        except (SafetensorError, OSError, TypeError, KeyError) as error:
            raise InputError(f"{os.fspath(path)} is not a style code: {error}") from error
        if metadata.get("format") == MANY_FORMAT:
            raise InputError(
                f"{os.fspath(path)} holds many style codes, where one is wanted; "
                "open it with adain.code_files.CodeFile, or encode the one style into a file of its own"
            )
        if metadata.get("format") != FORMAT or "model" not in metadata:
            raise InputError(
                f"{os.fspath(path)} is not a style code: its metadata lacks format {FORMAT!r} and a model; "
                "write style codes with StyleCode.save"
            )
        return cls(metadata["model"], checked_arrays(arrays, path))


def is_code_file(path: str | os.PathLike[str]) -> bool:
    """Whether a path is, by its name, that of a style code and not of a picture."""
    return os.path.splitext(path)[1].lower() == SUFFIX


def mix(codes: Sequence[StyleCode], weights: Sequence[float] | None = None) -> StyleCode:
    """A convex mix of style codes of one model.

    Args:
        codes: at least one.
        weights: one per code, at least 0, not all 0; divided by their sum. None: equal.

    Returns:
        A code like any other. It keeps a picture only if every code that counts has the same one.

    Raises:
        InputError: no codes, codes of several models, or weights that are not as above.
    """
    codes = checks.listed("codes", codes)
    for code in codes:
        if not isinstance(code, StyleCode):
            raise InputError(f"only style codes can be mixed, got {code!r}; encode_style makes one of a picture")
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
    return StyleCode(first.model, arrays, picture)


def shares(count: int, weights: Sequence[float] | None) -> list[float]:
    """What each of `count` styles counts for: `weights` divided by their sum.

    Args:
        count: at least 1.
        weights: one per style, at least 0, not all 0. None: equal.

    Raises:
        InputError: no styles, or weights that are not as above.
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
    values = [value / largest for value in values]  # their sum cannot overflow
    total = sum(values)
    return [value / total for value in values]


def _check_like(first: StyleCode, other: StyleCode) -> None:
    if other.model != first.model:
        raise InputError(
            f"style codes of different models cannot be mixed: {first.model} and {other.model}; "
            "encode all styles with the same model"
        )
    shapes, others = ({k: v.shape for k, v in code.arrays.items()} for code in (first, other))
    if shapes != others:
        raise InputError(f"style codes of {first.model} differ in their arrays: {shapes} and {others}")


def checked_arrays(
    arrays: Mapping[str, NDArray[np.generic]], path: str | os.PathLike[str]
) -> dict[str, NDArray[np.float32]]:
    """The arrays, which a file of style codes held.

    Raises:
        InputError: one is not float32, or not finite.
    """
    checked: dict[str, NDArray[np.float32]] = {}
    for name, array in arrays.items():
        if array.dtype != np.float32 or not np.isfinite(array).all():
            raise InputError(f"{os.fspath(path)} is not a style code: {name} is not float32 and finite")
        checked[name] = array.astype(np.float32, copy=False)
    return checked
