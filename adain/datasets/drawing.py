"""The draw of styles and strengths: a stable hash of the seed and the picture's id.

The hash is BLAKE2b. It is the same in every Python, process and machine, unlike `hash` and `random`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

from adain import checks
from adain.errors import InputError

__all__ = ["Drawn", "Shard", "draw"]

_DIGITS = 4  # of a drawn strength, so that it can be typed in again


class Drawn(NamedTuple):
    """What was drawn for one result.

    Attributes:
        style: the style's number.
        alpha: its strength.
    """

    style: int
    alpha: float


def draw(seed: int, id: str, *, styles: int, count: int, alpha: tuple[float, float]) -> list[Drawn]:
    """Draw `count` different styles for a picture, each with a strength.

    The first results do not depend on `count`: more results per picture keep those that exist.

    Args:
        seed: of the data set.
        id: the picture's id.
        styles: number of styles, at least `count`.
        count: results per picture.
        alpha: the ends of the range of strengths.
    """
    low, high = alpha
    drawn: list[Drawn] = []
    for copy in range(count):
        digest = _digest(f"{seed}\n{id}\n{copy}")
        style = _below(digest[:8], styles - copy)
        for taken in sorted(each.style for each in drawn):  # skips those
            style += style >= taken
        drawn.append(Drawn(style, round(low + (high - low) * int.from_bytes(digest[8:], "big") / 2**64, _DIGITS)))
    return drawn


@dataclass(frozen=True)
class Shard:
    """A part of a data set: those pictures whose ids have this hash, for any seed.

    Attributes:
        number: from 1 to `count`.
        count: number of shards.

    Raises:
        InputError: the number is not from 1 to the count.
    """

    number: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise InputError(f"the number of a shard must be from 1 to their count, got {self}")

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read a shard from text such as `3/16`.

        Raises:
            InputError: it is not a number of a shard and the number of shards.
        """
        number, slash, count = text.partition("/")
        if not (slash and number.isascii() and count.isascii() and number.isdigit() and count.isdigit()):
            raise InputError(f"a shard is NUMBER/COUNT, such as 3/16, got {checks.shown(text)}")
        return cls(int(number), int(count))

    def holds(self, id: str) -> bool:
        """Whether a picture is in this shard."""
        return self.count == 1 or _below(_digest(f"shard\n{id}")[:8], self.count) == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).digest()


def _below(digest: bytes, limit: int) -> int:
    """Turn eight bytes into a whole number from 0 to below the limit."""
    return int.from_bytes(digest, "big") * limit >> 64
