"""Formats results as a Markdown table: one row per case, in the order of models and sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from adain.bench.cases import Case

__all__ = ["markdown"]

UNSTEADY = 0.1  # a row is marked if the machine's rate differs by more before and after it

_HEADINGS = (
    "model",
    "backend",
    "size",
    "threads",
    "stylize, ms (p95)",
    "runs",
    "MP/s",
    "frames/s",
    "encode style, ms",
    "pre + post, ms",
    "load, ms",
    "first call, ms",
    "peak, MiB",
    "MACs/pixel",
    "GMAC/s",
    "of the machine",
)


def markdown(document: dict[str, Any]) -> str:
    """The report: the machine, the results, and what could not be measured.

    Args:
        document: as `benchmarks/bench.schema.json` describes it.
    """
    results = sorted(document["results"], key=lambda result: _order(result["case"]))
    lines = ["# Speed", "", *_machine(document["machine"]), "", _row(_HEADINGS), _row(["---"] * len(_HEADINGS))]
    lines += [_row(_cells(result)) for result in results]
    if any(_unsteady(result) for result in results):
        lines += [
            "",
            f"\\* The machine's own rate changed by more than {UNSTEADY:.0%} while this was measured: "
            "something else ran. Measure again.",
        ]
    lines += ["", "Ran on: " + "; ".join(dict.fromkeys(_ran_on(result) for result in results)) + "."] if results else []
    if document["failures"]:
        lines += ["", "Not measured:", ""]
        lines += [f"- {Case.from_json(each['case'])}: {each['reason']}" for each in document["failures"]]
    return "\n".join(lines) + "\n"


def _machine(machine: dict[str, Any]) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    memory = "" if machine["memory_mib"] is None else f", {machine['memory_mib'] / 1024:.0f} GiB"
    return [
        f"{machine['processor']}, {machine['cores']} cores ({', '.join(machine['instructions'])}){memory}; "
        f"{machine['system']}; Python {machine['python']}, {versions}."
    ]


def _cells(result: dict[str, Any]) -> list[str]:
    case, times, rate = Case.from_json(result["case"]), result["milliseconds"], result["machine_rate"]
    peak = result["memory"]["device_peak_bytes"] or result["memory"]["peak_bytes"]
    return [
        case.model,
        f"{case.backend} {case.precision} {result['device']}",
        case.size + ("" if result["tile"] is None else f" in tiles of {result['tile']}"),
        str(case.threads),
        f"{_number(times['stylize']['median'])} ({_number(times['stylize']['p95'])})",
        str(times["stylize"]["runs"]),
        _number(result["megapixels_per_second"]),
        _number(result["frames_per_second"]),
        _number(times["encode_style"]["median"]),
        _number(times["preprocess"]["median"] + times["postprocess"]["median"]),
        _number(times["load"]["median"]),
        _number(times["first_call"]["median"]),
        "–" if peak is None else f"{peak / 2**20:.0f}",
        f"{result['macs']['stylize_per_pixel']:,.0f}",
        _number(result["macs"]["stylize"] / times["stylize"]["median"] / 1e6),
        "–" if rate is None else f"{rate['fraction']:.0%}{' *' if _unsteady(result) else ''}",
    ]


def _unsteady(result: dict[str, Any]) -> bool:
    rate = result["machine_rate"]
    return rate is not None and abs(rate["after"] / rate["before"] - 1) > UNSTEADY


def _ran_on(result: dict[str, Any]) -> str:
    parts = (each["name"] + ("" if each["nodes"] is None else f" ({each['nodes']} nodes)") for each in result["ran_on"])
    return f"{result['case']['model']} {result['case']['backend']} on {' and '.join(parts)}"


def _order(case: dict[str, Any]) -> tuple[Any, ...]:
    names = ("model", "backend", "precision", "threads")
    return (*(case[name] for name in names), case["width"] * case["height"])


def _number(value: float) -> str:
    """Three significant digits without an exponent."""
    digits = max(0, 2 - len(str(int(abs(value)))) + 1) if value >= 1 else 3
    return f"{value:,.{digits}f}"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
