"""Measure the quality of stylizations: this package's models, checkpoints and peers in one run.

    python benchmarks/quality.py --model adain-slim --peer microast=../MicroAST --quick

How the numbers are defined, and how to read them: `benchmarks/README.md`.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import candidates
import click
import numpy as np
import report
import sheets
import torch
from candidates import Candidate
from exhibits import Exhibit, Exhibition, Pair
from jury import Jury
from report import Result, Section
from store import Store

SHARED = Path(__file__).resolve().parents[2] / "shared"
FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
FOLDER = click.Path(path_type=Path, file_okay=False)


class Measuring:
    """Stylizes and measures what the store does not hold yet."""

    def __init__(self, jury: Jury) -> None:
        self._jury = jury

    def section(self, candidate: Candidate, store: Store, exhibition: Exhibition, alphas: Sequence[float]) -> Section:
        """Measure a candidate on every pair, on identity, and on the quick pairs over alpha."""
        own = [(pair, candidate.alpha) for pair in exhibition.pairs]
        identity = [(pair, candidate.alpha) for pair in exhibition.identity]
        strengths = sorted({candidate.alpha, *alphas}) if alphas and candidate.blends else [candidate.alpha]
        curve = [(pair, alpha) for pair in exhibition.quick for alpha in strengths]
        self._run(candidate, store, own + identity + curve)
        found = [[_result(store, *job) for job in jobs] for jobs in (own, identity, curve)]
        return Section(candidate.name, candidate.weights, candidate.alpha, *found)

    def _run(self, candidate: Candidate, store: Store, jobs: Sequence[tuple[Pair, float]]) -> None:
        todo = [(pair, alpha) for pair, alpha in dict.fromkeys(jobs) if store.get(pair, alpha) is None]
        encoded: Exhibit | None = None
        code = None
        with click.progressbar(todo, label=f"{candidate.name:>20}", show_pos=True) as bar:
            for pair, alpha in bar:
                rgb = store.read_picture(pair, alpha)
                if rgb is None:
                    if pair.style is not encoded:
                        encoded, code = pair.style, candidate.encode(pair.style.rgb)
                    rgb = candidate.stylize(pair.content.rgb, code, alpha)
                    store.put_picture(pair, alpha, rgb)
                content, style = self._jury.original(pair.content), self._jury.original(pair.style)
                same = np.array_equal(rgb, pair.content.rgb)
                found = self._jury.compare(content if same else self._jury.look(rgb), content, style)
                store.put(pair, alpha, found)


def _result(store: Store, pair: Pair, alpha: float) -> Result:
    measured = store.get(pair, alpha)
    assert measured is not None
    return Result(pair, alpha, measured)


def read_alphas(context: click.Context, parameter: click.Parameter, value: str) -> tuple[float, ...]:
    """Read `0.25,0.5` into numbers."""
    try:
        alphas = tuple(float(alpha) for alpha in value.split(",") if alpha)
    except ValueError:
        alphas = (-1.0,)
    if not all(0 <= alpha <= 1 for alpha in alphas):
        raise click.BadParameter(f"expected numbers in [0, 1] with commas between, got {value!r}")
    return alphas


@click.command()
@click.option("--model", "models", multiple=True, help="A model of this package; may be repeated.")
@click.option("--checkpoint", "checkpoints", type=FILE, multiple=True, help="Weights of adain train, likewise.")
@click.option("--peer", "peers", multiple=True, metavar="NAME=CHECKOUT", help=f"{', '.join(candidates.PEERS)}.")
@click.option("--weights-dir", type=FOLDER, help="Where the models' weights lie.")
@click.option("--quick", is_flag=True, help="A fixed set of pairs, each content once, instead of all.")
@click.option(
    "--size", type=click.IntRange(128), default=512, show_default=True, help="Shorter side of every picture, in pixels."
)
@click.option("--alphas", default="0.25,0.5,0.75,1", show_default=True, callback=read_alphas, help="Of the curves.")
@click.option("--contents", type=FOLDER, default=SHARED / "images/content", help="Photographs.")
@click.option("--styles", type=FOLDER, default=SHARED / "images/style", help="Paintings.")
@click.option("--networks", type=FOLDER, default=SHARED / "weights", help="The networks to judge with.")
@click.option("--out", type=FOLDER, default=Path("runs/quality"), show_default=True, help="Report and cache.")
@click.option("--full-size", is_flag=True, help="Also pages at full size, candidates side by side.")
@click.option("--threads", type=int, help="Of torch.")
def main(**options: Any) -> None:
    """Measure style distance, content distance and SSIM, and write a report with contact sheets."""
    if options["threads"]:
        torch.set_num_threads(options["threads"])
    exhibition = Exhibition.open(options["contents"], options["styles"], options["size"], options["quick"])
    measuring = Measuring(Jury.open(options["networks"]))
    out, sections, columns = options["out"], [], []
    for candidate in enter(options):
        store = Store(out / "cache", candidate)
        sections.append(measuring.section(candidate, store, exhibition, options["alphas"]))
        columns.append((candidate.name, partial(store.picture, alpha=candidate.alpha)))
        sheet = out / f"{store.folder.name}.png"
        sheets.overview(sheet, exhibition.contents, exhibition.styles, columns[-1][1])
        publish(out, sections, exhibition)
    if options["full_size"]:
        sheets.full_size(out / "full-size", exhibition.quick, columns)
    click.echo((out / "quality.md").read_text())


def enter(options: dict[str, Any]) -> list[Candidate]:
    """Build every candidate the command line names; the untouched content always comes first."""
    ours = [candidates.Packaged(name, options["weights_dir"]) for name in options["models"]]
    trained = map(candidates.Checkpoint, options["checkpoints"])
    return [candidates.Untouched(), *ours, *trained, *map(candidates.peer, options["peers"])]


def publish(out: Path, sections: Sequence[Section], exhibition: Exhibition) -> None:
    """Write what is known so far: an interrupted run has its report too."""
    about = {
        "size": exhibition.size,
        "pairs": len(exhibition.pairs),
        "curve_pairs": len(exhibition.quick),
        "contents": [content.name for content in exhibition.contents],
        "styles": [style.name for style in exhibition.styles],
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
    report.write_json(out / "quality.json", sections, about)
    (out / "quality.md").write_text(report.markdown(sections, about))
    report.plot(out / "curves.png", sections)


if __name__ == "__main__":
    main()
