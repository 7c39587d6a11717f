"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from adain.atomic import replacing, write_bytes, write_text
from adain.errors import OutputError


def test_a_file_takes_the_place_of_the_old_one_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError("full"), KeyboardInterrupt(), SystemExit()], ids=repr)
def test_what_fails_half_way_leaves_the_old_one_alone(error: BaseException, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    with pytest.raises(type(error)):
        _fail(path, error)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def _fail(path: Path, error: BaseException) -> None:
    with replacing(path) as temporary:
        temporary.write_text("half")
        raise error


def test_the_longest_name_that_a_folder_can_hold(tmp_path: Path) -> None:
    path = tmp_path / ("é" * 127)  # 254 of 255 bytes
    write_text(path, "é")
    assert path.read_bytes() == "é".encode()


def test_a_link_stays_one(tmp_path: Path) -> None:
    path, link = tmp_path / "a", tmp_path / "link"
    path.write_text("old")
    link.symlink_to(path)
    write_bytes(link, b"new")
    assert link.is_symlink()
    assert path.read_text() == "new"


def test_the_mode_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_bytes(tmp_path / "a", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_missing_folders_are_made(tmp_path: Path) -> None:
    write_text(tmp_path / "new" / "folder" / "a", "x")
    assert (tmp_path / "new" / "folder" / "a").read_text() == "x"


WRITING = """
import sys, time
from pathlib import Path
from adain.atomic import replacing
with replacing(sys.argv[1]) as temporary:
    temporary.write_text("half")
    print("here", flush=True)
    time.sleep(60)
"""


def writing(path: Path) -> subprocess.Popen[str]:
    """Start a process that writes half of a file, and waits."""
    process = subprocess.Popen([sys.executable, "-c", WRITING, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "here\n"
    process.stdout.close()
    return process


def test_what_a_killed_run_left_is_removed_and_not_what_a_living_one_writes(tmp_path: Path) -> None:
    killed, living = writing(tmp_path / "a"), writing(tmp_path / "b")
    try:
        killed.kill()
        killed.wait()
        assert len(list(tmp_path.iterdir())) == 2
        write_text(tmp_path / "c", "x")
        left = sorted(path.name for path in tmp_path.iterdir())
        assert len(left) == 2
        assert f"-{living.pid}-" in left[0]
        assert left[1] == "c"
    finally:
        living.kill()
        living.wait()


def test_what_other_machines_left_is_removed_after_a_day(tmp_path: Path) -> None:
    names = [".adain-0123456789abcdef.tmp", ".adain-00000000-1-abcdef01.tmp"]
    files = [tmp_path / f"{age}" / name for age in ("old", "new") for name in names]
    for file in files:
        file.parent.mkdir(exist_ok=True)
        file.touch()
    for file in files[:2]:
        os.utime(file, (time.time() - 48 * 3600,) * 2)
    mine = tmp_path / "old" / ".adain-mine.tmp"
    mine.touch()
    for age in ("old", "new"):
        write_text(tmp_path / age / "a", "x")
    assert [file.exists() for file in files] == [False, False, True, True]
    assert mine.exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_device_or_a_pipe_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/null")
    for name in ("pipe", "device"):
        with pytest.raises(OutputError, match=rf"cannot write .*{name}: it is not a regular file"):
            write_text(tmp_path / name, "x")
    assert (tmp_path / "pipe").is_fifo()
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("name", ["folder", "file/a"])
def test_where_nothing_can_be_written(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=rf"cannot write .*{name}: "):
        write_bytes(tmp_path / name, b"x")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder"]


def test_a_file_that_cannot_be_replaced_stays_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_text(path, "old")

    def refuse(*args: object) -> None:
        raise PermissionError(13, "no")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(OutputError, match="cannot write"):
        write_text(path, "new")
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]
