"""Plots latency against size, both logarithmic: a cost proportional to the pixels is a straight diagonal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from adain.atomic import replacing
from adain.bench.cases import Case
from adain.errors import DeviceError, OutputError

__all__ = ["Point", "lines_of", "plot"]

Point = tuple[float, float, float]
"""Megapixels, median and 95th percentile in milliseconds."""


def lines_of(results: Sequence[Mapping[str, Any]]) -> dict[str, list[Point]]:
    """Group results into lines, one per model, backend, precision and number of threads; points in order of size."""
    lines: dict[str, list[Point]] = {}
    for result in results:
        case, times = Case.from_json(result["case"]), result["milliseconds"]["stylize"]
        name = f"{case.model}, {case.backend} {case.precision}, {result['device']} x {case.threads}"
        lines.setdefault(name, []).append((case.megapixels, times["median"], times["p95"]))
    return {name: sorted(points) for name, points in sorted(lines.items())}


def plot(path: Path, lines: Mapping[str, Sequence[Point]], title: str) -> None:
    """Draw medians as lines, with error bars up to the 95th percentile.

    Args:
        path: output file, a PNG.
        lines: points by name of the line, as `lines_of` returns them.
        title: title of the plot.

    Raises:
        DeviceError: matplotlib is not installed.
        OutputError: the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure  # not pyplot: no window, no state
    except ModuleNotFoundError as error:
        raise DeviceError('a plot needs matplotlib; pip install "adain[bench]"') from error
    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.add_subplot()
    for name, points in lines.items():
        sizes, medians, p95s = (list(values) for values in zip(*points, strict=True))
        tails = [max(0.0, p95 - middle) for p95, middle in zip(p95s, medians, strict=True)]
        axes.errorbar(sizes, medians, yerr=[[0.0] * len(tails), tails], marker="o", capsize=3, label=name)
    axes.set(
        xscale="log", yscale="log", xlabel="megapixels", ylabel="milliseconds to stylize, style cached", title=title
    )
    for axis in (axes.xaxis, axes.yaxis):  # 0.5 and not 5 x 10^-1
        axis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "25" else "")
    axes.grid(which="both", alpha=0.3)
    if lines:
        axes.legend(fontsize=8)
    try:
        with replacing(path) as temporary:
            figure.savefig(temporary, dpi=120, format="png")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
