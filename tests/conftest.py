"""Fixtures that any test may use. Tests need no network, and no file that is not part of the project."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pictures import painting, photo
from PIL import Image

from adain import registry
from adain.registry import Model

if TYPE_CHECKING:
    from small_models import Exports

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # some tests import onnxruntime themselves

if "PYTEST_XDIST_WORKER" in os.environ:  # several processes, whose threads would take each other's cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED = Path(__file__).resolve().parents[2] / "shared"
BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real pictures and networks that may lie beside the project."""
    if not SHARED.is_dir():
        pytest.skip("the folder ../shared with real pictures and networks is not here")
    return SHARED


@pytest.fixture
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the scripts that measure, from which they can be imported."""
    if not BENCHMARKS.is_dir():
        pytest.skip("benchmarks/ is part of the repository only")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return BENCHMARKS


@pytest.fixture(autouse=True)
def _clean_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The user's own cache and settings stay out of every test."""
    monkeypatch.delenv("ADAIN_WEIGHTS_DIR", raising=False)
    monkeypatch.setenv("ADAIN_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def photo_file(tmp_path: Path) -> Path:
    """A small photograph, 48 x 36 pixels, as a PNG file."""
    path = tmp_path / "photo.png"
    Image.fromarray(photo()).save(path)
    return path


@pytest.fixture
def painting_file(tmp_path: Path) -> Path:
    """A small painting, 40 x 40 pixels, as a PNG file."""
    path = tmp_path / "painting.png"
    Image.fromarray(painting()).save(path)
    return path


@pytest.fixture(scope="session")
def _random_model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, Path]:
    """The default model's row, pinned to random weights, and the folder they are in."""
    torch = pytest.importorskip("torch", reason="the networks need the extra torch")
    from safetensors.torch import save_file

    from adain.nn.build import parts
    from adain.nn.checkpoints import slots

    row, folder = registry.get(registry.DEFAULT), tmp_path_factory.mktemp("random-weights")
    networks = parts(row.architecture)
    generator = torch.Generator().manual_seed(0)
    files = []
    for file in row.files:
        state = {
            key: torch.randn(slot.shape, generator=generator) / 10
            for key, slot in slots(networks[file.role], row.architecture.keys).items()
        }
        save = save_file if file.name.endswith(".safetensors") else torch.save
        save(state, folder / file.name)
        content = (folder / file.name).read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        files.append(dataclasses.replace(file, bytes=len(content), sha256=sha256, git_blob=None))
    return dataclasses.replace(row, files=tuple(files)), folder


@pytest.fixture(scope="session")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Exports:
    """Small models as ONNX files, each exported once however many tests use it."""
    for extra in ("torch", "onnxscript"):
        pytest.importorskip(extra, reason="exporting needs the extra torch")
    from small_models import Exports

    folder = tmp_path_factory.getbasetemp()
    return Exports(folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder)


@pytest.fixture
def random_weights(_random_model: tuple[Model, Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with random weights of the default model, found by everything that looks for weights."""
    row, folder = _random_model
    patched = {**registry.MODELS, row.name: row}
    for module in ("adain.cli.models", "adain.registry"):  # the first has it by name, and must not be imported patched
        monkeypatch.setattr(f"{module}.MODELS", patched)
    monkeypatch.setenv("ADAIN_WEIGHTS_DIR", str(folder))
    return folder
