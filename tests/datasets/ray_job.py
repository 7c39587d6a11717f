"""A job on a local Ray of two CPUs: `python ray_job.py FOLDER SECONDS BATCH`, started by `test_ray.py`.

SECONDS is a pause at each row, so that there is time to kill something. BATCH is the number of pictures at once.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ray.data

from adain import Stylize
from adain.datasets import on_ray

BLOCKS = 13  # a block is written, and noted as finished, as a whole
PAUSE, BATCH = float(sys.argv[2]), int(sys.argv[3])


class Slow(Stylize):
    def __call__(self, row: Mapping[str, Any], index: int | None = None) -> dict[str, Any]:
        time.sleep(PAUSE)
        return super().__call__(row, index)


def main(folder: Path) -> None:
    on_ray.start(num_cpus=2, _temp_dir=str(folder / "t"), log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    rows = ray.data.read_parquet(str(folder / "in"), override_num_blocks=BLOCKS, **on_ray.reading())
    stylize = Slow(folder / "styles", seed=3, strokes=0, device="cpu", batch=BATCH)
    on_ray.write_parquet(rows, stylize, str(folder / "out"), checkpoint=str(folder / "checkpoint"))
    ray.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
