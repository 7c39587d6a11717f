"""Mutations of files: of any bytes, and of the parts of formats whose checksums and lengths must stay right."""

from __future__ import annotations

import json
import math
import random
import re
import struct
import zlib
from typing import Any

__all__ = ["dumped", "json_text", "loaded", "mutated", "png", "safetensors", "toml"]

NUMBERS = (0, 1, 2, 7, 8, 127, 128, 255, 256, 32767, 32768, 65535, 2**31 - 1, 2**31, 2**32 - 1)
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, "", "x", "relu9_9", "\u00b2", "\0", "../x", "a" * 300, [], {}, [[]], {"": 1}, [None]),
    *("F8_E4M3", "F8_E5M2", "BF16", "F16", "F64", "I64", "BOOL", "C64"),  # dtypes of safetensors
    *(0, -1, 1, 2**31, 2**63, 10**400, 0.5, -0.0, 1e-320, 1e308, math.inf, -math.inf, math.nan),
)
ODD_TOML = (
    *(
        "1e999",
        "-1",
        "0",
        "nan",
        "inf",
        '"x"',
        '""',
        "[]",
        "[[]]",
        "{}",
        "true",
        "1979-05-27",
        "9" * 400,
        "0x",
        '"\\u0000"',
    ),
    *("[1, 2]", "[-1, 0]", '["a"]', "{a = 1}", "'''", "[", "\u00b2", "1_0", "0.1"),
)


def mutated(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Change bytes at one to four places, most often at one.

    Args:
        data: the file.
        other: another file, of which parts are taken.
        rng: draws the changes.
    """
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        data = rng.choice(_CHANGES)(data or b"\0", other or b"\0", rng)
    return data


def png(data: bytes, rng: random.Random) -> bytes:
    """Change the content of a chunk of a PNG, and correct its length and checksum."""
    chunks, at = [], 8
    while at + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        chunks.append([kind, data[at + 8 : at + 8 + length]])
        at += 12 + length
    chosen = rng.choice(chunks)
    chosen[1] = mutated(chosen[1], chosen[1], rng)
    if rng.random() < 0.2:
        chunks.insert(rng.randrange(len(chunks) + 1), list(rng.choice(chunks)))
    parts = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    return data[:8] + b"".join(parts)


def safetensors(data: bytes, rng: random.Random) -> bytes:
    """Change a value in the header of a safetensors file, and correct the header's length."""
    (length,) = struct.unpack("<Q", data[:8])
    header = json_text(data[8 : 8 + length].decode(), rng).encode("utf-8", "surrogatepass")
    return struct.pack("<Q", len(header)) + header + data[8 + length :]


def json_text(text: str, rng: random.Random) -> str:
    """Change a value in JSON, or also a character of another text."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, (dict, list)) or not value or rng.random() < 0.1:
        return mutated(text.encode(), b"[" * rng.choice((1, 20_000)), rng).decode("utf-8", "replace")
    return json.dumps(_changed(value, rng))


def dumped(texts: dict[str, str]) -> bytes:
    """Write texts by name, to keep a case in a file."""
    return json.dumps(texts).encode()


def loaded(data: bytes) -> dict[str, str]:
    """Read what `dumped` wrote."""
    texts: dict[str, str] = json.loads(data)
    return texts


def toml(data: bytes, rng: random.Random) -> bytes:
    """Change a line of TOML: its value, its key, or its place."""
    lines = data.decode("utf-8", "replace").splitlines() or [""]
    at = rng.randrange(len(lines))
    change = rng.randrange(5)
    if change < 3:
        lines[at] = re.sub(r"=.*", lambda _: f"= {rng.choice(ODD_TOML)}", lines[at])
    elif change == 3:
        lines[at] = mutated(lines[at].encode(), b"=[]", rng).decode("utf-8", "replace")
    else:
        lines.insert(rng.randrange(len(lines)), rng.choice(lines))
    return "\n".join(lines).encode("utf-8", "replace")


def _changed(value: Any, rng: random.Random) -> Any:
    if isinstance(value, (dict, list)) and value and rng.random() < 0.8:
        copy = dict(value) if isinstance(value, dict) else dict(enumerate(value))
        at = rng.choice(list(copy))
        if rng.random() < 0.15:
            del copy[at]
        else:
            copy[at] = _changed(copy[at], rng)
        return copy if isinstance(value, dict) else list(copy.values())
    return rng.choice(ODD_VALUES)


def _place(data: bytes, rng: random.Random) -> int:
    return rng.randrange(min(len(data), rng.choice((16, 64, 1 << 30))))  # headers matter most


def _flip(data: bytes, other: bytes, rng: random.Random) -> bytes:
    at = _place(data, rng)
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def _byte(data: bytes, other: bytes, rng: random.Random) -> bytes:
    at = _place(data, rng)
    return data[:at] + bytes([rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))]) + data[at + 1 :]


def _number(data: bytes, other: bytes, rng: random.Random) -> bytes:
    at, kind = _place(data, rng), rng.choice(("<H", ">H", "<I", ">I"))
    size = struct.calcsize(kind)
    return data[:at] + struct.pack(kind, rng.choice(NUMBERS) % 256**size) + data[at + size :]


def _cut(data: bytes, other: bytes, rng: random.Random) -> bytes:
    return data[: _place(data, rng)]


def _without(data: bytes, other: bytes, rng: random.Random) -> bytes:
    at = _place(data, rng)
    return data[:at] + data[at + rng.randint(1, 40) :]


def _twice(data: bytes, other: bytes, rng: random.Random) -> bytes:
    at, length = _place(data, rng), rng.randint(1, 200)
    return data[: at + length] + data[at : at + length] + data[at + length :]


def _filled(data: bytes, other: bytes, rng: random.Random) -> bytes:
    at, length = _place(data, rng), rng.randint(1, 40)
    return data[:at] + bytes([rng.choice((0, 255))]) * length + data[at + length :]


def _spliced(data: bytes, other: bytes, rng: random.Random) -> bytes:
    at = _place(other, rng)
    return data[: _place(data, rng)] + other[at : at + rng.randint(1, 2000)]


_CHANGES = (_flip, _flip, _byte, _number, _number, _cut, _without, _twice, _filled, _spliced)
