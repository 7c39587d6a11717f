"""export/README.md: its Python runs as it stands, and its tables agree with the code."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from pictures import painting, photo
from PIL import Image
from small_models import Exports

from adain.export.graphs import Options
from adain.export.verify import LIMITS
from adain.runtimes.contract import CONTRACT_VERSION, GRAPHS, GraphInfo, file_name

README = Path(__file__).resolve().parents[2] / "export" / "README.md"

pytestmark = pytest.mark.skipif(not README.is_file(), reason="export/README.md is not in this copy of the project")


@pytest.fixture(scope="module")
def text() -> str:
    return README.read_text(encoding="utf-8")


def test_the_python_runs(text: str, exports: Exports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = exports("small-adain", Options(kinds=("encode_style", "apply", "whole", "apply_regions")))
    shutil.copytree(made.directory, tmp_path / "graphs")
    for name, picture in {"photo": photo(), "painting": painting(), "other": painting(seed=1)}.items():
        Image.fromarray(picture).save(tmp_path / f"{name}.jpg")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    blocks = re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    assert len(blocks) == 2
    for block in blocks:
        exec(block.replace("adain-slim", "small-adain"), names)
        stylized = names["stylized"]
        assert isinstance(stylized, np.ndarray)
        assert stylized.shape == (1, 3, 36, 48)
    with Image.open(tmp_path / "stylized.png") as picture:
        assert picture.size == (48, 36)


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
