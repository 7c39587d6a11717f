"""The readers of style codes in export/consumers/codes give the numbers that Python's graphs take."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import consumers
import numpy as np
import onnxruntime
import pytest
from consumers import CONSUMERS, ROOT
from numpy.typing import NDArray
from pictures import painting

import adain
from adain import StyleCode
from adain.runtimes.contract import GraphInfo, flatten

FOLDER = CONSUMERS / "codes"
GRAPH = ROOT / "weights" / "adain-slim.level.onnx"

pytestmark = consumers.heavy[1:]
both = pytest.mark.parametrize("dtype", ["float32", "float16"])


@pytest.fixture(scope="module")
def code() -> StyleCode:
    return adain.load("adain-slim", device="cpu").encode_style(painting())


@pytest.fixture(scope="module")
def metadata() -> dict[str, str]:
    session = onnxruntime.InferenceSession(GRAPH, providers=["CPUExecutionProvider"])
    found: dict[str, str] = session.get_modelmeta().custom_metadata_map
    return found


@both
def test_python(code: StyleCode, metadata: dict[str, str], dtype: Any) -> None:
    spec = importlib.util.spec_from_file_location("read_code", FOLDER / "read_code.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = module.read_code(json.dumps(code.to_json(dtype)), metadata)
    assert found.dtype == np.float32
    assert np.array_equal(found, _expected(code, metadata, dtype)[None, None])
    with pytest.raises(ValueError, match="not a style code of this graph's network"):
        module.read_code(json.dumps({**code.to_json(), "digest": "0"}), metadata)


@pytest.mark.heavy
@both
def test_javascript(code: StyleCode, metadata: dict[str, str], dtype: Any, tmp_path: Path) -> None:
    (tmp_path / "code.json").write_text(json.dumps(code.to_json(dtype)), encoding="utf-8")
    read, about = ((CONSUMERS / file).as_uri() for file in ("codes/read_code.mjs", "web/metadata.js"))
    script = (
        f"import {{ readCode }} from {json.dumps(read)}; import {{ readMetadata }} from {json.dumps(about)};"
        "import { readFileSync, writeFileSync } from 'node:fs';"
        f"const text = readFileSync({json.dumps(str(tmp_path / 'code.json'))}, 'utf8');"
        f"const code = readCode(text, readMetadata(readFileSync({json.dumps(str(GRAPH))})));"
        f"writeFileSync({json.dumps(str(tmp_path / 'code.bin'))}, new Uint8Array(code.buffer));"
    )
    consumers.run([consumers.program("node"), "--input-type=module", "--eval", script])
    assert np.array_equal(np.fromfile(tmp_path / "code.bin", "<f4"), _expected(code, metadata, dtype))


PROGRAM = """
#include <cstdio>
#include <fstream>
#include <iterator>
#include "read_code.hpp"

std::string content(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

int main(int, char** paths) {
  const auto code = read_code(content(paths[1]), content(paths[2]), content(paths[3]));
  std::fwrite(code.data(), sizeof(float), code.size(), stdout);
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("read-code")
    (folder / "main.cpp").write_text(PROGRAM, encoding="utf-8")
    options = ["-std=c++17", "-Wall", "-Wextra", "-Werror", f"-I{FOLDER}"]
    consumers.run([consumers.program("g++"), *options, folder / "main.cpp", "-o", folder / "read"])
    return folder / "read"


@pytest.mark.heavy
@both
def test_cpp(program: Path, code: StyleCode, metadata: dict[str, str], dtype: Any, tmp_path: Path) -> None:
    import subprocess

    texts = (json.dumps(code.to_json(dtype)), metadata["adain.code_digest"], metadata["adain.code_layout"])
    for number, text in enumerate(texts):
        (tmp_path / str(number)).write_text(text, encoding="utf-8")
    done = subprocess.run([program, *(tmp_path / str(number) for number in range(3))], capture_output=True, check=True)
    assert np.array_equal(np.frombuffer(done.stdout, "<f4"), _expected(code, metadata, dtype))


def _expected(code: StyleCode, metadata: dict[str, str], dtype: str) -> NDArray[np.float32]:
    """The numbers as a graph takes them, rounded as they were sent."""
    layout = GraphInfo.from_metadata(metadata, GRAPH.name).code_layout
    return flatten(code.arrays, layout).astype(dtype).astype(np.float32)
