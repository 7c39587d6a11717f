"""The API's pictures and style codes are the very ones of Python."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the server needs the extra serve")

import httpx
from mean_backend import MeanBackend, mean_stylizer
from pictures import painting, photo
from PIL import Image
from serving import encoded, files, pixels, serving

import adain
from adain.code import StyleCode
from adain.images.formats import WRITABLE
from adain.request import StyleRequest
from adain.serve import fields
from adain.stylizer import Stylizer

CONTENT, STYLE, OTHER = encoded(photo()), encoded(painting()), encoded(painting(seed=1))
SKY = (np.arange(36)[:, None] * np.ones(48) < 20).astype(np.uint8) * 255


@pytest.fixture(scope="module")
def stylizer() -> Stylizer:
    return mean_stylizer()


@pytest.fixture(scope="module")
def client(stylizer: Stylizer) -> Iterator[httpx.Client]:
    with serving(stylizer) as client:
        yield client


def stylized(client: httpx.Client, parts: dict[str, bytes | list[bytes]], **data: object) -> httpx.Response:
    return client.post("/v1/stylize", files=files(**parts), data={name: str(value) for name, value in data.items()})


def test_the_shipped_network_gives_the_picture_that_python_gives() -> None:
    shipped = adain.load(device="cpu")
    with serving(shipped) as client:
        answer = stylized(client, {"content": CONTENT, "style": STYLE}, alpha=0.8, strokes=0.7, seed=3)
    expected = np.asarray(shipped(CONTENT, STYLE, alpha=0.8, strokes=0.7, seed=3))
    np.testing.assert_array_equal(pixels(answer.content), expected)


@pytest.mark.parametrize(
    ("sent", "arguments"),
    [
        ({"alpha": 0.5}, {"alpha": 0.5}),
        ({"size": 20, "style_size": 10}, {"size": 20, "style_size": 10}),
        ({"preserve_color": "luminance"}, {"preserve_color": "luminance"}),
        ({"preserve_color": "coral"}, {"preserve_color": "coral"}),
        ({"tile": 32}, {"tile": 32}),
        ({"alpha": " "}, {}),
    ],
)
def test_fields_are_the_arguments(
    client: httpx.Client, stylizer: Stylizer, sent: dict[str, object], arguments: dict[str, object]
) -> None:
    answer = stylized(client, {"content": CONTENT, "style": STYLE}, **sent)
    assert answer.status_code == 200, answer.text
    expected = stylizer(CONTENT, STYLE, request=StyleRequest(**arguments))  # type: ignore[arg-type]
    np.testing.assert_array_equal(pixels(answer.content), np.asarray(expected))


def test_styles_are_mixed_by_weights(client: httpx.Client, stylizer: Stylizer) -> None:
    expected = np.asarray(stylizer(CONTENT, [STYLE, OTHER], weights=[0.7, 0.3]))
    for weights in ("0.7 0.3", "0.7,0.3", ["0.7", "0.3"]):
        answer = client.post(
            "/v1/stylize", files=files(content=CONTENT, style=[STYLE, OTHER]), data={"weights": weights}
        )
        np.testing.assert_array_equal(pixels(answer.content), expected)


def test_styles_are_placed_by_masks(client: httpx.Client, stylizer: Stylizer) -> None:
    masks = [SKY, 255 - SKY]
    parts = {"content": CONTENT, "style": [STYLE, OTHER], "masks": [encoded(mask) for mask in masks]}
    answer = stylized(client, parts)
    np.testing.assert_array_equal(pixels(answer.content), np.asarray(stylizer(CONTENT, [STYLE, OTHER], masks=masks)))


def test_the_subject_is_the_contents_alpha_channel(client: httpx.Client, stylizer: Stylizer) -> None:
    cutout = encoded(np.dstack([photo(), SKY]))
    answer = stylized(client, {"content": cutout, "style": STYLE}, masks="subject")
    np.testing.assert_array_equal(pixels(answer.content), np.asarray(stylizer(cutout, STYLE, masks="subject")))


@pytest.mark.parametrize("suffix", WRITABLE)
def test_the_result_has_the_asked_format(client: httpx.Client, suffix: str) -> None:
    answer = stylized(client, {"content": CONTENT, "style": STYLE}, format=suffix[1:])
    assert answer.status_code == 200, answer.text
    name = WRITABLE[suffix].pillow
    assert answer.headers["content-type"] == f"image/{name.lower()}"
    with Image.open(io.BytesIO(answer.content)) as image:
        assert (image.format, image.size) == (name, (48, 36))


def test_a_style_code_is_the_file_that_python_writes(client: httpx.Client, stylizer: Stylizer, tmp_path: Path) -> None:
    answer = client.post("/v1/encode", files=files(style=STYLE), data={"style_size": "20"})
    path = tmp_path / "style.safetensors"
    path.write_bytes(answer.content)
    code, own = StyleCode.load(path), stylizer.encode_style(STYLE, size=20)
    assert code.maker == own.maker
    np.testing.assert_array_equal(code.arrays["mean"], own.arrays["mean"])


def test_a_style_code_stands_for_its_picture(client: httpx.Client) -> None:
    code = client.post("/v1/encode", files=files(style=STYLE)).content
    first = stylized(client, {"content": CONTENT, "style": STYLE})
    again = stylized(client, {"content": CONTENT, "style": code})
    mixed = stylized(client, {"content": CONTENT, "style": [code, OTHER]})
    assert first.content == again.content != mixed.content


def test_a_code_of_another_model_is_refused(client: httpx.Client, tmp_path: Path) -> None:
    StyleCode("other", {"mean": np.zeros(3, np.float32)}).save(tmp_path / "other.safetensors")
    answer = stylized(client, {"content": CONTENT, "style": (tmp_path / "other.safetensors").read_bytes()})
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("style 1: this style code is of other, the loaded model is")


def test_a_style_is_encoded_once() -> None:
    stylizer = mean_stylizer()
    assert isinstance(stylizer.backend, MeanBackend)
    with serving(stylizer) as client:
        before = stylizer.backend.encoded
        for size in (20, 20, 10, 20):
            assert stylized(client, {"content": CONTENT, "style": STYLE}, style_size=size).status_code == 200
        assert stylizer.backend.encoded == before + 2  # for two style sizes
        assert "adain_code_hits 2.0" in client.get("/metrics").text


def test_the_model_is_described(client: httpx.Client, stylizer: Stylizer) -> None:
    (model,) = client.get("/v1/models").json()["models"]
    assert (model["name"], model["code_digest"]) == stylizer.maker
    assert model["device"] == "cpu"


def test_the_api_describes_every_field_of_a_request(client: httpx.Client) -> None:
    schema = client.get("/openapi.json").json()
    operation = schema["paths"]["/v1/stylize"]["post"]
    form = operation["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
    assert set(form) == {"content", "style", "format", *StyleRequest.__dataclass_fields__}
    assert (form["alpha"]["minimum"], form["alpha"]["maximum"]) == (0, 1)
    assert form["preserve_color"]["enum"] == ["coral", "luminance"]
    assert form["style_size"]["default"] == 512
    assert {*fields.PICTURE, "masks"} == set(StyleRequest.__dataclass_fields__)
