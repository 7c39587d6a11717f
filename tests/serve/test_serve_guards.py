"""Who may use the server, what every answer says, and what is logged."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the server needs the extra serve")

import httpx
from mean_backend import MeanBackend, mean_stylizer
from pictures import painting, photo
from serving import encoded, files, serving

from adain.serve import page, reference
from adain.serve.guards import HEADERS
from adain.serve.settings import Settings

BOTH = files(content=encoded(photo()), style=encoded(painting()))
PATHS = ("/", "/docs", "/openapi.json", "/health", "/ready", "/metrics", "/v1/models", "/nothing")


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with serving(mean_stylizer()) as client:
        yield client


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:1", "[::1]:8000", "192.168.0.7"])
def test_hosts_that_no_other_page_can_have(client: httpx.Client, host: str) -> None:
    assert client.get("/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:8000", "127.0.0.1.evil.example", "[x", ""])
def test_a_page_that_points_its_name_here_is_refused(client: httpx.Client, host: str) -> None:
    answer = client.get("/health", headers={"Host": host})
    assert answer.status_code == 421
    assert "start it with --allow-host for this name" in answer.json()["error"]


def test_a_page_of_another_origin_is_refused(client: httpx.Client) -> None:
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1", "http://["):
        answer = client.post("/v1/stylize", files=BOTH, headers={"Origin": origin})
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers
    own = str(client.base_url).rstrip("/")
    assert client.post("/v1/stylize", files=BOTH, headers={"Origin": own}).status_code == 200
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    assert "access-control-allow-origin" not in client.options("/v1/stylize", headers=asked).headers


def test_named_hosts_and_origins_are_allowed() -> None:
    settings = Settings(hosts=("pictures.example",), origins=("https://page.example",), token="secret")
    with serving(mean_stylizer(), settings) as client:
        assert client.get("/health", headers={"Host": "pictures.example:80"}).status_code == 200
        assert client.get("/health", headers={"Host": "other.example"}).status_code == 421
        origin = {"Origin": "https://page.example"}
        asked = {**origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
        assert client.options("/v1/stylize", headers=asked).status_code == 200
        answer = client.post("/v1/stylize", files=BOTH, headers={**origin, "Authorization": "Bearer secret"})
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "https://page.example"


def test_the_token_guards_the_api_and_the_metrics() -> None:
    with serving(mean_stylizer(), Settings(token="secret")) as client:
        for path in ("/v1/models", "/v1/films/x", "/metrics"):
            for wrong in ({}, {"Authorization": "Bearer secre"}, {"Authorization": "secret"}):
                answer = client.get(path, headers=wrong)
                assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
            assert client.get(path, headers={"Authorization": "Bearer secret"}).status_code in (200, 404)
        assert client.post("/v1/stylize", files=BOTH).status_code == 401
        for path in ("/", "/docs", "/health", "/ready"):
            assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_isolates_the_page(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    isolating = HEADERS if path != "/docs" else {**HEADERS, **reference.HEADERS}
    assert isolating.items() <= {name.title(): value for name, value in headers.items()}.items()
    assert headers["cache-control"] in ("no-store", "no-cache")
    assert "server" not in headers


def test_the_documentation_loads_nothing_from_elsewhere(client: httpx.Client) -> None:
    text = client.get("/docs").text
    assert "<script" not in text
    assert not re.findall(r"(?:src|href)=['\"]?(?!/openapi\.json)[^> ]+", text)
    for word in ("/v1/stylize", "curl -F content=@photo.jpg", "Strength of the style", "at most 1", "/v1/films/{id}"):
        assert word in text


def test_without_a_built_page_a_text_says_how_to_build_it(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "_PLACES", ())
    with serving(mean_stylizer()) as client:
        assert "npm run build" in client.get("/").text


def test_a_built_page_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<h1>adain</h1>")
    (tmp_path / "assets" / "ort.wasm").write_bytes(b"\0asm")
    (tmp_path / "assets" / "worker.mjs").write_text("")
    monkeypatch.setattr(page, "_PLACES", (tmp_path,))
    with serving(mean_stylizer()) as client:
        assert client.get("/").text == "<h1>adain</h1>"
        assert client.get("/assets/ort.wasm").headers["content-type"] == "application/wasm"
        assert client.get("/assets/worker.mjs").headers["content-type"] == "text/javascript"
        assert client.get("/../pyproject.toml").status_code == 404
        assert client.get("/%2e%2e/pyproject.toml").status_code == 404
        assert client.get("/v1/models").status_code == 200
        assert client.get("/").headers["cross-origin-embedder-policy"] == "require-corp"


def test_an_unexpected_error_logs_its_place_and_nothing_of_the_request(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(self: MeanBackend, *args: object) -> None:
        raise KeyError("a secret of the picture")

    monkeypatch.setattr(MeanBackend, "stylize", broken)
    with caplog.at_level(logging.DEBUG, "adain"):
        answer = client.post("/v1/stylize", files=BOTH)
    assert (answer.status_code, answer.json()) == (500, {"error": "the server failed; its log says where"})
    (error,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "/v1/stylize failed with KeyError in broken" in error.getMessage()
    assert "secret" not in caplog.text
    monkeypatch.undo()
    assert client.post("/v1/stylize", files=BOTH).status_code == 200


def test_names_and_contents_reach_no_log(client: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        client.post("/v1/stylize", files=[("content", ("private.png", b"contents")), *files(style=b"contents")])
        client.post("/v1/stylize", files=BOTH, data={"alpha": "private"})
    logged = "\n".join(record.getMessage() for record in caplog.records if record.name.split(".")[0] != "httpx")
    assert not re.search("private|contents", logged)


def test_metrics_count_answers_by_route() -> None:
    with serving(mean_stylizer()) as client:
        client.post("/v1/stylize", files=BOTH)
        client.get("/v1/films/secret-id")
        client.request("ODD", "/health")
        text = client.get("/metrics").text
    assert 'adain_requests_total{method="POST",route="/v1/stylize",status="200"} 1.0' in text
    assert 'adain_requests_total{method="GET",route="/v1/films/{id}",status="404"} 1.0' in text
    assert 'method="other"' in text
    assert "secret-id" not in text
    assert 'adain_request_seconds_count{route="/v1/stylize"} 1.0' in text
