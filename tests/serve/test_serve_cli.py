"""`adain serve` as a program, with the network that ships: the README's examples, and how it ends."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the server needs the extra serve")

import click
import httpx
from click.testing import CliRunner
from pictures import painting, photo
from serving import encoded, files

import adain
from adain import serve
from adain.cli.main import main

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8000"  # in the README


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The program, and its address."""
    command = [sys.executable, "-m", "adain", "serve", "--port", "0", "--device", "cpu", "--workers", "1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        found = re.search(r"Serving at (http://127\.0\.0\.1:\d+),", process.stderr.readline())
        assert found
        yield process, found[1]
        process.kill()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with pictures, which is the working directory."""
    (tmp_path / "photo.jpg").write_bytes(encoded(photo(), "JPEG"))
    (tmp_path / "painting.jpg").write_bytes(encoded(painting(), "JPEG"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _examples(mark: str) -> list[str]:
    chapter = README.partition("## Server")[2].partition("\n## ")[0]
    return re.findall(rf"^<!-- {mark} -->\n```\w+\n(.*?)^```", chapter, flags=re.DOTALL | re.MULTILINE)


def test_the_readmes_python_runs(server: tuple[subprocess.Popen[str], str], folder: Path) -> None:
    (code,) = _examples("server: python")
    exec(compile(code.replace(ADDRESS, server[1]), "README.md", "exec"), {})
    expected = adain.load(device="cpu")("photo.jpg", "painting.jpg", alpha=0.8)
    assert (folder / "stylized.png").read_bytes() == _png(expected)


def test_the_readmes_curl_runs(server: tuple[subprocess.Popen[str], str], folder: Path) -> None:
    (script,) = _examples("server: curl")
    commands = script.replace(ADDRESS, server[1]).splitlines()
    if not _has_curl():
        pytest.skip("curl is not installed")
    for command in commands:
        done = subprocess.run(f"{command} --silent --show-error --fail", shell=True, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        written = command.split(" -o ")[1].split()[0]
        assert (folder / written).stat().st_size > 0


def _has_curl() -> bool:
    from shutil import which

    return which("curl") is not None


def _png(image: object) -> bytes:
    from io import BytesIO

    from adain.images import write

    file = BytesIO()
    write(image, file, "png")  # type: ignore[arg-type]
    return file.getvalue()


def test_a_used_port_is_a_sentence(server: tuple[subprocess.Popen[str], str]) -> None:
    port = server[1].rpartition(":")[2]
    result = CliRunner().invoke(main, ["serve", "--port", port, "--device", "cpu"], prog_name="adain")
    assert result.exit_code == 1
    assert re.match(
        rf"Error: cannot listen at 127.0.0.1, port {port}: .*; choose another --host or --port", result.output
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM that a program could handle")
def test_sigterm_finishes_what_runs_and_exits_with_0(server: tuple[subprocess.Popen[str], str]) -> None:
    process, address = server
    content = encoded(photo(800, 600))  # takes long enough to be running
    body = httpx.Request("POST", f"{address}/v1/stylize", files=files(content=content, style=encoded(painting())))
    body.read()
    with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2]))) as connection:
        head = "".join(f"{name}: {value}\r\n" for name, value in body.headers.items())
        connection.sendall(f"POST /v1/stylize HTTP/1.1\r\n{head}\r\n".encode() + body.content)
        while "adain_places_taken 1.0" not in httpx.get(f"{address}/metrics", trust_env=False).text:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        connection.settimeout(60)
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
    assert process.wait(30) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = {"fastapi": None, "uvicorn": None}
    monkeypatch.setattr(serve, "find_spec", lambda name: None if name in hidden else find_spec(name))
    result = CliRunner().invoke(main, ["serve"], prog_name="adain")
    assert result.exit_code == 1
    assert result.output == 'Error: the server needs FastAPI, uvicorn; pip install "adain[serve]"\n'


def test_options_become_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    from adain.serve import server
    from adain.serve.settings import Settings

    seen: list[object] = []
    monkeypatch.setattr(server, "run", lambda stylizer, *others: seen.extend(others[:-1]))
    monkeypatch.setenv("ADAIN_TOKEN", "secret")
    options = ["--host", "::1", "--port", "80", "--allow-host", "a.example", "--allow-origin", "https://b.example"]
    limits = ["--workers", "3", "--queue", "0", "--seconds", "1.5", "--max-bytes", "9", "--max-pixels", "8"]
    result = CliRunner().invoke(main, ["serve", *options, *limits, "--device", "cpu"], prog_name="adain")
    assert result.exit_code == 0, result.output
    expected = Settings(
        token="secret",
        hosts=("a.example",),
        origins=("https://b.example",),
        workers=3,
        queue=0,
        seconds=1.5,
        max_bytes=9,
        max_pixels=8,
    )
    assert seen == [expected, "::1", 80]
    assert "secret" not in repr(expected)


@pytest.mark.parametrize("name", ["Containerfile", "Containerfile.cuda"])
def test_container_files_name_what_exists(name: str) -> None:
    root = Path(__file__).resolve().parents[2]
    if not (root / name).is_file():
        pytest.skip("container files are part of the repository only")
    text = (root / name).read_text(encoding="utf-8")
    for copied in re.findall(r"^COPY (.+) \S+$", text, flags=re.MULTILINE):
        assert all((root / each).exists() for each in copied.split())
    (extras,) = re.findall(r'"\.\[(.+)\]"', text)
    project = (root / "pyproject.toml").read_text(encoding="utf-8")
    assert all(re.search(rf"^{extra} = \[", project, flags=re.MULTILINE) for extra in extras.split(","))
    program, *arguments = json.loads(text.partition("\nCMD ")[2])
    assert program == "adain"
    command = main.get_command(click.Context(main), arguments.pop(0))
    assert command is not None
    command.make_context("serve", arguments)
    assert f"docker build -f {name} -t " in README
