"""Style code files: one code per file, or many codes in one file.

A file of many codes suits training, where styles are drawn at random from thousands: there is one file to copy, it is
opened once, and only the drawn codes are read. It holds the arrays of `StyleCode`, stacked along a leading axis.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import overload

import numpy as np
from safetensors.numpy import save

from adain import atomic, checks, code_arrays
from adain.code import FORMAT, MANY_FORMAT, Maker, StyleCode, checked_arrays, maker_metadata
from adain.errors import InputError
from adain.files import unreadable

__all__ = ["CodeFile", "save_codes"]


def save_codes(codes: Mapping[str, StyleCode], path: str | os.PathLike[str]) -> None:
    """Write named style codes of one model into one file, complete or not at all.

    Args:
        codes: at least one; names and order are kept.
        path: the file; by convention its name ends in `.safetensors`.

    Raises:
        InputError: there are no codes, or codes of several models.
        OutputError: the file cannot be written.
    """
    if not codes:
        raise InputError("a file of style codes needs at least one, got none")
    first, *others = codes.values()
    different = {str(code.maker) for code in others if not code.maker.agrees(first.maker)}
    if different:
        makers = ", ".join(sorted({str(first.maker), *different}))
        raise InputError(f"a file holds style codes of one model, got {makers}; encode all styles with the same model")
    arrays = {name: np.stack([code.arrays[name] for code in codes.values()]) for name in first.arrays}
    metadata = {**maker_metadata(MANY_FORMAT, first.maker), "names": json.dumps(list(codes))}
    atomic.write_bytes(path, save(arrays, metadata=metadata))


class CodeFile(Sequence[StyleCode]):
    """The style codes in a file, read on access. Pickles as its path.

    Args:
        path: a file that `save_codes` or `StyleCode.save` wrote.

    Attributes:
        path: the file.
        model: the name of the model that made the codes.
        digest: digest of that model's encoder weights, as in `StyleCode`.
        names: names of the codes, in their order. A file with one code uses the file name without suffix.

    Raises:
        InputError: the file does not exist, or holds no style codes.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if (fault := unreadable(path, "file of style codes")) is not None:
            raise InputError(f"{self.path} {fault}")
        try:
            self._file, metadata = code_arrays.open_file(path)
        except ValueError as error:
            raise InputError(f"{self.path} is not a file of style codes: {error}") from error
        if metadata.get("format") not in (FORMAT, MANY_FORMAT) or "model" not in metadata:
            raise InputError(
                f"{self.path} is not a file of style codes: its metadata lacks format {MANY_FORMAT!r} and a model; "
                "`adain encode` writes them"
            )
        self.model: str = metadata["model"]
        self.digest: str | None = metadata.get("digest")
        self._stacked = metadata["format"] == MANY_FORMAT
        self.names = self._names(metadata) if self._stacked else (self.path.stem,)

    @property
    def maker(self) -> Maker:
        """The model that made the codes."""
        return Maker.of(self.model, self.digest)

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> StyleCode: ...
    @overload
    def __getitem__(self, index: slice) -> list[StyleCode]: ...

    def __getitem__(self, index: int | slice) -> StyleCode | list[StyleCode]:
        """Read the code at a position, or a list of codes for a slice.

        Raises:
            IndexError: the position is out of range.
            InputError: the code's arrays are not finite float32.
        """
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        position = range(len(self))[index]
        arrays = {
            name: self._file.get_slice(name)[position : position + 1][0]
            if self._stacked
            else self._file.get_tensor(name)
            for name in self._file.keys()  # noqa: SIM118  no mapping
        }
        return StyleCode(self.model, checked_arrays(arrays, self.path), digest=self.digest)

    def _names(self, metadata: Mapping[str, str]) -> tuple[str, ...]:
        try:
            names = checks.parsed_json(metadata["names"])
        except (KeyError, ValueError) as error:
            raise InputError(f"{self.path} is not a file of style codes: it does not name them") from error
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise InputError(f"{self.path} is not a file of style codes: its names are not a list of text")
        shapes = [self._file.get_slice(name).get_shape() for name in self._file.keys()]  # noqa: SIM118  no mapping
        counts = {shape[0] if shape else 1 for shape in shapes}
        if counts != {len(names)} or not all(shapes):
            raise InputError(
                f"{self.path} is not a file of style codes: it names {len(names)} and holds "
                f"{checks.shown(sorted(counts))}"
            )
        return tuple(names)

    def __reduce__(self) -> tuple[type[CodeFile], tuple[Path]]:
        return CodeFile, (self.path,)
