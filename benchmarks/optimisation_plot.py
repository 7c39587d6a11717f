"""The plot of `optimisation.py`: the peer's objective over CPU time, one panel per pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib import pyplot

__all__ = ["draw"]

NAMES = {
    "ours": "adain optimize, the peer's losses",
    "coarse-to-fine": "the same with --coarsest 128",
    "default": "adain optimize, its own losses",
    "peer": "style-transfer-pytorch",
    "gatys": "Gatys et al., L-BFGS from noise",
}


def draw(curves: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]], path: Path) -> None:
    """Write the plot; the dotted line is the fast result."""
    figure, axes = pyplot.subplots(1, len(curves), figsize=(5 * len(curves), 4), squeeze=False)
    for axis, (pair, of_pair) in zip(axes[0], curves.items(), strict=True):
        for method, curve in of_pair.items():
            axis.plot(*zip(*curve, strict=True), marker=".", label=NAMES[method], color=f"C{list(NAMES).index(method)}")
        axis.axhline(of_pair["ours"][0][1], linestyle=":", color="gray")
        axis.set(title=pair.replace("-", ", "), xlabel="CPU seconds", yscale="log")
    axes[0][0].set_ylabel("objective of style-transfer-pytorch")
    axes[0][0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    pyplot.close(figure)
