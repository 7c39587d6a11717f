"""The tables of `export/README.md` that `benchmarks/graph_runtimes.py` fills."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ["TABLES"]

PHONE_GMAC_S = 0.8 * 2.4 * 8
"""Billions of multiply-accumulates a second that one Arm Cortex-A76 at 2.4 GHz is taken to reach in a matrix product.

It begins two products of four float32 a cycle (Arm's software optimization guide for the Cortex-A76), of which a good
library reaches about 0.8.
"""
NAMES = {
    "onnxruntime": "onnxruntime",
    "openvino": "OpenVINO",
    "opencv": "OpenCV",
    "mnn": "MNN",
    "ncnn": "ncnn",
    "tvm": "TVM",
    "node": "onnxruntime-node",
    "wasm": "onnxruntime-web, WebAssembly",
    "webgpu": "onnxruntime-web, WebGPU",
}

Rows = Sequence[Mapping[str, Any]]


def equal(rows: Rows) -> str:
    """Runtimes down, graphs across: worst / mean difference from onnxruntime on the CPU."""
    columns = list(dict.fromkeys((row["model"], row["graph"], row["form"], row["precision"]) for row in rows))
    head = [f"`{model}` {graph}, {form}, {precision}" for model, graph, form, precision in columns]
    lines = [_line("runtime", *head), _line(*["---"] * (len(head) + 1))]
    for runtime, version in dict.fromkeys((row["runtime"], row["version"]) for row in rows):
        own = {
            (row["model"], row["graph"], row["form"], row["precision"]): row
            for row in rows
            if (row["runtime"], row["version"]) == (runtime, version)
        }
        cells = [_difference(own[column]) if column in own else "" for column in columns]
        lines.append(_line(f"{NAMES[runtime]} {version}", *cells))
    return "\n".join(lines) + "\n"


def _difference(row: Mapping[str, Any]) -> str:
    if row.get("error"):
        return "no"
    return f"{row['worst']:.2g} / {row['mean']:.1g}"


def nonsense(rows: Rows) -> str:
    """What is wrong down, runtimes across."""
    columns = list(dict.fromkeys((row["runtime"], row["version"]) for row in rows))
    head = [f"{NAMES[runtime]} {version}" for runtime, version in columns]
    lines = [_line("input", *head), _line(*["---"] * (len(head) + 1))]
    for case in dict.fromkeys(row["case"] for row in rows):
        own = {(row["runtime"], row["version"]): row["answer"] for row in rows if row["case"] == case}
        lines.append(_line(case, *[own.get(column, "") for column in columns]))
    return "\n".join(lines) + "\n"


def numbers(rows: Rows) -> str:
    """One line per graph and size."""
    head = ["graph", "side, px", "file, MB", "peak memory, MB", "load, ms", "first run, ms", "later, ms", "GMAC"]
    lines = [_line(*head, "phone-class core, ms"), _line(*["---"] * (len(head) + 1))]
    for row in rows:
        name = f"`{row['model']}` {row['graph']}, {row['form']}, {row['precision']}"
        values = [row["peak_mb"], row["load_ms"], row["first_ms"], row["later_ms"]]
        phone = row["later_ms"] * row["gemm_gmac_s"] / PHONE_GMAC_S
        shown = [f"{value:,.0f}" for value in values]
        lines.append(
            _line(name, row["side"], f"{row['bytes'] / 1e6:.2f}", *shown, f"{row['gmac']:.2f}", f"{phone:,.0f}")
        )
    return "\n".join(lines) + "\n"


def _line(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


TABLES: dict[str, Callable[[Rows], str]] = {"equal": equal, "nonsense": nonsense, "numbers": numbers}
