"""Ray Data: a worker and the driver are killed; the resumed job has every row once, and one process's pictures."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import adain
from adain.datasets.on_ray import Sizes
from adain.errors import DeviceError, InputError

FILES, ROWS = 12, 8
LIMIT = 400  # seconds for each run on busy cores; Ray takes half a minute to start


@pytest.mark.parametrize("cpus", [1.5, 2, 3, 4, 64])
@pytest.mark.parametrize("processes", [None, 1, 2, 8])
def test_all_steps_fit_beside_the_filter(cpus: float, processes: int | None) -> None:
    sizes = Sizes.of(cpus, processes=processes)
    assert sizes.processes * sizes.process + 2 * sizes.other + 1 <= cpus
    assert min(sizes.process, sizes.other) > 0
    assert processes in (None, sizes.processes)


def test_too_few_cpus_are_an_error_and_no_waiting() -> None:
    with pytest.raises(DeviceError, match=r"with a checkpoint needs at least 1\.5 logical CPUs, the cluster has 1;"):
        Sizes.of(1)
    with pytest.raises(DeviceError, match=r"without a checkpoint needs at least 0\.5 logical CPUs"):
        Sizes.of(0.2, checkpoint=False)
    assert Sizes.of(1, checkpoint=False).process > 0


def test_checkpoints_need_one_result_per_row(tmp_path: Path) -> None:
    from shard_files import write_styles

    from adain.datasets.on_ray import write_parquet

    stylize = adain.Stylize(write_styles(tmp_path / "styles"), per_picture=2)
    with pytest.raises(InputError, match="one result per row"):
        write_parquet(None, stylize, "out", checkpoint="checkpoint")  # type: ignore[arg-type]


@pytest.fixture
def job() -> Iterator[Path]:
    """A folder with rows and styles, with a short name for Ray's sockets; whatever Ray leaves running is ended."""
    pytest.importorskip("ray", reason="needs the extra ray")
    import pyarrow as pa
    import pyarrow.parquet as pq
    from shard_files import encoded, write_styles

    folder = Path(tempfile.mkdtemp(prefix="ray-"))
    write_styles(folder / "styles")
    (folder / "in").mkdir()
    for file in range(FILES):
        rows = [
            {"id": f"{file}/{row}.jpg", "label": row, "bytes": encoded(10 * file + row, size=(96, 64))}
            for row in range(ROWS)
        ]
        pq.write_table(pa.Table.from_pylist(rows), folder / "in" / f"{file:02}.parquet")
    bad = {"id": "bad.jpg", "label": -1, "bytes": b"no picture"}
    pq.write_table(pa.Table.from_pylist([bad]), folder / "in" / "bad.parquet")
    yield folder
    for process in _session(folder):
        os.kill(process, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


def _start(folder: Path, pause: float = 0, batch: int = 1) -> subprocess.Popen[bytes]:
    # Ray gives its workers the least priority, with which other programs on the same cores stop them nearly.
    environment = {**os.environ, "PYTHONPATH": str(Path(adain.__file__).parents[1]), "RAY_worker_niceness": "0"}
    log = open(folder / "log.txt", "ab")  # noqa: SIM115  the process writes it
    with log:
        script = Path(__file__).with_name("ray_job.py")
        command = [sys.executable, script, folder, str(pause), str(batch)]
        return subprocess.Popen(command, stdout=log, stderr=log, env=environment)


def _processes() -> dict[int, tuple[int, str]]:
    """The parent and the command of each process."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            found[int(path.name)] = parent, (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # it has ended
            continue
    return found


def _session(folder: Path, name: str = "") -> list[int]:
    """Ray's processes of this folder, and their children."""
    processes = _processes()
    own = {number for number, (_, command) in processes.items() if f"{folder / 't'}" in command}
    return [
        number
        for number, (parent, command) in processes.items()
        if (number in own or parent in own) and command.startswith(name)
    ]


def _wait(folder: Path, driver: subprocess.Popen[bytes], files: int) -> None:
    """Wait until this many files are written."""
    deadline = time.monotonic() + LIMIT
    while len(list((folder / "out").glob("*.parquet"))) < files:
        assert time.monotonic() < deadline
        assert driver.poll() is None, (folder / "log.txt").read_text()[-3000:]
        time.sleep(0.05)


@pytest.mark.heavy  # minutes on busy cores
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
def test_killed_workers_and_drivers_lose_and_double_nothing(job: Path) -> None:
    import pyarrow.dataset as ds

    driver = _start(job, pause=0.15)
    _wait(job, driver, 2)
    workers = _session(job, "ray::MapWorker")
    assert workers, (job / "log.txt").read_text()[-3000:]
    os.kill(workers[0], signal.SIGKILL)
    _wait(job, driver, 5)
    driver.kill()
    driver.wait()
    for process in _session(job):
        os.kill(process, signal.SIGKILL)
    before = ds.dataset(job / "out", exclude_invalid_files=True).count_rows()
    assert 0 < before < FILES * ROWS
    assert _start(job, batch=4).wait(timeout=LIMIT) == 0, (job / "log.txt").read_text()[-3000:]
    rows = {row["id"]: row for row in ds.dataset(job / "out").to_table().to_pylist()}
    assert ds.dataset(job / "out").count_rows() == len(rows) == FILES * ROWS + 1
    stylize = adain.Stylize(job / "styles", seed=3, strokes=0, device="cpu")
    for row in ds.dataset(job / "in").to_table().to_pylist():
        made = {**rows[row["id"]], "made_by": rows[row["id"]]["made_by"].replace(" batch 4;", "")}
        assert made == stylize(row), row["id"]
    assert len({row["made_by"] for row in rows.values()}) == 2, "one by one before, in batches afterwards"
    assert "is no picture" in rows["bad.jpg"]["error"]
    again = len(list((job / "out").iterdir()))
    assert _start(job).wait(timeout=LIMIT) == 0
    assert len(list((job / "out").iterdir())) == again, "a finished job writes nothing"
