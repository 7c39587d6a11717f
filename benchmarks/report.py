"""What the quality report says: means per candidate and alpha, as JSON, as Markdown and as curves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from exhibits import Pair

HEADINGS = {
    "contrast": "contrast",
    "fill": "fill",
    "patches": "patches (VGG)",
    "patches_unseen": "patches (AlexNet)",
    "shapes": "large shapes",
    "halo": "halo",
    "bareness": "bareness",
    "style_vgg": "style, VGG",
    "style_deep": "style, deep",
    "color": "colour",
    "content": "content",
    "ssim": "SSIM",
    "grid": "grid, dB",
    "blocks": "blocks, %",
    "hatching": "hatching, dB",
    "style_slim": "*slim*: style, deep",
    "content_slim": "*slim*: content",
}
CURVE = ("contrast", "fill", "patches", "shapes", "style_vgg", "style_deep", "color", "content", "ssim", "grid")


@dataclass(frozen=True)
class Result:
    """One measured stylization."""

    pair: Pair
    alpha: float
    measured: Mapping[str, float]


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
    """The mean of every number."""
    return {name: fmean(result.measured[name] for result in results) for name in results[0].measured}


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
    """Two tables: the comparison, a column for each candidate, and the trade-off over alpha."""
    names = [section.name if section.alpha in (0, 1) else f"{section.name}, {section.alpha:g}" for section in sections]
    lines = [
        f"{about['pairs']} pairs, shorter side {about['size']} px. Lower is better, except for SSIM; fill is best",
        "at 0. *Own style* is each content in its own style.",
        "",
        *_head(["", *names]),
    ]
    of_pairs = [means(section.pairs) for section in sections]
    of_identity = [means(section.identity) for section in sections]
    lines += [_line([heading], [mean[name] for mean in of_pairs]) for name, heading in HEADINGS.items()]
    for name in ("content", "ssim"):
        lines.append(_line([f"*own style*: {HEADINGS[name]}"], [mean[name] for mean in of_identity]))
    if any(section.curve for section in sections):
        lines += ["", f"Over alpha, on {about['curve_pairs']} pairs:", ""]
        lines += _head(["model", "alpha", *(HEADINGS[name] for name in CURVE)])
    for section in sections:
        for alpha, mean in curve(section):
            lines.append(_line([section.name, f"{alpha:g}"], [mean[name] for name in CURVE]))
    return "\n".join(lines) + "\n"


def _head(headings: Sequence[str]) -> list[str]:
    return [f"| {' | '.join(headings)} |", "|---" * len(headings) + "|"]


def _line(labels: Sequence[str], numbers: Sequence[float]) -> str:
    return f"| {' | '.join([*labels, *(f'{round(number, 3) + 0:.3f}' for number in numbers)])} |"


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
