"""Files of style codes: one code, or many in one file."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from adain.code import StyleCode
from adain.code_files import CodeFile, save_codes
from adain.errors import InputError, OutputError


def code(seed: int, model: str = "adain-slim") -> StyleCode:
    rng = np.random.default_rng(seed)
    return StyleCode(model, {"x2.mean": rng.random(6, np.float32), "root": rng.random((2, 2), np.float32)})


def same(one: StyleCode, other: StyleCode) -> bool:
    equal = (np.array_equal(array, other.arrays[name]) for name, array in one.arrays.items())
    return one.model == other.model and set(one.arrays) == set(other.arrays) and all(equal)


@pytest.fixture
def three(tmp_path: Path) -> Path:
    save_codes({"a": code(0), "sub/b": code(1), "c": code(2)}, tmp_path / "codes.safetensors")
    return tmp_path / "codes.safetensors"


def test_codes_come_back_by_number_and_name(three: Path) -> None:
    codes = CodeFile(three)
    assert (codes.model, codes.names, len(codes)) == ("adain-slim", ("a", "sub/b", "c"), 3)
    assert all(same(found, code(seed)) for seed, found in enumerate(codes))
    assert same(codes[-1], code(2))
    assert [same(*pair) for pair in zip(codes[1:], [code(1), code(2)], strict=True)] == [True, True]
    with pytest.raises(IndexError):
        codes[3]


def test_a_file_of_one_style_code_is_a_file_of_codes(tmp_path: Path) -> None:
    code(5).save(tmp_path / "wave.safetensors")
    codes = CodeFile(tmp_path / "wave.safetensors")
    assert codes.names == ("wave",)
    assert same(codes[0], code(5))


def test_many_are_not_taken_for_one(three: Path) -> None:
    with pytest.raises(InputError, match="holds many style codes, but one is needed"):
        StyleCode.load(three)


def test_it_pickles_as_its_path(three: Path) -> None:
    pickled = pickle.dumps(CodeFile(three))
    assert len(pickled) < 500
    assert same(pickle.loads(pickled)[1], code(1))


def test_codes_of_several_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"one model, got adain-slim \(weights 2ccb60bf\), wct-slim"):
        save_codes({"a": code(0), "b": code(1, "wct-slim")}, tmp_path / "codes")
    with pytest.raises(InputError, match="at least one"):
        save_codes({}, tmp_path / "codes")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        save_codes({"a": code(0)}, tmp_path / "file" / "codes")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_another_file_is_refused(tmp_path: Path, three: Path) -> None:
    (tmp_path / "text").write_text("not a code")
    save_file({"x": np.zeros(3, np.float32)}, tmp_path / "weights")
    many = {"format": "adain.style-codes.1", "model": "m"}
    save_file({"x": np.zeros((3, 2), np.float32)}, tmp_path / "unnamed", metadata=many)
    save_file({"x": np.zeros((3, 2), np.float32)}, tmp_path / "miscounted", metadata={**many, "names": '["a"]'})
    save_file({"x": np.zeros(3, np.float16)}, tmp_path / "half", metadata={**many, "names": '["a", "b", "c"]'})
    save_file({"x": np.zeros((), np.float32)}, tmp_path / "scalar", metadata={**many, "names": '["a"]'})
    save_file({"x": np.zeros(3, np.float32)}, tmp_path / "deep", metadata={**many, "names": "[" * 20_000})
    save_file({"x": np.zeros(3, np.float32)}, tmp_path / "numbers", metadata={**many, "names": "[1, 2, 3]"})
    (tmp_path / "cut").write_bytes(three.read_bytes()[:-9])
    said = {
        "nothing": "does not exist",
        "text": "not a file of style codes",
        "weights": "its metadata lacks",
        "unnamed": "does not name",
        "miscounted": "names 1 and holds",
        "half": "x is not float32 and finite, but F16",
        "scalar": "names 1 and holds",
        "deep": "does not name",
        "numbers": "not a list of text",
        "cut": "not a file of style codes",
    }
    for name, message in said.items():
        with pytest.raises(InputError, match=message):
            CodeFile(tmp_path / name)


def test_a_code_that_is_not_finite_is_refused_when_it_is_read(tmp_path: Path) -> None:
    broken = StyleCode("m", {"x": np.array([np.nan, 1], np.float32)})
    save_codes({"good": StyleCode("m", {"x": np.zeros(2, np.float32)}), "broken": broken}, tmp_path / "codes")
    codes = CodeFile(tmp_path / "codes")
    assert codes[0].arrays["x"].tolist() == [0, 0]
    with pytest.raises(InputError, match="x is not float32 and finite"):
        codes[1]
