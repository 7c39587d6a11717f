"""`adain bench`: measure the speed of the models on this machine."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from adain.bench.cases import BACKENDS, PRECISIONS, cores, product
from adain.checks import LARGEST_SIDE, shown
from adain.cli.inputs import OutputFolder, parse_size
from adain.cli.number_types import FiniteNumber, WholeNumber
from adain.cli.options import model_name, weights_dir_option
from adain.cli.progress import item_bar
from adain.cli.verbosity import verbose_option
from adain.errors import AdainError, InputError
from adain.registry import DEFAULT
from adain.runtimes.devices import MOST_THREADS

if TYPE_CHECKING:
    from adain.bench.cases import Case
    from adain.bench.store import Store

__all__ = ["bench"]

_SIZES = "256,512,1024,1920x1080,4096x2160"

_T = TypeVar("_T")


def _listed(read: Callable[[str], _T]) -> Callable[[click.Context, click.Parameter, str], list[_T]]:
    """Make a `callback` that reads comma-separated values, each by the function `read`."""

    def callback(ctx: click.Context, param: click.Parameter, value: str) -> list[_T]:
        try:
            return list(dict.fromkeys(read(item.strip()) for item in value.split(",") if item.strip()))
        except InputError as error:
            raise click.BadParameter(str(error)) from error

    return callback


def _one_of(allowed: Sequence[str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in allowed:
            raise InputError(f"allowed: {', '.join(allowed)}, got {shown(text)}")
        return text

    return read


def _count(text: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text) or not 1 <= int(text) <= MOST_THREADS:
        raise InputError(f"a number of threads is a whole number from 1 to {MOST_THREADS:,}, got {shown(text)}")
    return int(text)


@click.command()
@click.option("--models", default=DEFAULT, show_default=True, callback=_listed(model_name), metavar="MODEL,...")
@click.option(
    "--backends",
    "--runtimes",
    "backends",
    default="onnx",
    show_default=True,
    callback=_listed(_one_of(BACKENDS)),
    metavar="NAME,...",
    help=f"Runtimes: {', '.join(BACKENDS)}.",
)
@click.option(
    "--sizes",
    default=_SIZES,
    show_default=True,
    callback=_listed(parse_size),
    metavar="SIZE,...",
    help="Sizes of the content: SIDE of a square or WIDTHxHEIGHT, in pixels.",
)
@click.option(
    "--threads",
    default=str(cores()),
    show_default="all cores",
    callback=_listed(_count),
    metavar="N,...",
)
@click.option(
    "--precision",
    default="fp32",
    show_default=True,
    callback=_listed(_one_of(sorted({name for names in PRECISIONS.values() for name in names}))),
    metavar="NAME,...",
    help="; ".join(f"{name}: {', '.join(precisions)}" for name, precisions in PRECISIONS.items())
    + ". Graphs in DIR/fp16 are found before those in DIR.",
)
@click.option("--runs", type=WholeNumber(1, 1_000_000), default=20, show_default=True, help="Timed runs of each step.")
@click.option(
    "--seconds",
    type=FiniteNumber(0, min_open=True),
    default=60.0,
    show_default=True,
    help="Time limit for the runs of a step; at least three runs are made.",
)
@click.option(
    "--style-size", type=WholeNumber(1, LARGEST_SIDE), default=512, show_default=True, help="Side of the style."
)
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--again", is_flag=True, help="Measure again the cases that have results in the directory.")
@click.option(
    "-o",
    "--output",
    type=OutputFolder(path_type=Path, file_okay=False),
    default=Path("adain-bench"),
    show_default=True,
    help="Directory for bench.json, bench.md and bench.png; an interrupted run continues there.",
)
@weights_dir_option
@verbose_option
def bench(
    models: list[str],
    backends: list[str],
    sizes: list[tuple[int, int]],
    threads: list[int],
    precision: list[str],
    runs: int,
    seconds: float,
    style_size: int,
    device: str,
    again: bool,
    output: Path,
    weights_dir: Path | None,
) -> None:
    """Measure how fast models are on this machine, and compare that with the machine's limits.

    Every combination of the options is a case, measured in its own process. benchmarks/SPEED.md in this package's
    repository explains the numbers.
    """
    from adain.bench.machine import describe
    from adain.bench.store import Store

    options = {"runs": runs, "seconds": seconds, "style_size": style_size, "device": device}
    cases = product(models, backends, precision, sizes, threads, **options)
    if not cases:
        raise InputError(f"no backend of {', '.join(backends)} has the precision {', '.join(precision)}")
    store = Store(output, describe())
    try:
        _measure([case for case in cases if again or not store.has(case)], store, weights_dir)
    finally:
        _report(store, output)
    if not any(store.has(case) for case in cases):
        raise AdainError("nothing could be measured; the table above says why")


def _measure(cases: Sequence[Case], store: Store, weights_dir: Path | None) -> None:
    from adain.bench import runner

    with item_bar(cases, "measuring", str) as bar:
        for case in bar:
            try:
                store.add(runner.run(case, _directory(case, weights_dir)))
            except runner.CaseError as error:
                store.add_failure(case, str(error))


def _directory(case: Case, weights_dir: Path | None) -> str | None:
    """Return the directory of a case's weights. Files of each precision have the same names, so each has a folder."""
    if weights_dir is None:
        return None
    own = weights_dir / case.precision
    return str(own if case.backend == "onnx" and own.is_dir() else weights_dir)


def _report(store: Store, output: Path) -> None:
    from adain.atomic import write_text
    from adain.bench.markdown import markdown
    from adain.bench.plot import lines_of, plot

    if not store.results and not store.failures:
        return
    text = markdown(store.document)
    write_text(output / "bench.md", text)
    click.echo(text)
    try:
        plot(output / "bench.png", lines_of(store.results), store.document["machine"]["processor"])
    except AdainError as error:
        click.echo(f"no plot: {error}", err=True)
