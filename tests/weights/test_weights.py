"""Where weights are taken from, what a download leaves behind and what a failure says; all on 127.0.0.1."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import URLError

import pytest

from adain import DownloadError, InputError, WeightsError, weights
from adain.registry import MODELS, Model, WeightFile
from adain.weights import download, places

CONTENT = bytes(range(256)) * 4096  # 1 MiB: several chunks
OTHER = CONTENT[::-1]  # as long, other bytes
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Answers request after request from a script, the last line of it again and again."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: list[Callable[[Handler], None]] = [good]
        self.requests = 0
        self.release = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/net.pth"


class Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = 5

    def do_GET(self) -> None:
        script = self.server.script
        answer = script[min(self.server.requests, len(script) - 1)]
        self.server.requests += 1
        answer(self)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def head(self, status: int = 200, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()


def good(handler: Handler) -> None:
    handler.head(Content_Length=len(CONTENT))
    handler.wfile.write(CONTENT)


def other_content(handler: Handler) -> None:
    handler.head(Content_Length=len(OTHER))
    handler.wfile.write(OTHER)


def cut(handler: Handler) -> None:
    handler.head(Content_Length=len(CONTENT))
    handler.wfile.write(CONTENT[: len(CONTENT) // 2])


def without_length(handler: Handler) -> None:
    handler.head()
    handler.wfile.write(CONTENT)


def endless(handler: Handler) -> None:
    handler.head()
    handler.wfile.write(CONTENT + OTHER)


def sign_in_page(handler: Handler) -> None:
    handler.head(Content_Length=21)
    handler.wfile.write(b"<h1>Please log in</h1>"[:21])


def silence(handler: Handler) -> None:
    handler.head(Content_Length=len(CONTENT))
    handler.server.release.wait(5)


def status(code: int) -> Callable[[Handler], None]:
    return lambda handler: handler.head(code, Content_Length=0)


def redirect(url: str) -> Callable[[Handler], None]:
    return lambda handler: handler.head(302, Location=url, Content_Length=0)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(download, "PAUSE", 0.01)
    monkeypatch.setattr(download, "TIMEOUT", 5.0)
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.release.set()
        server.shutdown()
        thread.join(5)


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("ADAIN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def one_file(url: str | None = "https://weights.invalid/net.pth", **pins: object) -> Model:
    file = WeightFile(role="model", name="net.pth", url=url, bytes=len(CONTENT), sha256=SHA256, licence="MIT")
    return replace(MODELS["adain-vgg19"], name="tiny", files=(replace(file, **pins),))  # type: ignore[arg-type]


def put(path: Path, content: bytes = CONTENT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def files_under(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


# Where a file is taken from


def test_named_directory_comes_first_then_the_cache_then_the_network(
    server: Server, tmp_path: Path, cache: Path
) -> None:
    model = one_file(server.url)
    assert weights.find(model) == {"model": cache / "tiny" / "net.pth"}
    assert server.requests == 1
    assert weights.find(model) == {"model": cache / "tiny" / "net.pth"}
    named = put(tmp_path / "mine" / "net.pth")
    assert weights.find(model, named.parent) == {"model": named}
    assert server.requests == 1


def test_named_directory_may_have_a_folder_per_model(tmp_path: Path) -> None:
    named = put(tmp_path / "mine" / "tiny" / "net.pth")
    assert weights.find(one_file(), str(tmp_path / "mine")) == {"model": named}


def test_argument_comes_before_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    argument = put(tmp_path / "argument" / "net.pth")
    environment = put(tmp_path / "environment" / "net.pth")
    monkeypatch.setenv("ADAIN_WEIGHTS_DIR", str(environment.parent))
    assert weights.find(one_file()) == {"model": environment}
    assert weights.find(one_file(), argument.parent) == {"model": argument}


def test_named_directory_without_the_file_says_that_it_is_downloaded(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    weights.find(one_file(server.url), tmp_path)
    assert f"net.pth is not in {tmp_path}; downloading it" in caplog.text


@pytest.mark.parametrize("by", ["argument", "environment"])
def test_named_directory_that_is_not_there_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    named = tmp_path / "no such"
    if by == "environment":
        monkeypatch.setenv("ADAIN_WEIGHTS_DIR", str(named))
    with pytest.raises(InputError, match=r"no such' does not exist") as caught:
        weights.find(one_file(), named if by == "argument" else None)
    assert ("ADAIN_WEIGHTS_DIR" in str(caught.value)) == (by == "environment")
    put(named)
    with pytest.raises(InputError, match="is a file"):
        weights.find(one_file(), named if by == "argument" else None)


def test_shipped_file_is_found_without_network_or_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout = tmp_path / "weights"
    monkeypatch.setattr(places, "_SHIPPED", (tmp_path / "_weights", checkout))
    with pytest.raises(WeightsError, match=r"net\.pth of tiny ships with this package but is missing"):
        weights.find(one_file(url=None))
    put(checkout / "net.pth")
    assert weights.find(one_file(url=None)) == {"model": checkout / "net.pth"}


def test_cache_follows_each_systems_custom(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ADAIN_CACHE")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert weights.cache_dir() == tmp_path / "xdg" / "adain"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert weights.cache_dir() == tmp_path / ".cache" / "adain"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert weights.cache_dir() == tmp_path / ".cache" / "adain"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert weights.cache_dir() == tmp_path / "Library" / "Caches" / "adain"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "Local"))
    assert weights.cache_dir() == tmp_path / "Local" / "adain" / "Cache"
    monkeypatch.setenv("ADAIN_CACHE", str(tmp_path / "mine"))
    assert weights.cache_dir() == tmp_path / "mine"


# What a file must be


@pytest.mark.parametrize("content", [OTHER, CONTENT[:-1], b""], ids=["other", "cut", "empty"])
def test_wrong_file_in_the_named_directory_is_an_error_even_where_the_cache_is_right(
    server: Server, tmp_path: Path, cache: Path, content: bytes
) -> None:
    put(cache / "tiny" / "net.pth")
    named = put(tmp_path / "mine" / "net.pth", content)
    with pytest.raises(WeightsError, match="put the published file there") as caught:
        weights.find(one_file(server.url), named.parent)
    for part in (str(named), SHA256, hashlib.sha256(content).hexdigest(), f"({len(content):,} bytes)"):
        assert part in str(caught.value)
    assert server.requests == 0
    assert named.read_bytes() == content, "the user's files are the user's"


def test_wrong_file_is_reported_before_anything_is_downloaded(server: Server, tmp_path: Path) -> None:
    (file,) = one_file(server.url).files
    model = replace(one_file(), files=(replace(file, role="a", name="a.pth"), replace(file, role="b")))
    put(tmp_path / "mine" / "net.pth", OTHER)
    with pytest.raises(WeightsError):
        weights.find(model, tmp_path / "mine")
    assert server.requests == 0


def test_damaged_cache_is_downloaded_again(server: Server, cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    put(cache / "tiny" / "net.pth", OTHER)
    with pytest.raises(WeightsError, match="delete it and let it be downloaded again"):
        weights.find(one_file(server.url), download=False)
    assert weights.find(one_file(server.url))["model"].read_bytes() == CONTENT
    assert "downloading it again" in caplog.text


def test_git_blob_id_pins_a_file_of_unknown_size(server: Server, tmp_path: Path) -> None:
    blob = hashlib.sha1(b"blob %d\0" % len(CONTENT) + CONTENT).hexdigest()
    model = one_file(server.url, sha256=None, bytes=None, git_blob=blob)
    assert weights.find(model)["model"].read_bytes() == CONTENT
    put(tmp_path / "mine" / "net.pth", OTHER)
    with pytest.raises(WeightsError, match=rf"has git blob id .* where net\.pth has {blob}"):
        weights.find(model, tmp_path / "mine")


def test_file_without_any_hash_is_never_trusted(tmp_path: Path) -> None:
    put(tmp_path / "mine" / "net.pth")
    with pytest.raises(WeightsError, match="no hash"):
        weights.find(one_file(sha256=None), tmp_path / "mine")


# Downloads that succeed


def test_download_reports_its_progress_and_leaves_one_file(server: Server, cache: Path) -> None:
    seen: list[tuple[str, int, int | None]] = []
    weights.find(one_file(server.url), progress=lambda *event: seen.append(event))
    assert seen[0] == ("net.pth", 0, len(CONTENT))
    assert seen[-1] == ("net.pth", len(CONTENT), len(CONTENT))
    assert [event[1] for event in seen] == sorted(event[1] for event in seen)
    assert files_under(cache) == ["tiny/net.pth"]


@pytest.mark.parametrize("size", [len(CONTENT), None])
def test_server_need_not_tell_the_size(server: Server, size: int | None) -> None:
    server.script = [without_length]
    seen: list[int | None] = []
    weights.find(one_file(server.url, bytes=size), progress=lambda name, done, total: seen.append(total))
    assert set(seen) == {size}


@pytest.mark.parametrize("trouble", [status(500), status(503), status(429), cut], ids=["500", "503", "429", "cut"])
def test_passing_trouble_is_tried_again(
    server: Server, cache: Path, caplog: pytest.LogCaptureFixture, trouble: Callable[[Handler], None]
) -> None:
    server.script = [trouble, trouble, good]
    weights.find(one_file(server.url))
    assert server.requests == 3
    assert caplog.text.count("trying again") == 2
    assert files_under(cache) == ["tiny/net.pth"]


def test_redirect_is_followed_to_the_web_only(server: Server, tmp_path: Path) -> None:
    server.script = [redirect("/elsewhere"), good]
    weights.find(one_file(server.url))
    server.requests = 0
    server.script = [redirect(put(tmp_path / "local").as_uri())]
    with pytest.raises(DownloadError, match="could not download"):
        download.fetch(one_file(server.url).files[0], tmp_path / "net.pth")


def test_other_schemes_are_refused(tmp_path: Path) -> None:
    local = put(tmp_path / "local").as_uri()
    with pytest.raises(DownloadError, match="unknown url type: file"):
        weights.find(one_file(local))


def test_two_processes_may_download_the_same_file(server: Server, cache: Path) -> None:
    code = (
        "import sys; from adain.registry import WeightFile; from adain.weights.download import fetch\n"
        "from pathlib import Path\n"
        "pins = {'url': sys.argv[1], 'bytes': None, 'sha256': sys.argv[2], 'licence': 'MIT'}\n"
        "fetch(WeightFile(role='model', name='net.pth', **pins), Path(sys.argv[3]))"
    )
    target = cache / "tiny" / "net.pth"
    command = [sys.executable, "-c", code, server.url, SHA256, str(target)]
    runs = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for run in runs:
        _, errors = run.communicate(timeout=30)
        assert run.returncode == 0, errors
    assert files_under(cache) == ["tiny/net.pth"]
    assert target.read_bytes() == CONTENT


def test_partial_file_of_a_killed_process_is_swept_up_and_that_of_a_living_one_is_not(
    server: Server, cache: Path
) -> None:
    killed = put(cache / "tiny" / ".adain-00000000-1-abcdef01.tmp")
    living = put(cache / "tiny" / ".adain-00000000-2-abcdef01.tmp")
    os.utime(killed, (time.time() - 48 * 3600,) * 2)
    weights.find(one_file(server.url))
    assert not killed.exists()
    assert living.exists()


# Downloads that fail: what is said, how often it is tried, and that nothing is left


@pytest.mark.parametrize(
    ("answer", "said", "requests"),
    [
        pytest.param(other_content, f"has sha256 {hashlib.sha256(OTHER).hexdigest()}", 1, id="other-content"),
        pytest.param(cut, r"ended after 524,288 of 1,048,576 bytes \(3 attempts\)", 3, id="cut"),
        pytest.param(endless, "sends more than 1,048,576 bytes", 1, id="endless"),
        pytest.param(sign_in_page, "offers 21 bytes, not the 1,048,576", 1, id="sign-in-page"),
        pytest.param(status(404), "the server answers 404 Not Found", 1, id="404"),
        pytest.param(status(403), "the server answers 403 Forbidden", 1, id="403"),
        pytest.param(status(502), r"the server answers 502 Bad Gateway \(3 attempts\)", 3, id="502"),
    ],
)
def test_failed_download_says_why_and_leaves_nothing(
    server: Server, cache: Path, answer: Callable[[Handler], None], said: str, requests: int
) -> None:
    server.script = [answer]
    with pytest.raises(DownloadError, match=said) as caught:
        weights.find(one_file(server.url))
    assert server.url in str(caught.value)
    assert str(cache / "tiny" / "net.pth") in str(caught.value), "where to put it by hand"
    assert server.requests == requests
    assert files_under(cache) == []


def test_wrong_content_names_both_hashes(server: Server) -> None:
    server.script = [other_content]
    with pytest.raises(DownloadError, match=SHA256) as caught:
        weights.find(one_file(server.url))
    assert hashlib.sha256(OTHER).hexdigest() in str(caught.value)


def test_failed_download_leaves_an_older_file_alone(server: Server, cache: Path) -> None:
    old = put(cache / "tiny" / "net.pth", OTHER)
    server.script = [status(404)]
    with pytest.raises(DownloadError):
        weights.find(one_file(server.url))
    assert files_under(cache) == ["tiny/net.pth"]
    assert old.read_bytes() == OTHER


def test_server_that_falls_silent_is_given_up(server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "TIMEOUT", 0.1)
    server.script = [silence]
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1 sent nothing for 0\.1 s \(3 attempts\)"):
        weights.find(one_file(server.url))
    assert files_under(cache) == []


def test_interrupted_download_leaves_nothing_and_the_next_one_starts_clean(
    server: Server, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def control_c(name: str, received: int, total: int | None) -> None:
        if received:
            assert len(files_under(cache)) == 1, "it is half way"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        weights.find(one_file(server.url), progress=control_c)
    assert "was interrupted; nothing of it was kept" in caplog.text
    assert files_under(cache) == []
    assert weights.find(one_file(server.url))["model"].read_bytes() == CONTENT
    assert files_under(cache) == ["tiny/net.pth"]


def test_nobody_listening_gives_the_address_and_where_to_put_the_file(cache: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, never listening
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/net.pth"
        with pytest.raises(DownloadError, match=r"127\.0\.0\.1 refuses the connection") as caught:
            weights.find(one_file(url))
    assert url in str(caught.value)
    assert str(cache / "tiny" / "net.pth") in str(caught.value)
    assert files_under(cache) == []


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (
            socket.gaierror(-3, "Temporary failure"),
            r"weights\.invalid cannot be found, this machine may be offline",
        ),
        (ssl.SSLCertVerificationError("self-signed"), r"certificate of weights\.invalid cannot be verified"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "Network is unreachable"),
    ],
    ids=["offline", "certificate", "no-network"],
)
def test_connection_that_cannot_be_made_is_named(monkeypatch: pytest.MonkeyPatch, cause: Exception, said: str) -> None:
    class Unreachable:
        def open(self, url: str, timeout: float) -> None:
            raise URLError(cause)  # type: ignore[arg-type]

    monkeypatch.setattr(download, "_opener", Unreachable)
    with pytest.raises(DownloadError, match=said) as caught:
        weights.find(one_file())
    assert "https://weights.invalid/net.pth" in str(caught.value)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full, which stands for a full disk, is Linux's")
def test_full_disk_is_said_and_not_tried_again(server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "wb") as full:
        monkeypatch.setattr(Path, "open", lambda path, mode: full)
        with pytest.raises(DownloadError, match=r"No space left.*make room or set ADAIN_CACHE"):
            weights.find(one_file(server.url))
    assert server.requests == 1
    assert files_under(cache) == []


def test_cache_that_cannot_be_made_is_said(server: Server, cache: Path) -> None:
    put(cache)  # a file where the directory should be
    with pytest.raises(DownloadError, match="set ADAIN_CACHE to another directory"):
        weights.find(one_file(server.url))
    assert server.requests == 0


def test_no_download_where_none_is_wanted(server: Server, cache: Path) -> None:
    with pytest.raises(WeightsError, match=r"net\.pth of tiny is not on this machine") as caught:
        weights.find(one_file(server.url), download=False)
    assert server.url in str(caught.value)
    assert str(cache / "tiny" / "net.pth") in str(caught.value)
    assert server.requests == 0


# Real files, and what an import costs


def test_real_files_of_collaborative_distillation_are_found(shared: Path) -> None:
    directory = shared / "weights" / "original" / "collaborative-distillation"
    model = MODELS["wct-collab-distill"]
    found = weights.find(model, directory, download=False)
    assert list(found) == [file.role for file in model.files]
    assert found["encoder5"] == directory / "5SE.pth"


def test_real_files_of_wct_are_found_and_the_missing_one_is_named(
    shared: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "adain")
    directory = shared / "weights" / "original" / "deep-transfer"
    with pytest.raises(WeightsError, match=r"vgg_normalised_conv4_1\.pth of wct-vgg19 is not on this machine"):
        weights.find(MODELS["wct-vgg19"], directory, download=False)
    assert str(directory / "vgg_normalised_conv3_1.pth") in caplog.text


def test_import_brings_no_network_stack() -> None:
    code = "import sys, adain.weights; print({'http.client', 'ssl', 'torch'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True, timeout=30).strip() == "set()"
