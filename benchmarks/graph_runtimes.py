"""Measures exported graphs in many runtimes, and fills the tables of `export/README.md`.

    python benchmarks/graph_runtimes.py equal GRAPH.onnx ...     difference of each runtime from onnxruntime
    python benchmarks/graph_runtimes.py nonsense GRAPH.onnx ...  answers of each runtime to absurd inputs
    python benchmarks/graph_runtimes.py numbers GRAPH.onnx ...   bytes, memory, times, multiplications
    python benchmarks/graph_runtimes.py tables                   write the tables from what was measured

`--python opencv=PATH` names a Python that has a runtime; without it, this one is asked. `node`, `wasm` and `webgpu` are
the programs in `export/consumers`, which must be installed. `benchmarks/results/graph-runtimes.json` has what was
measured.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from graph_cost import form, measure
from numpy.typing import NDArray
from PIL import Image

from adain.atomic import write_bytes
from adain.engine.framing import fitting
from adain.engine.strokes import offset
from adain.export.sharing import shared
from adain.runtimes.contract import GraphInfo, signature

ROOT = Path(__file__).resolve().parents[1]
CONSUMERS = ROOT / "export" / "consumers"
RESULTS = ROOT / "benchmarks" / "results" / "graph-runtimes.json"
README = ROOT / "export" / "README.md"
PICTURES = ROOT / "tests" / "data"
SIZE = (96, 128)  # height and width of the compared content; a portable graph gets the next that fits
STYLE = (96, 80)
IN_PYTHON = ("onnxruntime", "openvino", "opencv", "mnn", "ncnn", "tvm")
TIMEOUT = 900  # seconds; WebGPU in software compiles shaders for minutes

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Answer:
    """The outputs of a run, or its error."""

    outputs: Arrays = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True)
class Runtime:
    """A runtime that can be asked.

    Attributes:
        name: as in the tables.
        version: of the package.
        command: runs the folders that follow it.
    """

    name: str
    version: str
    command: tuple[str, ...]

    def run(self, jobs: Iterable[tuple[Path, Arrays]]) -> list[Answer]:
        """Run graphs on inputs, all in one process, or one by one where that crashes."""
        with tempfile.TemporaryDirectory() as directory:
            folders = [_folder(Path(directory) / str(number), *job) for number, job in enumerate(jobs)]
            self._start(folders)
            for folder in folders:
                if not (folder / "outputs.json").exists():
                    self._start([folder])
            return [_answer(folder) for folder in folders]

    def _start(self, folders: Sequence[Path]) -> None:
        try:
            done = subprocess.run(
                [*self.command, *map(str, folders)], capture_output=True, encoding="utf-8", timeout=TIMEOUT
            )
            said = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
        except subprocess.TimeoutExpired:
            said = ["no answer in time"]
        for folder in folders:
            if not (folder / "outputs.json").exists():
                (folder / "crash.txt").write_text(said[-1], encoding="utf-8")


def _folder(folder: Path, graph: Path, inputs: Arrays) -> Path:
    folder.mkdir()
    values = {}
    for name, array in inputs.items():
        array.tofile(folder / f"{name}.bin")
        values[name] = {"type": str(array.dtype), "dims": array.shape, "file": f"{name}.bin"}
    weights = {path.name: str(path) for path in shared(graph)}
    task = {"graph": str(graph), "weights": weights, "inputs": values, "outputs": _outputs(graph)}
    (folder / "feed.json").write_text(json.dumps(task), encoding="utf-8")
    return folder


def _answer(folder: Path) -> Answer:
    if not (folder / "outputs.json").exists():
        return Answer(error="it crashed: " + (folder / "crash.txt").read_text(encoding="utf-8"))
    written = json.loads((folder / "outputs.json").read_text(encoding="utf-8"))
    if "error" in written:
        return Answer(error=written["error"])
    return Answer(
        {
            name: np.fromfile(folder / each["file"], each["type"]).reshape(each["dims"])
            for name, each in written["outputs"].items()
        }
    )


def runtimes(pythons: Mapping[str, str], wanted: Sequence[str]) -> list[Runtime]:
    """Return the runtimes that are installed, of those wanted; all if none is named."""
    found = []
    for name in wanted or (*IN_PYTHON, "node", "wasm", "webgpu"):
        command = _command(name, pythons)
        if command is not None and (version := _version(name, command)):
            found.append(Runtime(name.split("@")[0], version, command))
    return found


def _command(name: str, pythons: Mapping[str, str]) -> tuple[str, ...] | None:
    if (module := name.split("@")[0]) in IN_PYTHON:
        return (pythons.get(name, sys.executable), str(ROOT / "benchmarks" / "run_graph.py"), module)
    node, folder = shutil.which("node"), CONSUMERS / ("node" if name == "node" else "web")
    if node is None or not (folder / "node_modules").is_dir():
        return None
    return (node, str(folder / "run_graph.mjs"), *(() if name == "node" else (name,)))


def _version(name: str, command: tuple[str, ...]) -> str:
    if name.split("@")[0] in IN_PYTHON:
        asked = subprocess.run([*command, "--version"], capture_output=True, encoding="utf-8")
        return asked.stdout.strip()
    package = "onnxruntime-node" if name == "node" else "onnxruntime-web"
    path = Path(command[1]).parent / "node_modules" / package / "package.json"
    return str(json.loads(path.read_text(encoding="utf-8"))["version"])


def about(graph: Path) -> GraphInfo:
    """A graph's metadata."""
    return GraphInfo.from_metadata(_session(graph).get_modelmeta().custom_metadata_map, graph.name)


def _session(graph: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])


def _outputs(graph: Path) -> list[str]:
    return [value.name for value in _session(graph).get_outputs()]


def picture(name: str, size: tuple[int, int]) -> NDArray[np.float32]:
    """A picture of the tests, (1, 3, height, width) float32."""
    with Image.open(PICTURES / name) as image:
        rgb = np.asarray(image.convert("RGB").resize(size[::-1], Image.Resampling.LANCZOS), np.float32)
    return np.ascontiguousarray(rgb.transpose(2, 0, 1)[None]) / np.float32(255)


def feed(info: GraphInfo, size: tuple[int, int] = SIZE, style: tuple[int, int] = STYLE) -> Arrays:
    """Sensible inputs of a graph that stylizes or encodes a picture, of the next sizes that fit."""
    fit = partial(fitting, multiple=info.size_multiple, minimum=info.size_minimum)
    if info.fixed is not None:
        size = style = info.fixed.height, info.fixed.width
    numbers = {"alpha": [0.8], "strokes": [0.5], "grain": offset(0), "weights": [1.0]}
    given: Arrays = {name: np.array([values], np.float32) for name, values in numbers.items()}
    given["content"], given["style"] = picture("astronaut.jpg", fit(size)), picture("strokes.jpg", fit(style))
    given["codes"] = code(info.model)[:, None]
    return {name: given[name] for name in signature(info.graph, info.stages[-1], info.fixed).inputs}


def code(model: str) -> NDArray[np.float32]:
    """A style code, (1, D), of a network that ships."""
    graph = ROOT / "weights" / f"{model}.encode_style.onnx"
    found: NDArray[np.float32] = _session(graph).run(None, {"style": picture("strokes.jpg", STYLE)})[0]
    return found


def equal(graphs: Sequence[Path], asked: Sequence[Runtime]) -> list[dict[str, Any]]:
    """Compare every runtime with onnxruntime in Python: pictures in 1/255, codes relative to the largest value."""
    rows = []
    infos = [about(graph) for graph in graphs]
    jobs = [(graph, feed(info)) for graph, info in zip(graphs, infos, strict=True)]
    expected = [_session(graph).run(None, inputs)[0] for graph, inputs in jobs]
    for runtime in asked:
        for info, answer, wanted in zip(infos, runtime.run(jobs), expected, strict=True):
            row = {"runtime": runtime.name, "version": runtime.version, "graph": info.graph, "model": info.model}
            row |= {"precision": info.precision, "form": form(info), "error": _short(answer.error)}
            if answer.error is None:
                row |= _difference(next(iter(answer.outputs.values())), wanted, info)
            print(row, flush=True)
            rows.append(row)
    return rows


def _short(error: str | None) -> str | None:
    return None if error is None else " ".join(error.split())[:200]


def _difference(actual: NDArray[Any], wanted: NDArray[Any], info: GraphInfo) -> dict[str, Any]:
    if actual.shape != wanted.shape:
        return {"error": f"gives {actual.shape}, not {wanted.shape}"}
    unit = float(np.abs(wanted).max()) if info.graph == "encode_style" else 1 / 255
    difference = np.abs(actual.astype(np.float64) - wanted) / unit
    return {"worst": float(difference.max()), "mean": float(difference.mean())}


def nonsense(info: GraphInfo) -> dict[str, Arrays]:
    """Inputs of `level`, whole or portable, that a program must refuse; by what is wrong with them."""
    right = feed(info)
    content, codes = right["content"], right["codes"]
    broken = content.copy()
    broken[0, 0, 0, 0] = np.nan
    cases = {
        "batch of 0": {name: array[:0] for name, array in right.items()},
        "height 0": {"content": content[:, :, :0]},
        "one NaN in the content": {"content": broken},
        "NaN as alpha": {"alpha": np.full((1, 1), np.nan, np.float32)},
        "alpha 2": {"alpha": np.full((1, 1), 2, np.float32)},
        "content in [0, 255]": {"content": content * 255},
        "four channels": {"content": np.concatenate([content, content[:, :1]], axis=1)},
        "a code with one number too few": {"codes": codes[:, :, :-1]},
        "a code of zeros": {"codes": np.zeros_like(codes)},
        "weights all 0": {"weights": np.zeros((1, 1), np.float32)},
        "two weights for one code": {"weights": np.ones((1, 2), np.float32)},
    }
    if info.portable:
        cases = {
            "sides below size_minimum": {"content": content[:, :, :16, :16]},
            "sides not a multiple of size_multiple": {"content": content[:, :, :60, :101]},
        }
    return {
        name: {key: np.ascontiguousarray(array) for key, array in (right | case).items()}
        for name, case in cases.items()
    }


def answers(graphs: Sequence[Path], asked: Sequence[Runtime]) -> list[dict[str, Any]]:
    """Ask every runtime what it makes of nonsense."""
    rows = []
    for graph in graphs:
        cases = nonsense(about(graph))
        for runtime in asked:
            for name, answer in zip(cases, runtime.run((graph, case) for case in cases.values()), strict=True):
                rows.append({"case": name, "runtime": runtime.name, "version": runtime.version, **_said(answer)})
                print(rows[-1], flush=True)
    return rows


def _said(answer: Answer) -> dict[str, Any]:
    if answer.error is not None:
        return {"answer": "crash" if answer.error.startswith("it crashed") else "error", "text": _short(answer.error)}
    values = next(iter(answer.outputs.values()))
    if values.size == 0:
        return {"answer": "empty"}
    broken = float(np.mean(~np.isfinite(values)))
    if broken:
        return {"answer": "NaN" if broken == 1 else f"{max(1, round(broken * 100))} % NaN"}
    return {"answer": "one colour" if np.ptp(values, axis=(-2, -1)).max() < 1e-4 else "a picture"}


def main() -> None:
    """Measure, or write the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("what", choices=["equal", "nonsense", "numbers", "tables"])
    parser.add_argument("graphs", nargs="*", type=Path)
    parser.add_argument("--python", action="append", default=[], metavar="RUNTIME=PATH", help="Python with a runtime")
    parser.add_argument("--runtime", action="append", default=[], help="ask these only; NAME@2 is another Python's")
    parser.add_argument("--size", type=int, action="append", default=[], help="of `numbers`; side in pixels")
    arguments = parser.parse_args()
    kept: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    if arguments.what != "tables":
        graphs = [graph.resolve() for graph in arguments.graphs]
        kept["machine"] = f"{platform.machine()}, {os.cpu_count()} cores, onnxruntime {onnxruntime.__version__}"
        if arguments.what == "numbers":
            new = [
                asdict(measure(graph, feed(about(graph), (side, side), (min(side, 512),) * 2)))
                for graph in graphs
                for side in arguments.size
            ]
        else:
            asked = runtimes(dict(pair.split("=", 1) for pair in arguments.python), arguments.runtime)
            new = (equal if arguments.what == "equal" else answers)(graphs, asked)
        kept[arguments.what] = merged(kept.get(arguments.what, []), new)
        write_bytes(RESULTS, (json.dumps(kept, indent=1) + "\n").encode())
    from graph_tables import TABLES

    text = README.read_text(encoding="utf-8")
    for name, table in TABLES.items():
        if kept.get(name):
            text = inserted(text, name, table(kept[name]))
    write_bytes(README, text.encode())


def merged(rows: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Replace rows that were measured again."""

    def key(row: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(
            row.get(name) for name in ("runtime", "version", "case", "model", "graph", "precision", "form", "side")
        )

    return [*({key(row): row for row in [*rows, *new]}.values())]


def inserted(text: str, name: str, table: str) -> str:
    """Put a table between its marks in a text."""
    marks = f"<!-- {name}: benchmarks/graph_runtimes.py -->\n", f"<!-- /{name} -->"
    pattern = f"{re.escape(marks[0])}.*?{re.escape(marks[1])}"
    result, count = re.subn(pattern, lambda _: f"{marks[0]}{table}{marks[1]}", text, flags=re.DOTALL)
    if count != 1:
        raise SystemExit(f"export/README.md lacks the marks of the table {name}: {marks[0].strip()} and {marks[1]}")
    return result


if __name__ == "__main__":
    main()
