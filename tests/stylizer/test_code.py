"""Style codes: kept, saved, loaded, mixed."""

from __future__ import annotations

from pathlib import Path
from typing import cast

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
