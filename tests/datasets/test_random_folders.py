"""`adain stylize --random`: a folder in random styles, its manifest, its shards, and runs that are started again."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pictures import painting, photo
from PIL import Image

import adain
from adain.cli.main import main

ALL = ["a.png", "dogs/b.jpg", "dogs/c.png", "dogs/d.png", "e.png"]


def run(*args: str) -> Result:
    device = () if args[0] == "manifest" else ("--device", "cpu")
    return CliRunner().invoke(main, [*args, *device], prog_name="adain")


def random(*args: str, out: str = "out") -> Result:
    return run("stylize", "photos", "styles", "-o", out, "--random", "1", "--seed", "5", *args)


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(ALL):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo(24 + number, 16)).save(path)
    (tmp_path / "styles").mkdir()
    for seed in range(3):
        Image.fromarray(painting(20, 20, seed)).save(tmp_path / "styles" / f"{seed}.png")
    return tmp_path


def files(folder: Path) -> dict[str, bytes]:
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.[pj]*g")}
    return dict(sorted(found.items()))


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_folder_keeps_its_tree_and_has_a_manifest(folders: Path) -> None:
    result = random("--alpha", "0.5", "1")
    assert result.exit_code == 0, result.output
    made = files(folders / "out")
    assert list(made) == ALL
    header, *rows = lines(folders / "out" / "manifest.jsonl")
    assert sorted(str(row["id"]) for row in rows) == ALL
    for row in rows:
        assert row["sha256"] == hashlib.sha256(made[str(row["id"])]).hexdigest()
        assert (row["content"], row["seed"], row["error"], row["run"]) == (row["id"], 5, "", 0)
        assert 0.5 <= float(str(row["alpha"])) <= 1
    (versions,) = header["runs"]  # type: ignore[misc]
    assert {"adain", "model", "digest", "runtime", "precision", "device", "pillow"} <= {*versions}
    assert (versions["runtime"], versions["precision"]) == ("onnx", "fp32")
    row = adain.Stylize("styles", seed=5, alpha=(0.5, 1))(
        {"id": "dogs/b.jpg", "bytes": Path("photos/dogs/b.jpg").read_bytes()}
    )
    assert row["bytes"] == made["dogs/b.jpg"]
    assert run("manifest", "out", "--verify").exit_code == 0


def test_contents_whose_results_have_longer_names_keep_their_ids(folders: Path) -> None:
    Image.fromarray(photo(30, 16)).save("photos/a.apng", format="PNG")  # its result is a PNG too, as that of a.png
    assert random().exit_code == 0
    _, *rows = lines(folders / "out" / "manifest.jsonl")
    named = {str(row["content"]): row for row in rows}
    assert {"a.png", "a.apng"} <= set(named)
    assert named["a.png"]["id"] != named["a.apng"]["id"]
    made = adain.Stylize("styles", seed=5)({"id": "a.apng", "bytes": Path("photos/a.apng").read_bytes()})
    assert (made["style"], made["alpha"]) == (named["a.apng"]["style"], named["a.apng"]["alpha"])


def test_several_styles_per_picture_are_different_ones(folders: Path) -> None:
    assert run("stylize", "photos", "styles", "-o", "out", "--random", "2").exit_code == 0
    rows = lines(folders / "out" / "manifest.jsonl")[1:]
    assert len({(row["content"], row["style"]) for row in rows}) == len(files(folders / "out")) == 2 * len(ALL)


def test_started_again_it_makes_what_is_missing_damaged_or_failed(folders: Path) -> None:
    bad = folders / "photos" / "bad.jpg"
    bad.write_text("no picture")
    first = random()
    assert first.exit_code == 1
    assert "failed: photos/bad.jpg is no picture" in first.stderr
    entry = lines(folders / "out" / "manifest.jsonl")
    (failed,) = [row for row in entry if row.get("error")]
    assert (failed["id"], failed["sha256"], failed["bytes"]) == ("bad.jpg", "", 0)
    assert run("manifest", "out").exit_code == 1
    before = files(folders / "out")
    (folders / "out" / "a.png").unlink()
    (folders / "out" / "e.png").write_bytes(b"cut off")
    manifest = folders / "out" / "manifest.jsonl"
    kept = [line for line in manifest.read_text().splitlines(keepends=True) if "dogs/c.png" not in line]
    manifest.write_text("".join(kept) + '{"id": "torn')  # as a crash leaves it
    Image.fromarray(photo(9, 9)).save(bad)
    again = random()
    assert again.exit_code == 0, again.output
    assert "wrote 4 pictures, left 2 that existed" in again.stderr
    after = files(folders / "out")
    assert {**after, "bad.jpg": b""} == {**before, "bad.jpg": b""}
    assert sorted(str(row["id"]) for row in lines(manifest)[1:]) == sorted([*ALL, "bad.jpg"])
    assert "wrote 0 pictures" in random().stderr


def test_shards_make_what_one_run_makes_and_join(folders: Path) -> None:
    assert random().exit_code == 0
    for number in (1, 2, 3):
        assert random("--shard", f"{number}/3", out="parts").exit_code == 0
        if number < 3:
            assert "lacks the manifests of shards" in run("manifest", "parts").stderr
    assert files(folders / "parts") == files(folders / "out")
    assert run("manifest", "parts", "--verify").exit_code == 0
    one, joined = (lines(folders / name / "manifest.jsonl") for name in ("out", "parts"))
    assert joined[0] == one[0]
    assert sorted(joined[1:], key=lambda row: str(row["id"])) == sorted(one[1:], key=lambda row: str(row["id"]))
    (folders / "parts" / "a.png").write_bytes(b"other")
    checked = run("manifest", "parts")
    assert checked.exit_code == 1
    assert "failed: a.png is not the file that was written" in checked.stderr


def test_more_styles_than_are_kept_in_memory_change_nothing(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert random().exit_code == 0
    monkeypatch.setattr("adain.jobs.plan.LOOKS_AT_ONCE", 1)
    assert random(out="again").exit_code == 0
    assert files(folders / "again") == files(folders / "out")


def test_a_bad_style_is_an_error_of_each_of_its_results(folders: Path) -> None:
    for name in ("0.png", "1.png", "2.png"):
        (folders / "styles" / name).write_text("no picture")
    assert random().exit_code == 1
    rows = lines(folders / "out" / "manifest.jsonl")[1:]
    assert sorted(str(row["id"]) for row in rows) == ALL
    assert all("is no picture" in str(row["error"]) for row in rows)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--random 4", "4 results per picture need as many styles, got 3"),
        ("--random 0", "0 is not in the range"),
        ("--shard 1/2", "--shard is a part of a data set; it needs --random"),
        ("--batch 2", "--batch is for data sets; it needs --random"),
        ("--random 1 --shard 3/2", "the number of a shard must be from 1 to their count, got 3/2"),
        ("--random 1 --compare", "leave it out, or --random"),
        ("--random 1 --weights 1 2 3", "a random style takes no --weights"),
        ("--random 1 --alpha 0.1 0.2 0.3", "--alpha is one number or the two ends of a range"),
        ("--random 1 --name {style}", "makes out/"),
        ("--random 1 -o -", "--random reads and writes folders"),
        ("--random 1 -o s3://bucket/out", "write to a folder here, or use `adain shards`, which takes .tar"),
        ("-o s3://bucket/out", "out is not on this machine; write to a folder here"),
        ("-c s3://bucket/*.jpg --random 1", "copy it here, or use `adain shards`"),
        ("-c s3://bucket/photos --random 1", "s3://bucket/photos is not on this machine"),
        ("--random 1 -o photos/out", "choose an output folder elsewhere"),
    ],
)
def test_what_cannot_be_meant_is_one_clear_error(folders: Path, arguments: str, said: str) -> None:
    result = run("stylize", "photos", "styles", "-o", "out", *arguments.split())
    assert result.exit_code in (1, 2)
    assert said in result.stderr
    assert not (folders / "out").exists()


def test_other_options_and_foreign_results_are_not_mixed_in(folders: Path) -> None:
    assert random().exit_code == 0
    before = files(folders / "out")
    for option, said in (("--seed=6", "seed 5"), ("--style-size=10", "request"), ("--model=wct-slim", "model")):
        other = random(option)
        assert other.exit_code == 1
        assert f"was made with {said}" in other.stderr
    (folders / "out" / "manifest.jsonl").unlink()
    foreign = random()
    assert foreign.exit_code == 1
    assert "exists, but no manifest.jsonl says what it was made of" in foreign.stderr
    assert files(folders / "out") == before
    assert random("--overwrite").exit_code == 0


@pytest.mark.parametrize("text", ["", "{}\n", '{"format": "adain.manifest.1"}\n', "\x00\n", '[[[["'])
def test_a_damaged_manifest_is_a_clear_error(folders: Path, text: str) -> None:
    (folders / "out").mkdir()
    (folders / "out" / "manifest.jsonl").write_text(text)
    result = random()
    assert result.exit_code == 1
    assert "out/manifest.jsonl is not a manifest" in result.stderr


@pytest.mark.heavy  # a process that is killed, and two runs
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows ends processes in another way")
def test_a_killed_run_continues_to_the_same_pictures(folders: Path) -> None:
    for number in range(30):
        Image.fromarray(photo(64, 48)).save(folders / "photos" / f"{number}.png")
    command = [sys.executable, "-m", "adain", "stylize", "photos", "styles", "-o", "out", "--random", "1"]
    environment = {**os.environ, "PYTHONPATH": str(Path(adain.__file__).parents[1])}
    process = subprocess.Popen([*command, "--seed", "5", "--device", "cpu"], stderr=subprocess.DEVNULL, env=environment)
    manifest = folders / "out" / "manifest.jsonl"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (manifest.exists() and len(manifest.read_bytes().splitlines()) > 2):
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert len(lines(manifest)) < 30
    assert random().exit_code == 0
    assert random(out="once").exit_code == 0
    assert files(folders / "out") == files(folders / "once")
    rows = [str(row["id"]) for row in lines(manifest)[1:]]
    assert len(rows) == len({*rows}) == 35
