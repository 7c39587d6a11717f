"""Measures one case in this process, which does nothing else: `python -m adain.bench.worker`, JSON in and out.

In a process of its own, a case has its own peak of memory and threads, and its first call is really the first. If it
runs out of memory, the other results are not lost.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from typing import Any

from numpy.typing import NDArray

from adain import images
from adain.bench.cases import Case
from adain.bench.engine import Engine
from adain.bench.machine import peak_memory
from adain.bench.pictures import picture
from adain.bench.statistics import median, summarize
from adain.bench.timing import once, repeat
from adain.code import StyleCode
from adain.engine import tiles
from adain.errors import AdainError
from adain.loading import load
from adain.model_files import resolve
from adain.request import StyleRequest
from adain.runtimes import table
from adain.runtimes.table import Runtime
from adain.stylizer import Stylizer

__all__ = ["measure"]

_RATE_SECONDS = 0.5  # for each of the two measurements of the machine's matrix product


def measure(case: Case, weights_dir: str | None = None) -> dict[str, Any]:
    """Measure a case; the result has the format of `result` in `benchmarks/bench.schema.json`.

    Raises:
        AdainError: the case cannot run here; says why.
    """
    runtime = table.get(case.backend)
    precision = case.precision if case.precision in runtime.precisions else None  # autocast sets torch's others
    stylizer, loading = once(
        lambda: load(case.model, device=case.device, runtime=case.backend, precision=precision, weights_dir=weights_dir)
    )
    engine, lowered = _engine(case, runtime, stylizer, weights_dir)
    loaded = peak_memory()
    side = tiles.choose(None, stylizer.backend, (case.width, case.height))
    with lowered:
        steps, call = _steps(case, stylizer, side)
        _, first = once(call, engine.synchronize)
        before = engine.matrix_rates(_RATE_SECONDS)
        timed = {
            name: repeat(step, runs=case.runs, seconds=case.seconds, synchronize=engine.synchronize)
            for name, step in steps.items()
        }
        peak = peak_memory()
        after = engine.matrix_rates(_RATE_SECONDS)
    encoding, applying = engine.macs()
    times = {"load": [loading], "first_call": [first], **timed}
    return {
        "case": case.to_json(),
        "device": stylizer.device,
        "tile": side,
        "ran_on": [asdict(each) for each in engine.ran_on()],
        "milliseconds": {name: summarize(samples).to_json() for name, samples in times.items()},
        "memory": {"loaded_bytes": loaded, "peak_bytes": peak, "device_peak_bytes": engine.device_memory()},
        **_throughput(case, median(timed["stylize"])),
        "macs": {
            "encode_style": encoding,
            "stylize": applying,
            "stylize_per_pixel": applying / (case.width * case.height),
        },
        "machine_rate": _machine_rate(applying, median(timed["stylize"]), before, after),
    }


def _steps(
    case: Case, stylizer: Stylizer, side: int | None
) -> tuple[dict[str, Callable[[], object]], Callable[[], object]]:
    """The repeated steps by name; and a whole call with a new style, from picture to picture.

    A large picture is stylized in tiles of `side`, as for a user. The whole picture then never exists in floating
    point: input and output of `stylize` are 8 bits.
    """
    content, style = picture(case.width, case.height, 0), picture(case.style_size, case.style_size, 1)
    request, style_tensor = StyleRequest(style_size=None, tile=side or 0), images.to_tensor(style)
    kept: dict[str, Any] = {}

    def read() -> NDArray[Any]:
        rgb = images.read(content).rgb
        return images.to_tensor(rgb) if side is None else rgb

    prepared = read()

    def encode() -> None:
        kept["code"] = StyleCode(case.model, stylizer.backend.encode_style(style_tensor))

    def stylize() -> None:
        if side is None:
            kept["stylized"] = stylizer.stylize_tensor(prepared, kept["code"], request)
        else:
            kept["stylized"] = stylizer.stylize_pixels(prepared, [kept["code"]], request)

    def write() -> object:
        rgb = images.from_tensor(kept["stylized"]) if side is None else kept["stylized"]
        return images.Picture(rgb).to_pil()

    steps: dict[str, Callable[[], object]] = {
        "preprocess": read,
        "encode_style": encode,
        "stylize": stylize,
        "postprocess": write,
    }
    return steps, lambda: stylizer(content, style, request=request)


def _engine(
    case: Case, runtime: Runtime, stylizer: Stylizer, weights_dir: str | None
) -> tuple[Engine, AbstractContextManager[Any]]:
    if runtime.runs == "graphs":
        from adain.bench.in_onnx import OnnxEngine, OtherEngine

        kind = OnnxEngine if runtime.name == "onnx" else OtherEngine
        return kind(case, stylizer.model, resolve(case.model).graphs(weights_dir), stylizer.device), nullcontext()
    from adain.bench.in_torch import TorchEngine, autocast, settle

    settle(case.threads)
    engine = TorchEngine(case, stylizer.model, stylizer.backend)
    return engine, autocast(case.precision, stylizer.device)


def _throughput(case: Case, milliseconds: float) -> dict[str, float]:
    per_second = 1e3 / milliseconds
    return {"frames_per_second": per_second, "megapixels_per_second": case.megapixels * per_second}


def _machine_rate(macs: int, milliseconds: float, before: list[float], after: list[float]) -> dict[str, Any] | None:
    """The machine's rate of matrix products, and the fraction of it that stylization reaches."""
    if not before or not after:
        return None
    machine, reached = median(before + after), macs / (milliseconds / 1e3)
    return {
        "macs_per_second": machine,
        "before": median(before),
        "after": median(after),
        "reached": reached,
        "fraction": reached / machine,
    }


def main() -> None:
    """Read `{"case": ..., "weights_dir": ...}`, write `{"result": ...}` or `{"error": ...}`."""
    asked = json.load(sys.stdin)
    answer: dict[str, Any]
    try:
        case = Case.from_json(asked["case"])
        answer = {"result": measure(case, asked["weights_dir"])}
    except AdainError as error:
        answer = {"error": str(error)}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
