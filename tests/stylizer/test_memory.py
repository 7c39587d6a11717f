"""A lack of memory is a sentence that says how much it takes, wherever it happens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from mean_backend import MeanBackend
from numpy.typing import NDArray
from pictures import painting, photo
from PIL import Image, PngImagePlugin

import adain
from adain import OutOfMemoryError, images, loading, memory, registry
from adain.cli.main import main
from adain.engine.backend import Code
from adain.stylizer import Stylizer
from adain.texture import synthesize


class Hungry(MeanBackend):
    """Fails as a runtime does if memory is short."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def stylize(self, content: NDArray[np.float32], code: Code, alpha: float) -> NDArray[np.float32]:
        raise self.error


SHORT = [
    MemoryError(),
    adain.DeviceError("onnxruntime could not run a.onnx: Failed to allocate memory for requested buffer of size 9"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
    RuntimeError("CUDA out of memory. Tried to allocate 9.00 GiB"),
    RuntimeError("std::bad_alloc"),
]


@pytest.mark.parametrize("error", SHORT, ids=str)
def test_a_picture_says_how_much_it_takes(error: Exception) -> None:
    stylizer = Stylizer(MeanBackend.model, Hungry(error))
    with pytest.raises(OutOfMemoryError, match=r"stylizing 48 x 36 pixels takes about 0\.\d+ MB") as caught:
        stylizer(photo(), painting())
    assert isinstance(caught.value, MemoryError)
    assert caught.value.__cause__ is error


def test_other_errors_stay_as_they_are() -> None:
    with pytest.raises(RuntimeError, match="another"), memory.required("it", 1):
        raise RuntimeError("another")
    with pytest.raises(OutOfMemoryError, match="inner takes about 3 GB"), memory.required("outer", 9e9):  # noqa: SIM117
        with memory.required("inner", 3e9):
            raise MemoryError


def test_a_picture_that_cannot_be_read_says_how_much_it_takes(
    photo_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(self: object) -> None:
        raise MemoryError

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", load)
    with pytest.raises(OutOfMemoryError, match=r"reading .*photo\.png, 48 x 36 pixels, takes about"):
        images.read(photo_file)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (np._core._exceptions._ArrayMemoryError((10**9, 3), np.dtype(np.uint8)), "Unable to allocate 2.79 GiB"),  # type: ignore[attr-defined]
        (RuntimeError("CUDA out of memory. Tried to allocate 9.00 GiB\nand more"), "Tried to allocate 9.00 GiB"),
    ],
    ids=["numpy", "torch"],
)
def test_the_command_says_it_in_one_sentence(
    error: Exception, said: str, photo_file: Path, painting_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*args: object, **options: object) -> Stylizer:
        raise error

    monkeypatch.setattr(loading, "load", load)
    arguments = ["stylize", str(photo_file), str(painting_file), "-o", str(photo_file.with_name("out.png"))]
    result = CliRunner().invoke(main, arguments, prog_name="adain")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: there is not enough memory; choose a smaller size")
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_texture_has_a_limit_like_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    stylizer = Stylizer(registry.get("wct-slim"), MeanBackend())
    with pytest.raises(adain.InputError, match="99,999 x 99,999 would have more than the allowed 178,956,970 pixels"):
        synthesize(stylizer, "nowhere.png", (99999, 99999))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    with pytest.raises(adain.InputError, match="more than the allowed 100 pixels"):
        synthesize(stylizer, "nowhere.png", (101, 1))
