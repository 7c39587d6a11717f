"""Shards in S3: a local server that fails on every third request, and a run that is killed."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import adain

for package in ("s3fs", "moto", "webdataset", "pyarrow"):
    pytest.importorskip(package, reason="S3 needs the extra test")

import fsspec  # noqa: E402
from s3_server import Faults, serving  # noqa: E402
from shard_files import write_parquet, write_styles, write_tar  # noqa: E402

from adain.datasets.shards import stylize_shards  # noqa: E402

pytestmark = [
    pytest.mark.heavy,  # a server, and pauses after its faults
    pytest.mark.filterwarnings("ignore"),  # of botocore and moto
]


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Faults]:
    """A bucket `data`, found by the usual variables of the environment."""
    with serving() as (url, faults):
        secrets = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
        for name, value in {**secrets, "AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": "us-east-1"}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setitem(fsspec.config.conf, "s3", {"config_kwargs": {"read_timeout": 1, "connect_timeout": 1}})
        fsspec.filesystem("s3").invalidate_cache()
        fsspec.filesystem("s3", skip_instance_cache=True).mkdir("data")
        yield faults
        fsspec.filesystem("s3").clear_instance_cache()


def test_nothing_is_lost_and_nothing_half_written(s3: Faults, tmp_path: Path) -> None:
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    stylize = adain.Stylize(write_styles(tmp_path / "styles"), strokes=0)
    store = fsspec.filesystem("s3")
    for number in range(4):
        write_tar(tmp_path / "in" / f"{number}.tar", range(number, number + 3))
    write_parquet(tmp_path / "in" / "p.parquet", range(4))
    for path in sorted((tmp_path / "in").iterdir()):
        store.put_file(str(path), f"data/in/{path.name}")
    s3.on = True
    report = stylize_shards(stylize, "s3://data/in/*", "s3://data/out")
    s3.on = False
    assert report.failures == ()
    assert sum(each.made for each in report.shards) == 16
    assert min(s3.failed.values()) > 0
    stylize_shards(stylize, str(tmp_path / "in" / "*"), str(tmp_path / "out"))
    local = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    store.invalidate_cache()
    assert {name.rpartition("/")[2]: store.cat_file(name) for name in store.ls("data/out")} == local


def test_a_killed_run_leaves_whole_shards_and_the_next_makes_the_others(s3: Faults, tmp_path: Path) -> None:
    write_styles(tmp_path / "styles")
    for number in range(6):
        write_tar(tmp_path / "in" / f"{number}.tar", range(20))
    store = fsspec.filesystem("s3")
    command = [
        sys.executable, "-m", "adain", "shards", str(tmp_path / "in" / "*.tar"), str(tmp_path / "styles"),
        "-o", "s3://data/out", "--device", "cpu", "--strokes", "0",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(Path(adain.__file__).parents[1])}
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment)

    def done() -> list[str]:
        store.invalidate_cache()
        return [name for name in store.find("data/out") if name.endswith(".jsonl")]

    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not done():
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert 0 < len(done()) < 6
    again = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert "that existed" in again.stderr
    stylize = adain.Stylize(tmp_path / "styles", strokes=0, device="cpu")
    stylize_shards(stylize, str(tmp_path / "in" / "*"), str(tmp_path / "out"))
    store.invalidate_cache()
    for path in (tmp_path / "out").iterdir():
        assert store.cat_file(f"data/out/{path.name}") == path.read_bytes(), path.name
