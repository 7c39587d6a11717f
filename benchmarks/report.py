"""What the quality report says: means per candidate and alpha, as JSON, as Markdown and as curves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from exhibits import Pair
from judge import LAYERS, Measurement

METRICS = (
    "style_vgg",
    "style_deep",
    "color",
    "content",
    "ssim",
    "grid",
    "blocks",
    "hatching",
    "style_slim",
    "content_slim",
)
HEADINGS = (
    "style, VGG | style, deep | colour | content | SSIM | grid, dB | blocks, % | hatching, dB "
    "| *slim*: style, deep | *slim*: content"
)


@dataclass(frozen=True)
class Result:
    """One measured stylization."""

    pair: Pair
    alpha: float
    measurement: Measurement


@dataclass(frozen=True)
class Section:
    """Everything measured of one candidate.

    Attributes:
        name: what it is called.
        weights: sha256 of its weights.
        alpha: the strength of `pairs` and `identity`.
        pairs: contents in styles.
        identity: contents in their own style.
        curve: the quick pairs at several strengths.
    """

    name: str
    weights: str
    alpha: float
    pairs: Sequence[Result]
    identity: Sequence[Result]
    curve: Sequence[Result]


def means(results: Sequence[Result]) -> dict[str, float]:
    """The mean of every metric, and of the style distance at every layer."""
    measurements = [result.measurement for result in results]
    summary = {metric: fmean(getattr(m, metric) for m in measurements) for metric in METRICS}
    layers = {f"style_{layer}": fmean(m.style[layer] for m in measurements) for layer in LAYERS}
    return summary | layers


def curve(section: Section) -> list[tuple[float, dict[str, float]]]:
    """The means at every alpha that was measured, by rising alpha."""
    alphas = sorted({result.alpha for result in section.curve})
    return [(a, means([result for result in section.curve if result.alpha == a])) for a in alphas]


def write_json(path: Path, sections: Sequence[Section], about: dict[str, Any]) -> None:
    """Write every number, with what is needed to know how it came about."""
    candidates = [
        {
            "name": section.name,
            "weights": section.weights,
            "alpha": section.alpha,
            "pairs": len(section.pairs),
            "mean": means(section.pairs),
            "identity": means(section.identity),
            "curve": [{"alpha": alpha, **mean} for alpha, mean in curve(section)],
            "results": [_row(result) for result in section.pairs],
        }
        for section in sections
    ]
    path.write_text(json.dumps({**about, "candidates": candidates}, indent=1) + "\n")


def _row(result: Result) -> dict[str, Any]:
    names = {"content_name": result.pair.content.name, "style_name": result.pair.style.name}
    return names | {metric: round(value, 5) for metric, value in means([result]).items()}


def markdown(sections: Sequence[Section], about: dict[str, Any]) -> str:
    """Two tables: the comparison, and the trade-off over alpha."""
    lines = [
        f"{about['pairs']} pairs, shorter side {about['size']} px. Lower is better, except for SSIM;",
        "*identity* is each content in its own style.",
        "",
        *_head(f"| model | alpha | {HEADINGS} | identity: content | identity: SSIM |"),
    ]
    for section in sections:
        own, mean = means(section.identity), means(section.pairs)
        cells = [mean[metric] for metric in METRICS] + [own["content"], own["ssim"]]
        lines.append(_line(section.name, section.alpha, cells))
    if any(section.curve for section in sections):
        lines += ["", f"Over alpha, on {about['curve_pairs']} pairs:", ""]
        lines += _head(f"| model | alpha | {HEADINGS} |")
    for section in sections:
        lines += [_line(section.name, alpha, [mean[m] for m in METRICS]) for alpha, mean in curve(section)]
    return "\n".join(lines) + "\n"


def _head(headings: str) -> list[str]:
    return [headings, "|---" * (headings.count("|") - 1) + "|"]


def _line(name: str, alpha: float, cells: Sequence[float]) -> str:
    return f"| {name} | {alpha:g} | " + " | ".join(f"{max(cell, 0):.3f}" for cell in cells) + " |"


def plot(path: Path, sections: Sequence[Section]) -> None:
    """Draw style distance against content distance over alpha, for both kinds of layers."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 5), layout="constrained")
    axes = figure.subplots(1, 2, sharex=True)
    for axis, metric in zip(axes, ("style_vgg", "style_deep"), strict=True):
        for section in sections:
            points = curve(section)
            x, y = [mean["content"] for _, mean in points], [mean[metric] for _, mean in points]
            axis.plot(x, y, marker="o", label=section.name)
            for (alpha, _), *at in zip(points, x, y, strict=True):
                axis.annotate(f"{alpha:g}", at, xytext=(4, 4), textcoords="offset points", fontsize=7)
        axis.set(xlabel="content distance", ylabel=metric.replace("_", " distance, "))
        axis.grid(alpha=0.3)
    axes[0].legend()
    figure.savefig(path, dpi=120)
