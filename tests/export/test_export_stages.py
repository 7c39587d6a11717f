"""Graphs of a model's stages: they are the network's, and the onnxruntime backend makes whole pictures of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("torch", reason="exporting needs the extra torch")

import torch
from numpy.typing import NDArray

from adain.engine.fusions import moments_layout, statistics_layout
from adain.engine.loop import Styles, stylize
from adain.errors import WeightsError
from adain.export.exported import stage_of
from adain.export.graphs import Options
from adain.export.verify import Case, compare
from adain.runtimes.contract import GRAPHS, STAGED, GraphInfo, GraphKind
from adain.runtimes.graph_files import GraphFiles, find, names
from adain.runtimes.ort_session import OrtBackend
from adain.runtimes.torch_backend import TorchBackend

if TYPE_CHECKING:
    from small_models import Exports

KINDS: tuple[GraphKind, ...] = ("encode_style", "level", "level_regions", *STAGED)
FAMILIES = (
    "small-adain",
    "small-wct",
    pytest.param("small-slim-wct", marks=pytest.mark.heavy),  # seven graphs take a minute
)
CASES = (Case((67, 45), (40, 33), batch=2, styles=2, alpha=0.6), Case((33, 64), (40, 33)))

every_family = pytest.mark.parametrize(
    "family", [pytest.param(each, marks=pytest.mark.heavy) if each == "small-wct" else each for each in FAMILIES]
)


def pixels(height: int, width: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random((1, 3, height, width), np.float32)


def backend(exports: Exports, family: str) -> OrtBackend:
    made = exports(family, Options(kinds=KINDS))
    return OrtBackend(made.model.row, find(made.model.row, made.directory), "cpu")


@pytest.mark.heavy
@every_family
def test_each_graph_computes_what_the_network_does(exports: Exports, family: str) -> None:
    from small_models import network

    made = exports(family, Options(kinds=KINDS))
    staged = [path for path in made.directory.glob("*.onnx") if any(f".{kind}." in path.name for kind in STAGED)]
    assert len(staged) == 3 * len(set(made.model.row.stages))
    for path in staged:
        import onnx

        file = onnx.load(path, load_external_data=False)
        info = GraphInfo.from_metadata({each.key: each.value for each in file.metadata_props}, path.name)
        assert info.stages == made.model.row.stages
        stage = stage_of(info)
        assert stage.name == info.stage
        maps = [each.name for each in stage.maps]
        signature = GRAPHS[info.graph].with_maps(maps)
        assert tuple(value.name for value in file.graph.input) == signature.inputs
        assert tuple(value.name for value in file.graph.output) == signature.outputs
        kept = {v.type.tensor_type.elem_type for v in (*file.graph.input, *file.graph.output) if v.name in maps}
        assert kept == {onnx.TensorProto.FLOAT if family == "small-wct" else onnx.TensorProto.FLOAT16}
        for comparison in compare(path, info, network(made.model), CASES):
            assert comparison.passed, str(comparison)


@every_family
def test_both_backends_see_stages_alike(exports: Exports, family: str) -> None:
    made = exports(family, Options(kinds=KINDS))
    ort, nn = backend(exports, family), TorchBackend(made.model.row, made.model.files, "cpu")
    assert ort.stages == nn.stages == made.model.row.stages
    for stage in ort.stages:
        framing = ort.framing(stage)
        assert framing == nn.framing(stage)
        picture = framing.framed(pixels(48, 80))
        height, width = (side - 2 * framing.context for side in picture.shape[2:])
        masks = np.random.default_rng(1).random((1, 2, height, width), np.float32)
        (maps, ours), (expected, others) = ort.encode(picture, stage, masks), nn.encode(picture, stage, masks)
        assert list(maps) == list(expected) == [each.name for each in stage.maps]
        for name, x in expected.items():
            np.testing.assert_allclose(maps[name], x, rtol=1e-3, atol=1e-4)
        for one, other in zip(ours, others, strict=True):
            for name, moments in other.maps.items():
                np.testing.assert_allclose(one.maps[name].count, moments.count, rtol=1e-5)
                np.testing.assert_allclose(one.maps[name].mean, moments.mean, atol=1e-5)
                np.testing.assert_allclose(one.maps[name].spread, moments.spread, atol=1e-4)


@every_family
def test_layouts_are_what_networks_give_and_take(exports: Exports, family: str) -> None:
    network = TorchBackend((made := exports(family, Options(kinds=KINDS)).model).row, made.files, "cpu").network
    for stage in network.stages:
        framing = network.framing(stage)
        image = torch.from_numpy(framing.framed(pixels(32, 48)))
        maps = network.features(image, stage)
        assert list(maps) == [each.name for each in stage.maps]
        masks = torch.ones(1, 3, *(side - 2 * framing.context for side in image.shape[2:]))
        moments = network.moments(maps, stage, masks)
        layout = moments_layout(stage)
        assert [(name, tuple(array.shape[2:])) for name, array in moments.items()] == list(layout.items())
        own = TorchBackend(made.row, made.files, "cpu").encode(image.numpy(), stage, masks.numpy())[1][0]
        found = {name: array.shape for name, array in own.statistics(stage).items()}
        assert list(found.items()) == list(statistics_layout(stage).items())


@every_family
@pytest.mark.parametrize("regions", [False, True])
def test_tiles_in_onnxruntime_are_the_whole_picture(exports: Exports, family: str, regions: bool) -> None:
    ort = backend(exports, family)
    framings = [ort.framing(stage) for stage in ort.stages]
    side = 2 * max(framing.encoder_band + framing.decoder_band for framing in framings) * 2 + 32
    rgb = (pixels(side + 50, side + 20)[0].transpose(1, 2, 0) * 255).astype(np.uint8)
    codes = tuple(ort.encode_style(pixels(40, 33, seed=seed)) for seed in (1, 2))
    masks = np.zeros((2, *rgb.shape[:2]), np.float32)
    masks[0, :, :40], masks[1, 30:, 20:] = 1, 0.6
    styles = Styles(codes, masks) if regions else Styles(codes[:1])
    whole = stylize(ort, rgb, styles, 0.8, tile=0).astype(int)
    tiled = stylize(ort, rgb, styles, 0.8, tile=side)
    assert np.abs(whole - tiled).max() <= 2
    assert whole.std() > 5


def test_a_style_scales_no_map_between_two_convolutions(exports: Exports) -> None:
    """Each such pass over a map of a large picture takes as long as a twentieth of all convolutions."""
    import onnx

    made = exports("small-slim", Options(kinds=("decode",)))
    nodes = onnx.load(made.graphs["decode"].path, load_external_data=False).graph.node
    convolved = {node.output[0] for node in nodes if node.op_type == "Conv"}
    scaled = {name for node in nodes if node.op_type == "Mul" for name in node.input} & convolved
    assert len(scaled) == sum(node.op_type == "Resize" for node in nodes) == 2  # only what is upsampled to a skip


def test_a_missing_graph_is_named_with_the_command_that_writes_it(exports: Exports) -> None:
    made = exports("small-adain", Options(kinds=("encode_style", "level")))
    paths = {kind: graph.path for kind, graph in made.graphs.items()}
    ort = OrtBackend(made.model.row, GraphFiles(paths["encode_style"], paths["level"], shipped=False), "cpu")
    with pytest.raises(WeightsError, match=r"small-adain\.encode_content\.onnx .*adain export small-adain"):
        ort.framing(ort.stages[0])


@pytest.mark.heavy
def test_files_of_a_model_of_several_stages_are_named_by_stage(exports: Exports) -> None:
    row = exports("small-wct", Options(kinds=KINDS)).model.row
    assert {"small-wct.encode_content.relu2_1.onnx", "small-wct.decode.relu1_1.onnx"} <= set(names(row).values())
