"""OpenVINO gives onnxruntime's pictures, with the networks that ship, in every way a picture can go."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import painting, photo

import adain
from adain import registry
from adain.engine.loop import Styles, stylize
from adain.engine.smoothing import Smoothing
from adain.errors import DeviceError, WeightsError
from adain.runtimes import graph_files
from adain.runtimes.table import RUNTIMES

pytest.importorskip("openvino", reason="the runtime needs the extra openvino")

from adain.runtimes import openvino_session

MODELS = [model.name for model in registry.MODELS.values() if model.shipped]
SIZES = [(1, 1), (5, 3), (37, 51), (64, 64), (131, 90)]  # width, height


@pytest.fixture(scope="module")
def opened() -> Callable[..., adain.Stylizer]:
    """Each model once per runtime."""
    found: dict[tuple[str, ...], adain.Stylizer] = {}

    def load(model: str, runtime: str, precision: str = "fp32") -> adain.Stylizer:
        key = model, runtime, precision
        if key not in found:
            found[key] = adain.load(model, runtime=runtime, precision=precision, device="cpu")
        return found[key]

    return load


def has_bf16() -> bool:
    return RUNTIMES["openvino"].problem("cpu", "bf16") is None


def differ(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> int:
    assert one.shape == other.shape
    return int(np.abs(one.astype(np.int16) - other).max())


@pytest.mark.parametrize("model", MODELS)
def test_codes_and_whole_pictures_are_onnxruntimes(model: str, opened: Callable[..., adain.Stylizer]) -> None:
    ours, theirs = (opened(model, runtime) for runtime in ("openvino", "onnx"))
    assert ours.device == "cpu"
    for seed, (width, height) in enumerate(SIZES):
        style = painting(max(height, 4), max(width, 4), seed) if seed else painting(1, 1)
        codes = [each.encode_style(style) for each in (ours, theirs)]
        for name, array in codes[1].arrays.items():
            np.testing.assert_allclose(codes[0].arrays[name], array, rtol=1e-3, atol=1e-4)
        pictures = [
            np.asarray(each(photo(width, height), code)) for each, code in zip((ours, theirs), codes, strict=True)
        ]
        assert differ(*pictures) <= 1


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("way", ["tiles", "film", "regions", "regions in tiles"])
def test_every_way_through_the_stages_is_onnxruntimes(
    model: str, way: str, opened: Callable[..., adain.Stylizer]
) -> None:
    picture, styles = photo(250, 200), [painting(40, 40, 1), painting(30, 50, 2)]
    right = np.tile(np.linspace(-1, 2, 250, dtype=np.float32).clip(0, 1), (200, 1))
    pictures = []
    for runtime in ("openvino", "onnx"):
        stylizer = opened(model, runtime)
        codes = tuple(stylizer.encode_style(style).arrays for style in styles)
        chosen = Styles(codes, np.stack([1 - right, right])) if "regions" in way else Styles(codes[:1])
        tile, follow = 192 if "tiles" in way else 0, Smoothing(0) if way == "film" else None
        pictures.append(stylize(stylizer.backend, picture, chosen, 0.8, tile=tile, follow=follow))
    assert differ(*pictures) <= (1 if model == "adain-slim" else 2)  # roots of covariances amplify rounding


@pytest.mark.skipif(not has_bf16(), reason="this CPU has no instructions for bf16")
@pytest.mark.parametrize("model", MODELS)
def test_bf16_is_near_fp32_and_leaves_codes_alone(model: str, opened: Callable[..., adain.Stylizer]) -> None:
    fast, exact = (opened(model, "openvino", precision) for precision in ("bf16", "fp32"))
    codes = [each.encode_style(painting(64, 64, 3)) for each in (fast, exact)]
    for name, array in codes[1].arrays.items():
        np.testing.assert_array_equal(codes[0].arrays[name], array)
    for options in ({}, {"tile": 192}):
        pictures = [np.asarray(each(photo(250, 200), codes[0], **options), np.int16) for each in (fast, exact)]
        away = np.abs(pictures[0] - pictures[1])
        # smooth areas, whose covariances have a low rank: with all layers in bf16 it is 30 to 60
        assert away.mean() < 2, f"{away.mean()} of 255"
        assert away.any() or (options and model == "wct-slim"), "tiles of two stages stay in fp32"
    flat = np.full((20, 24, 3), 90, np.uint8)
    assert differ(*(np.asarray(each(flat, codes[0])) for each in (fast, exact))) <= 20


def test_bf16_on_a_cpu_without_it_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class OldCpu:
        def get_property(self, device: str, name: str) -> list[str]:
            return ["FP32", "INT8"]

    monkeypatch.setattr(openvino_session, "_core", OldCpu)
    with pytest.raises(DeviceError, match=r"this CPU has no instructions for it .*use precision fp32"):
        adain.load(precision="bf16")


def test_cuda_is_an_error() -> None:
    with pytest.raises(DeviceError, match="runtime openvino uses the CPU only; use device cpu or auto"):
        adain.load(runtime="openvino", device="cuda:1")


def test_a_damaged_file_and_missing_weights_are_errors(tmp_path: Path) -> None:
    shipped = graph_files.find(registry.get("adain-slim"))
    alone = shutil.copy(shipped.further["decode"], tmp_path)  # without the weights' own file
    with pytest.raises(WeightsError, match="OpenVINO cannot load"):
        openvino_session.OpenVinoGraph(Path(alone))
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(shipped.level.read_bytes()[:1000])
    with pytest.raises(WeightsError, match="OpenVINO cannot load"):
        openvino_session.OpenVinoGraph(broken)


def test_threads_share_a_stylizer(opened: Callable[..., adain.Stylizer]) -> None:
    stylizer = opened("adain-slim", "openvino")
    code = stylizer.encode_style(painting())
    expected, found = np.asarray(stylizer(photo(), code)), []
    threads = [threading.Thread(target=lambda: found.append(np.asarray(stylizer(photo(), code)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(np.array_equal(each, expected) for each in found)


def test_nothing_is_written_outside_the_cache_and_no_telemetry_is_loaded(tmp_path: Path) -> None:
    home, cache = tmp_path / "home", tmp_path / "cache"
    home.mkdir()
    code = """
import sys, numpy as np, adain
stylizer = adain.load(runtime="openvino")
stylizer(np.zeros((40, 40, 3), np.uint8), np.zeros((40, 40, 3), np.uint8))
assert not [name for name in sys.modules if name.startswith(("torch", "openvino_telemetry"))]
"""
    surroundings = {**os.environ, "HOME": str(home), "ADAIN_CACHE": str(cache), "TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=surroundings, cwd=home)
    assert not list(home.iterdir())
    assert {path.parent.name for path in cache.rglob("*") if path.is_file()} == {"openvino"}
    assert len(list(tmp_path.iterdir())) == 2


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ADAIN_CACHE", str(tmp_path / "file"))
    adain.load(runtime="openvino")


@pytest.mark.heavy
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="says how much memory is taken: Linux")
def test_memory_stays_flat_over_sizes_and_falls_after_a_large_picture() -> None:
    taken = subprocess.run([sys.executable, "-c", _TAKEN], capture_output=True, text=True, check=True)
    first, later, large = map(int, taken.stdout.split())
    assert later < first + 40e3, "kB; with a cache of kernels 60 sizes take 130 MB"
    assert large < first + 60e3, "kB; a picture of 1.5 megapixels takes 500 MB"


_TAKEN = """
import ctypes
from pathlib import Path
import numpy as np
import adain

def taken():
    ctypes.CDLL(None).malloc_trim(0)  # the C library keeps some of what was freed
    print(int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0]))

stylizer = adain.load(runtime="openvino")
code = stylizer.encode_style(np.zeros((64, 64, 3), np.uint8))
sizes = np.random.default_rng(0).integers(64, 257, (90, 2))
for i, (height, width) in enumerate(sizes):
    if i == 30:
        taken()
    stylizer(np.zeros((height, width, 3), np.uint8), code)
taken()
stylizer(np.zeros((1200, 1250, 3), np.uint8), code, tile=0)
taken()
"""
