"""Shards into shards: WebDataset and Parquet files, here and in a store that fails now and then."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import adain
from adain.cli.main import main
from adain.errors import AdainError, InputError

for package in ("fsspec", "webdataset", "pyarrow"):
    pytest.importorskip(package, reason="shards need the extra datasets")

import fsspec  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
from shard_files import encoded, read_tar, write_parquet, write_styles, write_tar  # noqa: E402

from adain.datasets import places, shards  # noqa: E402
from adain.datasets.drawing import Shard  # noqa: E402
from adain.datasets.shards import stylize_shards  # noqa: E402


@pytest.fixture
def stylize(tmp_path: Path) -> adain.Stylize:
    return adain.Stylize(write_styles(tmp_path / "styles"), seed=1, strokes=0)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_webdataset_shard_keeps_all_but_the_picture(stylize: adain.Stylize, tmp_path: Path) -> None:
    source = write_tar(tmp_path / "in" / "a-0.tar", range(6), bad=2)
    report = stylize_shards(stylize, str(source), str(tmp_path / "out"))
    (shard,) = report.shards
    assert (shard.made, [entry.id for entry in shard.failed]) == (5, ["n0/0002.jpg"])
    made = read_tar(tmp_path / "out" / "a-0.tar")
    assert list(made)[:3] == ["n0/0000.cls", "n0/0000.jpg", "n0/0000.style.json"]
    assert len(made) == 3 * 5
    for number in (0, 1, 3, 4, 5):
        name = f"n{number % 2}/{number:04}"
        alone = stylize({"id": f"{name}.jpg", "bytes": encoded(number)})
        assert made[f"{name}.jpg"] == alone["bytes"]
        assert made[f"{name}.cls"] == str(number).encode()
        assert json.loads(made[f"{name}.style.json"])["style"] == alone["style"]
        assert stylize({"__key__": name, "bytes": encoded(number)})["id"] == name
    _, *rows = lines(tmp_path / "out" / "a-0.tar.manifest.jsonl")
    assert [row["id"] for row in rows if row["error"]] == ["n0/0002.jpg"]
    assert len(rows) == 6


def test_a_parquet_file_keeps_rows_and_columns(stylize: adain.Stylize, tmp_path: Path) -> None:
    source = write_parquet(tmp_path / "in" / "a.parquet", range(5), bad=3)
    report = stylize_shards(stylize, str(source), str(tmp_path / "out"))
    assert report.shards[0].made == 4
    table = pq.read_table(tmp_path / "out" / "a.parquet")
    rows = table.to_pylist()
    assert [row["label"] for row in rows] == list(range(5))
    for number in (0, 1, 2, 4):
        alone = stylize({"id": f"n/{number:04}.jpg", "bytes": encoded(number)})
        assert rows[number]["image"] == {"bytes": alone["bytes"], "path": f"n/{number:04}.jpg"}
        assert {name: rows[number][name] for name in ("id", "style", "alpha", "seed", "sha256", "error")} == {
            name: alone[name] for name in ("id", "style", "alpha", "seed", "sha256", "error")
        }
    assert rows[3]["image"]["bytes"] is None
    assert "is no picture" in rows[3]["error"]
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert list(features) == table.schema.names


@pytest.mark.parametrize("name", ["a.tar", "a.parquet"])
def test_shards_are_the_same_in_batches(stylize: adain.Stylize, tmp_path: Path, name: str) -> None:
    (write_tar if name == "a.tar" else write_parquet)(tmp_path / "in" / name, range(6), bad=2)
    batched = adain.Stylize(tmp_path / "styles", seed=1, strokes=0, batch=4)
    manifests = []
    for each, folder in ((stylize, "one"), (batched, "four")):
        stylize_shards(each, str(tmp_path / "in" / name), str(tmp_path / folder))
        manifests.append(lines(tmp_path / folder / f"{name}.manifest.jsonl")[1:])
    assert manifests[0] == manifests[1], "the hashes of the pictures are in it"


def test_copies_have_keys_of_their_own(tmp_path: Path) -> None:
    stylize = adain.Stylize(write_styles(tmp_path / "styles"), per_picture=2, strokes=0)
    write_tar(tmp_path / "in" / "a.tar", range(2))
    stylize_shards(stylize, str(tmp_path / "in" / "*.tar"), str(tmp_path / "out"))
    assert [name for name in read_tar(tmp_path / "out" / "a.tar") if name.endswith("jpg")] == [
        "n0/0000-0.jpg", "n0/0000-1.jpg", "n1/0001-0.jpg", "n1/0001-1.jpg",
    ]  # fmt: skip


def test_finished_shards_are_left_and_parts_make_all(stylize: adain.Stylize, tmp_path: Path) -> None:
    for number in range(3):
        write_tar(tmp_path / "in" / f"{number}.tar", range(number, number + 2))
    pattern, out = str(tmp_path / "in" / "*.tar"), tmp_path / "out"
    one = stylize_shards(stylize, pattern, str(out), part=Shard(1, 2))
    assert [each.name for each in one.shards] == ["0.tar", "2.tar"]
    (out / "2.tar.manifest.jsonl").unlink()  # as if it had been killed before the end
    calls: list[tuple[int, int]] = []
    every = stylize_shards(stylize, pattern, str(out), progress=lambda *each: calls.append(each))
    assert [each.existing for each in every.shards] == [True, False, False]
    assert calls == [(0, 3), (1, 3), (2, 3), (3, 3)]
    other = adain.Stylize(tmp_path / "styles", seed=2, strokes=0)
    changed = stylize_shards(other, pattern, str(out))
    assert [name.rpartition("/")[2] for name, _ in changed.failures] == ["0.tar", "1.tar", "2.tar"]
    assert "was made with seed 1" in changed.failures[0][1]


def test_a_broken_shard_does_not_stop_the_others(stylize: adain.Stylize, tmp_path: Path) -> None:
    whole = write_tar(tmp_path / "in" / "a.tar", range(4)).read_bytes()
    (tmp_path / "in" / "b.tar").write_bytes(whole[:5000])
    (tmp_path / "in" / "c.parquet").write_bytes(b"PAR1 and no more")
    write_parquet(tmp_path / "in" / "d.parquet", range(2))
    report = stylize_shards(stylize, [str(tmp_path / "in" / "*")], str(tmp_path / "out"))
    assert [each.name for each in report.shards] == ["a.tar", "d.parquet"]
    assert [name.rpartition("/")[2] for name, _ in report.failures] == ["b.tar", "c.parquet"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "a.tar", "a.tar.manifest.jsonl", "d.parquet", "d.parquet.manifest.jsonl",
    ]  # fmt: skip


def test_an_input_is_never_replaced(stylize: adain.Stylize, tmp_path: Path) -> None:
    source = write_tar(tmp_path / "in" / "a.tar", range(1))
    (tmp_path / "link").symlink_to(tmp_path / "in")
    for output in ("in", "link"):
        with pytest.raises(InputError, match="is an input and would be replaced"):
            stylize_shards(stylize, str(source), str(tmp_path / output))


@pytest.mark.parametrize(
    ("name", "said"),
    [("no.tar", "no such file"), ("x.zip", "must end in"), ("s4://b/a.tar", "cannot be opened")],
)
def test_what_cannot_be_a_shard_is_a_clear_error(stylize: adain.Stylize, tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "x.zip").write_bytes(b"zip")
    with pytest.raises(InputError, match=said):
        stylize_shards(stylize, name if "://" in name else str(tmp_path / name), str(tmp_path / "out"))


class Faults:
    """Makes each step of a store fail twice before it succeeds, once half way."""

    def __init__(self, step: Callable[..., Any], half: Callable[..., None] | None = None) -> None:
        self.step, self.half, self.failed = step, half, 0

    def __call__(self, *args: Any, **options: Any) -> Any:
        self.failed += 1
        if self.failed % 3:
            if self.half is not None:
                self.half(*args)
            raise TimeoutError("the store did not answer")
        return self.step(*args, **options)


def test_faults_of_a_store_are_tried_again_and_nothing_is_lost(
    stylize: adain.Stylize, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "FIRST_PAUSE", 0.001)
    source = write_tar(tmp_path / "a.tar", range(3))
    store = fsspec.filesystem("memory")
    store.pipe_file("/data/a.tar", source.read_bytes())

    def half(local: str, remote: str) -> None:
        store.pipe_file(remote, Path(local).read_bytes()[:100])

    for name, broken in (("put_file", half), ("open", None), ("exists", None), ("glob", None)):
        monkeypatch.setattr(store, name, Faults(getattr(store, name), broken))
    report = stylize_shards(stylize, "memory://data/*.tar", "memory://out")
    assert (report.failures, report.shards[0].made) == ((), 3)
    stylize_shards(stylize, str(source), str(tmp_path / "out"))
    for name in ("a.tar", "a.tar.manifest.jsonl"):
        assert store.cat_file(f"/out/{name}") == (tmp_path / "out" / name).read_bytes()


def test_a_store_that_stays_away_is_an_error_and_nothing_counts_as_done(
    stylize: adain.Stylize, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "FIRST_PAUSE", 0.001)
    source = write_tar(tmp_path / "a.tar", range(1))
    store = fsspec.filesystem("memory")

    def away(*args: object) -> None:
        raise ConnectionError("no route")

    monkeypatch.setattr(store, "put_file", away)
    ((name, said),) = stylize_shards(stylize, str(source), "memory://away").failures
    assert name.endswith("a.tar")
    assert "after 6 tries" in said
    assert "no route" in said
    assert not store.exists("/away/a.tar.manifest.jsonl")


def test_a_process_that_is_ended_is_a_clear_error(
    stylize: adain.Stylize, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def __init__(self, *args: object, **options: object) -> None:
            raise shards.BrokenProcessPool("ended")

    monkeypatch.setattr(shards, "ProcessPoolExecutor", Broken)
    source = write_tar(tmp_path / "a.tar", range(1))
    with pytest.raises(AdainError, match="a process was ended from outside"):
        stylize_shards(stylize, str(source), str(tmp_path / "out"), processes=2)


def test_the_command_says_what_it_made_and_what_failed(stylize: adain.Stylize, tmp_path: Path) -> None:
    write_tar(tmp_path / "in" / "a.tar", range(3), bad=1)
    arguments = ["shards", str(tmp_path / "in" / "*.tar"), str(tmp_path / "styles"), "-o", str(tmp_path / "out")]
    options = ["--seed", "1", "--strokes", "0", "--device", "cpu"]
    result = CliRunner().invoke(main, [*arguments, *options], prog_name="adain")
    assert result.exit_code == 1
    assert "wrote 1 shard with 2 pictures" in result.stderr
    assert "failed: a.tar: n1/0001.jpg: the picture is no picture" in result.stderr
    made = read_tar(tmp_path / "out" / "a.tar")
    assert made["n0/0000.jpg"] == stylize({"id": "n0/0000.jpg", "bytes": encoded(0)})["bytes"]
    again = CliRunner().invoke(main, [*arguments, *options], prog_name="adain")
    assert "wrote 0 shards with 0 pictures, left 1 that existed" in again.stderr


@pytest.mark.heavy  # starts two processes
def test_processes_make_the_same_shards(stylize: adain.Stylize, tmp_path: Path) -> None:
    for number in range(3):
        write_tar(tmp_path / "in" / f"{number}.tar", range(5 * number, 5 * number + 5))
    for processes in (1, 2):
        pattern, out = str(tmp_path / "in" / "*.tar"), str(tmp_path / f"out-{processes}")
        assert stylize_shards(stylize, pattern, out, processes=processes).failures == ()
    for path in (tmp_path / "out-1").iterdir():
        assert path.read_bytes() == (tmp_path / "out-2" / path.name).read_bytes()
