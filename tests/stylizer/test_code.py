"""Style codes: kept, saved, loaded, mixed."""

from __future__ import annotations

import base64
import contextlib
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from adain.code import StyleCode, mix, shares
from adain.errors import InputError, OutputError
from adain.images import Picture


def arrays(seed: int = 0, channels: int = 6) -> dict[str, NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    return {
        "relu1_1.mean": rng.random(channels, np.float32),
        "relu1_1.coloring": rng.random((channels, channels), np.float32),
    }


def code(seed: int = 0, model: str = "wct-vgg19") -> StyleCode:
    return StyleCode(model, arrays(seed))


def test_a_saved_code_comes_back_the_same(tmp_path: Path) -> None:
    original = code()
    original.save(tmp_path / "style.safetensors")
    loaded = StyleCode.load(tmp_path / "style.safetensors")
    assert loaded.model == original.model
    assert set(loaded.arrays) == set(original.arrays)
    for name, array in original.arrays.items():
        np.testing.assert_array_equal(loaded.arrays[name], array)
        assert loaded.arrays[name].dtype == np.float32


def test_a_view_is_saved_as_what_it_shows(tmp_path: Path) -> None:
    table = np.arange(12, dtype=np.float32).reshape(3, 4)
    StyleCode("m", {"transposed": table.T}).save(tmp_path / "c")
    np.testing.assert_array_equal(StyleCode.load(tmp_path / "c").arrays["transposed"], table.T)


def test_the_picture_is_never_saved(tmp_path: Path) -> None:
    picture = Picture(np.full((2, 2, 3), 201, np.uint8), None)
    StyleCode("m", arrays(), picture).save(tmp_path / "c")
    assert bytes([201] * 12) not in (tmp_path / "c").read_bytes()
    assert StyleCode.load(tmp_path / "c").picture is None


def test_size_is_that_of_the_arrays() -> None:
    assert code().nbytes == 4 * (6 + 36)


def test_saving_replaces_a_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    path.write_text("old")
    code().save(path)
    assert StyleCode.load(path).model == "wct-vgg19"
    assert list(tmp_path.iterdir()) == [path]


def test_an_unwritable_target_is_an_output_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    for target in (tmp_path / "folder", tmp_path / "file" / "c"):
        with pytest.raises(OutputError, match="cannot write"):
            code().save(target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing.* does not exist"):
        StyleCode.load(tmp_path / "nothing")


@pytest.mark.parametrize("content", [b"", b"not a code", b"\xff" * 100, b"\x02\x00\x00\x00\x00\x00\x00\x00{}"])
def test_another_file_is_no_style_code(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "c").write_bytes(content)
    with pytest.raises(InputError, match=r"is not a style code|is an empty file"):
        StyleCode.load(tmp_path / "c")


def test_a_truncated_code_is_no_style_code(tmp_path: Path) -> None:
    code().save(tmp_path / "c")
    (tmp_path / "c").write_bytes((tmp_path / "c").read_bytes()[:-10])
    with pytest.raises(InputError, match="is not a style code"):
        StyleCode.load(tmp_path / "c")


def test_safetensors_of_something_else_are_no_style_code(tmp_path: Path) -> None:
    save_file(arrays(), tmp_path / "weights")
    with pytest.raises(InputError, match="its metadata lacks"):
        StyleCode.load(tmp_path / "weights")


@pytest.mark.parametrize("bad", [np.array([np.nan], np.float32), np.array([1], np.int64)])
def test_arrays_must_be_finite_float32(bad: NDArray[np.generic], tmp_path: Path) -> None:
    metadata = {"format": "adain.style-code.1", "model": "m"}
    save_file({"x": bad}, tmp_path / "c", metadata=metadata)
    with pytest.raises(InputError, match="x is not float32 and finite"):
        StyleCode.load(tmp_path / "c")


def test_a_mix_is_the_convex_mix_of_the_arrays() -> None:
    mixed = mix([code(0), code(1)], [1, 3])
    assert mixed.model == "wct-vgg19"
    for name, array in mixed.arrays.items():
        expected = 0.25 * arrays(0)[name] + 0.75 * arrays(1)[name]
        np.testing.assert_allclose(array, expected, rtol=1e-6)
        assert array.dtype == np.float32


def test_without_weights_styles_count_the_same() -> None:
    mixed, expected = mix([code(0), code(1)]), mix([code(0), code(1)], [5, 5])
    for name, array in mixed.arrays.items():
        np.testing.assert_array_equal(array, expected.arrays[name])


def test_a_mix_of_one_is_that_one_with_its_picture() -> None:
    picture = Picture(np.zeros((1, 1, 3), np.uint8), None)
    one = StyleCode("m", arrays(), picture)
    mixed = mix([one])
    assert mixed.picture is picture
    for name, array in one.arrays.items():
        np.testing.assert_array_equal(mixed.arrays[name], array)
    assert mix([one, StyleCode("m", arrays(1))], [1, 0]).picture is picture
    assert mix([one, StyleCode("m", arrays(1))], [1, 1]).picture is None


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e308])
def test_shares_depend_on_ratios_only(scale: float) -> None:
    assert shares(2, [0.25 * scale, 0.75 * scale]) == pytest.approx([0.25, 0.75])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1], "one weight per style"),
        ([1, 1, 1], "got 3 weights for 2 styles"),
        ([-1, 2], "at least 0"),
        ([0, 0], "above 0"),
        ([float("nan"), 1], "finite"),
        ([float("inf"), 1], "finite"),
    ],
)
def test_impossible_weights_are_refused(weights: list[float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        mix([code(0), code(1)], weights)


def test_codes_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(InputError, match="at least one style"):
        mix([])
    with pytest.raises(InputError, match="wct-vgg19 and adain-slim"):
        mix([code(), code(model="adain-slim")])
    with pytest.raises(InputError, match="differ in their arrays"):
        mix([code(), StyleCode("wct-vgg19", arrays(channels=7))])


def test_arrays_are_not_shared_with_what_was_mixed() -> None:
    original = code()
    mixed = mix([original])
    cast("dict[str, NDArray[np.float32]]", mixed.arrays)["relu1_1.mean"][:] = -1
    np.testing.assert_array_equal(original.arrays["relu1_1.mean"], arrays()["relu1_1.mean"])


# Sent, not saved


def test_bytes_are_those_of_the_file(tmp_path: Path) -> None:
    original = StyleCode("adain-slim", arrays(), digest="ab" * 32)
    original.save(tmp_path / "c")
    (tmp_path / "sent").write_bytes(original.to_bytes())
    assert_same(StyleCode.load(tmp_path / "sent"), original)
    content = (tmp_path / "c").read_bytes()
    for data in (content, bytearray(content), memoryview(content)):
        assert_same(StyleCode.from_bytes(data), original)


@pytest.mark.parametrize("form", [dict, json.dumps, lambda value: json.dumps(value).encode()])
def test_json_comes_back_the_same(form: Callable[[dict[str, Any]], Any]) -> None:
    original = StyleCode("adain-slim", {**arrays(), "root": arrays()["relu1_1.coloring"].T}, digest="ab" * 32)
    assert_same(StyleCode.from_json(form(original.to_json())), original)


def test_json_is_what_its_documentation_says() -> None:
    value = StyleCode("m", {"x": np.array([[1, 2], [3, 4]], np.float32)}, digest="ab").to_json()
    data = base64.b64encode(struct.pack("<4f", 1, 2, 3, 4)).decode()
    assert value == {
        "format": "adain.style-code.1",
        "model": "m",
        "digest": "ab",
        "dtype": "float32",
        "arrays": {"x": {"shape": [2, 2], "data": data}},
    }


def test_half_floats_take_half_the_space() -> None:
    original = StyleCode("m", arrays(channels=32))
    full, half = (len(json.dumps(original.to_json(dtype))) for dtype in ("float32", "float16"))
    assert half < 0.55 * full
    for name, array in StyleCode.from_json(original.to_json("float16")).arrays.items():
        assert array.dtype == np.float32
        np.testing.assert_allclose(array, original.arrays[name], rtol=1e-3)
    with pytest.raises(InputError, match="x holds numbers that float16 cannot hold; use dtype float32"):
        StyleCode("m", {"x": np.array([1e5], np.float32)}).to_json("float16")
    with pytest.raises(InputError, match="dtype must be float32 or float16, got 'int8'"):
        original.to_json("int8")  # type: ignore[arg-type]


def test_a_code_is_one_short_line_in_messages() -> None:
    assert repr(code()) == "StyleCode(wct-vgg19, 2 arrays, 168 bytes)"
    assert repr(StyleCode("m", arrays(), digest="0123456789")) == "StyleCode(m (weights 01234567), 2 arrays, 168 bytes)"


def assert_same(found: StyleCode, expected: StyleCode) -> None:
    assert (found.model, found.digest, set(found.arrays)) == (expected.model, expected.digest, set(expected.arrays))
    for name, array in expected.arrays.items():
        np.testing.assert_array_equal(found.arrays[name], array)
        assert found.arrays[name].dtype == np.float32


GOOD = StyleCode("m", {"x": np.zeros(3, np.float32)}).to_json()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (3, "it must be an object, got 3"),
        ("", "Expecting value"),
        (b"\xff", "can't decode"),
        ("[" * 20_000, "nested too deeply"),
        ("[]", "it must be an object"),
        ({}, "its metadata lacks format"),
        ({**GOOD, "format": "adain.style-codes.1"}, "holds many style codes"),
        ({**GOOD, "model": 3}, "must be text"),
        ({**GOOD, "digest": []}, "must be text"),
        ({**GOOD, "dtype": "float64"}, "its dtype must be one of float32, float16, got 'float64'"),
        ({**GOOD, "dtype": []}, "its dtype must be one of"),
        ({**GOOD, "arrays": None}, "its arrays must be an object, got None"),
        ({**GOOD, "arrays": {"x": 3}}, "the shape of x must be a list of whole numbers, got None"),
        ({**GOOD, "arrays": {"x": {"shape": [-1], "data": ""}}}, r"got \[-1\]"),
        ({**GOOD, "arrays": {"x": {"shape": [True], "data": ""}}}, r"got \[True\]"),
        ({**GOOD, "arrays": {"x": {"shape": [3]}}}, "the data of x must be text in base64, got None"),
        ({**GOOD, "arrays": {"x": {"shape": [3], "data": "!"}}}, "the data of x are not base64"),
        ({**GOOD, "arrays": {"x": {"shape": [3], "data": "é"}}}, "the data of x"),
        ({**GOOD, "arrays": {"x": {"shape": [10**30], "data": "AAAA"}}}, "the data of x have 3 bytes"),
        ({**GOOD, "arrays": {"x": {"shape": [1] * 100, "data": "AAAAAA=="}}}, "dimension"),
        ({**GOOD, "arrays": {"x": {"shape": [1], "data": "AADAfw=="}}}, "x is not float32 and finite"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_json_of_something_else_is_refused(value: Any, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        StyleCode.from_json(value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "data", [b"", b"text", "text", code().to_bytes()[:-1], None], ids=["empty", "bytes", "text", "cut off", "None"]
)
def test_bytes_of_something_else_are_refused(data: Any) -> None:
    with pytest.raises(InputError, match="style code"):
        StyleCode.from_bytes(data)


# Files that nobody should have written


def written(header: bytes, body: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + body


def described(dtype: str, shape: list[int], bytes_: int, **metadata: str) -> bytes:
    header = {"__metadata__": metadata, "x": {"dtype": dtype, "shape": shape, "data_offsets": [0, bytes_]}}
    return written(json.dumps(header).encode(), bytes(bytes_))


ONE = {"format": "adain.style-code.1", "model": "m"}


@pytest.mark.parametrize("dtype", ["F8_E4M3", "F8_E5M2", "F8_E8M0", "BF16", "F16", "F64", "I8", "BOOL", "U64", "F4"])
def test_every_other_dtype_is_refused_before_it_is_read(dtype: str, tmp_path: Path) -> None:
    size = {"BF16": 2, "F16": 2, "F64": 8, "U64": 8}.get(dtype, 1)
    data = described(dtype, [2] if dtype == "F4" else [1], size, **ONE)
    (tmp_path / "c").write_bytes(data)
    for read in (lambda: StyleCode.load(tmp_path / "c"), lambda: StyleCode.from_bytes(data)):
        with pytest.raises(InputError, match="not a style code"):
            read()


@pytest.mark.parametrize("header", [b"[" * 20_000, b'{"a":' * 20_000 + b"1" + b"}" * 20_000], ids=["list", "object"])
def test_deep_json_is_refused(header: bytes, tmp_path: Path) -> None:
    (tmp_path / "c").write_bytes(written(header))
    with pytest.raises(InputError, match="not a style code"):
        StyleCode.load(tmp_path / "c")
    with pytest.raises(InputError, match="not a style code"):
        StyleCode.from_bytes(written(header))


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_code_is_right_or_refused(seed: int) -> None:
    """Flipped, dropped and doubled bytes: never anything but an `InputError` or a code of finite float32."""
    rng, whole_file = np.random.default_rng(seed), code().to_bytes()
    for _ in range(100):
        data = bytearray(whole_file)
        for _ in range(rng.integers(1, 4)):
            at = int(rng.integers(len(data)))
            kind = rng.integers(3)
            data[at : at + 1] = [bytes([int(rng.integers(256))]), b"", data[at : at + 1] * 2][kind]
        with contextlib.suppress(InputError):
            assert all(np.isfinite(array).all() for array in StyleCode.from_bytes(data).arrays.values())
