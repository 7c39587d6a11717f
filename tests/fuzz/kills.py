"""Kills jobs at random times, and checks what they leave: whole files, and nothing after the next run.

    python tests/fuzz/kills.py --kills 100 --job stylize

Each job is started again after each kill, as a user would; at the end it is let run.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from adain.code import StyleCode

__all__ = ["JOBS", "Job", "kill"]

SIDE = 700  # px of the contents: a run takes seconds


@dataclass(frozen=True)
class Job:
    """A command, in a folder with pictures.

    Attributes:
        arguments: of `adain`.
        results: names of the files that a run to its end leaves in `out`.
        check: reads a result; raises if it is not whole.
    """

    arguments: tuple[str, ...]
    results: tuple[str, ...]
    check: Callable[[Path], object]


def _read_picture(path: Path) -> None:
    with Image.open(path) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            image.load()


def _read_film(path: Path) -> None:
    import av

    with av.open(str(path)) as film:
        assert sum(1 for _ in film.decode(video=0)), path


_NAMES = [f"{content}_s.png" for content in "abc"]
JOBS = {
    "stylize": Job(("stylize", "photos", "s.png", "-o", "out"), tuple(_NAMES), _read_picture),
    "encode": Job(
        ("encode", "photos", "-o", "out"), tuple(f"{content}.safetensors" for content in "abc"), StyleCode.load
    ),
    "texture": Job(("texture", "s.png", "-o", "out/t.png", "--size", "200"), ("t.png",), _read_picture),
    "grid": Job(("grid", "photos", "s.png", "-o", "out/g.png"), ("g.png",), _read_picture),
    "film": Job(("video", "film.gif", "s.png", "-o", "out/f.mp4"), ("f.mp4",), _read_film),
    "GIF": Job(("video", "film.gif", "s.png", "-o", "out/f.gif"), ("f.gif",), _read_picture),
}


def kill(job: Job, kills: int, rng: random.Random, folder: Path) -> dict[str, int]:
    """Kill a job some times, and let it run at last.

    Returns:
        The number of kills, of kills that left a temporary file, and of runs that ended before they were killed.

    Raises:
        AssertionError: a file is not whole, or a temporary file is left at the end.
    """
    _pictures(folder)
    began = time.perf_counter()
    _run(job, folder)
    usual = time.perf_counter() - began
    counts = {"killed": 0, "left a file": 0, "ended before": 0}
    while counts["killed"] < kills:
        _remove(folder / "out", rng)
        process = subprocess.Popen(_command(job), cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        before = _temporary(folder / "out")
        limit = time.perf_counter() + usual * rng.uniform(0.3, 1.0)
        writing = rng.random() < 0.7  # kill it while it writes a file
        while process.poll() is None and time.perf_counter() < limit:
            if writing and _temporary(folder / "out") - before:
                break
            time.sleep(0.001)
        if process.poll() is not None:
            counts["ended before"] += 1
            continue
        process.kill()
        process.wait()
        counts["killed"] += 1
        _check(job, folder / "out")
        counts["left a file"] += bool(_temporary(folder / "out"))
    _remove(folder / "out", random.Random(0), all_of=True)
    _run(job, folder)
    assert sorted(path.name for path in (folder / "out").iterdir()) == sorted(job.results), list(
        (folder / "out").iterdir()
    )
    _check(job, folder / "out")
    return counts


def _pictures(folder: Path) -> None:
    rng = np.random.default_rng(0)
    (folder / "photos").mkdir()
    for name in "abc":
        Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)).save(folder / "photos" / f"{name}.png")
    Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(folder / "s.png")
    frames = [Image.fromarray(rng.integers(0, 256, (128, 128, 3), dtype=np.uint8)) for _ in range(12)]
    frames[0].save(folder / "film.gif", save_all=True, append_images=frames[1:])


def _command(job: Job) -> list[str]:
    return [sys.executable, "-m", "adain", *job.arguments]


def _run(job: Job, folder: Path) -> None:
    subprocess.run(_command(job), cwd=folder, check=True, capture_output=True)


def _remove(out: Path, rng: random.Random, *, all_of: bool = False) -> None:
    """Remove some results, so that the next run has something to do. Temporary files stay."""
    for path in sorted(out.glob("[!.]*")):
        if all_of or rng.random() < 0.7:
            path.unlink()


def _temporary(out: Path) -> set[str]:
    return {path.name for path in out.glob(".adain-*.tmp")}


def _check(job: Job, out: Path) -> None:
    """Check that every file that is not temporary is a whole result."""
    for path in out.glob("[!.]*"):
        assert path.name in job.results, path
        job.check(path)


def main() -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20, help="kills of each job")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--job", action="append", choices=JOBS, help="repeatable; default: all")
    options = parser.parse_args()
    print("| job | kills | left a temporary file | half files | left after the last run |\n|---|---|---|---|---|")
    for name in options.job or JOBS:
        if name == "film" and find_spec("av") is None:
            continue
        with tempfile.TemporaryDirectory() as folder:
            counts = kill(JOBS[name], options.kills, random.Random(f"{options.seed}/{name}"), Path(folder))
        print(f"| {name} | {counts['killed']} | {counts['left a file']} | 0 | 0 |", flush=True)


if __name__ == "__main__":
    main()
