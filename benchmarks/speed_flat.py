"""Whether a megapixel costs the same in a large picture: one model at several sizes, turn by turn.

    python benchmarks/speed_flat.py --model adain-slim --sizes 512,1024,1920x1080,4096x2160,5472x3648

`adain bench` measures size after size, minutes apart; on a machine that others use as well, that is more than what
sizes differ by. How it is measured, and how to read it: `benchmarks/SPEED.md`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from contestants import Entry, contestants
from turns import Player, Ratio, play, ratio

from adain import registry
from adain.atomic import write_text
from adain.bench.cases import cores
from adain.bench.machine import describe
from adain.bench.statistics import median
from adain.cli.inputs import parse_size
from adain.errors import AdainError

FORMAT = 1
MEGAPIXELS = 4  # of a turn, at least: small sizes have several calls


class Sized:
    """A model at a size, whose turns give milliseconds a megapixel."""

    def __init__(self, contestant: Player, size: tuple[int, int]) -> None:
        self.name = f"{size[0]}x{size[1]}"
        self.megapixels = size[0] * size[1] / 1e6
        self._contestant = contestant

    def turn(self, step: str, times: int) -> float:
        """See `turns.Player`; `times` of so many calls as make up `MEGAPIXELS`."""
        calls = times * max(1, round(MEGAPIXELS / self.megapixels))
        return self._contestant.turn(step, calls) / self.megapixels


def measure(players: Sequence[Player], rounds: int, rest: float, told: Callable[[str], None]) -> dict[str, Any]:
    """Milliseconds a megapixel of each size in each round, and how many times the first size's they are."""
    taken = play(players, "stylize", rounds=rounds, times=1, rest=rest, told=told)
    first = taken[players[0].name]
    return {name: {"per_megapixel": each, "ratio": asdict(ratio(each, first))} for name, each in taken.items()}


def report(document: dict[str, Any]) -> str:
    """As Markdown."""
    lines = [
        "# Cost of a megapixel over sizes",
        "",
        f"{document['machine']['processor']}, {document['threads']} threads, {document['rounds']} rounds.",
        "",
        "| model | size | ms a megapixel, median | times as much as in the first size: median (5 % to 95 %) |",
        "|---|---|---|---|",
    ]
    for model, sizes in document["models"].items():
        for size, row in sizes.items():
            lines.append(f"| {model} | {size} | {median(row['per_megapixel']):.0f} | {Ratio(**row['ratio'])} |")
    return "\n".join(lines) + "\n"


@click.command()
@click.option("--model", "models", multiple=True, required=True, help="May be repeated.")
@click.option("--sizes", default="512,1024,1920x1080,4096x2160,5472x3648", show_default=True)
@click.option("--threads", default=cores(), show_default=True)
@click.option("--rounds", default=7, show_default=True, type=click.IntRange(1))
@click.option("--rest", default=0.2, show_default=True, help="Seconds before each turn.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("runs/speed-flat"), show_default=True)
def main(models: tuple[str, ...], sizes: str, threads: int, rounds: int, rest: float, output: Path) -> None:
    """Measure what a megapixel costs at several sizes."""
    try:
        asked = sorted(map(parse_size, sizes.split(",")), key=lambda size: size[0] * size[1])
        entries = [Entry(registry.get(model).name, output / "random-weights") for model in models]
        output.mkdir(parents=True, exist_ok=True)
        document: dict[str, Any] = {
            "format": FORMAT,
            "machine": describe(),
            "threads": threads,
            "rounds": rounds,
            "models": {},
        }
        for entry in entries:
            with contestants([entry] * len(asked), threads) as each:
                for contestant, size in zip(each, asked, strict=True):
                    contestant.prepare(*size, 512)
                players = [Sized(contestant, size) for contestant, size in zip(each, asked, strict=True)]
                with click.progressbar(length=rounds * len(players), label=entry.name, file=sys.stderr) as bar:
                    found = measure(players, rounds, rest, lambda name, bar=bar: bar.update(1))
            document["models"][entry.name] = found
            write_text(output / "flat.json", json.dumps(document, indent=1) + "\n")
            write_text(output / "flat.md", report(document))
        click.echo(report(document))
    except AdainError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
