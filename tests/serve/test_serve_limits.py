"""Each limit is answered with a status and a sentence, and a broken request harms no other."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the server needs the extra serve")

import httpx
from mean_backend import MeanBackend, mean_stylizer
from numpy.typing import NDArray
from pictures import painting, photo
from serving import encoded, files, serving

from adain.engine.backend import Code
from adain.errors import InputError
from adain.serve.codes import CodeCache
from adain.serve.settings import Settings
from adain.stylizer import Stylizer

CONTENT, STYLE = encoded(photo()), encoded(painting())
BOTH: dict[str, bytes | list[bytes]] = {"content": CONTENT, "style": STYLE}


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    settings = Settings(workers=2, max_bytes=100_000, max_pixels=5_000, max_styles=2, upload_seconds=0.5)
    with serving(mean_stylizer(), settings) as client:
        yield client


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


def stylized(client: httpx.Client, parts: dict[str, bytes | list[bytes]], **data: str) -> httpx.Response:
    return client.post("/v1/stylize", files=files(**parts), data=data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"alpha": "1.7"}, "alpha must be in [0, 1], got 1.7"),
        ({"alpha": "nan"}, "alpha must be in [0, 1], got nan"),
        ({"alpha": "much"}, "alpha must be a number, got 'much'"),
        ({"seed": "1.5"}, "seed must be a whole number, got '1.5'"),
        ({"size": "0"}, "size must be a whole number of pixels, at least 1, got 0"),
        ({"weights": "1 2"}, "one weight per style is needed: got 2 weights for 1 styles"),
        ({"preserve_color": "blue"}, "preserve_color must be one of"),
        ({"masks": "all"}, "masks must be one per style, or \"subject\", got 'all'"),
        ({"format": "gifx"}, "format must be one of jpg"),
        ({"alhpa": "1"}, "unknown field 'alhpa'; this form takes content, style, masks, alpha"),
    ],
)
def test_a_wrong_value_is_named(client: httpx.Client, data: dict[str, str], message: str) -> None:
    status, error = refusal(stylized(client, BOTH, **data))
    assert status == 422
    assert error.startswith(message)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"style": STYLE}, "content is missing; send it as a file"),
        ({"content": CONTENT}, "style is missing; send at least one as a file"),
        ({"content": CONTENT, "style": [STYLE] * 3}, "at most 2 of style can be sent, got 3; send fewer"),
        ({"content": [CONTENT, CONTENT], "style": STYLE}, "at most 1 of content can be sent, got 2; send fewer"),
        ({"content": b"", "style": STYLE}, "content has 0 bytes; get a complete copy of it"),
        ({"content": CONTENT, "style": [STYLE, b"no"]}, "style 2 is no picture that can be read"),
        ({"content": CONTENT, "style": STYLE, "masks": b"no"}, "masks 1 is no picture that can be read"),
        ({"content": CONTENT, "style": b"\x40\0\0\0\0\0\0\0{" + b" " * 70}, "style 1: "),
    ],
)
def test_a_missing_or_broken_file_is_named(
    client: httpx.Client, parts: dict[str, bytes | list[bytes]], message: str
) -> None:
    status, error = refusal(stylized(client, parts))
    assert status == 422
    assert error.startswith(message)


def test_addresses_and_paths_are_not_taken(client: httpx.Client) -> None:
    for address in ("http://127.0.0.1/picture.png", "file:///etc/passwd", "/etc/passwd"):
        answer = client.post("/v1/stylize", files=files(style=STYLE), data={"content": address})
        status, error = refusal(answer)
        assert status == 422
        assert "content must be a file, got text; addresses and paths of pictures are not taken" in error


def test_other_bodies_are_no_form(client: httpx.Client) -> None:
    assert refusal(client.post("/v1/stylize", json={"content": "x"}))[0] == 415
    assert refusal(client.post("/v1/stylize"))[0] == 415
    broken = {"Content-Type": "multipart/form-data"}
    assert refusal(client.post("/v1/stylize", content=b"x", headers=broken))[0] == 400
    cut = {"Content-Type": "multipart/form-data; boundary=x"}
    assert refusal(client.post("/v1/stylize", content=b"--x\r\nnonsense", headers=cut))[0] in (400, 422)


def test_too_many_bytes(client: httpx.Client) -> None:
    expected = 413, "a request may have at most 100,000 bytes; send smaller files"
    large = {"content": CONTENT + bytes(120_000), "style": STYLE}
    assert refusal(stylized(client, large)) == expected  # by the header Content-Length

    def chunks() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="content"; filename="a"\r\n\r\n'
        for _ in range(12):
            yield bytes(10_000)

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert refusal(client.post("/v1/stylize", content=chunks(), headers=headers)) == expected  # as they come


def test_too_many_pixels(client: httpx.Client) -> None:
    large = encoded(np.zeros((101, 50, 3), np.uint8))
    for parts in ({"content": large, "style": STYLE}, {"content": CONTENT, "style": large}, {**BOTH, "masks": large}):
        status, error = refusal(stylized(client, parts))
        assert status == 413
        assert error.endswith("is 50 x 101; at most 5,000 pixels are allowed")
    status, error = refusal(stylized(client, BOTH, size="1000"))
    assert (status, error) == (
        413,
        "content is 48 x 36, scaled to 1000 on the shorter side; at most 5,000 pixels are allowed",
    )


def test_an_upload_that_takes_too_long(client: httpx.Client) -> None:
    def slow() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="content"; filename="a"\r\n\r\n'
        time.sleep(0.8)
        yield b"data"

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    status, error = refusal(client.post("/v1/stylize", content=slow(), headers=headers))
    assert (status, error) == (408, "the upload took longer than 0.5 seconds; send less")


def test_broken_pictures_take_no_worker_down(client: httpx.Client) -> None:
    rng = np.random.default_rng(0)
    for format in ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP"):
        good = encoded(photo(), format)
        for cut in (12, len(good) // 2, len(good) - 20):
            assert stylized(client, {"content": good[:cut], "style": STYLE}).status_code in (200, 422)
        changed = np.frombuffer(good, np.uint8).copy()
        changed[rng.integers(8, len(good), 30)] = rng.integers(0, 256, 30)
        assert stylized(client, {"content": CONTENT, "style": changed.tobytes()}).status_code in (200, 413, 422)
    assert stylized(client, BOTH).status_code == 200


class SlowBackend(MeanBackend):
    """Waits in each call for `go`."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.running = 0

    def stylize(self, content: NDArray[np.float32], code: Code, alpha: float) -> NDArray[np.float32]:
        self.running += 1
        self.go.wait(10)
        self.running -= 1
        return super().stylize(content, code, alpha)


@pytest.fixture
def slow() -> SlowBackend:
    return SlowBackend()


def until(true: object, seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:  # type: ignore[operator]
        time.sleep(0.01)
    assert true()  # type: ignore[operator]


def _serving(slow: SlowBackend, **limits: float) -> object:
    slow.go.set()  # for the warm-up
    return serving(Stylizer(slow.model, slow), Settings(**limits))  # type: ignore[arg-type]


def test_a_full_queue_is_503_with_retry_after(slow: SlowBackend) -> None:
    with _serving(slow, workers=2, queue=1) as client, ThreadPoolExecutor(3) as pool:  # type: ignore[attr-defined]
        slow.go.clear()
        answers = [pool.submit(stylized, client, BOTH) for _ in range(3)]
        until(lambda: "adain_places_taken 3.0" in client.get("/metrics").text)
        refused = stylized(client, BOTH)
        assert refusal(refused)[0] == 503
        assert "all 3 places in the queue are taken; try again in" in refused.json()["error"]
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert slow.running == 2  # the third waits
        slow.go.set()
        assert [answer.result().status_code for answer in answers] == [200, 200, 200]
        assert stylized(client, BOTH).status_code == 200


def test_the_time_limit(slow: SlowBackend) -> None:
    with _serving(slow, workers=1, queue=4, seconds=0.2) as client, ThreadPoolExecutor(2) as pool:  # type: ignore[attr-defined]
        slow.go.clear()
        first = pool.submit(stylized, client, BOTH)
        until(lambda: slow.running == 1)
        second = pool.submit(stylized, client, BOTH)
        time.sleep(0.4)
        slow.go.set()
        assert first.result().status_code == 200  # it was done at the end of its only step
        assert second.result().status_code == 503
        assert "waited in the queue for 0.2 seconds" in second.result().json()["error"]


def test_a_picture_of_many_steps_ends_at_the_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    stylizer = mean_stylizer()
    with serving(stylizer, Settings(workers=1, seconds=0.1)) as client:
        encode = stylizer.backend.encode

        def slowly(*args: object) -> object:
            time.sleep(0.05)
            return encode(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(MeanBackend, "encode", lambda self, *args: slowly(*args))
        status, error = refusal(stylized(client, BOTH, tile="8"))
        assert status == 422
        assert "longer than its limit of 0.1 seconds; send a smaller picture, or a smaller size" in error


def test_a_client_that_leaves_frees_its_place(slow: SlowBackend) -> None:
    with _serving(slow, workers=1, queue=1) as client:  # type: ignore[attr-defined]
        slow.go.clear()
        with pytest.raises(httpx.ReadTimeout):
            client.post("/v1/stylize", files=files(**BOTH), timeout=0.3)
        slow.go.set()
        until(lambda: "adain_places_taken 0.0" in client.get("/metrics").text)


def test_what_runs_is_finished_at_shutdown(slow: SlowBackend) -> None:
    with ThreadPoolExecutor(1) as pool:
        with _serving(slow, workers=1) as client:  # type: ignore[attr-defined]
            slow.go.clear()
            answer = pool.submit(httpx.post, client.base_url.join("/v1/stylize"), files=files(**BOTH), trust_env=False)
            until(lambda: slow.running == 1)
            threading.Timer(0.3, slow.go.set).start()
        assert answer.result().status_code == 200


def test_the_cache_is_bounded(client: httpx.Client) -> None:
    stylizer, cache = mean_stylizer(), CodeCache(50)  # a code has 12 bytes
    for number in range(10):
        code = cache.get(bytes([number]), None, lambda: stylizer.encode_style(painting()))
        assert code.picture is None
    assert (len(cache), cache.bytes, cache.misses) == (4, 48, 10)
    cache.get(bytes([9]), None, pytest.fail)
    assert cache.hits == 1


@pytest.mark.parametrize("wrong", [{"workers": 0}, {"seconds": 0}, {"max_pixels": -1}, {"token": ""}, {"token": "ö"}])
def test_settings_are_checked(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        Settings(**wrong)  # type: ignore[arg-type]


def test_nothing_of_an_upload_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    noise = np.random.default_rng(0).integers(0, 256, (700, 700, 3), dtype=np.uint8)
    large = encoded(noise)  # above a megabyte, so it is spooled to disk
    assert len(large) > 1 << 20
    with serving(mean_stylizer()) as client:
        assert stylized(client, {"content": large, "style": STYLE}).status_code == 200
        assert stylized(client, {"content": large[:-9], "style": b"no"}).status_code == 422
        code = client.post("/v1/encode", files=files(style=STYLE)).content
        assert stylized(client, {"content": large, "style": code}).status_code == 200
        assert not list(tmp_path.iterdir())
