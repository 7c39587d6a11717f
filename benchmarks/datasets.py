"""Pictures a second of data sets in random styles: the whole path, the network alone, and stylize-datasets.

    python benchmarks/datasets.py speed --peer ../stylize-datasets -o benchmarks/results/datasets.md
    python benchmarks/datasets.py batches -o benchmarks/results/dataset-batches.md
    python benchmarks/datasets.py memory

The whole path is `adain.Stylize` on rows: decode a JPEG, stylize, encode a JPEG. The network alone is
`backend.stylize` on decoded arrays with encoded styles, in the same processes with the same threads, turn by turn. The
pictures are the photographs of 256 px in ../shared/data, or in the folder that ADAIN_PICTURES names. The peer,
https://github.com/bethgelab/stylize-datasets at 71def61, runs its own networks, transforms and `style_transfer` from a
checkout, as its loop does, with random weights of the exact shapes: its files are not on this machine, and time does
not depend on them.
"""

from __future__ import annotations

import io
import itertools
import multiprocessing
import os
import random
import resource
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import click
import numpy as np
from PIL import Image, ImageOps

import adain
from adain import images
from adain.atomic import write_text
from adain.bench.machine import describe
from adain.bench.statistics import percentile
from adain.code_files import save_codes

# In the environment, so that all processes see the same.
SHARED = Path(os.environ.get("ADAIN_PICTURES", Path(__file__).resolve().parents[2] / "shared" / "data"))
PICTURES, STYLES = 12, 16  # of a turn of a process; of the data set
CASES = [  # strokes, processes, threads of each, with the peer
    (0.0, 1, 1, True),
    (0.0, 2, 1, False),
    (0.0, 4, 1, False),
    (0.0, 1, 2, False),
    (None, 1, 1, False),
]
PEER_PICTURES = 1  # of a turn of the peer, which takes seconds for each


def members(archive: str, count: int) -> list[bytes]:
    """The first files of one of the archives of pictures."""
    with tarfile.open(SHARED / archive) as tar:
        files = (tar.extractfile(member) for member in tar if member.isfile())
        return [file.read() for file in itertools.islice((file for file in files if file), count)]


def ours(strokes: float | None, threads: int, codes: Path) -> dict[str, Callable[[], int]]:
    """Return a turn of the network alone, and of the whole path; each gives the number of pictures."""
    rows = [{"id": f"{number}.jpg", "bytes": data} for number, data in enumerate(members("photos.tar", PICTURES))]
    stylize = adain.Stylize(codes, strokes=strokes, threads=threads)
    stylizer = stylize.stylizer
    pixels = [images.read(row["bytes"]).rgb for row in rows]
    tensors = [images.to_tensor(each) for each in pixels]
    from adain.code_files import CodeFile

    styles = [*CodeFile(codes)]
    chosen = [styles[stylize.looks.draw(row["id"])[0].style] for row in rows]

    def network() -> int:
        for content, pixel, code in zip(tensors, pixels, chosen, strict=True):
            if strokes == 0:
                stylizer.backend.stylize(content, code.arrays, 1.0)
            else:
                stylizer.stylize_pixels(pixel, [code], adain.StyleRequest(strokes=strokes))
        return len(rows)

    def path() -> int:
        assert not any(row["error"] for row in map(stylize, rows))
        return len(rows)

    return {"network": network, "path": path}


def theirs(checkout: Path, threads: int) -> dict[str, Callable[[], int]]:
    """Return a turn of the peer's own loop."""
    import torch

    torch.set_num_threads(threads)
    sys.path.insert(0, str(checkout))
    sys.argv = ["stylize.py"]
    import net  # type: ignore[import-not-found]
    import stylize  # type: ignore[import-not-found]
    from torchvision.utils import save_image

    vgg = torch.nn.Sequential(*list(net.vgg.children())[:31]).eval()
    decoder = net.decoder.eval()
    content_tf, style_tf = stylize.input_transform(0, 0), stylize.input_transform(512, 0)
    photos, styles = members("photos.tar", PEER_PICTURES), members("styles.tar", STYLES)

    def path() -> int:
        for photo in photos:
            content = content_tf(Image.open(io.BytesIO(photo)).convert("RGB")).unsqueeze(0)
            style = style_tf(Image.open(io.BytesIO(random.choice(styles))).convert("RGB")).unsqueeze(0)
            with torch.no_grad():
                output = stylize.style_transfer(vgg, decoder, content, style, 1.0)
            save_image(output, io.BytesIO(), format="jpeg", padding=0)
        return len(photos)

    return {"peer": path}


def worker(pipe: Connection, make: Callable[..., dict[str, Callable[[], int]]], arguments: tuple[Any, ...]) -> None:
    """Take turns by name, each once without being timed."""
    turns = make(*arguments)
    for turn in turns.values():
        turn()
    pipe.send("ready")
    while (name := pipe.recv()) is not None:
        start = time.process_time()
        count = turns[name]()
        pipe.send((count, time.process_time() - start))


class Rate(NamedTuple):
    """Pictures per second of all processes together, and per second of processor time.

    The second holds also on a machine whose cores other programs use at the same time.
    """

    wall: float
    cpu: float


class Team:
    """Processes that take the same turn at the same time."""

    def __init__(self, count: int, make: Callable[..., Any], *arguments: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipes, self.processes = [], []
        for _ in range(count):
            here, there = context.Pipe()
            process = context.Process(target=worker, args=(there, make, arguments), daemon=True)
            process.start()
            self.pipes.append(here)
            self.processes.append(process)
        for pipe in self.pipes:
            pipe.recv()

    def rate(self, name: str) -> Rate:
        """Let all processes take a turn."""
        start = time.perf_counter()
        for pipe in self.pipes:
            pipe.send(name)
        turns = [pipe.recv() for pipe in self.pipes]
        count = sum(each[0] for each in turns)
        return Rate(count / (time.perf_counter() - start), count / sum(each[1] for each in turns))

    def end(self) -> None:
        """End the processes."""
        for pipe, process in zip(self.pipes, self.processes, strict=True):
            pipe.send(None)
            process.join()


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Format a median with its spread."""
    low, high = percentile(values, 5), percentile(values, 95)
    return f"{median(values):.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def codes_file(folder: Path) -> Path:
    """Encode the styles into a file."""
    stylizer = adain.load(device="cpu")
    path = folder / "codes.safetensors"
    save_codes(
        {str(number): stylizer.encode_style(data) for number, data in enumerate(members("styles.tar", STYLES))}, path
    )
    return path


@click.group()
def main() -> None:
    """Measure data sets in random styles."""


@main.command()
@click.option("--rounds", default=5, show_default=True, help="Turns of each.")
@click.option("--peer", type=click.Path(exists=True, file_okay=False, path_type=Path), help="A checkout.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A Markdown file to write.")
def speed(rounds: int, peer: Path | None, output: Path | None) -> None:
    """Measure pictures a second."""
    machine = describe()
    lines = [
        "# Data sets in random styles: pictures a second",
        "",
        f"{machine['processor']}, {multiprocessing.cpu_count()} cores, adain {adain.__version__}, adain-slim in "
        f"onnxruntime fp32, photographs of 256 px, {rounds} rounds turn by turn, median (5 % to 95 %).",
        "",
        f"Other programs used the cores ({os.getloadavg()[0]:.0f} were waiting), so pictures per second of processor "
        "time count; those per second of the clock are what was left.",
        "",
        "| strokes | processes x threads | whole path, per second | network, per CPU second "
        "| whole path, per CPU second | path / network | stylize-datasets, per CPU second | times |",
        "|---|---|---|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        codes = codes_file(Path(folder))
        for strokes, processes, threads, against in CASES:
            rival = peer if against else None
            rates = measure(rounds, strokes, processes, threads, codes, rival)
            lines.append(line(strokes, processes, threads, rates))
            click.echo(lines[-1], err=True)
    text = "\n".join([*lines, ""])
    if output is None:
        click.echo(text)
    else:
        write_text(output, text)


def measure(
    rounds: int, strokes: float | None, processes: int, threads: int, codes: Path, peer: Path | None
) -> dict[str, list[Rate]]:
    """Return pictures a second of each contestant in each round."""
    teams = {"network": (team := Team(processes, ours, strokes, threads, codes)), "path": team}
    if peer is not None:
        teams["peer"] = Team(processes, theirs, peer, threads)
    rates: dict[str, list[Rate]] = {name: [] for name in teams}
    for _ in range(rounds):
        for name, each in teams.items():
            rates[name].append(each.rate(name))
    for each in {id(each): each for each in teams.values()}.values():
        each.end()
    return rates


def line(strokes: float | None, processes: int, threads: int, rates: dict[str, list[Rate]]) -> str:
    """Return a row of the table."""
    network, path = rates["network"], rates["path"]
    cells = [
        "default" if strokes is None else f"{strokes:g}",
        f"{processes} x {threads}",
        spread([each.wall for each in path]),
        spread([each.cpu for each in network]),
        spread([each.cpu for each in path]),
        spread([ours.cpu / alone.cpu for alone, ours in zip(network, path, strict=True)], 2),
    ]
    if "peer" in rates:
        peer = rates["peer"]
        times = [each.cpu / other.cpu for each, other in zip(path, peer, strict=True)]
        cells += [spread([each.cpu for each in peer], 2), spread(times, 0)]
    else:
        cells += ["", ""]
    return f"| {' | '.join(cells)} |"


@main.command()
@click.option("--device", default="cpu", show_default=True)
@click.option("--runtime", "runtimes", multiple=True, default=["onnx", "openvino", "torch"], show_default=True)
@click.option("--batch", "sizes", type=int, multiple=True, default=[8], show_default=True, help="Repeatable.")
@click.option("--side", "sides", type=int, multiple=True, default=[64, 256], show_default=True, help="Repeatable.")
@click.option("--rounds", default=5, show_default=True, help="Turns of each.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A Markdown file to write.")
def batches(
    device: str, runtimes: Sequence[str], sizes: Sequence[int], sides: Sequence[int], rounds: int, output: Path | None
) -> None:
    """Compare pictures of equal shape in batches with the same one by one: rates of the whole path, and results."""
    clock = "the clock" if device != "cpu" else "processor time"
    lines = [
        "# Data sets in random styles: batches of equal shape",
        "",
        f"{describe()['processor']}, {device}, adain {adain.__version__}, adain-slim without strokes, square "
        f"photographs, JPEG to JPEG, {rounds} rounds turn by turn, median (5 % to 95 %) per second of {clock}.",
        "",
        "| runtime | side, px | batch | pictures per second | times one by one | values that differ | most, of 255 |",
        "|---|---|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        codes = codes_file(Path(folder))
        for runtime, side in itertools.product(runtimes, sides):
            options = {"device": device, "runtime": runtime, "threads": None if runtime == "torch" else 1, "strokes": 0}
            lines += compared(codes, squares(side, max(PICTURES, *sizes)), [1, *sizes], rounds, options)
            click.echo("\n".join(lines[-len(sizes) - 1 :]), err=True)
    text = "\n".join([*lines, ""])
    if output is None:
        click.echo(text)
    else:
        write_text(output, text)


def squares(side: int, count: int) -> list[dict[str, Any]]:
    """Rows with the middles of photographs."""
    rows = []
    photos = members("photos.tar", PICTURES)
    for number in range(count):
        picture = ImageOps.fit(Image.open(io.BytesIO(photos[number % PICTURES])).convert("RGB"), (side, side))
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=95)
        rows.append({"id": f"{number}.jpg", "bytes": stream.getvalue()})
    return rows


def compared(
    codes: Path, rows: list[dict[str, Any]], sizes: Sequence[int], rounds: int, options: dict[str, Any]
) -> list[str]:
    """Return a row of the table for each size of batches; the first is 1."""
    now = time.process_time if options["device"] == "cpu" else time.perf_counter
    exact = [[*map(pixels, adain.Stylize(codes, batch=size, format="png", **options).rows(rows))] for size in sizes]
    stylize = [adain.Stylize(codes, batch=size, **options) for size in sizes]
    rates: list[list[float]] = [[] for _ in sizes]
    for turn in range(rounds + 1):
        for each, found in zip(stylize, rates, strict=True):
            start = now()
            each.rows(rows)
            found += [len(rows) / (now() - start)] if turn else []  # the first one is not timed
    lines = []
    for size, found, made in zip(sizes, rates, exact, strict=True):
        apart = np.abs(np.subtract(made, exact[0], dtype=np.int16))
        times = spread([a / b for a, b in zip(found, rates[0], strict=True)], 2)
        cells = [options["runtime"], Image.open(io.BytesIO(rows[0]["bytes"])).width, size, spread(found), times]
        lines.append(f"| {' | '.join(map(str, [*cells, f'{(apart > 0).mean():.2g}', apart.max()]))} |")
    return lines


def pixels(row: dict[str, Any]) -> Any:
    """Decode a result."""
    return np.asarray(Image.open(io.BytesIO(row["bytes"])))


@main.command()
@click.option("--pictures", default=20_000, show_default=True, help="Rows.")
@click.option("--side", default=64, show_default=True, help="About the side of each picture; all sizes differ.")
def memory(pictures: int, side: int) -> None:
    """Print the resident memory while rows are stylized."""
    generator = np.random.default_rng(0)
    contents = []
    for _ in range(50):
        width, height = generator.integers(side // 2, side * 3 // 2, 2)
        stream = io.BytesIO()
        Image.fromarray(generator.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(stream, "JPEG")
        contents.append(stream.getvalue())
    with tempfile.TemporaryDirectory() as folder:
        stylize = adain.Stylize(codes_file(Path(folder)), strokes=0)
        for number in range(pictures + 1):
            if number % (pictures // 10) == 0:
                now = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6
                click.echo(f"{number:,} pictures: {now:.0f} MB")
            row = stylize({"id": f"{number}.jpg", "bytes": contents[number % len(contents)]})
            assert not row["error"]


if __name__ == "__main__":
    main()
