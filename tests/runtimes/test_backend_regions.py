"""Regions in the backends: onnxruntime gives torch's pictures, and opens the graph for it only when it is needed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import painting, photo
from small_models import Export, Exports

from adain import images
from adain.errors import InputError, WeightsError
from adain.export.graphs import Options
from adain.runtimes import graph_files as files
from adain.runtimes.ort_session import OrtBackend
from adain.runtimes.torch_backend import TorchBackend

ONE_OF_255 = 1 / 255
KINDS = Options(kinds=("encode_style", "level", "whole", "level_regions"))  # as in test_ort: made once for both
Code = dict[str, NDArray[np.float32]]


@pytest.fixture(scope="module")
def made(exports: Exports) -> Export:
    return exports("small-adain", KINDS)


@pytest.fixture(scope="module")
def torchs(made: Export) -> TorchBackend:
    return TorchBackend(made.model.row, made.model.files, "cpu")


@pytest.fixture(scope="module")
def codes(torchs: TorchBackend) -> list[Code]:
    return [torchs.encode_style(images.to_tensor(painting(24, 24, seed))) for seed in range(3)]


def graph_files(made: Export, further: Path) -> files.GraphFiles:
    paths = {kind: made.graphs[kind].path for kind in ("encode_style", "level")}
    return files.GraphFiles(paths["encode_style"], paths["level"], False, {"level_regions": further})


@pytest.fixture
def ours(made: Export) -> OrtBackend:
    return OrtBackend(made.model.row, graph_files(made, made.graphs["level_regions"].path), "cpu")


@pytest.mark.parametrize("size", [(48, 36), (37, 51), (5, 3), (1, 1)])  # width, height
@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_pictures_are_torchs(
    ours: OrtBackend, torchs: TorchBackend, codes: list[Code], size: tuple[int, int], alpha: float
) -> None:
    content = images.to_tensor(photo(*size))
    masks = np.random.default_rng(0).random((1, 3, size[1], size[0]), np.float32)
    picture, same = (backend.stylize_regions(content, codes, masks, alpha) for backend in (ours, torchs))
    assert picture.shape == content.shape
    assert picture.dtype == np.float32
    assert np.abs(picture - same.clip(0, 1)).max() <= ONE_OF_255


def test_one_region_over_all_is_the_picture_without_regions(ours: OrtBackend, codes: list[Code]) -> None:
    content = images.to_tensor(photo())
    picture = ours.stylize_regions(content, codes[:1], np.ones((1, 1, 36, 48), np.float32), 0.7)
    assert np.abs(picture - ours.stylize(content, codes[0], 0.7)).max() <= ONE_OF_255


def test_a_code_of_another_model_is_an_error(ours: OrtBackend, torchs: TorchBackend, codes: list[Code]) -> None:
    foreign = {"other.mean": np.zeros(3, np.float32)}
    for backend in (ours, torchs):
        with pytest.raises(InputError, match=r"other\.mean.*encode the style with this model"):
            backend.stylize_regions(
                np.zeros((1, 3, 8, 8), np.float32), [codes[0], foreign], np.ones((1, 2, 8, 8), np.float32), 1.0
            )


def test_the_graph_is_opened_when_it_is_first_needed(made: Export, codes: list[Code], tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_text("no graph")
    backend = OrtBackend(made.model.row, graph_files(made, broken), "cpu")
    content = images.to_tensor(photo())
    assert backend.stylize(content, codes[0], 1.0).shape == content.shape
    with pytest.raises(WeightsError, match=r"cannot load .*broken\.onnx"):
        backend.stylize_regions(content, codes[:1], np.ones((1, 1, 36, 48), np.float32), 1.0)


def test_another_graph_in_its_place_is_an_error(made: Export, codes: list[Code]) -> None:
    backend = OrtBackend(made.model.row, graph_files(made, made.graphs["whole"].path), "cpu")
    with pytest.raises(WeightsError, match="is the graph 'whole' of small-adain, not 'level_regions'"):
        backend.stylize_regions(images.to_tensor(photo()), codes[:1], np.ones((1, 1, 36, 48), np.float32), 1.0)


def test_without_the_graph_the_error_says_how_to_make_it(made: Export, codes: list[Code]) -> None:
    without = dataclasses.replace(graph_files(made, Path()), further={})
    backend = OrtBackend(made.model.row, without, "cpu")
    with pytest.raises(WeightsError, match=r"no small-adain\.level_regions\.onnx beside .*`adain export small-adain"):
        backend.stylize_regions(images.to_tensor(photo()), codes[:1], np.ones((1, 1, 36, 48), np.float32), 1.0)


def test_the_graph_is_found_beside_the_others(made: Export) -> None:
    found = files.locate(made.model.row, made.directory)
    assert found is not None
    assert found.further["level_regions"] == made.graphs["level_regions"].path
    assert not found.shipped
