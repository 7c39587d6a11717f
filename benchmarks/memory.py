"""Peak memory of a call, from file to file, and memory over many calls of changing sizes in one process.

    python benchmarks/memory.py -o benchmarks/results

Each peak is of a process of its own, as the system counts it (VmHWM): Python, onnxruntime, the model and the pictures.
The second part calls one stylizer with contents of random sizes, every third with masks, every fifth with tiles, and
looks at the memory after each hundred calls. Only on Linux.
"""

from __future__ import annotations

import json
import multiprocessing
import re
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image

import adain
from adain import images
from adain.atomic import write_text
from adain.bench.machine import describe
from adain.bench.statistics import median

FORMAT = 1
SIDES = {1: (1200, 832), 5: (2592, 1944), 20: (5184, 3888), 40: (7296, 5472)}  # megapixels: width, height
OPTIONS: dict[str, dict[str, Any]] = {
    "one style": {},
    "two styles with masks, colours kept by luminance": {"masks": True, "preserve_color": "luminance"},
    "two styles with masks, colours kept by CORAL": {"masks": True, "preserve_color": "coral"},
}
SAMPLE_EACH = 100  # calls between two looks at the memory
SMALLEST, LARGEST = 33, 384  # px, of the sides in the second part
TILE = 192  # px


def painted(width: int, height: int, seed: int) -> Image.Image:
    """A picture with smooth areas and edges."""
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def sky(width: int, height: int) -> Image.Image:
    """A mask: white above, black below, with a soft border."""
    return Image.fromarray(np.array([[255], [255], [0]], np.uint8)).resize((width, height), Image.Resampling.BILINEAR)


def make(folder: Path, megapixels: int) -> None:
    """Write a content, two styles and two masks into a folder."""
    width, height = SIDES[megapixels]
    painted(width, height, 0).save(folder / "content.jpg", quality=90)
    for number in range(2):
        painted(640, 512, 1 + number).save(folder / f"style{number}.jpg")
    mask = sky(width, height)
    mask.save(folder / "mask0.png", compress_level=1)
    mask.point([255 - value for value in range(256)]).save(folder / "mask1.png", compress_level=1)


def stylize(model: str, folder: str, options: dict[str, Any]) -> dict[str, float]:
    """In a process of its own: stylize the folder's content.

    Returns:
        MiB before and at most, and the seconds of the call.
    """
    place, options = Path(folder), dict(options)
    stylizer = adain.load(model, device="cpu")
    before = memory("VmRSS")
    masks = options.pop("masks", False)
    if masks:
        options["masks"] = [place / f"mask{number}.png" for number in range(2)]
    styles = [place / f"style{number}.jpg" for number in range(1 + masks)]
    start = time.perf_counter()
    images.write(stylizer(place / "content.jpg", styles, **options), place / "result.jpg")
    return {"before": before, "peak": memory("VmHWM"), "seconds": time.perf_counter() - start}


def flat(model: str, calls: int) -> list[float]:
    """In a process of its own: many calls of changing sizes. Returns MiB after each `SAMPLE_EACH` calls."""
    stylizer = adain.load(model, device="cpu")
    rng = np.random.default_rng(0)
    styles = [np.asarray(painted(256, 256, number)) for number in range(4)]
    found = []
    for call in range(calls):
        width, height = (int(side) for side in rng.integers(SMALLEST, LARGEST + 1, 2))
        content: NDArray[np.uint8] = rng.integers(0, 256, (height, width, 3), np.uint8)
        if call % 3 == 2:
            mask = np.asarray(sky(width, height))
            stylizer(content, [styles[call % 4], styles[(call + 1) % 4]], masks=[mask, 255 - mask])
        else:
            stylizer(content, styles[call % 4], tile=TILE if call % 5 == 4 else None)
        if call % SAMPLE_EACH == SAMPLE_EACH - 1:
            found.append(memory("VmRSS"))
    return found


def memory(name: str) -> float:
    """MiB of a line of /proc/self/status."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def alone(function: Any, *arguments: Any) -> Any:
    """Call a function in a new process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def report(document: dict[str, Any]) -> str:
    """The results as Markdown."""
    machine, sizes = document["machine"], document["megapixels"]
    lines = [
        "# Memory",
        "",
        f"{machine['processor']}, {machine['cores']} cores. Peak of the whole process in MiB, from a JPEG file to a "
        "JPEG file, on the CPU; in parentheses, the memory before the call, with the model loaded.",
        "",
        f"| model | options | {' | '.join(f'{size} MP' for size in sizes)} |",
        "|---|---|" + "---|" * len(sizes),
    ]
    for row in document["peaks"]:
        cells = [f"{each['peak']:,.0f} ({each['before']:.0f})" for each in row["calls"]]
        lines.append(f"| {row['model']} | {row['options']} | {' | '.join(cells)} |")
    for model, found in document["flat"].items():
        lines += [
            "",
            f"`{model}`, {len(found) * SAMPLE_EACH:,} calls in one process, with contents of {SMALLEST} to {LARGEST} "
            f"px a side, every third with masks, every fifth with tiles: {found[0]:.0f} MiB after the first "
            f"{SAMPLE_EACH}, median {median(found):.0f}, at most {max(found):.0f}, {found[-1]:.0f} at the end.",
        ]
    return "\n".join(lines) + "\n"


def peaks(models: Sequence[str], megapixels: Sequence[int]) -> list[dict[str, Any]]:
    """Measure all models, options and sizes, the largest first."""
    rows = [{"model": model, "options": name, "calls": []} for model in models for name in OPTIONS]
    for size in sorted(megapixels, reverse=True):
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder), size)
            for row in rows:
                call = alone(stylize, row["model"], folder, OPTIONS[row["options"]])
                row["calls"].insert(0, call)
                click.echo(f"{size} megapixels, {row['model']}, {row['options']}: {call}", err=True)
    return rows


@click.command()
@click.option("--models", default="adain-slim,wct-slim", show_default=True)
@click.option("--megapixels", default="1,5,20,40", show_default=True, help="Of " + ", ".join(map(str, SIDES)) + ".")
@click.option("--calls", default=2000, show_default=True, help="Of the second part; 0 for none.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("runs/memory"), show_default=True)
def main(models: str, megapixels: str, calls: int, output: Path) -> None:
    """Measure memory; writes memory.json and memory.md."""
    named, sizes = models.split(","), sorted(int(each) for each in megapixels.split(",") if each)
    document: dict[str, Any] = {"format": FORMAT, "machine": describe(), "megapixels": sizes}
    document["peaks"] = peaks(named, sizes) if sizes else []
    document["flat"] = {model: alone(flat, model, calls) for model in named if calls}
    output.mkdir(parents=True, exist_ok=True)
    write_text(output / "memory.json", json.dumps(document, indent=1) + "\n")
    write_text(output / "memory.md", report(document))
    click.echo(report(document))


if __name__ == "__main__":
    main()
