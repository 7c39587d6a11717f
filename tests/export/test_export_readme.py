"""export/README.md: its Python runs as it stands, and its tables agree with the code."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import painting, photo
from PIL import Image
from small_models import Export, Exports

from adain.engine import loop
from adain.engine.loop import Styles
from adain.engine.strokes import draft_count, offset
from adain.export.graphs import Options
from adain.export.verify import LIMITS
from adain.images import from_tensor, to_tensor
from adain.runtimes.contract import CONTRACT_VERSION, GRAPHS, GraphInfo, file_name, flatten
from adain.runtimes.torch_backend import TorchBackend

README = Path(__file__).resolve().parents[2] / "export" / "README.md"

pytestmark = pytest.mark.skipif(not README.is_file(), reason="export/README.md is not in this copy of the project")


@pytest.fixture(scope="module")
def text() -> str:
    return README.read_text(encoding="utf-8")


@pytest.mark.heavy
def test_the_python_runs(text: str, exports: Exports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = exports("small-adain", Options(kinds=("encode_style", "apply", "whole", "level")))
    shutil.copytree(made.directory, tmp_path / "graphs")
    for name, picture in {"photo": photo(), "painting": painting(), "other": painting(seed=1)}.items():
        Image.fromarray(picture).save(tmp_path / f"{name}.jpg")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    blocks = re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    assert len(blocks) == 3
    for block in blocks:
        exec(block.replace("adain-slim", "small-adain"), names)
        stylized = names["stylized"]
        assert isinstance(stylized, np.ndarray)
        assert stylized.shape == (1, 3, 36, 48)
    with Image.open(tmp_path / "stylized.png") as picture:
        assert picture.size == (48, 36)
    assert_large_pictures_are_the_engines(names["stylize"], made)


def assert_large_pictures_are_the_engines(stylize: Callable[..., NDArray[np.float32]], made: Export) -> None:
    """The loop over levels makes the pictures of `adain.engine.loop`."""
    rgb, alpha, seed = photo(1003, 877), 0.9, 3
    assert draft_count(*rgb.shape[:2]) == 2
    backend = TorchBackend(made.model.row, made.model.files, "cpu")
    code = backend.encode_style(to_tensor(painting()))
    flat = flatten(code, made.graphs["apply"].info.code_layout)[None, None]
    style = {"codes": flat, "weights": np.ones((1, 1), np.float32)}
    for strokes in (0.4, 1.0):
        wanted = loop.stylize(backend, rgb, Styles((code,)), alpha, strokes=strokes, seed=seed, tile=0)
        found = from_tensor(stylize(to_tensor(rgb), style, alpha=alpha, strokes=strokes, grain=offset(seed)))
        assert np.abs(found.astype(int) - wanted).max() <= 1


def test_every_graph_is_in_the_table_with_its_tensors(text: str) -> None:
    for kind, signature in GRAPHS.items():
        inputs, outputs = (", ".join(f"`{name}`" for name in names) for names in (signature.inputs, signature.outputs))
        assert f"| `{file_name('MODEL', kind)}` | {inputs} | {outputs} |" in text


def test_every_key_of_the_metadata_is_named(text: str) -> None:
    for field in GraphInfo.__dataclass_fields__:
        assert f"`adain.{field}`" in text
    assert f"| `adain.contract` | `{CONTRACT_VERSION}` |" in text


def test_the_limits_are_those_of_verify(text: str) -> None:
    for fusion, title in (("adain", "limit, AdaIN models: worst value / mean"), ("wct", "limit, WCT models")):
        limits = [LIMITS[fusion, precision] for precision in ("fp32", "fp16", "int8")]
        row = " | ".join(f"{limit.worst:g} / {limit.mean:g}" for limit in limits)
        assert f"| {title} | {row} |" in text
