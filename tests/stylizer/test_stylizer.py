"""The stylizer: what comes in, what comes out, and what each argument does to it.

Most tests put a small AdaIN on pixels in the network's place: it answers the same protocol, needs no weights,
and its result can be computed by hand.
"""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import painting, photo
from PIL import Image

import adain
import adain.runtimes
from adain import registry
from adain.stylizer import Stylizer

Array = NDArray[np.float32]


class PixelAdaIN:
    """AdaIN of the pixels themselves: a backend without a network."""

    model = registry.get("adain-vgg19")
    stages = model.stages
    device = "cpu"

    def __init__(self) -> None:
        self.encoded: list[Array] = []

    def encode_style(self, style: Array) -> dict[str, Array]:
        assert style.dtype == np.float32
        assert style.shape[:2] == (1, 3)
        self.encoded.append(style)
        return {"mean": style.mean((0, 2, 3)), "std": style.std((0, 2, 3))}

    def stylize(self, content: Array, code: Mapping[str, Array], alpha: float) -> Array:
        assert content.dtype == np.float32
        mean, std = content.mean((2, 3), keepdims=True), content.std((2, 3), keepdims=True)
        target_mean, target_std = (code[name][None, :, None, None] for name in ("mean", "std"))
        styled = (content - mean) / (std + 1e-5) * target_std + target_mean
        return np.asarray(alpha * styled + (1 - alpha) * content, dtype=np.float32)


@pytest.fixture
def backend() -> PixelAdaIN:
    return PixelAdaIN()


@pytest.fixture
def stylizer(backend: PixelAdaIN) -> Stylizer:
    return Stylizer(registry.get("adain-vgg19"), backend)


def pixels(picture: Image.Image) -> NDArray[np.float64]:
    return np.asarray(picture.convert("RGB"), dtype=np.float64)


def means(picture: Image.Image | NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.asarray(picture, dtype=np.float64)[..., :3].mean((0, 1))


def muted(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Away from black and white, so that no result has to be clipped."""
    return np.clip(picture, 90, 165)


def chroma(picture: Image.Image) -> NDArray[np.float64]:
    return np.asarray(picture.convert("YCbCr"), dtype=np.float64)[..., 1:]


# What goes in and out


def test_paths_bytes_pil_images_and_arrays_give_the_same_picture(
    stylizer: Stylizer, photo_file: Path, painting_file: Path
) -> None:
    from_arrays = stylizer(photo(), painting())
    for content, style in [
        (photo_file, painting_file),
        (str(photo_file), str(painting_file)),
        (Image.open(photo_file), Image.open(painting_file)),
        (photo_file.read_bytes(), painting_file.read_bytes()),
        (bytearray(photo_file.read_bytes()), memoryview(painting_file.read_bytes())),
        (io.BytesIO(photo_file.read_bytes()), io.BytesIO(painting_file.read_bytes())),
    ]:
        assert np.array_equal(pixels(stylizer(content, style)), pixels(from_arrays))


def test_a_style_code_does_what_its_picture_does(stylizer: Stylizer) -> None:
    code = stylizer.encode_style(painting())
    assert np.array_equal(pixels(stylizer(photo(), code)), pixels(stylizer(photo(), painting())))


def test_a_file_of_a_style_code_stands_for_its_code(stylizer: Stylizer, backend: PixelAdaIN, tmp_path: Path) -> None:
    path = tmp_path / "code.SafeTensors"
    code = stylizer.encode_style(painting())
    code.save(path)
    backend.encoded.clear()
    for named in (path, str(path)):
        assert np.array_equal(pixels(stylizer(photo(), named)), pixels(stylizer(photo(), code)))
    assert not backend.encoded
    with pytest.raises(adain.InputError, match="does not exist"):
        stylizer(photo(), tmp_path / "missing.safetensors")


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (17, 1), (3, 5), (48, 36), (33, 47)])
def test_output_has_exactly_the_contents_size(stylizer: Stylizer, size: tuple[int, int]) -> None:
    stylized = stylizer(np.full((size[1], size[0], 3), 99, np.uint8), painting())
    assert stylized.size == size
    assert stylized.mode == "RGB"


def test_size_scales_the_contents_shorter_side(stylizer: Stylizer) -> None:
    assert stylizer(photo(48, 36), painting(), size=18).size == (24, 18)
    assert stylizer(photo(48, 36), painting(), size=72).size == (96, 72)


def test_style_size_scales_styles_down_and_never_up(stylizer: Stylizer, backend: PixelAdaIN) -> None:
    for style_size in (20, 512, None):
        stylizer(photo(), painting(60, 40), style_size=style_size)
    assert [style.shape for style in backend.encoded] == [(1, 3, 20, 30), (1, 3, 40, 60), (1, 3, 40, 60)]


def test_the_contents_alpha_channel_is_carried_over(stylizer: Stylizer) -> None:
    transparency = np.arange(48 * 36, dtype=np.uint16).reshape(36, 48).astype(np.uint8)
    content = Image.fromarray(np.dstack([photo(), transparency]))
    stylized = stylizer(content, painting())
    assert stylized.mode == "RGBA"
    assert np.array_equal(np.asarray(stylized)[..., 3], transparency)


def test_an_existing_pil_image_is_left_as_it_was(stylizer: Stylizer) -> None:
    content = Image.fromarray(photo())
    stylizer(content, painting())
    assert np.array_equal(np.asarray(content), photo())


# Alpha


def test_alpha_blends_from_the_content_to_the_style(stylizer: Stylizer) -> None:
    none, half, full = (pixels(stylizer(photo(), painting(), alpha=alpha)) for alpha in (0, 0.5, 1))
    assert np.abs(none - photo()).max() <= 1
    assert np.abs((none + full) / 2 - half)[(full > 0) & (full < 255)].max() <= 1.5  # clipped pixels aside


def test_alpha_defaults_to_the_models_own() -> None:
    for row in registry.MODELS.values():
        stylizer = Stylizer(row, PixelAdaIN())
        by_default, by_name = (stylizer(photo(), painting(), alpha=a) for a in (None, row.default_alpha))
        assert np.array_equal(pixels(by_default), pixels(by_name))


@pytest.mark.parametrize("alpha", [-0.1, 1.7, float("nan"), float("inf")])
def test_alpha_outside_its_range_is_an_error(stylizer: Stylizer, alpha: float) -> None:
    with pytest.raises(adain.InputError, match=rf"alpha must be in \[0, 1\], got {alpha}"):
        stylizer(photo(), painting(), alpha=alpha)


# Several styles


def test_styles_mix_by_their_normalised_weights(stylizer: Stylizer) -> None:
    first, second = muted(painting(seed=1)), muted(painting(seed=2))
    mixed = stylizer(photo(), [first, second], weights=[6, 2])
    assert means(mixed) == pytest.approx(0.75 * means(first) + 0.25 * means(second), abs=1)
    assert np.array_equal(pixels(stylizer(photo(), [first, second], weights=[0.75, 0.25])), pixels(mixed))


def test_pictures_and_codes_mix_and_equal_weights_are_the_default(stylizer: Stylizer) -> None:
    first, second = painting(seed=1), painting(seed=2)
    code = stylizer.encode_style(first)
    assert np.array_equal(
        pixels(stylizer(photo(), [code, second])),
        pixels(stylizer(photo(), (first, second), weights=[1, 1])),
    )


def test_a_mix_with_all_weight_on_one_style_is_that_style(stylizer: Stylizer) -> None:
    first, second = painting(seed=1), painting(seed=2)
    mixed = stylizer(photo(), [first, second], weights=[0, 5])
    assert np.array_equal(pixels(mixed), pixels(stylizer(photo(), second)))


@pytest.mark.parametrize("weights", [[1], [1, 2, 3], [1, -1], [0, 0], [1, float("nan")], []])
def test_weights_that_make_no_mix_are_an_error(stylizer: Stylizer, backend: PixelAdaIN, weights: list[float]) -> None:
    with pytest.raises(adain.InputError, match="weight"):
        stylizer(photo(), [painting(seed=1), painting(seed=2)], weights=weights)
    assert not backend.encoded  # refused before any work


def test_no_style_is_an_error(stylizer: Stylizer) -> None:
    with pytest.raises(adain.InputError, match="at least one style"):
        stylizer(photo(), [])


def test_a_code_of_another_model_is_an_error(stylizer: Stylizer) -> None:
    foreign = Stylizer(registry.get("wct-vgg19"), PixelAdaIN()).encode_style(painting())
    with pytest.raises(adain.InputError, match=r"is of wct-vgg19, the loaded model is adain-vgg19"):
        stylizer(photo(), foreign)


# Colour preservation


def test_luminance_keeps_the_contents_chroma(stylizer: Stylizer) -> None:
    content = Image.fromarray(muted(photo()))
    kept = stylizer(content, muted(painting()), preserve_color="luminance")
    assert np.abs(chroma(kept) - chroma(content)).max() <= 3  # three roundings
    assert np.abs(pixels(kept) - pixels(content)).max() > 10  # and yet it is stylised


def test_coral_recolours_the_style_and_not_the_content(stylizer: Stylizer) -> None:
    kept = stylizer(photo(), painting(seed=3), preserve_color="coral")
    assert np.abs(means(painting(seed=3)) - means(photo())).max() > 30
    assert means(kept) == pytest.approx(means(photo()), abs=6)


def test_coral_works_with_a_code_that_still_has_its_picture(stylizer: Stylizer) -> None:
    style = painting(seed=3)
    with_code = stylizer(photo(), stylizer.encode_style(style), preserve_color="coral")
    assert np.array_equal(pixels(with_code), pixels(stylizer(photo(), style, preserve_color="coral")))


def test_coral_with_a_code_from_a_file_says_what_to_do(stylizer: Stylizer, tmp_path: Path) -> None:
    stylizer.encode_style(painting()).save(tmp_path / "style.safetensors")
    code = adain.StyleCode.load(tmp_path / "style.safetensors")
    with pytest.raises(adain.InputError, match=r"pass the picture itself, or use .*luminance"):
        stylizer(photo(), code, preserve_color="coral")
    assert stylizer(photo(), code, preserve_color="luminance").size == (48, 36)


def test_another_way_to_preserve_color_is_an_error(stylizer: Stylizer) -> None:
    with pytest.raises(adain.InputError, match=r"'coral', 'luminance', None.*got 'lab'"):
        stylizer(photo(), painting(), preserve_color="lab")  # type: ignore[arg-type]


@pytest.mark.parametrize("argument", ["size", "style_size"])
def test_a_size_below_one_pixel_is_an_error(stylizer: Stylizer, argument: str) -> None:
    with pytest.raises(adain.InputError, match="at least 1, got 0"):
        stylizer(photo(), painting(), **{argument: 0})


# Loading


def test_an_unknown_device_is_an_error_before_anything_is_loaded() -> None:
    pytest.importorskip("torch", reason="the devices are torch's")
    with pytest.raises(adain.InputError, match="unknown device 'tpu'; allowed: auto, cpu"):
        adain.load(device="tpu")


def test_an_unknown_model_is_an_error() -> None:
    with pytest.raises(adain.InputError, match="did you mean adain-vgg19"):
        adain.load("adian-vgg19")


def test_without_torch_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.startswith(("adain.nn", "adain.runtimes.torch"))]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.delattr(adain, "nn", raising=False)
    monkeypatch.delattr(adain.runtimes, "torch_backend", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)  # what makes `import torch` fail
    with pytest.raises(adain.DeviceError, match=r'pip install "adain\[torch\]"'):
        adain.load(backend="torch")


def test_a_loaded_network_stylizes_and_its_codes_survive_a_file(random_weights: Path, tmp_path: Path) -> None:
    stylizer = adain.load(device="cpu")
    assert stylizer.device == "cpu"
    code = stylizer.encode_style(painting())
    code.save(tmp_path / "style.safetensors")
    from_code = stylizer(photo(), adain.StyleCode.load(tmp_path / "style.safetensors"))
    from_picture = stylizer(photo(), painting())
    assert from_picture.size == (48, 36)
    assert np.array_equal(pixels(from_code), pixels(from_picture))
    assert np.ptp(pixels(from_picture)) > 0


def test_weights_are_looked_for_in_the_folder_named(random_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ADAIN_WEIGHTS_DIR")
    assert adain.load(device="cpu", weights_dir=random_weights).model.name == registry.DEFAULT


def test_each_step_is_logged_with_its_time(stylizer: Stylizer, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "adain"):
        stylizer(photo(), painting())
    said = "\n".join(caplog.messages)
    assert "encode a style of 40 x 40 pixels: 0." in said
    assert "stylize 48 x 36 pixels with alpha 1, strokes 0: 0." in said
