"""Shipped networks as graphs, and the programs in export/consumers that run them.

Nothing here skips: these tests are marked `heavy` and run only when asked for, with the programs they need.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from adain import registry
from adain.runtimes.contract import DRAFTED, GraphInfo, GraphKind

if TYPE_CHECKING:
    from small_models import Exports

ROOT = Path(__file__).resolve().parents[1]
CONSUMERS = ROOT / "export" / "consumers"
SHIPPED = [model.name for model in registry.MODELS.values() if model.shipped]
HELP = "see export/consumers/README.md"
TIMEOUT = 600  # seconds for a process; WebGPU in software compiles shaders for minutes where cores are busy

LEVELS = 1.0  # of 255, of pictures; float32 sums in another order, and 0.001 for a level that is not quite 1/255
CODES = 1e-3  # of the largest value, of all else

heavy = [
    pytest.mark.heavy,
    pytest.mark.skipif(not CONSUMERS.is_dir(), reason="export/consumers is not in this copy of the project"),
]


def program(*names: str) -> str:
    """The path of the first of these programs that is installed."""
    for name in names:
        if path := shutil.which(name):
            return path
    pytest.fail(f"{names[0]} is not installed; {HELP}")


def chromium() -> str:
    return os.environ.get("CHROMIUM") or program("chromium", "chromium-browser", "google-chrome")


def npm(consumer: str) -> Path:
    """The folder of a consumer whose npm packages are installed."""
    folder = CONSUMERS / consumer
    if not (folder / "node_modules").is_dir():
        pytest.fail(f"the npm packages of export/consumers/{consumer} are not installed; {HELP}")
    return folder


def needs(module: str) -> None:
    if importlib.util.find_spec(module) is None:
        pytest.fail(f"{module} is not installed; {HELP}")


@cache
def cpp() -> Path:
    """The program in C++, built."""
    folder = npm("cpp")
    run([program("make"), "-C", folder, f"CXX={program('g++')}"])
    return folder / "build" / "stylize"


def run(command: Sequence[object], **variables: str) -> str:
    """What a program prints; its errors where it fails."""
    result = _process(command, variables)
    assert result.returncode == 0, result.stderr
    return result.stdout


def error(command: Sequence[object], **variables: str) -> str:
    """What a program that is to fail says."""
    result = _process(command, variables)
    assert result.returncode != 0, result.stdout
    return result.stderr


def _process(command: Sequence[object], variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        env={**os.environ, **variables},
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT,
    )


def info(path: Path) -> GraphInfo:
    import onnx

    model = onnx.load(path, load_external_data=False)
    return GraphInfo.from_metadata({each.key: each.value for each in model.metadata_props}, path.name)


KINDS: dict[str, tuple[GraphKind, ...]] = {
    "adain-slim": get_args(GraphKind),
    # Its graphs with two levels take up to three minutes to trace; `whole` has their operators.
    "wct-slim": tuple(kind for kind in get_args(GraphKind) if kind not in ("apply", "apply_regions")),
}
EACH = [(model, kind) for model, kinds in KINDS.items() for kind in kinds]


def graphs(exports: Exports, model: str, *, portable: bool) -> dict[GraphKind, Path]:
    """The graphs of a shipped network, of its `KINDS`; those that are not portable are the very files in `weights/`.

    Of these only the kinds with drafts have to be exported.
    """
    from adain.export.graphs import Options

    if portable:
        return {
            kind: graph.path
            for kind, graph in exports(model, Options(portable=True, kinds=KINDS[model])).graphs.items()
        }
    shipped = {info(path).graph: path for path in (ROOT / "weights").glob(f"{model}.*.onnx")}
    kinds = tuple(kind for kind in KINDS[model] if kind in DRAFTED)
    drafted = {kind: graph.path for kind, graph in exports(model, Options(kinds=kinds)).graphs.items()}
    return {**drafted, **shipped}


def one_size(exports: Exports) -> Path:
    """The whole network of adain-slim for pictures of 96 x 64."""
    from adain.export.graphs import Options
    from adain.runtimes.contract import Fixed

    return exports("adain-slim", Options(kinds=("whole",), fixed=Fixed(height=64, width=96))).graphs["whole"].path


@dataclass(frozen=True)
class Job:
    """A graph, its inputs in a folder as `export/consumers/tensors.mjs` describes, and onnxruntime's outputs."""

    path: Path
    info: GraphInfo
    folder: Path
    feed: dict[str, NDArray[Any]]
    expected: dict[str, NDArray[Any]]

    def outputs(self) -> dict[str, NDArray[Any]]:
        """What another runtime has written into the folder."""
        file = self.folder / "outputs.json"
        assert file.exists(), "the program ended before it came to this graph"
        written = json.loads(file.read_text(encoding="utf-8"))
        assert "error" not in written, written["error"]
        return {
            name: np.fromfile(self.folder / tensor["file"], tensor["type"]).reshape(tensor["dims"])
            for name, tensor in written["outputs"].items()
        }

    def assert_same(self, outputs: dict[str, NDArray[Any]]) -> None:
        """Pictures within one level, all else within a thousandth, of onnxruntime on the CPU."""
        from adain.export.verify import difference

        assert outputs.keys() == self.expected.keys()
        for name, expected in self.expected.items():
            actual = outputs[name]
            assert actual.shape == expected.shape
            assert actual.dtype == expected.dtype
            worst = float(difference(name, actual, expected.astype(np.float32), self.info).max())
            unit = "of 255" if name == "stylized" else "of the largest value"
            print(f"{self.path.name} {name}: worst difference {worst:.1e} {unit}")
            assert worst <= (LEVELS + 1e-3 if name == "stylized" else CODES), name


def job(path: Path, folder: Path) -> Job:
    """Inputs and expected outputs of a graph of a shipped network, at a small size."""
    from adain.export.verify import Case, feed
    from adain.nn import build

    row, about = registry.get(info(path).model), info(path)
    network = build.load(row, {file.role: ROOT / "weights" / file.name for file in row.files})
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    types = {value.name: value.type for value in session.get_inputs()}
    given = feed(Case((48, 64), (48, 48), styles=2, alpha=0.7), about, network, types)
    results = session.run(None, given)
    expected = dict(zip([value.name for value in session.get_outputs()], results, strict=True))
    _write(path, folder, given, list(expected))
    return Job(path, about, folder, given, expected)


def _write(path: Path, folder: Path, feed: dict[str, NDArray[Any]], outputs: Sequence[str]) -> None:
    from adain.export.sharing import shared

    inputs = {}
    for name, array in feed.items():
        inputs[name] = {"type": str(array.dtype), "dims": array.shape, "file": f"{name}.bin"}
        array.tofile(folder / f"{name}.bin")
    weights = {each.name: str(each) for each in shared(path)}
    task = {"graph": str(path), "weights": weights, "inputs": inputs, "outputs": outputs}
    (folder / "feed.json").write_text(json.dumps(task), encoding="utf-8")
