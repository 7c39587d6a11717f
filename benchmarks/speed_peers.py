"""Race this package's models against peers: same pictures, same threads, turn by turn, ratios with their spread.

    python benchmarks/speed_peers.py --ours adain-vgg19 --peer pytorch-adain=../pytorch-AdaIN

How it is measured, and how to read it: `benchmarks/SPEED.md`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np
from contestants import PEERS, RANDOM_TOO, Contestant, Entry, contestants
from turns import Ratio, play, ratio

from adain import registry
from adain.atomic import write_text
from adain.bench.cases import cores
from adain.bench.machine import describe
from adain.bench.plot import Point, plot
from adain.bench.statistics import median, percentile
from adain.cli.inputs import parse_size
from adain.errors import AdainError

FORMAT = 1  # counts changes of peers/schema.json that a reader of the version before would notice
STEPS = {"stylize": "stylize, style cached", "both": "stylize, style encoded each time"}


def entries(
    ours: Sequence[str], peers: Sequence[str], output: Path, weights_dir: Path | None
) -> tuple[list[Entry], list[Entry]]:
    """Read `MODEL[:BACKEND[:PRECISION]]` and `NAME=CHECKOUT`."""
    spare = output / "random-weights"
    theirs = []
    for argument in peers:
        name, _, checkout = argument.partition("=")
        if name not in PEERS or not checkout:
            raise click.BadParameter(f"expected NAME=CHECKOUT with NAME one of {', '.join(PEERS)}, got {argument!r}")
        theirs.append(Entry(name, spare, checkout=Path(checkout).absolute()))
    random_from = next((entry.checkout for entry in theirs if entry.name == "pytorch-adain"), None)
    mine = []
    for argument in ours:
        name, *rest = argument.split(":")
        backend, precision = (*rest, *("onnx", "fp32")[len(rest) :])
        registry.get(name)
        mine.append(
            Entry(name, spare, backend=backend, precision=precision, weights_dir=weights_dir, random_from=random_from)
        )
    return mine, theirs


def race(
    mine: Sequence[Contestant],
    theirs: Sequence[Contestant],
    size: tuple[int, int],
    options: dict[str, Any],
    style_size: int,
) -> dict[str, Any]:
    """Measure all at one size."""
    everyone = [*mine, *theirs]
    for contestant in everyone:
        contestant.prepare(*size, style_size)
    rows: dict[str, Any] = {"width": size[0], "height": size[1], "steps": {}}
    for step in STEPS:
        label = f"{size[0]}x{size[1]} {step}"
        with click.progressbar(length=options["rounds"] * len(everyone), label=label, file=sys.stderr) as bar:
            taken = play(everyone, step, **options, told=lambda name, bar=bar: bar.update(1))
        rows["steps"][step] = {
            "milliseconds": taken,
            "ratios": {
                their.name: {our.name: asdict(ratio(taken[their.name], taken[our.name])) for our in mine}
                for their in theirs
            },
        }
    rows["differences"] = _differences(mine, theirs)
    return rows


def _differences(mine: Sequence[Contestant], theirs: Sequence[Contestant]) -> dict[str, int]:
    """The largest difference of a pixel, of 255, between those who compute the same function."""
    found = {}
    for their in theirs:
        for our in mine:
            same = their.name == "pytorch-adain" and our.name.startswith(RANDOM_TOO)
            if same and (their.weights == "random") == (our.weights == "random"):
                difference = their.picture().astype(int) - our.picture()
                found[our.name] = int(np.abs(difference).max())
    return found


def report(document: dict[str, Any]) -> str:
    """The race as Markdown: a table per step, and who ran with random weights."""
    lines = ["# Speed against peers", "", f"{document['machine']['processor']}, {document['threads']} threads.", ""]
    for step, title in STEPS.items():
        lines += [
            f"## {title[0].upper()}{title[1:]}",
            "",
            "| size | who | ms, median (p95) | rounds |",
            "|---|---|---|---|",
        ]
        ratios = ["", "| size | peer | ours | times as long as ours: median (5 % to 95 %) |", "|---|---|---|---|"]
        for row in document["sizes"]:
            size, found = f"{row['width']}x{row['height']}", row["steps"][step]
            for name, taken in found["milliseconds"].items():
                lines.append(f"| {size} | {name} | {median(taken):.1f} ({percentile(taken, 95):.1f}) | {len(taken)} |")
            for their, each in found["ratios"].items():
                for our, r in each.items():
                    ratios.append(f"| {size} | {their} | {our} | {Ratio(**r)} |")
        lines += [*ratios, ""]
    random = [name for name, weights in document["weights"].items() if weights == "random"]
    if random:
        lines += [f"With random weights of the exact shape, for lack of the published ones: {', '.join(random)}.", ""]
    for row in document["sizes"]:
        for name, difference in row["differences"].items():
            size = f"{row['width']}x{row['height']}"
            lines.append(f"Largest difference between {name} and pytorch-adain at {size}: {difference} of 255.")
    return "\n".join(lines) + "\n"


def save(document: dict[str, Any], output: Path) -> None:
    """Write what there is so far."""
    write_text(output / "peers.json", json.dumps(document, indent=1) + "\n")
    write_text(output / "peers.md", report(document))
    lines: dict[str, list[Point]] = {}
    for row in document["sizes"]:
        for name, taken in row["steps"]["stylize"]["milliseconds"].items():
            point = (row["width"] * row["height"] / 1e6, median(taken), percentile(taken, 95))
            lines.setdefault(name, []).append(point)
    plot(output / "peers.png", lines, f"{document['machine']['processor']}, {document['threads']} threads")


@click.command()
@click.option("--ours", multiple=True, required=True, metavar="MODEL[:BACKEND[:PRECISION]]", help="May be repeated.")
@click.option("--peer", "peers", multiple=True, metavar="NAME=CHECKOUT", help=f"{', '.join(PEERS)}; may be repeated.")
@click.option("--sizes", default="256,512,1024", show_default=True)
@click.option("--style-size", default=512, show_default=True)
@click.option("--threads", default=cores(), show_default=True)
@click.option("--rounds", default=15, show_default=True, type=click.IntRange(1))
@click.option("--times", default=3, show_default=True, type=click.IntRange(1), help="Timed calls in a turn.")
@click.option("--rest", default=0.2, show_default=True, help="Seconds before each turn.")
@click.option("--weights-dir", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("runs/speed-peers"), show_default=True)
def main(
    ours: tuple[str, ...],
    peers: tuple[str, ...],
    sizes: str,
    style_size: int,
    threads: int,
    rounds: int,
    times: int,
    rest: float,
    weights_dir: Path | None,
    output: Path,
) -> None:
    """Race models against peers."""
    try:
        asked = sorted(map(parse_size, sizes.split(",")), key=lambda size: size[0] * size[1])
        mine, theirs = entries(ours, peers, output.absolute(), weights_dir)
        output.mkdir(parents=True, exist_ok=True)
        with contestants([*theirs, *mine], threads) as everyone:  # peers first: what is random is theirs
            split = len(theirs)
            document: dict[str, Any] = {
                "format": FORMAT,
                "machine": describe(),
                "threads": threads,
                "options": {"rounds": rounds, "times": times, "rest": rest, "style_size": style_size},
                "weights": {each.name: each.weights for each in everyone},
                "sizes": [],
            }
            options = {"rounds": rounds, "times": times, "rest": rest}
            for size in asked:
                document["sizes"].append(race(everyone[split:], everyone[:split], size, options, style_size))
                save(document, output)
        click.echo(report(document))
    except AdainError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
