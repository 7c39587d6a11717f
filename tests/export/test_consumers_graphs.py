"""Every kind of graph of the networks that ship gives the same in node, in WebAssembly, OpenVINO and OpenCV."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import consumers
import numpy as np
import pytest
from consumers import EACH, KINDS, SHIPPED, Job
from numpy.typing import NDArray

from adain.runtimes.contract import GraphKind

if TYPE_CHECKING:
    from small_models import Exports

pytestmark = consumers.heavy
every_kind = pytest.mark.parametrize(("model", "kind"), EACH)

Jobs = dict[tuple[str, GraphKind], Job]


@pytest.fixture(scope="module")
def jobs(exports: Exports, tmp_path_factory: pytest.TempPathFactory) -> Jobs:
    return {
        (model, kind): consumers.job(path, tmp_path_factory.mktemp(kind))
        for model in SHIPPED
        for kind, path in consumers.graphs(exports, model, portable=False).items()
    }


@pytest.fixture(scope="module")
def ran_in_node(jobs: Jobs) -> Jobs:
    script = consumers.npm("node") / "run_graph.mjs"
    consumers.run([consumers.program("node"), script, *(job.folder for job in jobs.values())])
    return jobs


@pytest.fixture(scope="module")
def ran_in_wasm(jobs: Jobs) -> Jobs:
    for job in jobs.values():
        (job.folder / "outputs.json").unlink(missing_ok=True)  # node's
    command = [consumers.program("node"), consumers.npm("web") / "run_graph.mjs", "wasm"]
    consumers.run([*command, *(job.folder for job in jobs.values())], CHROMIUM=consumers.chromium())
    return jobs


@every_kind
def test_node(ran_in_node: Jobs, model: str, kind: GraphKind) -> None:
    job = ran_in_node[model, kind]
    job.assert_same(job.outputs())


@every_kind
def test_webassembly(ran_in_wasm: Jobs, model: str, kind: GraphKind) -> None:
    job = ran_in_wasm[model, kind]
    job.assert_same(job.outputs())


@every_kind
def test_openvino(jobs: Jobs, model: str, kind: GraphKind) -> None:
    consumers.needs("openvino")
    import openvino
    from openvino.properties import hint

    job = jobs[model, kind]
    compiled = openvino.Core().compile_model(job.path, "CPU", {hint.execution_mode: hint.ExecutionMode.ACCURACY})
    results = compiled(job.feed)
    outputs: dict[str, NDArray[Any]] = {port.any_name: np.asarray(results[port]) for port in compiled.outputs}
    job.assert_same(outputs)


@every_kind
def test_opencv(jobs: Jobs, model: str, kind: GraphKind) -> None:
    """OpenCV 5; it gives maps of float16 as float32."""
    consumers.needs("cv2")
    import cv2

    job = jobs[model, kind]
    network = cv2.dnn.readNetFromONNX(str(job.path))
    for name, array in job.feed.items():
        network.setInput(np.ascontiguousarray(array), name)
    found = zip(job.expected, network.forward(list(job.expected)), strict=True)
    job.assert_same({name: array.astype(job.expected[name].dtype) for name, array in found})


@pytest.mark.parametrize("model", SHIPPED)
@pytest.mark.parametrize("portable", [False, True], ids=["plain", "portable"])
def test_nodes_have_few_tensors_and_old_runtimes_read_the_file(exports: Exports, model: str, portable: bool) -> None:
    import onnx

    from adain.export.fans import MAX_TENSORS

    found = consumers.graphs(exports, model, portable=portable)
    assert set(found) == set(KINDS[model])
    for path in found.values():
        file = onnx.load(path, load_external_data=False)
        assert file.ir_version == 8, path.name
        for node in file.graph.node:
            assert max(len(node.input), len(node.output)) <= MAX_TENSORS, f"{path.name}: {node.name}"
        onnx.checker.check_model(path, full_check=True)
