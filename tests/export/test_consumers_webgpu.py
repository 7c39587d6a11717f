"""Every kind of portable graph of the networks that ship runs on WebGPU, each operator there, and gives the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import consumers
import pytest
from consumers import EACH, SHIPPED, Job

from adain.runtimes.contract import GraphKind

pytest.importorskip("torch", reason="exporting needs the extra torch")


if TYPE_CHECKING:
    from small_models import Exports

pytestmark = consumers.heavy

Jobs = dict[tuple[str, GraphKind], Job]


@pytest.fixture(scope="module")
def ran(exports: Exports, tmp_path_factory: pytest.TempPathFactory) -> Jobs:
    """The graphs of all networks in one page: shaders are compiled once for all."""
    jobs = {
        (model, kind): consumers.job(path, tmp_path_factory.mktemp(kind))
        for model in SHIPPED
        for kind, path in consumers.graphs(exports, model, portable=True).items()
    }
    command = [consumers.program("node"), consumers.npm("web") / "run_graph.mjs", "webgpu", "--strict"]
    consumers.run([*command, *(job.folder for job in jobs.values())], CHROMIUM=consumers.chromium())
    return jobs


@pytest.mark.parametrize(("model", "kind"), EACH)
def test_every_portable_graph_runs_on_the_gpu_alone(ran: Jobs, model: str, kind: GraphKind) -> None:
    job = ran[model, kind]
    job.assert_same(job.outputs())
