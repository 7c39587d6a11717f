"""A job on a local Ray of two CPUs: `python ray_job.py FOLDER`, started by `test_ray.py`."""

from __future__ import annotations

import sys
from pathlib import Path

import ray.data

from adain import Stylize
from adain.datasets import on_ray


def main(folder: Path) -> None:
    on_ray.start(num_cpus=2, _temp_dir=str(folder / "t"), log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    rows = ray.data.read_parquet(str(folder / "in"), ray_remote_args=on_ray.reading())
    stylize = Stylize(folder / "styles", seed=3, strokes=0, device="cpu")
    on_ray.write_parquet(rows, stylize, str(folder / "out"), checkpoint=str(folder / "checkpoint"))
    ray.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
