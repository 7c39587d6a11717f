"""Many small pictures in random styles through Ray Data on two CPUs, with the driver killed half way.

    python benchmarks/ray_show.py --pictures 100000 -o benchmarks/results/ray-show.md

The pictures are generated. After the kill, the same job is started again. Then every id must be there once, and every
hundredth picture must be the one that a fresh process makes alone.
"""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from PIL import Image

from adain import Stylize
from adain.atomic import write_text
from adain.datasets import on_ray

SIDE, STYLES, BLOCK = 32, 50, 1000  # px; number; pictures that are written, and noted as finished, at once
EACH = 100  # compared with a process alone


def picture(number: int) -> bytes:
    """A JPEG of smooth waves."""
    generator = np.random.default_rng(number)
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    waves = [np.sin(6 * (a * x + b * y) + c) for a, b, c in generator.uniform(-2, 2, (3, 3))]
    stream = io.BytesIO()
    Image.fromarray((127.5 * (1 + np.stack(waves, -1))).astype(np.uint8)).save(stream, "JPEG")
    return stream.getvalue()


def stylize(folder: Path) -> Stylize:
    """The same in Ray and alone."""
    return Stylize(folder / "styles", seed=11, alpha=(0.5, 1), strokes=0, device="cpu", threads=1)


def prepare(folder: Path, pictures: int) -> None:
    """Write pictures and styles."""
    (folder / "styles").mkdir()
    (folder / "in").mkdir()
    for seed in range(STYLES):
        noise = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(noise).resize((64, 64), Image.Resampling.BICUBIC).save(folder / "styles" / f"{seed}.png")
    for start in range(0, pictures, BLOCK):
        numbers = range(start, min(start + BLOCK, pictures))
        rows = [{"id": f"{number:07}.jpg", "label": number % 10, "bytes": picture(number)} for number in numbers]
        pq.write_table(pa.Table.from_pylist(rows), folder / "in" / f"{start:07}.parquet")


def job(folder: Path) -> None:
    """Run the job on a local Ray."""
    import ray.data

    on_ray.start(num_cpus=2, _temp_dir=str(folder / "t"), log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    blocks = len(list((folder / "in").iterdir()))
    rows = ray.data.read_parquet(str(folder / "in"), override_num_blocks=blocks, **on_ray.reading())
    on_ray.write_parquet(rows, stylize(folder), str(folder / "out"), checkpoint=str(folder / "checkpoint"))
    ray.shutdown()


def started(folder: Path) -> subprocess.Popen[bytes]:
    """Start the job in a process of its own."""
    with open(folder / "log.txt", "ab") as log:
        command = [sys.executable, __file__, "--job", str(folder)]
        environment = {**os.environ, "RAY_worker_niceness": "0"}
        return subprocess.Popen(command, stdout=log, stderr=log, env=environment)


def noted(folder: Path) -> list[Path]:
    """The notes of finished blocks."""
    return [path for path in (folder / "checkpoint").glob("*.parquet") if not path.stem.endswith(".pending")]


def killed(folder: Path, blocks: int) -> int:
    """Start the job, and kill its driver after this many blocks. Returns how many were written."""
    driver = started(folder)
    while len(noted(folder)) < blocks:
        if driver.poll() is not None:
            raise click.ClickException(f"the job ended too early, see {folder / 'log.txt'}")
        time.sleep(0.2)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    time.sleep(10)  # Ray's own processes see it and end
    return len(noted(folder))


def check(folder: Path, pictures: int) -> int:
    """Check that every row is there once; return the number of pictures that were compared."""
    table = ds.dataset(folder / "out", format="parquet").to_table().sort_by("id")
    assert table["id"].to_pylist() == [f"{number:07}.jpg" for number in range(pictures)], "lost or doubled"
    assert set(table["error"].to_pylist()) == {""}
    alone = stylize(folder)
    compared = 0
    for row in table.take(list(range(0, pictures, EACH))).to_pylist():
        number = int(row["id"][:7])
        assert alone({"id": row["id"], "label": number % 10, "bytes": picture(number)}) == row, row["id"]
        compared += 1
    return compared


@click.command()
@click.option("--pictures", default=100_000, show_default=True)
@click.option("--job", "run", type=click.Path(path_type=Path), hidden=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A Markdown file to write.")
def main(pictures: int, run: Path | None, output: Path | None) -> None:
    """Make the data set, with a kill in the middle, and check it."""
    if run is not None:
        job(run)
        return
    folder = Path(tempfile.mkdtemp(prefix="show-"))
    prepare(folder, pictures)
    start = time.monotonic()
    before = killed(folder, pictures // BLOCK // 2)
    middle = time.monotonic()
    if started(folder).wait() != 0:
        raise click.ClickException(f"the second run failed, see {folder / 'log.txt'}")
    end = time.monotonic()
    compared = check(folder, pictures)
    notes = sum(path.stat().st_size for path in noted(folder))
    written = sum(path.stat().st_size for path in (folder / "out").iterdir())
    text = (
        f"# {pictures:,} pictures through Ray, killed half way\n\n"
        f"JPEGs of {SIDE} px, {STYLES} styles, adain-slim, two logical CPUs. The driver was killed with SIGKILL after "
        f"{before:,} of {pictures // BLOCK:,} blocks ({middle - start:.0f} s, of which 10 are a pause); the same job, "
        f"started again, made the rest in {end - middle:.0f} s. All {pictures:,} ids are there once and without an "
        f"error. {compared:,} pictures, every {EACH}th, are byte for byte those of a fresh process alone. Results: "
        f"{written / 1e6:.0f} MB; checkpoint: {notes / pictures:.1f} bytes per picture.\n"
    )
    shutil.rmtree(folder)
    click.echo(text)
    if output is not None:
        write_text(output, text)


if __name__ == "__main__":
    main()
