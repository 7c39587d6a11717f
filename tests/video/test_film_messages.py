"""FFmpeg's messages are heard only where they are wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("av", reason="video files need the extra video")

import av.logging
from film_kinds import Kind, make

from adain.video.messages import heard


@pytest.fixture
def cut(tmp_path: Path) -> Path:
    whole = make(tmp_path / "in.mkv", Kind(count=30))
    whole.write_bytes(whole.read_bytes()[: int(0.6 * whole.stat().st_size)])
    return whole


def read(path: Path) -> list[str]:
    with heard() as messages, av.open(str(path)) as file:
        for _ in file.demux():
            pass
    return [message.text for message in messages if message.part == "matroska,webm"]


def test_the_same_message_is_heard_for_every_film(cut: Path) -> None:
    assert [read(cut) for _ in range(3)] == [["File ended prematurely"]] * 3


def test_nothing_reaches_pythons_logging(cut: Path, caplog: pytest.LogCaptureFixture) -> None:
    read(cut)
    with av.open(str(cut)) as file:
        for _ in file.demux():
            pass
    assert not caplog.records


def test_a_level_of_the_caller_stays(cut: Path) -> None:
    before = av.logging.get_level()
    av.logging.set_level(av.logging.FATAL)
    try:
        assert read(cut) == []
        assert av.logging.get_level() == av.logging.FATAL
    finally:
        av.logging.set_level(before)
