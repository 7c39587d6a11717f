"""The programs in export/consumers show onnxruntime's picture; each is skipped where what it needs is not installed."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from pictures import painting, photo
from PIL import Image

CONSUMERS = Path(__file__).resolve().parents[2] / "export" / "consumers"
HELP = "see export/consumers/README.md"
LEVELS = 1  # of 255; float32 sums in another order may round to the next level
ALPHA = 0.7
TIMEOUT = 150  # seconds; WebGPU in software compiles for half a minute
CONTENT, STYLE = photo(45, 37), painting(40, 33)  # odd, landscape, and unlike each other
FITTING_CONTENT, FITTING_STYLE = photo(32, 32), painting(32, 32)

Rgb = NDArray[np.uint8]
Graphs = Callable[[str, bool], Path]

pytestmark = pytest.mark.skipif(not CONSUMERS.is_dir(), reason="export/consumers is not in this copy of the project")


@pytest.fixture(scope="module")
def node() -> str:
    return _program("node")


@pytest.fixture(scope="module")
def chromium() -> str:
    return os.environ.get("CHROMIUM") or _program("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def openvino_python() -> str:
    """A Python that has OpenVINO: the one OPENVINO_PYTHON names, else this one."""
    named = os.environ.get("OPENVINO_PYTHON")
    if named is None and importlib.util.find_spec("openvino") is None:
        pytest.skip(f"openvino is not installed; {HELP}")
    return named or sys.executable


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> Graphs:
    """The whole graph of a small model, plain or portable, by the model's name.

    Widths are multiples of 4, as all real ones are: onnxruntime-web 1.30 computes convolutions from 6 or 9 to 8
    channels wrongly on WebGPU (compare onnxruntime #29651).
    """
    for extra in ("torch", "onnx", "onnxscript"):
        pytest.importorskip(extra, reason="exporting needs the extra torch")
    import small_models

    from adain.export.writing import Options, export
    from adain.nn import build
    from adain.nn.newton_schulz import newton_schulz_roots
    from adain.registry import Architecture, SlimArchitecture

    architectures: dict[str, Architecture | SlimArchitecture] = {
        "small-slim": SlimArchitecture(widths=(4, 8, 8, 8), hidden=8, covariances=(2,)),
        "small-wct": Architecture(widths=(4, 8), levels=(2, 1), encoder_per_level=False, keys="own"),
    }
    made: dict[tuple[str, bool], Path] = {}

    def make(name: str, portable: bool) -> Path:
        if (name, portable) not in made:
            folder = tmp_path_factory.mktemp(name)
            with pytest.MonkeyPatch.context() as patch:
                patch.setitem(small_models.ARCHITECTURES, name, architectures[name])
                model = small_models.make(name, folder)
            network = build.load(model.row, model.files, roots=newton_schulz_roots())
            options = Options(portable=portable, kinds=("whole",))
            made[name, portable] = export(model.row, network, model.files, folder, options)[0].path
        return made[name, portable]

    return make


@pytest.mark.parametrize("model", ["small-slim", "small-wct"])
def test_node(model: str, node: str, graphs: Graphs, tmp_path: Path) -> None:
    program = _installed("node") / "stylize.mjs"
    graph, content, style, out = graphs(model, False), *_files(tmp_path, CONTENT, STYLE)
    _run([node, program, graph, content, style, out, ALPHA])
    _assert_same(out, _reference(graph, CONTENT, STYLE))


def test_node_reads_jpeg_files_and_turns_them_upright(node: str, graphs: Graphs, tmp_path: Path) -> None:
    program = _installed("node") / "stylize.mjs"
    graph, content, style, out = graphs("small-slim", False), *_files(tmp_path, CONTENT, STYLE)
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: lies on its side
    Image.fromarray(CONTENT).save(content.with_suffix(".jpg"), exif=exif)
    _run([node, program, graph, content.with_suffix(".jpg"), style, out])
    with Image.open(out) as stylized:
        assert stylized.size == (37, 45)


@pytest.mark.parametrize("model", ["small-slim", "small-wct"])
def test_openvino(model: str, openvino_python: str, graphs: Graphs, tmp_path: Path) -> None:
    program = CONSUMERS / "openvino" / "stylize.py"
    graph, content, style, out = graphs(model, False), *_files(tmp_path, CONTENT, STYLE)
    _run([openvino_python, program, graph, content, style, "-o", out, "--alpha", ALPHA])
    _assert_same(out, _reference(graph, CONTENT, STYLE))


@pytest.mark.parametrize("model", ["small-slim", "small-wct"])
def test_browser(model: str, node: str, chromium: str, graphs: Graphs, tmp_path: Path) -> None:
    program = _installed("web") / "check.mjs"
    graph, content, style, out = graphs(model, False), *_files(tmp_path, CONTENT, STYLE)
    _run([node, program, graph, content, style, out, "wasm", ALPHA], CHROMIUM=chromium)
    _assert_same(out, _reference(graph, CONTENT, STYLE))


@pytest.mark.parametrize("model", ["small-slim", "small-wct"])
def test_browser_with_webgpu(model: str, node: str, chromium: str, graphs: Graphs, tmp_path: Path) -> None:
    program = _installed("web") / "check.mjs"
    graph, content, style, out = graphs(model, True), *_files(tmp_path, FITTING_CONTENT, FITTING_STYLE)
    _run([node, program, graph, content, style, out, "webgpu", ALPHA], CHROMIUM=chromium)
    _assert_same(out, _reference(graph, FITTING_CONTENT, FITTING_STYLE))


def test_the_page_fits_any_content_to_a_portable_graph(
    node: str, chromium: str, graphs: Graphs, tmp_path: Path
) -> None:
    program = _installed("web") / "check.mjs"
    graph, content, style, out = graphs("small-slim", True), *_files(tmp_path, CONTENT, FITTING_STYLE)
    _run([node, program, graph, content, style, out, "wasm", ALPHA], CHROMIUM=chromium)
    padded = np.pad(CONTENT, ((0, 48 - 37), (0, 48 - 45), (0, 0)), mode="edge")  # multiples of 16
    _assert_same(out, _reference(graph, padded, FITTING_STYLE)[:37, :45])


def test_the_page_reads_the_graphs_metadata(node: str, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="exporting needs the extra torch")
    weights = onnx.numpy_helper.from_array(np.zeros((7, 300), np.float32), "weights")
    model = onnx.helper.make_model(onnx.helper.make_graph([], "graph", [], [], [weights]))
    written = {"adain.model": "adain-α", "adain.portable": "true", "adain.size_multiple": "16", "other": "1"}
    onnx.helper.set_model_props(model, written)
    onnx.save(model, tmp_path / "graph.onnx")
    module = (CONSUMERS / "web" / "metadata.js").as_uri()
    script = (
        f"import {{ readMetadata }} from {json.dumps(module)}; import {{ readFileSync }} from 'node:fs';"
        f"console.log(JSON.stringify(readMetadata(readFileSync({json.dumps(str(tmp_path / 'graph.onnx'))}))));"
    )
    found: dict[str, Any] = json.loads(_run([node, "--input-type=module", "--eval", script]))
    assert found == {"model": "adain-α", "portable": True, "size_multiple": 16}


def _program(*names: str) -> str:
    for name in names:
        if path := shutil.which(name):
            return path
    pytest.skip(f"{names[0]} is not installed; {HELP}")


def _installed(consumer: str) -> Path:
    folder = CONSUMERS / consumer
    if not (folder / "node_modules").is_dir():
        pytest.skip(f"the npm packages of export/consumers/{consumer} are not installed; {HELP}")
    return folder


def _files(folder: Path, content: Rgb, style: Rgb) -> tuple[Path, Path, Path]:
    """The content, the style, and where to write to."""
    paths = folder / "content.png", folder / "style.png", folder / "stylized.png"
    for path, picture in zip(paths, (content, style), strict=False):
        Image.fromarray(picture).save(path)
    return paths


def _run(command: list[object], **variables: str) -> str:
    result = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, **variables},
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def _reference(graph: Path, content: Rgb, style: Rgb) -> Rgb:
    """What onnxruntime makes of it, on the CPU."""

    def tensor(picture: Rgb) -> NDArray[np.float32]:
        return picture.transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255)

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    feed = {"content": tensor(content), "style": tensor(style), "alpha": np.full((1, 1), ALPHA, np.float32)}
    stylized = session.run(None, feed)[0][0].transpose(1, 2, 0)
    assert stylized.std() > 0.01, "a flat picture would prove nothing"
    rounded: Rgb = (stylized * 255 + 0.5).astype(np.uint8)
    return rounded


def _assert_same(path: Path, expected: Rgb) -> None:
    with Image.open(path) as image:
        actual = np.asarray(image.convert("RGB"))
    assert actual.shape == expected.shape
    worst = np.abs(actual.astype(int) - expected.astype(int)).max()
    print(f"{path.parent.name}: worst difference {worst}/255")
    assert worst <= LEVELS
