"""Turns and ratios: A B A B, so that whatever changes on the machine changes for all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from adain.bench.statistics import median, percentile


class Player(Protocol):
    """Somebody who takes turns."""

    name: str

    def turn(self, step: str, times: int) -> float:
        """Milliseconds of a step."""


@dataclass(frozen=True)
class Ratio:
    """How many times as long one takes as another, over rounds.

    Attributes:
        median: of the rounds' ratios.
        low: their 5th percentile.
        high: their 95th.
        rounds: how many.
    """

    median: float
    low: float
    high: float
    rounds: int

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"


def ratio(slower: Sequence[float], faster: Sequence[float]) -> Ratio:
    """Compare two contestants round by round: both of a round ran within seconds of each other.

    Args:
        slower: milliseconds of each round.
        faster: of the same rounds.
    """
    each = [a / b for a, b in zip(slower, faster, strict=True)]
    return Ratio(median(each), percentile(each, 5), percentile(each, 95), len(each))


def play(
    players: Sequence[Player],
    step: str,
    *,
    rounds: int,
    times: int,
    rest: float,
    told: Callable[[str], None] = lambda name: None,
) -> dict[str, list[float]]:
    """Milliseconds of each player in each round.

    Args:
        players: in the order of their turns.
        step: `stylize`, `encode` or `both`.
        rounds: how often each has its turn.
        times: timed calls in a turn.
        rest: seconds before each turn, in which the threads of the one before stop spinning.
        told: called with a player's name after its turn.
    """
    taken: dict[str, list[float]] = {player.name: [] for player in players}
    for _ in range(rounds):
        for player in players:
            time.sleep(rest)
            taken[player.name].append(player.turn(step, times))
            told(player.name)
    return taken
