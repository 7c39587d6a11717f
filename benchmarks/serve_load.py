"""A bounded load test of `adain serve` on this machine's loopback.

    python benchmarks/serve_load.py -o benchmarks/results

Starts servers of its own, as programs. Three parts: how fast the setups of workers and threads are, in turns; one setup
with 1, 4, 16 and 64 clients; and its memory over 2,000 requests. A client sends its next request when the last one is
answered. A tenth of the requests is broken, and must get a status of 4xx. A request that gets 503 is sent again after
Retry-After. A request is lost if it gets no answer, or another status than it should.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import httpx
import numpy as np
from PIL import Image

from adain.atomic import write_text
from adain.bench.machine import describe
from adain.bench.statistics import median, percentile

FORMAT = 1
BROKEN_EACH = 10  # one of so many requests
SAMPLE_EACH = 100  # requests between two looks at the memory
TIMEOUT = 120  # s


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        address: of its page.
        process: its process id.
    """

    address: str
    process: int

    def memory(self) -> float:
        """Resident memory in MiB; 0 where there is no /proc."""
        try:
            status = Path(f"/proc/{self.process}/status").read_text()
        except OSError:
            return 0.0
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        return int(found[1]) / 1024 if found else 0.0


@dataclass
class Outcome:
    """What came of a number of requests.

    Attributes:
        seconds: of all together.
        good: seconds of each request that got a picture, from its first attempt.
        refused: number of broken requests that were answered with 4xx.
        retried: number of answers 503.
        lost: what came instead of the right answer.
        memory: MiB after each `SAMPLE_EACH` requests.
    """

    seconds: float = 0.0
    good: list[float] = field(default_factory=list)
    refused: int = 0
    retried: int = 0
    lost: list[str] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)

    @property
    def answered(self) -> int:
        """The number of requests that got the right answer."""
        return len(self.good) + self.refused

    def row(self) -> dict[str, Any]:
        """The numbers of the tables."""
        return {
            "pictures": len(self.good),
            "refused": self.refused,
            "retried": self.retried,
            "lost": self.lost,
            "pictures_a_second": len(self.good) / self.seconds,
            "p50": median(self.good),
            "p95": percentile(self.good, 95),
            "p99": percentile(self.good, 99),
        }


class Requests:
    """Requests with pictures of a few sizes and a few styles; broken ones in turns of several kinds.

    Args:
        side: of the largest content, in pixels.
    """

    def __init__(self, side: int) -> None:
        sizes = [(side, side), (side, side * 3 // 4), (side // 2, side // 2)]
        self._contents = [encoded(width, height, number) for number, (width, height) in enumerate(sizes)]
        self._styles = [encoded(256, 256, 10 + number) for number in range(4)]

    def is_broken(self, number: int) -> bool:
        """Whether a request is one of the broken."""
        return number % BROKEN_EACH == BROKEN_EACH - 1

    def build(self, number: int) -> dict[str, Any]:
        """The arguments of `httpx.AsyncClient.post` for a request."""
        content, style = self._contents[number % 3], self._styles[number % 4]
        if not self.is_broken(number):
            return {"files": {"content": content, "style": style}, "data": {"format": "jpg"}}
        kinds: tuple[dict[str, Any], ...] = (
            {"files": {"content": content[: len(content) // 2], "style": style}},
            {"files": {"content": b"no picture", "style": style}},
            {"files": {"content": content, "style": style}, "data": {"alpha": "7"}},
            {"files": {"content": content}},
            {"json": {"content": "http://127.0.0.1/"}},
        )
        return kinds[number // BROKEN_EACH % len(kinds)]


def encoded(width: int, height: int, seed: int) -> bytes:
    """A picture with smooth areas and edges, as PNG."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(file, "PNG")
    return file.getvalue()


@contextmanager
def served(workers: int, threads: int) -> Iterator[Server]:
    """Run a server in the block."""
    options = ["--port", "0", "--device", "cpu", "--workers", str(workers), "--threads", str(threads)]
    command = [sys.executable, "-m", "adain", "serve", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        found = re.search(r"Serving at (\S+),", said)
        try:
            if found is None:
                raise click.ClickException(f"the server did not start: {said}{process.stderr.read()}")
            yield Server(found[1], process.pid)
        finally:
            process.terminate()
            process.wait(TIMEOUT)


async def load(server: Server, requests: Requests, clients: int, count: int) -> Outcome:
    """Send a number of requests with a number of clients.

    Args:
        server: the server.
        requests: what is sent.
        clients: how many send at the same time.
        count: how many requests all clients send together.
    """
    outcome, numbers = Outcome(), iter(range(count))
    limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)
    async with httpx.AsyncClient(base_url=server.address, timeout=TIMEOUT, limits=limits, trust_env=False) as client:
        start = time.perf_counter()

        async def send() -> None:
            for number in numbers:
                await _send(client, requests, number, outcome)
                if number % SAMPLE_EACH == SAMPLE_EACH - 1:
                    outcome.memory.append(server.memory())

        await asyncio.gather(*(send() for _ in range(clients)))
        outcome.seconds = time.perf_counter() - start
    return outcome


async def _send(client: httpx.AsyncClient, requests: Requests, number: int, outcome: Outcome) -> None:
    start = time.perf_counter()
    broken = requests.is_broken(number)
    while True:
        try:
            answer = await client.post("/v1/stylize", **requests.build(number))
        except httpx.HTTPError as error:
            outcome.lost.append(type(error).__name__)
            return
        if answer.status_code != 503:
            break
        outcome.retried += 1
        await asyncio.sleep(float(answer.headers["Retry-After"]))
    if broken and 400 <= answer.status_code < 500:
        outcome.refused += 1
    elif not broken and answer.status_code == 200 and answer.content[:3] == b"\xff\xd8\xff":
        outcome.good.append(time.perf_counter() - start)
    else:
        outcome.lost.append(str(answer.status_code))


def compare(setups: Sequence[tuple[int, int]], requests: Requests, count: int, rounds: int) -> dict[str, Any]:
    """Pictures a second of each setup in each round, with 4 clients. Setups take turns, each with a new server."""
    found: dict[str, list[float]] = {_named(setup): [] for setup in setups}
    for _ in range(rounds):
        for setup in setups:
            with served(*setup) as server:
                asyncio.run(load(server, requests, 4, 12))  # caches the styles
                row = asyncio.run(load(server, requests, 4, count)).row()
            found[_named(setup)].append(row["pictures_a_second"])
    return found


def _named(setup: tuple[int, int]) -> str:
    return f"{setup[0]}x{setup[1]}"


def report(document: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = [
        "# `adain serve` under load",
        "",
        f"{document['machine']['processor']}, {document['machine']['cores']} cores, which the clients use too. "
        f"Contents have up to {document['side']} px a side. One in {BROKEN_EACH} requests is broken."
        f"{_busy(document['load'], document['machine']['cores'])}",
        "",
        "| workers x threads | pictures a second, 4 clients: median of the rounds | rounds |",
        "|---|---|---|",
    ]
    for name, rates in document["setups"].items():
        lines.append(f"| {name} | {median(rates):.2f} | {', '.join(f'{rate:.2f}' for rate in rates)} |")
    lines += [
        "",
        f"With {document['setup']}:",
        "",
        "| clients | pictures a second | p50, s | p95, s | p99, s | pictures | refused | 503, sent again | lost |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for clients, row in document["clients"].items():
        times = " | ".join(f"{row[name]:.2f}" for name in ("p50", "p95", "p99"))
        counts = f"{row['pictures']} | {row['refused']} | {row['retried']} | {len(row['lost'])}"
        lines.append(f"| {clients} | {row['pictures_a_second']:.2f} | {times} | {counts} |")
    flat = document["flat"]
    if flat:
        memory = flat["memory"]
        lines += [
            "",
            f"Memory over {flat['requests']:,} requests of 16 clients: {memory[0]:.0f} MiB after the first "
            f"{SAMPLE_EACH}, median {median(memory):.0f}, at most {max(memory):.0f}, {memory[-1]:.0f} at the end. "
            f"{len(flat['lost'])} requests were lost.",
        ]
    return "\n".join(lines) + "\n"


def _busy(load: Sequence[float], cores: int) -> str:
    """Say it if other programs ran: if more waited for a core before the test than there are cores."""
    if not load or load[0] <= cores:
        return ""
    return (
        f" **The machine was busy with other programs**: its load was {load[0]:.0f} before the test and {load[-1]:.0f} "
        "at the end, so these times are longer than on a free machine."
    )


def _load() -> list[float]:
    """The mean number of programs that wanted a core in the last minute; empty where the system does not say."""
    return [os.getloadavg()[0]] if hasattr(os, "getloadavg") else []


def _pair(text: str) -> tuple[int, int]:
    workers, _, threads = text.partition("x")
    return int(workers), int(threads)


@click.command()
@click.option("--setups", default="1x2,2x1,2x2", show_default=True, help="Workers x threads to compare; '' for none.")
@click.option("--setup", default="2x1", show_default=True, help="Workers x threads for the rest.")
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1), help="Turns of each setup.")
@click.option("--clients", default="1,4,16,64", show_default=True)
@click.option("--requests", "count", default=200, show_default=True, help="For each number of clients.")
@click.option("--flat", default=2000, show_default=True, help="Requests over which memory is watched; 0 for none.")
@click.option("--side", default=512, show_default=True, help="Of the largest content, in pixels.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("runs/serve"), show_default=True)
def main(setups: str, setup: str, rounds: int, clients: str, count: int, flat: int, side: int, output: Path) -> None:
    """Measure the server under load; writes serve.json and serve.md."""
    requests = Requests(side)
    document: dict[str, Any] = {"format": FORMAT, "machine": describe(), "side": side, "setup": setup, "clients": {}}
    document["load"] = _load()
    document["setups"] = compare([_pair(each) for each in setups.split(",") if each], requests, count // 2, rounds)
    with served(*_pair(setup)) as server:
        asyncio.run(load(server, requests, 4, 12))
        for each in map(int, clients.split(",")):
            document["clients"][str(each)] = asyncio.run(load(server, requests, each, count)).row()
            click.echo(f"{each} clients: {document['clients'][str(each)]}", err=True)
    document["flat"] = {}
    if flat:
        with served(*_pair(setup)) as server:
            outcome = asyncio.run(load(server, requests, 16, flat))
        document["flat"] = {"requests": flat, **outcome.row(), "memory": outcome.memory}
    document["load"] += _load()
    output.mkdir(parents=True, exist_ok=True)
    write_text(output / "serve.json", json.dumps(document, indent=1) + "\n")
    write_text(output / "serve.md", report(document))
    click.echo(report(document))


if __name__ == "__main__":
    main()
