"""Measure strokes and shapes: contrast, fill, patches, large shapes and halos, on twelve fixed pairs.

    python benchmarks/strokes.py --model adain-slim --draft adain-slim --draft run/latest.safetensors

`--draft` takes a model or a checkpoint through draft and revision (`adain.nn.strokes`). How the numbers are defined:
`adain.metrics_strokes`. Rows of the same weights are taken from the report that is there already.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import candidates
import click
import numpy as np
import torch
from candidates import Candidate, Checkpoint, Packaged, Untouched
from exhibits import Exhibit, read_folder
from jury import Jury
from numpy.typing import NDArray
from optimised import Made, Optimised, Tuned
from peers.checkout import to_rgb, to_tensor
from PIL import Image
from report import HEADINGS

from adain import registry, weights
from adain.engine.strokes import draft_count
from adain.nn.strokes import DraftAndRevise, Strokes

SHARED = Path(__file__).resolve().parents[2] / "shared"
FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
FOLDER = click.Path(path_type=Path, file_okay=False)
PAIRS = (  # portraits, skies, night, interiors; brush, blocks, cubism, lines, ink
    ("golden_gate", "la_muse"),
    ("brad_pitt", "picasso_self_portrait"),
    ("chicago", "mondrian"),
    ("cornell", "scene_de_rue"),
    ("kodim19", "woman_with_hat_matisse"),
    ("sailboat", "picasso_seated_nude_hr"),
    ("modern", "contrast_of_forms"),
    ("blonde_girl", "brushstrokes"),
    ("newyork", "the_resevoir_at_poitiers"),
    ("kodim23", "antimonocromatismo"),
    ("flowers", "sketch"),
    ("avril", "woman_in_peasant_dress"),
)
COLUMNS = {name: heading for name, heading in HEADINGS.items() if name not in ("color", "style_slim", "content_slim")}
COLUMNS["identity"] = "SSIM, own style"
HALVES = "one half of the style against the other"


class Drafted:
    """A slim network of this package through draft and revision, in torch and float32."""

    alpha, blends = 1.0, True

    def __init__(self, source: str, strokes: Strokes) -> None:
        file = Path(source) if source not in registry.MODELS else weights.find(registry.get(source))["model"]
        checkpoint = Checkpoint(file)
        label = source if source in registry.MODELS else checkpoint.name
        self.name = f"{label}, draft {strokes.scale[0]}/{strokes.scale[1]}, detail {strokes.detail:g}"
        self.weights = f"{checkpoint.weights} {strokes}"
        self._network, self._strokes = checkpoint.network, strokes

    @torch.inference_mode()
    def encode(self, style: NDArray[np.uint8]) -> Any:
        """The style code, with a batch dimension."""
        return self._network.encode_style(to_tensor(style))  # type: ignore[operator]

    @torch.inference_mode()
    def stylize(self, content: NDArray[np.uint8], code: Any, alpha: float) -> NDArray[np.uint8]:
        """As many drafts as the size asks for."""
        drafts = draft_count(*content.shape[:2], self._strokes.scale)
        strokes = Strokes(self._strokes.scale, self._strokes.detail, self._strokes.grain, drafts)
        model = DraftAndRevise(self._network, strokes)
        return to_rgb(model(to_tensor(content), code, alpha), like=content)


@dataclass
class Measuring:
    """Stylizes and measures."""

    exhibits: Mapping[str, Exhibit]
    jury: Jury
    pictures: Path

    def row(self, candidate: Candidate, pairs: Sequence[tuple[str, str]], identity: int) -> dict[str, Any]:
        """All pairs of a candidate; the first `identity` contents also in their own style."""
        found = {}
        with click.progressbar(pairs, label=f"{candidate.name[:40]:>40}") as bar:
            for content, style in bar:
                found[f"{content} {style}"] = self._measure(candidate, content, style)
        for content, _ in pairs[:identity]:
            rgb = self.exhibits[content].rgb
            own = candidate.stylize(rgb, candidate.encode(rgb), candidate.alpha)
            original = self.jury.original(self.exhibits[content])
            measured = self.jury.compare(self.jury.look(own), original, original)
            found[f"{content} {_of(pairs, content)}"]["identity"] = measured["ssim"]
        return {"name": candidate.name, "weights": candidate.weights, "pairs": found}

    def halves(self, styles: Sequence[str]) -> dict[str, Any]:
        """Each half of a style against the other half, the mean of both ways: how much paintings vary within."""
        found = {}
        for style in styles:
            rgb = self.exhibits[style].rgb
            axis = int(rgb.shape[1] >= rgb.shape[0])
            paints = [self.jury.look(np.ascontiguousarray(half)).paint for half in np.array_split(rgb, 2, axis)]
            ways = [self.jury.strokes.distance(*way) for way in (paints, paints[::-1])]
            found[style] = {name: fmean(way[name] for way in ways) for name in ways[0]}
        return {"name": HALVES, "weights": "none", "pairs": found}

    def _measure(self, candidate: Candidate, content: str, style: str) -> dict[str, float]:
        rgb = self.exhibits[content].rgb
        stylized = candidate.stylize(rgb, candidate.encode(self.exhibits[style].rgb), candidate.alpha)
        folder = self.pictures / candidate.name.replace("/", "-").replace(", ", "_").replace(" ", "-")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(stylized).save(folder / f"{content}-{style}.png")
        originals = (self.jury.original(self.exhibits[name]) for name in (content, style))
        measured = self.jury.compare(self.jury.look(stylized), *originals)
        return {name: measured[name] for name in COLUMNS if name in measured}


def _of(pairs: Sequence[tuple[str, str]], content: str) -> str:
    return dict(pairs)[content]


def mean(row: Mapping[str, Any], column: str) -> float | None:
    """The mean of a column over the pairs that have it, if any has."""
    found = [pair[column] for pair in row["pairs"].values() if column in pair]
    return fmean(found) if found else None


def table(rows: Sequence[Mapping[str, Any]], size: int) -> str:
    """The report for people."""
    lines = [
        "# Strokes and shapes",
        "",
        f"Means over {len(rows[0]['pairs'])} pairs that nobody trains on, shorter side {size} px. Lower is better, "
        "but for SSIM; fill is best at 0. Definitions: `benchmarks/README.md`.",
        "",
        "| | " + " | ".join(COLUMNS.values()) + " |",
        "|---" * (len(COLUMNS) + 1) + "|",
    ]
    for row in rows:
        cells = [f"{found:.3f}" if (found := mean(row, column)) is not None else "" for column in COLUMNS]
        lines.append(f"| {row['name']} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


@click.command()
@click.option("--model", "models", multiple=True, help="A model of this package; may be repeated.")
@click.option("--checkpoint", "checkpoints", type=FILE, multiple=True, help="Weights of adain train, likewise.")
@click.option("--draft", "drafts", multiple=True, help="A model or a checkpoint, through draft and revision.")
@click.option("--peer", "peers", multiple=True, metavar="NAME=CHECKOUT", help=f"{', '.join(candidates.PEERS)}.")
@click.option("--halves", is_flag=True, help="Also each style's halves against each other.")
@click.option("--untouched", is_flag=True, help="Also the content itself.")
@click.option("--tuned", type=int, help="Also adain-slim with style codes of `adain tune`, of so many iterations each.")
@click.option("--tune-on", type=FOLDER, help="For --tuned: photographs that are not among those of the pairs.")
@click.option("--optimised", type=int, help="Also `adain optimize`, of so many iterations each: the ceiling.")
@click.option("--made", multiple=True, metavar="NAME=FOLDER", help="Also pictures CONTENT-STYLE.png, made before.")
@click.option("--detail", default=0.6, show_default=True, help="Detail given back before the revision.")
@click.option("--scale", default="3/8", show_default=True, help="Side of a draft over that of its picture.")
@click.option("--pairs", "count", default=len(PAIRS), show_default=True, help="Only so many of the pairs.")
@click.option("--identity", default=4, show_default=True, help="So many contents also in their own style.")
@click.option("--size", default=512, show_default=True, help="Shorter side of every picture, in pixels.")
@click.option("--weights-dir", type=FOLDER, help="Where the models' weights lie.")
@click.option("--images", type=FOLDER, default=SHARED / "images", help="Holds content/ and style/.")
@click.option("--networks", "judges", type=FOLDER, default=SHARED / "weights", help="The networks to judge with.")
@click.option("--out", type=FOLDER, default=Path("runs/strokes"), show_default=True, help="Report and pictures.")
@click.option("--threads", default=0, help="Of torch; 0: its own choice.")
def main(
    models: tuple[str, ...],
    checkpoints: tuple[Path, ...],
    drafts: tuple[str, ...],
    peers: tuple[str, ...],
    halves: bool,
    untouched: bool,
    tuned: int | None,
    tune_on: Path | None,
    optimised: int | None,
    made: tuple[str, ...],
    detail: float,
    scale: str,
    count: int,
    identity: int,
    size: int,
    weights_dir: Path | None,
    images: Path,
    judges: Path,
    out: Path,
    threads: int,
) -> None:
    """Compare candidates and write strokes.json and strokes.md."""
    if threads:
        torch.set_num_threads(threads)
    up, down = (int(side) for side in scale.split("/"))
    entrants: list[Candidate] = [Untouched()] if untouched else []
    entrants += [Packaged(name, weights_dir) for name in models]
    entrants += [Checkpoint(file) for file in checkpoints]
    entrants += [Drafted(source, Strokes((up, down), detail)) for source in drafts]
    entrants += [candidates.peer(argument) for argument in peers]
    if tuned:
        if tune_on is None:
            raise click.UsageError("--tuned needs photographs; name their folder by --tune-on")
        entrants.append(Tuned(tuned, sorted(tune_on.iterdir())))
    entrants += [Optimised(optimised)] if optimised else []
    exhibits = {exhibit.name: exhibit for kind in ("content", "style") for exhibit in read_folder(images / kind, size)}
    entrants += [Made(argument, exhibits) for argument in made]
    measuring = Measuring(exhibits, Jury.open(judges), out / "pictures")
    out.mkdir(parents=True, exist_ok=True)
    report = out / "strokes.json"
    rows = json.loads(report.read_text(encoding="utf-8"))["rows"] if report.is_file() else []
    todo = {
        (entrant.name, entrant.weights): partial(measuring.row, entrant, PAIRS[:count], identity)
        for entrant in entrants
    }
    if halves:
        todo[HALVES, "none"] = partial(measuring.halves, [style for _, style in PAIRS[:count]])
    for (name, digest), measure in todo.items():
        known = [row for row in rows if (row["name"], row["weights"]) == (name, digest)]
        if any(len(row["pairs"]) >= count for row in known):
            continue
        rows = [row for row in rows if row["name"] != name]
        rows.append(measure())
        report.write_text(json.dumps({"size": size, "rows": rows}, indent=1), encoding="utf-8")
        text = table(rows, size)
        (out / "strokes.md").write_text(text, encoding="utf-8")
        click.echo(text.splitlines()[-1])


if __name__ == "__main__":
    main()
