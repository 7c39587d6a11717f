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
from PIL import Image, ImageCms

import adain
from adain import images
from adain.engine.framing import fitting, repeated
from adain.engine.strokes import offset
from adain.runtimes.contract import CONTRACT_VERSION, GraphInfo

if TYPE_CHECKING:
    from small_models import Exports

LEVELS = 1  # of 255; float32 sums in another order may round to the next level
ALPHA, STROKES = 0.7, 0.6
CONTENT, STYLE = photo(61, 53), painting(56, 49)  # odd, landscape, and unlike each other
FITTING_STYLE = painting(128, 128)  # sides that a portable graph takes

Rgb = NDArray[np.uint8]


def _node(*arguments: object) -> list[object]:
    return [consumers.program("node"), consumers.npm("node") / "stylize.mjs", *arguments]


def _python(*arguments: object) -> list[object]:
    return [sys.executable, CONSUMERS / "python" / "stylize.py", *arguments]


def _openvino(*arguments: object) -> list[object]:
    consumers.needs("openvino")
    *files, out, alpha, strokes = arguments
    options = ["-o", out, f"--alpha={alpha}", f"--strokes={strokes}"]
    return [sys.executable, CONSUMERS / "python" / "with_openvino.py", *files, *options]


def _opencv(*arguments: object) -> list[object]:
    consumers.needs("cv2")
    return [sys.executable, CONSUMERS / "python" / "with_opencv.py", *arguments]


def _cpp(*arguments: object) -> list[object]:
    return [consumers.cpp(), *arguments]


PROGRAMS = {"node": _node, "python": _python, "openvino": _openvino, "opencv": _opencv, "cpp": _cpp}
"""The command of each, from a graph, a content, a style, where to write to, alpha and strokes."""

heavy = pytest.mark.heavy
every_model = pytest.mark.parametrize("model", SHIPPED)
every_program = pytest.mark.parametrize("program", PROGRAMS)
pytestmark = consumers.heavy[1:]


@heavy
@every_program
@every_model
def test_programs_give_the_graphs_picture(exports: Exports, model: str, program: str, tmp_path: Path) -> None:
    graph, (content, style, out) = _whole(exports, model), _files(tmp_path, CONTENT, STYLE)
    consumers.run(PROGRAMS[program](graph, content, style, out, ALPHA, STROKES))
    _assert_same(out, _reference(graph, CONTENT, STYLE))


@heavy
@every_program
def test_programs_fit_pictures_to_a_portable_graph(exports: Exports, program: str, tmp_path: Path) -> None:
    graph = consumers.graphs(exports, "adain-slim", portable=True)["whole"]
    content, style, out = _files(tmp_path, CONTENT, STYLE)
    consumers.run(PROGRAMS[program](graph, content, style, out, ALPHA, STROKES))
    about = consumers.info(graph)
    padded = [repeated(_planes(each), *_fitting(each, about)) for each in (CONTENT, STYLE)]
    _assert_same(out, _reference(graph, *map(_interleaved, padded))[: CONTENT.shape[0], : CONTENT.shape[1]])


@heavy
@every_program
def test_programs_fit_pictures_to_a_graph_of_one_size(exports: Exports, program: str, tmp_path: Path) -> None:
    """Padded, or first shrunk to go into it."""
    graph, (content, style, out) = consumers.one_size(exports), _files(tmp_path, CONTENT, STYLE)
    consumers.run(PROGRAMS[program](graph, content, style, out, ALPHA, STROKES))
    padded = [_interleaved(repeated(_planes(each), 64, 96)) for each in (CONTENT, STYLE)]
    _assert_same(out, _reference(graph, *padded)[: CONTENT.shape[0], : CONTENT.shape[1]])
    Image.fromarray(photo(256, 128)).save(content)
    consumers.run(PROGRAMS[program](graph, content, style, out, ALPHA, STROKES))
    with Image.open(out) as stylized:
        assert stylized.size == (96, 48)


@heavy
@every_program
def test_programs_read_pictures_as_adain_does(exports: Exports, program: str, tmp_path: Path) -> None:
    """Upright, in sRGB, with the alpha channel, hidden colours replaced, and the style shrunk to 512 px."""
    content, style, out = (tmp_path / name for name in ("content.png", "style.png", "out.png"))
    _awkward(content)
    Image.fromarray(painting(700, 520)).save(style)
    graph = _whole(exports, "adain-slim")
    consumers.run(PROGRAMS[program](graph, content, style, out, ALPHA, STROKES))
    picture, shrunk = images.read(content), images.resize(images.read(style), 512, enlarge=False)
    assert picture.alpha is not None
    assert picture.size == (53, 61)
    with Image.open(out) as stylized:
        assert np.array_equal(np.asarray(stylized.getchannel("A")), picture.alpha)
    _assert_same(out, _reference(graph, picture.rgb, shrunk.rgb), mean=0.5)


@heavy
def test_the_program_in_python_gives_adains_picture(exports: Exports, tmp_path: Path) -> None:
    """With the files in `weights/`, from which `adain` itself makes the draft."""
    graph, (content, style, out) = _whole(exports, "adain-slim"), _files(tmp_path, CONTENT, STYLE)
    consumers.run(PROGRAMS["python"](graph, content, style, out, ALPHA, 0.5))
    _assert_same(out, np.asarray(adain.load("adain-slim")(content, style, alpha=ALPHA, strokes=0.5)))


@heavy
def test_the_client_for_triton_gives_the_graphs_picture(exports: Exports, tmp_path: Path) -> None:
    consumers.needs("tritonclient")
    from triton_server import serving

    from adain.export.graphs import Written
    from adain.export.triton import repository

    graph, (content, style, out) = _whole(exports, "adain-slim"), _files(tmp_path, CONTENT, STYLE)
    repository([Written(graph, consumers.info(graph))], tmp_path / "models")
    client = [sys.executable, CONSUMERS / "python" / "with_triton.py"]
    with serving(tmp_path / "models") as server:
        consumers.run([*client, "adain-slim", content, style, out, ALPHA, STROKES, server])
        _assert_same(out, _reference(graph, CONTENT, STYLE))
        said = consumers.error([*client, "adain-slim_apply", content, style, out, ALPHA, STROKES, server])
        assert "error: the server says: Request for unknown model" in said


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
    padded = _interleaved(repeated(_planes(CONTENT), *_fitting(CONTENT, consumers.info(graph))))
    _assert_same(out, _reference(graph, padded, FITTING_STYLE)[: CONTENT.shape[0], : CONTENT.shape[1]])


WRONG = {
    "old": ({"adain.contract": "3"}, "export it again with this version of adain"),
    "new": ({"adain.contract": "999"}, "take the program from a newer version of adain"),
    "apply": ({"adain.graph": "apply"}, "graph apply; take MODEL.onnx, which has the whole network"),
    "uint8": ({"adain.io": "uint8"}, "export it again with --io float"),
    "other": ({"adain.contract": None}, "take MODEL.onnx as `adain export` writes it"),
}


@heavy
@every_program
@pytest.mark.parametrize(("changes", "advice"), WRONG.values(), ids=WRONG)
def test_programs_say_what_is_wrong_with_a_graph(
    changes: dict[str, str | None], advice: str, program: str, tmp_path: Path
) -> None:
    graph, (content, style, out) = _labelled(tmp_path, changes), _files(tmp_path, CONTENT, STYLE)
    said = consumers.error(PROGRAMS[program](graph, content, style, out, ALPHA, STROKES))
    assert advice in said
    assert "Traceback" not in said


@heavy
@every_program
@pytest.mark.parametrize(("alpha", "strokes"), [("nan", 0.5), (1, 1.5)])
def test_programs_refuse_other_strengths(program: str, alpha: object, strokes: object, tmp_path: Path) -> None:
    graph, (content, style, out) = _labelled(tmp_path, {}), _files(tmp_path, CONTENT, STYLE)
    said = consumers.error(PROGRAMS[program](graph, content, style, out, alpha, strokes))
    assert "must be in [0, 1]" in said
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


WRITTEN = [
    "web/metadata.js",
    "python/stylize.py",
    "cpp/stylize.cpp",
    *(f"others/{name}" for name in ("Stylizer.cs", "Stylizer.kt", "Stylizer.swift", "stylize.rs")),
]
CONTRACT = r"(?i)\bk?contract(?:: i64)? = (\d+)\b"
GRAIN = r"(?i)\bk?grain(?:: \[[^]]+\])?(?: = )?(?:floatArrayOf)?[\[({] ?(\d+)(?:f|\.0)?, (\d+)"


@pytest.mark.parametrize("file", WRITTEN)
def test_programs_are_written_for_this_contract_and_begin_the_grain_where_adain_does(file: str) -> None:
    text = (CONSUMERS / file).read_text(encoding="utf-8")
    assert re.findall(CONTRACT, text) == [str(CONTRACT_VERSION)]
    assert [tuple(map(int, place)) for place in re.findall(GRAIN, text)] == [offset(0)]


def _use_page(graph: Path, content: Path, style: Path, out: Path, *options: object) -> None:
    command = [consumers.program("node"), consumers.npm("web") / "check.mjs", graph, content, style, out, *options]
    consumers.run(command, CHROMIUM=consumers.chromium())


def _awkward(path: Path) -> None:
    """A content that lies on its side, in the colours of another profile, a third of it transparent and black."""
    rgba = np.dstack([CONTENT, np.full(CONTENT.shape[:2], 255, np.uint8)])
    rgba[:20] = 0
    rgba[20:30, :, 3] = 128
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(rgba).save(path, exif=exif, icc_profile=profile)


def _planes(picture: Rgb) -> NDArray[np.float32]:
    return picture.transpose(2, 0, 1).astype(np.float32)


def _interleaved(planes: NDArray[np.float32]) -> Rgb:
    return planes.transpose(1, 2, 0).astype(np.uint8)


def _fitting(picture: Rgb, about: GraphInfo) -> tuple[int, int]:
    return fitting(picture.shape[:2], about.size_multiple, about.size_minimum)


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
        "adain.size_multiple": "1",
        "adain.size_minimum": "1",
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
    names = {value.name for value in session.get_inputs()}  # a graph of one size has its own grain
    feed = {name: array for name, array in feed.items() if name in names}
    stylized = session.run(None, feed)[0][0].transpose(1, 2, 0)
    assert stylized.std() > 0.01, "a flat picture would prove nothing"
    rounded: Rgb = (stylized * 255 + 0.5).astype(np.uint8)
    return rounded


def _assert_same(path: Path, expected: Rgb, mean: float | None = None) -> None:
    """Within a level of 255, or by their mean where pictures are resized by other libraries."""
    with Image.open(path) as image:
        actual = np.asarray(image.convert("RGB"))
    assert actual.shape == expected.shape
    differences = np.abs(actual.astype(int) - expected.astype(int))
    print(f"{path.parent.name}: worst difference {differences.max()}/255, mean {differences.mean():.3f}")
    assert differences.max() <= LEVELS if mean is None else differences.mean() <= mean
