"""The benchmark's parts: statistics, cases, counting of operations, the results' file."""

from __future__ import annotations

import dataclasses
import json
import random
import statistics as reference
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adain import registry
from adain.bench import engine, pictures, timing
from adain.bench.cases import Case, product
from adain.bench.machine import describe, peak_memory
from adain.bench.matmul_graph import ELEMENTS, matmul_graph
from adain.bench.statistics import median, percentile, summarize
from adain.bench.store import Store
from adain.cli.inputs import parse_size
from adain.errors import InputError
from adain.registry import SlimArchitecture

CASE = Case(model="m", backend="onnx", precision="fp32", width=8, height=4)


def some_samples(seed: int) -> list[float]:
    drawn = random.Random(seed)
    return [drawn.lognormvariate(2, 1) for _ in range(drawn.randint(1, 60))]


@pytest.mark.parametrize("seed", range(20))
def test_the_median_has_as_many_samples_below_as_above(seed: int) -> None:
    samples = some_samples(seed)
    middle = median(samples)
    assert middle == pytest.approx(reference.median(samples))
    assert sum(x < middle for x in samples) == sum(x > middle for x in samples)
    assert median(samples[::-1]) == middle


@pytest.mark.parametrize("seed", range(20))
def test_a_percentile_is_the_least_sample_that_so_many_do_not_exceed(seed: int) -> None:
    samples = some_samples(seed)
    for percent in (0, 5, 50, 95, 100):
        found = percentile(samples, percent)
        assert found in samples
        assert sum(x <= found for x in samples) * 100 >= percent * len(samples)
        smaller = [x for x in samples if x < found]
        assert not smaller or sum(x <= max(smaller) for x in samples) * 100 < percent * len(samples)
    assert percentile(samples, 0) == min(samples)
    assert percentile(samples, 100) == max(samples)


def test_a_summary_keeps_every_sample_in_order() -> None:
    summary = summarize([3.0, 1.0, 2.0])
    assert summary.samples == (3.0, 1.0, 2.0)
    assert (summary.runs, summary.median, summary.p95, summary.minimum) == (3, 2.0, 3.0, 1.0)


@pytest.mark.parametrize("function", [median, summarize, lambda samples: percentile(samples, 95)])
def test_statistics_of_nothing_are_an_error(function: Callable[[list[float]], object]) -> None:
    with pytest.raises(InputError, match="at least one sample"):
        function([])


def test_timing_warms_up_and_synchronises_inside_the_clock() -> None:
    order: list[str] = []
    samples = timing.repeat(
        lambda: order.append("run"), runs=2, seconds=9, warm_up=1, synchronize=lambda: order.append("wait")
    )
    assert len(samples) == 2
    assert order == ["run", *["wait", "run", "wait"] * 2]


def test_timing_stops_when_its_time_is_up_but_not_before_three_runs() -> None:
    assert len(timing.repeat(lambda: None, runs=50, seconds=1e-9)) == timing.LEAST_RUNS


@pytest.mark.parametrize(("text", "size"), [("512", (512, 512)), ("1920x1080", (1920, 1080)), ("4X2", (4, 2))])
def test_sizes_are_squares_or_both_sides(text: str, size: tuple[int, int]) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "0", "12x", "a", "1x2x3", "-4"])
def test_other_sizes_are_an_error(text: str) -> None:
    with pytest.raises(InputError, match="a size is SIDE or WIDTHxHEIGHT"):
        parse_size(text)


def test_cases_are_every_combination_that_exists_small_pictures_first() -> None:
    cases = product(["m"], ["onnx", "torch"], ["fp32", "bf16"], [(9, 9), (4, 2)], [1, 2], device="cpu")
    assert len(cases) == 2 * 2 * 3  # bf16 is torch's only
    assert [case.width for case in cases] == [4] * 6 + [9] * 6
    assert {(case.backend, case.precision) for case in cases} == {
        ("onnx", "fp32"),
        ("torch", "fp32"),
        ("torch", "bf16"),
    }


def test_a_case_survives_json() -> None:
    assert Case.from_json(json.loads(json.dumps(CASE.to_json()))) == CASE


def test_pictures_are_the_same_each_time_and_neither_flat_nor_clipped() -> None:
    one = pictures.picture(70, 50, 0)
    assert one.shape == (50, 70, 3)
    assert np.array_equal(one, pictures.picture(70, 50, 0))
    assert not np.array_equal(one, pictures.picture(70, 50, 1))
    assert one.std() > 30
    assert ((one == 0) | (one == 255)).mean() < 0.2
    assert pictures.picture(1, 1, 0).shape == (1, 1, 3)


def test_operations_at_a_size_follow_from_small_sizes() -> None:
    def count(width: int, height: int) -> int:  # a padded convolution, a pooled one, and roots of matrices
        return 81 * width * height + 7 * (width // 16 + 2) * (height // 16 + 2) + 12_345

    assert engine.at_size(count, 1920, 1080, 16) == count(1920, 1088)
    assert engine.at_size(count, 64, 16, 16) == count(64, 16)


def test_the_stride_is_that_of_the_deepest_map() -> None:
    strides = {name: engine.stride(model) for name, model in registry.MODELS.items()}
    assert (strides["adain-vgg19"], strides["wct-vgg19"]) == (8, 16)
    slim = dataclasses.replace(
        registry.get("adain-vgg19"), architecture=SlimArchitecture(widths=(4, 4, 4), hidden=2, covariances=())
    )
    assert engine.stride(slim) == 8


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_the_matrix_product_is_one(precision: Any) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    _, left_type, right_type, _ = ELEMENTS[precision]
    drawn = np.random.default_rng(0)
    left, right = (drawn.integers(0, 9, (8, 8)).astype(kind) for kind in (left_type, right_type))
    session = onnxruntime.InferenceSession(matmul_graph(precision, right), providers=["CPUExecutionProvider"])
    assert np.array_equal(session.run(None, {"a": left})[0], left.astype(int) @ right.astype(int))


@pytest.mark.parametrize(
    ("kind", "inputs", "output", "macs"),
    [
        ("Conv", [[1, 4, 8, 8], [6, 4, 3, 3]], [1, 6, 8, 8], 6 * 64 * 36),
        ("Conv", [[1, 4, 8, 8], [4, 1, 3, 3]], [1, 4, 8, 8], 4 * 64 * 9),  # depthwise
        ("QLinearConv", [[1, 4, 8, 8], [], [], [6, 4, 1, 1]], [1, 6, 8, 8], 6 * 64 * 4),
        ("ConvTranspose", [[1, 4, 8, 8], [4, 6, 4, 4]], [1, 6, 16, 16], 4 * 64 * 6 * 16),
        ("MatMul", [[1, 5, 7], [7, 3]], [1, 5, 3], 5 * 7 * 3),
        ("Relu", [[1, 4, 8, 8]], [1, 4, 8, 8], 0),
    ],
)
def test_operations_of_a_node(kind: str, inputs: list[list[int]], output: list[int], macs: int) -> None:
    from adain.bench.in_onnx import node_macs

    shapes = [{"float": shape} for shape in inputs]
    assert node_macs({"op_name": kind, "input_type_shape": shapes, "output_type_shape": [{"float": output}]}) == macs


def test_torch_counts_the_same_operations() -> None:
    torch = pytest.importorskip("torch", reason="counting in torch needs the extra torch")
    from adain.bench.in_torch import count_macs

    layer, x = torch.nn.Conv2d(4, 6, 3, padding=1, bias=False), torch.rand(1, 4, 8, 8)
    with torch.inference_mode():
        assert count_macs(lambda: layer(x)) == 6 * 64 * 36
        assert count_macs(lambda: torch.rand(5, 7) @ torch.rand(7, 3)) == 5 * 7 * 3


def test_a_machine_describes_itself() -> None:
    machine = describe()
    assert machine["cores"] >= 1
    assert "numpy" in machine["versions"]
    peak = peak_memory()
    assert peak is None or peak > 10 * 2**20


def test_a_store_keeps_what_it_was_given(tmp_path: Path) -> None:
    machine = describe()
    store = Store(tmp_path / "new" / "folder", machine)
    store.add_failure(CASE, "no graphs")
    assert not store.has(CASE)
    store.add({"case": CASE.to_json()})
    again = Store(store.path.parent, machine)
    assert again.has(CASE)
    assert again.failures == []
    assert not again.has(dataclasses.replace(CASE, threads=2))


def test_results_of_another_machine_are_not_mixed_in(tmp_path: Path) -> None:
    Store(tmp_path, {**describe(), "cores": 999}).add({"case": CASE.to_json()})
    with pytest.raises(InputError, match=r"another cores; name another directory"):
        Store(tmp_path, describe())


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 0, "machine": {}}'])
def test_another_file_of_that_name_is_an_error_and_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / "bench.json").write_text(text)
    with pytest.raises(InputError, match="name another directory"):
        Store(tmp_path, describe())
    assert (tmp_path / "bench.json").read_text() == text
