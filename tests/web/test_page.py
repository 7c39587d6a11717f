"""The page in `web/`, built and used in a real browser: it makes Python's pictures and asks no other host.

Nothing here skips: these tests are marked `heavy`, and need node, npm and Chromium (export/consumers/README.md).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import consumers
import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import painting, photo
from PIL import Image

import adain
from adain import color, registry
from adain.engine.strokes import STEPS, tile

WEB = consumers.ROOT / "web"
GALLERY = WEB / "public" / "gallery"
GRAPHS = WEB / "public" / "graphs"

LEVELS = 1  # of 255; float32 sums in another order may round to the next level
COLOUR_LEVELS = 9  # of 255; at the edge of the gamut, a level of luma moves blue, 0.114 of it, by as many
COLOURS_OFF = 1e-4  # share of values there, which differ by more than a level
CODED = 20  # of 255, mean difference that a codec may leave at this size: it is 13, and of another style 57
FIRST_PICTURE = 8e6  # bytes from the server until the first picture, and all that offline use needs

SETTINGS: dict[str, Any] = {"alpha": 0.7, "strokes": 0.8, "seed": 7}
TILED: dict[str, Any] = {"alpha": 0.9, "strokes": 0.3, "seed": 3, "tile": 256}
OWN_SIZE = (701, 640)  # px, width and height of a style; larger than the 512 px that styles are scaled down to
POINT = (0.5, 0.55)  # between three styles, after one press of the arrow key

Rgb = NDArray[np.uint8]

heavy = pytest.mark.heavy
pytestmark = pytest.mark.skipif(not WEB.is_dir(), reason="web/ is not in this copy of the project")


@pytest.fixture(scope="module")
def built() -> Path:
    """The folder of the built page."""
    npm = consumers.program("npm")
    if not (WEB / "node_modules").is_dir():
        consumers.run([npm, "ci", "--ignore-scripts", "--prefix", WEB])
    consumers.run([npm, "run", "build", "--prefix", WEB])
    return WEB / "dist"


@pytest.fixture(scope="module")
def stylizer() -> adain.Stylizer:
    return adain.load("adain-slim")


@pytest.fixture(scope="module")
def visit(built: Path, stylizer: adain.Stylizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with what a visitor saved, and `facts.json` with what the page did."""
    folder = tmp_path_factory.mktemp("visit")
    Image.fromarray(_noisy(photo(531, 450))).save(folder / "content.png")
    stylizer.encode_style(painting(128, 128)).save(folder / "style.safetensors")
    Image.fromarray(painting(*OWN_SIZE)).save(folder / "own.png")
    _save_film(folder / "film.webm")
    (folder / "job.json").write_text(json.dumps(_job()), encoding="utf-8")
    print(consumers.run([consumers.program("node"), WEB / "test" / "wasm.mjs", folder], CHROMIUM=consumers.chromium()))
    return folder


@heavy
def test_the_licences_of_all_that_is_bundled_go_along(built: Path) -> None:
    text = (built / "third-party-licenses.txt").read_text(encoding="utf-8")
    for package in json.loads((WEB / "package.json").read_text(encoding="utf-8"))["dependencies"]:
        assert f"\n## {package} - " in text
    assert "MPL-2.0" in text
    assert "Copyright (c) Microsoft Corporation" in text
    assert "third-party" not in (built / "sw.js").read_text(encoding="utf-8")  # not needed offline


@heavy
def test_a_style_code_file_gives_pythons_picture(visit: Path, stylizer: adain.Stylizer) -> None:
    _assert_same(_saved(visit, "plain"), _python(stylizer, visit))


@heavy
def test_an_own_style_has_pythons_code_also_scaled_down(visit: Path, stylizer: adain.Stylizer) -> None:
    expected = stylizer.encode_style(visit / "own.png").arrays
    actual = adain.StyleCode.load(visit / "own.safetensors").arrays
    for name, array in expected.items():
        assert np.abs(actual[name] - array).max() <= consumers.CODES * np.abs(array).max(), name


@heavy
def test_strokes_strength_and_seed_give_pythons_picture(visit: Path, stylizer: adain.Stylizer) -> None:
    _assert_same(_saved(visit, "broad"), _python(stylizer, visit, **SETTINGS))


@heavy
def test_kept_colours_give_pythons_picture(visit: Path, stylizer: adain.Stylizer) -> None:
    expected = _python(stylizer, visit, preserve_color="luminance", **SETTINGS)
    saved, content = _saved(visit, "colours"), _saved(visit, "content")
    _assert_same(saved, color.luminance(_saved(visit, "broad"), content))  # of the page's own picture
    _assert_same(saved, expected, COLOUR_LEVELS)
    assert (np.abs(saved.astype(int) - expected) > LEVELS).mean() <= COLOURS_OFF


@heavy
def test_a_mix_of_three_gives_pythons_picture_and_a_code_file(visit: Path, stylizer: adain.Stylizer) -> None:
    x, y = POINT
    weights = [1 - y, y - x + (1 - y) / 2, x - (1 - y) / 2]
    styles = [visit / "style.safetensors", GALLERY / "woodcut.safetensors", GALLERY / "mosaic.safetensors"]
    expected = np.asarray(stylizer(visit / "content.png", styles, weights=weights, **SETTINGS))
    _assert_same(_saved(visit, "mix"), expected)
    with_file = np.asarray(stylizer(visit / "content.png", visit / "mix.safetensors", **SETTINGS))
    _assert_same(_saved(visit, "mix"), with_file)


@heavy
def test_paint_changes_only_what_is_near_the_brush(visit: Path) -> None:
    painted, unpainted = _saved(visit, "painted"), _saved(visit, "broad")
    changed = np.abs(painted.astype(int) - unpainted).max(axis=2) > 30
    assert changed[180:270, 60:160].mean() > 0.5
    assert changed[:, 300:].mean() < 0.1


@heavy
def test_masks_in_tiles_give_pythons_picture(visit: Path, stylizer: adain.Stylizer) -> None:
    content, labels = _labelled()
    raw = np.frombuffer((visit / "tiles.rgba").read_bytes(), np.uint8).reshape(*labels.shape, 4)
    assert (raw[..., 3] == 255).all()
    styles = [GALLERY / "woodcut.safetensors", GALLERY / "mosaic.safetensors"]
    expected = np.asarray(stylizer(content, styles, masks=[labels == 0, labels == 1], **TILED))
    _assert_same(raw[..., :3], expected)


@heavy
def test_the_page_is_accessible_private_small_and_works_offline(visit: Path) -> None:
    facts = json.loads((visit / "facts.json").read_text(encoding="utf-8"))
    print(json.dumps(facts))
    assert facts["isolated"], "no threads"
    assert facts["undone"]
    assert facts["axe"] == []
    assert facts["errors"] == []
    assert facts["asked"] == ["1", "2"], "the service worker keeps what is not the page's"
    assert facts["others"] == [], "requests to other hosts"
    assert facts["transferred"] <= FIRST_PICTURE
    assert facts["offline"] == ["woodcut", "mosaic"], "the link's settings"


@heavy
def test_the_camera_is_stylized_and_recorded(visit: Path) -> None:
    facts = json.loads((visit / "facts.json").read_text(encoding="utf-8"))
    assert float(facts["rate"].split()[0]) > 0
    assert (visit / "camera.webm").read_bytes()[:4] == b"\x1aE\xdf\xa3", "not WebM"


@heavy
def test_a_film_is_stylized_frame_by_frame(visit: Path, stylizer: adain.Stylizer) -> None:
    facts = json.loads((visit / "facts.json").read_text(encoding="utf-8"))
    before, after = _frames(visit / "film.webm"), _frames(visit / facts["film"])
    assert len(after) == len(before)
    expected = np.asarray(stylizer(before[0], visit / "mix.safetensors", **SETTINGS))
    assert np.abs(after[0].astype(int) - expected).mean() < CODED


@heavy
def test_webgpu_gives_pythons_picture_and_wasm_takes_over_when_it_fails(
    built: Path, stylizer: adain.Stylizer, tmp_path: Path
) -> None:
    Image.fromarray(photo(120, 100)).save(tmp_path / "content.png")
    stylizer.encode_style(painting(128, 128)).save(tmp_path / "style.safetensors")
    command = [consumers.program("node"), WEB / "test" / "webgpu.mjs", tmp_path]
    print(consumers.run(command, CHROMIUM=consumers.chromium()))
    facts = json.loads((tmp_path / "webgpu.json").read_text(encoding="utf-8"))
    assert "graphics card" in facts["said"]
    assert "the processor does it: out of memory" in facts["note"]
    assert "processor" in facts["then"]
    _assert_same(_saved(tmp_path, "webgpu"), _python(stylizer, tmp_path))
    _assert_same(_saved(tmp_path, "fallback"), _python(stylizer, tmp_path, alpha=0.7))


def test_the_graphs_and_the_gallery_are_of_the_weights_that_ship() -> None:
    model = registry.get("adain-slim")
    advice = "run `python web/prepare.py`"
    for path in GRAPHS.glob("*.onnx"):
        sha256 = {file.role: file.sha256 for file in model.files}
        assert consumers.info(path).weights_sha256 == sha256, advice
    for name in json.loads((GALLERY / "gallery.json").read_text(encoding="utf-8")):
        assert adain.StyleCode.load(GALLERY / f"{name}.safetensors").digest == model.code_digest, advice
    grain = np.frombuffer((GRAPHS / "grain.bin").read_bytes(), np.int8).reshape(tile().shape)
    assert np.array_equal(grain, tile() * STEPS), advice


def _noisy(picture: Rgb) -> Rgb:
    noise = np.random.default_rng(0).integers(-20, 21, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def _labelled() -> tuple[Rgb, NDArray[np.int_]]:
    """A content, and its map of labels: two styles, and the picture itself at the right."""
    content = _noisy(photo(300, 261))
    labels = np.zeros(content.shape[:2], int)
    labels[100:, :] = 1
    labels[:, 250:] = 255
    return content, labels


def _job() -> dict[str, Any]:
    content, labels = _labelled()
    height, width = labels.shape
    rgba = np.dstack([content, np.full((height, width), 255)])
    picture = {"values": rgba.ravel().tolist(), "width": width, "height": height}
    return {**TILED, "picture": picture, "labels": {**picture, "values": labels.ravel().tolist()}}


def _save_film(path: Path) -> None:
    with av.open(path, "w") as film:
        stream = film.add_stream("libvpx", rate=10)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 256, 192, "yuv420p", 2_000_000
        for number in range(6):
            frame = av.VideoFrame.from_ndarray(np.roll(photo(256, 192), 4 * number, axis=1), format="rgb24")
            film.mux(stream.encode(frame))
        film.mux(stream.encode())


def _frames(path: Path) -> list[Rgb]:
    with av.open(path) as film:
        return [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]


def _python(stylizer: adain.Stylizer, visit: Path, **settings: Any) -> Rgb:
    return np.asarray(stylizer(visit / "content.png", visit / "style.safetensors", **settings))


def _saved(visit: Path, name: str) -> Rgb:
    with Image.open(visit / f"{name}.png") as image:
        return np.asarray(image.convert("RGB"))


def _assert_same(actual: Rgb, expected: Rgb, levels: int = LEVELS) -> None:
    assert actual.shape == expected.shape
    assert actual.std() > 5, "a flat picture would prove nothing"
    worst = np.abs(actual.astype(int) - expected.astype(int)).max()
    print(f"worst difference {worst}/255")
    assert worst <= levels
