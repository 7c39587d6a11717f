"""Film jobs: sent, computed in the background, fetched once, and then gone."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the server needs the extra serve")

import httpx
from mean_backend import MeanBackend, mean_stylizer
from pictures import painting, photo
from PIL import Image
from serving import encoded, files, serving

from adain.serve.settings import Settings
from adain.video import stylize

STYLE = encoded(painting())


def gif(frames: int = 3) -> bytes:
    pictures = [Image.fromarray(np.roll(photo(), 5 * number, axis=1)) for number in range(frames)]
    file = io.BytesIO()
    pictures[0].save(file, "GIF", save_all=True, append_images=pictures[1:], duration=40)
    return file.getvalue()


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def client(temporary: Path) -> Iterator[httpx.Client]:
    with serving(mean_stylizer(), Settings(films=1, max_pixels=5_000)) as client:
        yield client


def posted(client: httpx.Client, film: bytes, **data: str) -> httpx.Response:
    return client.post("/v1/films", files=files(film=film, style=STYLE), data=data)


def ended(client: httpx.Client, answer: httpx.Response) -> dict[str, object]:
    """The state of a film when it has ended."""
    assert answer.status_code == 202, answer.text
    for _ in range(500):
        state: dict[str, object] = client.get(answer.headers["location"]).json()
        if state["state"] in ("done", "failed"):
            return state
        time.sleep(0.02)
    raise AssertionError(state)


def film_files(temporary: Path) -> list[Path]:
    return [path for path in temporary.rglob("*") if path.is_file()]


def test_a_film_is_the_one_of_python(client: httpx.Client, tmp_path: Path, temporary: Path) -> None:
    answer = posted(client, gif(), format="gif", alpha="0.7", smoothing="0.2")
    state = {"id": answer.json()["id"], "state": "done", "frames": 3, "of": 3, "error": None, "damage": None}
    assert ended(client, answer) == state
    result = client.get(f"{answer.headers['location']}/result")
    (tmp_path / "film.gif").write_bytes(gif())
    stylize(mean_stylizer(), tmp_path / "film.gif", STYLE, tmp_path / "own.gif", alpha=0.7, smoothing=0.2)
    assert result.content == (tmp_path / "own.gif").read_bytes()
    assert result.headers["content-type"] == "image/gif"
    assert client.get(answer.headers["location"]).status_code == 404  # it was fetched
    assert not film_files(temporary)


def test_the_damage_of_a_film_is_told(client: httpx.Client) -> None:
    film = gif()
    answer = posted(client, film[: len(film) - 20], format="gif")
    state = ended(client, answer)
    assert (state["state"], state["frames"]) == ("done", 3)
    assert state["damage"].startswith("the film is damaged: 3 of 3 declared frames could be decoded, 1 frame with ")
    assert client.get(f"{answer.headers['location']}/result").status_code == 200


def test_a_video_file(client: httpx.Client, tmp_path: Path) -> None:
    pytest.importorskip("av", reason="video files need the extra video")
    from clips import decoded, moving, write_clip

    film = write_clip(tmp_path / "clip.mp4", moving(4), sound="aac").read_bytes()
    answer = posted(client, film, keyframes="0:alpha=0 0.1:alpha=1")
    assert ended(client, answer)["frames"] == 4
    (tmp_path / "out.mp4").write_bytes(client.get(f"{answer.headers['location']}/result").content)
    assert len(decoded(tmp_path / "out.mp4")) == 4


def test_masks_and_codes(client: httpx.Client) -> None:
    code = client.post("/v1/encode", files=files(style=STYLE)).content
    sky = encoded((np.arange(36)[:, None] * np.ones(48) < 20).astype(np.uint8) * 255)
    answer = client.post("/v1/films", files=files(film=gif(), style=code, masks=sky), data={"format": "gif"})
    assert ended(client, answer)["state"] == "done"


@pytest.mark.parametrize(
    ("film", "data", "status", "message"),
    [
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", {}, 422, "the film must be MP4, MOV, Matroska, WebM or GIF"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", {}, 422, "the film must be MP4, MOV, Matroska, WebM or GIF"),
        (b"GIF89a nothing", {"format": "gif"}, 422, "the film "),
        (gif(), {"format": "exe"}, 422, "format must be one of mp4, webm, mkv, mov, gif, got 'exe'"),
        (gif(), {"format": "gif", "alpha": "2"}, 422, "alpha must be in [0, 1], got 2"),
        (gif(), {"format": "gif", "smoothing": "-1"}, 422, "smoothing must be a finite number, at least 0, got -1"),
        (gif(), {"format": "gif", "keyframes": "x"}, 422, ""),
        (gif(), {"format": "gif", "size": "3"}, 422, "unknown field 'size'"),
    ],
)
def test_what_is_refused(
    client: httpx.Client, temporary: Path, film: bytes, data: dict[str, str], status: int, message: str
) -> None:
    answer = posted(client, film, **data)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"].startswith(message)
    assert str(temporary) not in answer.text
    assert not film_files(temporary)


def test_large_frames_are_refused(client: httpx.Client, temporary: Path) -> None:
    answer = posted(client, encoded(np.zeros((101, 50, 3), np.uint8), "GIF"), format="gif")
    assert (answer.status_code, answer.json()["error"]) == (
        413,
        "the film is 50 x 101; at most 5,000 pixels are allowed",
    )
    assert not film_files(temporary)


class Held:
    """Holds the frames of films back."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go = threading.Event()
        decode = MeanBackend.decode

        def held(backend: MeanBackend, *args: object) -> object:
            self.go.wait(10)
            return decode(backend, *args)  # type: ignore[arg-type]

        monkeypatch.setattr(MeanBackend, "decode", held)


def test_waiting_films_are_bounded_and_can_be_removed(
    client: httpx.Client, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch)
    running, waiting = posted(client, gif(), format="gif"), posted(client, gif(), format="gif")
    while client.get(running.headers["location"]).json()["state"] != "running":
        time.sleep(0.01)
    assert client.get(waiting.headers["location"]).json()["state"] == "waiting"
    early = client.get(f"{running.headers['location']}/result")
    assert (early.status_code, early.json()["error"]) == (409, "the film is running")
    refused = posted(client, gif(), format="gif")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "60")
    for film in (waiting, running):
        assert client.delete(film.headers["location"]).status_code == 204
        assert client.get(film.headers["location"]).status_code == 404
    held.go.set()
    assert ended(client, posted(client, gif(), format="gif"))["state"] == "done"


def test_without_space_on_the_disk_films_are_refused(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1 << 20))
    answer = posted(client, gif(), format="gif")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert "no space" in answer.json()["error"]


def test_a_film_has_a_time_limit(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(mean_stylizer(), Settings(film_seconds=0.1)) as client:
        held = Held(monkeypatch)
        threading.Timer(0.3, held.go.set).start()
        state = ended(client, posted(client, gif(), format="gif"))
        assert (state["state"], state["error"]) == (
            "failed",
            "the film took longer than 0.1 seconds; send a shorter or smaller one",
        )
        assert not film_files(temporary)


def test_a_film_that_nobody_fetches_is_deleted(temporary: Path) -> None:
    with serving(mean_stylizer(), Settings(film_kept=0.05)) as client:
        answer = posted(client, gif(), format="gif")
        end = time.monotonic() + 10
        while client.get(answer.headers["location"]).status_code != 404 and time.monotonic() < end:
            time.sleep(0.02)
        assert not film_files(temporary)


def test_at_shutdown_all_are_deleted(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(mean_stylizer()) as client:
        held = Held(monkeypatch)
        posted(client, gif(), format="gif")
        posted(client, gif(), format="gif")
        threading.Timer(0.2, held.go.set).start()
    assert not list(temporary.iterdir())
