"""Fixtures that any test may use. Tests need no network, and no file that is not part of the project."""

from __future__ import annotations

from pathlib import Path

import pytest
from pictures import painting, photo
from PIL import Image

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real pictures and networks that may lie beside the project."""
    if not SHARED.is_dir():
        pytest.skip("the folder ../shared with real pictures and networks is not here")
    return SHARED


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
