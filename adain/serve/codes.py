"""Style codes in requests and answers, and a cache of the codes of earlier requests.

A code is cached by the hash of the style's bytes, so a gallery is encoded once. The cache holds the code's numbers, not
the picture. It is bounded by their size; the least recently used code leaves first.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from adain.code import StyleCode

__all__ = ["CodeCache", "is_code"]

Key = tuple[bytes, int | None]
"""Hash of a style's bytes, and the style size."""

_HEADER = 8  # bytes of a safetensors file before its JSON


class CodeCache:
    """Style codes by the hash of their style. Thread-safe.

    Args:
        most_bytes: size of all codes together; 0: nothing is cached.

    Attributes:
        hits: number of codes that were found.
        misses: number of codes that had to be encoded.
    """

    def __init__(self, most_bytes: int) -> None:
        self.hits = 0
        self.misses = 0
        self.bytes = 0
        self._most = most_bytes
        self._codes: OrderedDict[Key, StyleCode] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._codes)

    def get(self, style: bytes, style_size: int | None, encode: Callable[[], StyleCode]) -> StyleCode:
        """Return the code of a style, without its picture.

        Args:
            style: the bytes of the style's file.
            style_size: as in a request.
            encode: makes the code if it is not cached.
        """
        key = hashlib.sha256(style).digest(), style_size
        with self._lock:
            found = self._codes.get(key)
            if found is not None:
                self.hits += 1
                self._codes.move_to_end(key)
                return found
            self.misses += 1
        code = replace(encode(), picture=None)
        self._put(key, code)
        return code

    def _put(self, key: Key, code: StyleCode) -> None:
        with self._lock:
            if key in self._codes or code.nbytes > self._most:
                return
            self._codes[key] = code
            self.bytes += code.nbytes
            while self.bytes > self._most:
                self.bytes -= self._codes.popitem(last=False)[1].nbytes


def is_code(data: bytes) -> bool:
    """Whether the bytes start like a style code file, which no picture does."""
    return data[_HEADER : _HEADER + 1] == b"{" and 2 <= int.from_bytes(data[:_HEADER], "little") <= len(data)
