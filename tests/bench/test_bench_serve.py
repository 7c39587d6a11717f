"""The load test of the server: it tells pictures, refusals and lost requests apart."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("fastapi", reason="the server needs the extra serve")

from mean_backend import MeanBackend, mean_stylizer
from serving import serving

from adain.bench.machine import describe


@pytest.fixture
def serve_load(benchmarks: Path) -> ModuleType:
    import serve_load

    return serve_load


def test_requests_are_counted_by_what_came_of_them(serve_load: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(mean_stylizer()) as client:
        server = serve_load.Server(str(client.base_url), os.getpid())
        outcome = asyncio.run(serve_load.load(server, serve_load.Requests(64), 4, 100))
        assert (len(outcome.good), outcome.refused, outcome.lost) == (90, 10, [])
        assert len(outcome.memory) == 1
        monkeypatch.setattr(MeanBackend, "stylize", None)  # from now on, pictures fail
        outcome = asyncio.run(serve_load.load(server, serve_load.Requests(64), 2, 10))
        assert (len(outcome.good), outcome.refused, outcome.lost) == (0, 1, ["500"] * 9)


def test_the_report_has_all_parts(serve_load: ModuleType) -> None:
    row = serve_load.Outcome(2.0, [0.1, 0.2, 0.3, 0.4], 1, 2, ["500"], [100.0, 110.0]).row()
    report = serve_load.report(
        {
            "machine": describe(),
            "side": 64,
            "load": [90.0, 80.0],
            "setup": "2x1",
            "setups": {"2x1": [1.0, 3.0, 2.0]},
            "clients": {"4": row},
            "flat": {**row, "requests": 2000, "memory": [100.0, 120.0, 110.0]},
        }
    )
    assert "its load was 90 before the test and 80 at the end" in report
    assert "| 2x1 | 2.00 | 1.00, 3.00, 2.00 |" in report
    assert "| 4 | 2.00 | 0.25 | 0.40 | 0.40 | 4 | 1 | 2 | 1 |" in report
    assert (
        "2,000 requests of 16 clients: 100 MiB after the first 100, median 110, at most 120, 110 at the end" in report
    )
