"""The programs in export/consumers make onnxruntime's picture with the networks that ship, and check their graph."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import consumers
import numpy as np
import onnxruntime
import pytest
from consumers import CONSUMERS, SHIPPED
from numpy.typing import NDArray
from pictures import painting, photo
from PIL import Image

from adain.engine.framing import fitting
from adain.engine.strokes import offset
from adain.runtimes.contract import CONTRACT_VERSION

if TYPE_CHECKING:
    from small_models import Exports

LEVELS = 1  # of 255; float32 sums in another order may round to the next level
ALPHA, STROKES = 0.7, 0.6
CONTENT, STYLE = photo(61, 53), painting(56, 49)  # odd, landscape, and unlike each other
FITTING_STYLE = painting(128, 128)  # sides that a portable graph takes

Rgb = NDArray[np.uint8]

heavy = pytest.mark.heavy
every_model = pytest.mark.parametrize("model", SHIPPED)
pytestmark = consumers.heavy[1:]


@heavy
@every_model
def test_node(exports: Exports, model: str, tmp_path: Path) -> None:
    graph, (content, style, out) = _whole(exports, model), _files(tmp_path, CONTENT, STYLE)
    consumers.run([*_node(), graph, content, style, out, ALPHA, STROKES])
    _assert_same(out, _reference(graph, CONTENT, STYLE))


@heavy
def test_node_reads_jpeg_files_and_turns_them_upright(exports: Exports, tmp_path: Path) -> None:
    graph, (content, style, out) = _whole(exports, "adain-slim"), _files(tmp_path, CONTENT, STYLE)
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: lies on its side
    Image.fromarray(CONTENT).save(content.with_suffix(".jpg"), exif=exif)
    consumers.run([*_node(), graph, content.with_suffix(".jpg"), style, out])
    with Image.open(out) as stylized:
        assert stylized.size == (53, 61)


@heavy
@every_model
def test_openvino(exports: Exports, model: str, tmp_path: Path) -> None:
    graph, (content, style, out) = _whole(exports, model), _files(tmp_path, CONTENT, STYLE)
    consumers.run([*_openvino(), graph, content, style, "-o", out, "--alpha", ALPHA, "--strokes", STROKES])
    _assert_same(out, _reference(graph, CONTENT, STYLE))


@heavy
@every_model
def test_the_page_in_webassembly(exports: Exports, model: str, tmp_path: Path) -> None:
    graph, (content, style, out) = _whole(exports, model), _files(tmp_path, CONTENT, STYLE)
    _use_page(graph, content, style, out, "wasm", ALPHA, STROKES)
    _assert_same(out, _reference(graph, CONTENT, STYLE))


@heavy
def test_the_page_on_webgpu(exports: Exports, tmp_path: Path) -> None:
    """With a graph of which some operators run on the CPU; `test_consumers_webgpu.py` runs those that need none."""
    graph, (content, style, out) = _whole(exports, "adain-slim"), _files(tmp_path, CONTENT, STYLE)
    _use_page(graph, content, style, out, "webgpu", ALPHA, STROKES)
    _assert_same(out, _reference(graph, CONTENT, STYLE))


@heavy
def test_the_page_fits_any_content_to_a_portable_graph(exports: Exports, tmp_path: Path) -> None:
    graph = consumers.graphs(exports, "adain-slim", portable=True)["whole"]
    content, style, out = _files(tmp_path, CONTENT, FITTING_STYLE)
    _use_page(graph, content, style, out, "wasm", ALPHA, STROKES)
    about = consumers.info(graph)
    height, width = fitting(CONTENT.shape[:2], about.size_multiple, about.size_minimum)
    beyond = (0, height - CONTENT.shape[0]), (0, width - CONTENT.shape[1]), (0, 0)
    padded = np.pad(CONTENT, beyond, mode="edge")
    _assert_same(out, _reference(graph, padded, FITTING_STYLE)[: CONTENT.shape[0], : CONTENT.shape[1]])


WRONG = {
    "old": ({"adain.contract": "3"}, "export it again with this version of adain"),
    "new": ({"adain.contract": "999"}, "take the program from a newer version of adain"),
    "apply": ({"adain.graph": "apply"}, "graph apply; take MODEL.onnx, which has the whole network"),
    "uint8": ({"adain.io": "uint8"}, "export it again with --io float"),
    "portable": ({"adain.portable": "true"}, "export it again without --portable"),
    "other": ({"adain.contract": None}, "take MODEL.onnx as `adain export` writes it"),
}


@heavy
@pytest.mark.parametrize(("changes", "advice"), WRONG.values(), ids=WRONG)
def test_programs_say_what_is_wrong_with_a_graph(changes: dict[str, str | None], advice: str, tmp_path: Path) -> None:
    graph, (content, style, out) = _labelled(tmp_path, changes), _files(tmp_path, CONTENT, STYLE)
    for command in ([*_node(), graph, content, style, out], [*_openvino(), graph, content, style, "-o", out]):
        said = consumers.error(command)
        assert advice in said
        assert "Traceback" not in said


@heavy
def test_the_page_says_what_is_wrong_with_a_graph(tmp_path: Path) -> None:
    graph, (content, style, out) = _labelled(tmp_path, {"adain.contract": "3"}), _files(tmp_path, CONTENT, STYLE)
    command = [consumers.program("node"), consumers.npm("web") / "check.mjs", graph, content, style, out, "wasm"]
    assert "export it again with this version of adain" in consumers.error(command, CHROMIUM=consumers.chromium())


@heavy
def test_programs_read_a_graphs_metadata(tmp_path: Path) -> None:
    import onnx

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
    found: dict[str, Any] = json.loads(
        consumers.run([consumers.program("node"), "--input-type=module", "--eval", script])
    )
    assert found == {"model": "adain-α", "portable": True, "size_multiple": 16}


@pytest.mark.parametrize("file", ["web/metadata.js", "openvino/stylize.py"])
def test_programs_are_written_for_this_contract(file: str) -> None:
    found = re.findall(r"CONTRACT = (\d+)\b", (CONSUMERS / file).read_text(encoding="utf-8"))
    assert found == [str(CONTRACT_VERSION)]


@pytest.mark.parametrize("file", ["web/metadata.js", "openvino/stylize.py"])
def test_programs_begin_the_grain_where_adain_does(file: str) -> None:
    found = re.findall(r"GRAIN = [\[(](\d+), (\d+)[\])]", (CONSUMERS / file).read_text(encoding="utf-8"))
    assert [tuple(map(int, place)) for place in found] == [offset(0)]


def _node() -> list[object]:
    return [consumers.program("node"), consumers.npm("node") / "stylize.mjs"]


def _openvino() -> list[object]:
    consumers.needs_openvino()
    return [sys.executable, CONSUMERS / "openvino" / "stylize.py"]


def _use_page(graph: Path, content: Path, style: Path, out: Path, *options: object) -> None:
    command = [consumers.program("node"), consumers.npm("web") / "check.mjs", graph, content, style, out, *options]
    consumers.run(command, CHROMIUM=consumers.chromium())


def _whole(exports: Exports, model: str) -> Path:
    return consumers.graphs(exports, model, portable=False)["whole"]


def _files(folder: Path, content: Rgb, style: Rgb) -> tuple[Path, Path, Path]:
    """The content, the style, and where to write to."""
    paths = folder / "content.png", folder / "style.png", folder / "stylized.png"
    for path, picture in zip(paths, (content, style), strict=False):
        Image.fromarray(picture).save(path)
    return paths


def _labelled(folder: Path, changes: dict[str, str | None]) -> Path:
    """A graph that computes nothing, with the metadata that programs look at."""
    import onnx
    from onnx import TensorProto, helper

    tensor = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("content", "stylized")]
    graph = helper.make_graph([helper.make_node("Relu", ["content"], ["stylized"])], "g", tensor[:1], tensor[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    right = {
        "adain.contract": str(CONTRACT_VERSION),
        "adain.graph": "whole",
        "adain.io": "float",
        "adain.portable": "false",
    }
    helper.set_model_props(model, {name: text for name, text in {**right, **changes}.items() if text is not None})
    onnx.save(model, folder / "graph.onnx")
    return folder / "graph.onnx"


def _reference(graph: Path, content: Rgb, style: Rgb) -> Rgb:
    """What onnxruntime makes of it, on the CPU."""

    def tensor(picture: Rgb) -> NDArray[np.float32]:
        return picture.transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255)

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    feed = {
        "content": tensor(content),
        "style": tensor(style),
        "alpha": np.full((1, 1), ALPHA, np.float32),
        "strokes": np.full((1, 1), STROKES, np.float32),
        "grain": np.array([offset(0)], np.float32),
    }
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
