"""`adain bench` as a user runs it: its files, its interruption, and what it says where something is missing."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

pytest.importorskip("onnx", reason="the graphs to measure are written with the extra torch")
pytest.importorskip("onnxruntime", reason="what is measured runs in onnxruntime")

import bench_graphs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from adain.bench import runner
from adain.bench.cases import BACKENDS, PRECISIONS, Case
from adain.bench.markdown import markdown
from adain.bench.worker import measure
from adain.cli.main import main
from adain.engine.backend import Backend
from adain.registry import DEFAULT

STEPS = ["load", "first_call", "preprocess", "encode_style", "stylize", "postprocess"]


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("graphs")
    bench_graphs.write_graphs(folder)
    return folder


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adain.bench.worker._RATE_SECONDS", 0.01)


@pytest.fixture(scope="module")
def measured(graphs: Path) -> dict[str, Any]:
    """A result, measured in a process of its own."""
    return runner.run(case(32, 28), str(graphs))


def case(width: int, height: int) -> Case:
    return Case(
        model=DEFAULT, backend="onnx", precision="fp32", width=width, height=height, style_size=16, runs=3, seconds=1
    )


def run(output: Path, graphs: Path, *args: str) -> Result:
    options = ["--sizes", "16,32x24", "--style-size", "16", "--runs", "3", "--threads", "1"]
    return CliRunner().invoke(
        main, ["bench", *options, "--weights-dir", str(graphs), "-o", str(output), *args], prog_name="adain"
    )


def in_this_process(
    monkeypatch: pytest.MonkeyPatch, measured: dict[str, Any], *, interrupted_after: int = 99
) -> list[Case]:
    """Let the runner return a result that was measured before; the cases it was asked for."""
    asked: list[Case] = []

    def run_case(case: Case, weights_dir: str | None) -> dict[str, Any]:
        if len(asked) == interrupted_after:
            raise KeyboardInterrupt
        asked.append(case)
        return {**measured, "case": case.to_json()}

    monkeypatch.setattr(runner, "run", run_case)
    return asked


def schema() -> dict[str, Any]:
    path = Path(__file__).parents[2] / "benchmarks" / "bench.schema.json"
    if not path.is_file():
        pytest.skip("benchmarks/ is part of the repository only")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def check_schema(output: Path) -> dict[str, Any]:
    jsonschema = pytest.importorskip("jsonschema", reason="comparing with the schema needs the extra test")
    document: dict[str, Any] = json.loads((output / "bench.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(document, schema())
    return document


def test_a_case_has_a_process_of_its_own(measured: dict[str, Any]) -> None:
    assert list(measured["milliseconds"]) == STEPS
    assert measured["milliseconds"]["stylize"]["runs"] == 3
    assert measured["tile"] is None
    assert measured["ran_on"][0]["name"] == "CPUExecutionProvider"
    pixels = 32 * 32 + 16 * 16  # 28 pads to 32, and the draft of 12 x 12 to 16 x 16
    assert measured["macs"]["stylize"] == pixels * bench_graphs.MACS_PER_PIXEL
    assert measured["macs"]["stylize_per_pixel"] == pytest.approx(pixels * bench_graphs.MACS_PER_PIXEL / (32 * 28))
    rate = measured["machine_rate"]
    assert rate["fraction"] == pytest.approx(rate["reached"] / rate["macs_per_second"])


def test_openvino_is_measured_on_the_graphs_of_onnxruntime(graphs: Path, measured: dict[str, Any]) -> None:
    pytest.importorskip("openvino", reason="what is measured")
    result = runner.run(replace(case(32, 28), backend="openvino"), str(graphs))
    assert result["ran_on"] == [{"name": "openvino cpu, fp32", "nodes": None}]
    assert result["macs"] == measured["macs"]


def test_the_schema_knows_every_runtime_and_precision() -> None:
    found = schema()["$defs"]["case"]["properties"]
    assert set(found["backend"]["enum"]) == set(BACKENDS)
    assert set(found["precision"]["enum"]) == {name for names in PRECISIONS.values() for name in names}


def test_a_large_picture_is_measured_in_tiles_as_a_user_gets_it(graphs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from adain.engine import loop, tiles

    sides: list[int] = []

    def stylize(
        backend: Backend, rgb: NDArray[np.uint8], styles: object, alpha: float, *, tile: int, **_: object
    ) -> NDArray[np.uint8]:
        sides.append(tile)
        return rgb[::-1]

    monkeypatch.setattr(tiles, "choose", lambda *_: 24)
    monkeypatch.setattr(loop, "stylize", stylize)
    result = measure(case(32, 24), str(graphs))
    assert result["tile"] == 24
    assert set(sides) == {24}
    assert len(sides) >= 3


def test_it_writes_results_a_table_and_a_plot(
    tmp_path: Path, graphs: Path, measured: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    in_this_process(monkeypatch, measured)
    result = run(tmp_path, graphs)
    assert result.exit_code == 0, result.output
    document = check_schema(tmp_path)
    assert [each["case"]["width"] for each in document["results"]] == [16, 32]
    table = (tmp_path / "bench.md").read_text()
    assert table in result.stdout
    assert table.count(f"| {DEFAULT} |") == 2
    pytest.importorskip("matplotlib", reason="the plot needs the extra bench")
    with Image.open(tmp_path / "bench.png") as plot:
        assert min(plot.size) > 400
    assert {file.name for file in tmp_path.iterdir()} == {"bench.json", "bench.md", "bench.png"}


def test_an_interruption_keeps_what_was_measured_and_the_next_run_goes_on(
    tmp_path: Path, graphs: Path, measured: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = in_this_process(monkeypatch, measured, interrupted_after=1)
    assert run(tmp_path, graphs).exit_code == 130
    assert len(check_schema(tmp_path)["results"]) == 1
    assert DEFAULT in (tmp_path / "bench.md").read_text()
    first = asked[0]
    asked = in_this_process(monkeypatch, measured)
    assert run(tmp_path, graphs).exit_code == 0
    assert len(check_schema(tmp_path)["results"]) == 2
    assert first not in asked
    asked = in_this_process(monkeypatch, measured)
    assert run(tmp_path, graphs, "--again").exit_code == 0
    assert len(asked) == len(check_schema(tmp_path)["results"]) == 2


def test_what_cannot_be_measured_is_said_and_does_not_stop_the_rest(
    tmp_path: Path, graphs: Path, measured: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_case(case: Case, weights_dir: str | None) -> dict[str, Any]:
        if case.precision == "int8":
            raise runner.CaseError("there are no such graphs")
        return {**measured, "case": case.to_json()}

    monkeypatch.setattr(runner, "run", run_case)
    result = run(tmp_path, graphs, "--precision", "int8,fp32")
    assert result.exit_code == 0
    document = check_schema(tmp_path)
    assert (len(document["results"]), len(document["failures"])) == (2, 2)
    assert "there are no such graphs" in result.stdout


def test_graphs_of_another_precision_are_an_error(graphs: Path) -> None:
    from dataclasses import replace

    from adain.errors import WeightsError

    with pytest.raises(WeightsError, match=r"is fp32, not int8; `adain export adain-slim --precision int8"):
        measure(replace(case(16, 16), precision="int8"), str(graphs))


def test_a_process_that_dies_is_a_failed_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    if not Path("/bin/false").exists():
        pytest.skip("this system has no /bin/false to start")
    with pytest.raises(runner.CaseError, match="its process ended with 1: it said nothing"):
        runner.run(case(16, 16))


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--sizes", "12y", "a size is SIDE or WIDTHxHEIGHT"),
        ("--backends", "tvm", "allowed: onnx, torch"),
        ("--precision", "int4", "allowed: bf16, fp16, fp32, int8"),
        ("--threads", "0", "a whole number from 1 to 1,024"),
        ("--models", "adian", "unknown model"),
    ],
)
def test_wrong_options_are_explained(tmp_path: Path, graphs: Path, option: str, value: str, message: str) -> None:
    result = run(tmp_path, graphs, option, value)
    assert result.exit_code == 2
    assert message in result.output


def test_a_backend_without_that_precision_is_an_error(tmp_path: Path, graphs: Path) -> None:
    result = run(tmp_path, graphs, "--precision", "bf16")
    assert result.exit_code == 1
    assert "no backend of onnx has the precision bf16" in result.output


def test_a_row_measured_beside_something_else_is_marked(measured: dict[str, Any]) -> None:
    from adain.bench.machine import describe

    rate = {"macs_per_second": 2.0, "before": 2.0, "after": 1.0, "reached": 1.0, "fraction": 0.5}
    document = {"machine": describe(), "results": [{**measured, "machine_rate": rate}], "failures": []}
    assert "50% *" in markdown(document)
    assert "Measure again" in markdown(document)
    document["results"] = [{**measured, "machine_rate": None}]
    assert "Measure again" not in markdown(document)


def test_nothing_heavy_is_imported_before_a_case_runs() -> None:
    modules = "adain.cli.bench, adain.bench.runner, adain.bench.store"
    code = f"import sys, json, {modules}; print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)
    assert not {"torch", "onnx", "onnxruntime", "matplotlib"} & set(loaded)
