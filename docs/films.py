"""Write `films.md` beside this file: films of many kinds in and out, with FFmpeg's words for both.

    python docs/films.py

A test fails if the file is out of date. If the program ffprobe is installed, it must say the same of every film.
"""

from __future__ import annotations

import logging
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import numpy as np
from film_kinds import HLG, PQ, Kind, facts, hdr_film, joined, make, motion_jpeg, picture, probed, rich_film
from mean_backend import mean_stylizer
from pictures import painting
from PIL import Image

from adain.video import stylize

__all__ = ["FILE", "REFRESH", "table"]

FILE = Path(__file__).with_name("films.md")
REFRESH = "python docs/films.py"

_HEAD = f"""\
# Films in and out

Small films of many kinds, and the results of `adain video`: codec, pixel format, size, frames, sound, subtitles and
chapters, as FFmpeg reads them. Warnings and errors are those of the command. The tests make the same films.

Written by `{REFRESH}`; do not edit it.

| film | options | result | said |
| --- | --- | --- | --- |
"""


@dataclass(frozen=True)
class _Row:
    """A film, the suffix of the result, and the options."""

    make: Callable[[Path], Path]
    target: str
    options: dict[str, object] = field(default_factory=dict)


def _kind(suffix: str, *arguments: object, **options: object) -> Callable[[Path], Path]:
    return lambda folder: make(folder / f"in{suffix}", Kind(*arguments, **options))


def _animation(suffix: str) -> Callable[[Path], Path]:
    def written(folder: Path) -> Path:
        frames = [Image.fromarray(picture(number)) for number in range(8)]
        frames[0].save(folder / f"in{suffix}", save_all=True, append_images=frames[1:], duration=100, loop=0)
        return folder / f"in{suffix}"

    return written


def _two(folder: Path) -> Path:
    part = make(folder / "part.ts", Kind(count=5, options={"bf": "0"}))
    return joined(folder / "in.ts", [part, part])


def _cut(folder: Path) -> Path:
    whole = make(folder / "in.mkv", Kind(count=30))
    whole.write_bytes(whole.read_bytes()[: int(0.6 * whole.stat().st_size)])
    return whole


def _hdr(transfer: int) -> Callable[[Path], Path]:
    return lambda folder: hdr_film(folder / "in.mkv", np.linspace(0, 1, 4), transfer)


_HEVC = {"video": "libx265", "pixels": "yuv420p10le", "options": {"x265-params": "log-level=none"}}
ROWS = (
    _Row(_kind(".mp4"), ".mp4"),
    _Row(_kind(".mp4"), ".webm"),
    _Row(_kind(".mkv", pixels="yuv422p10le", sound="flac"), ".mkv"),
    _Row(_kind(".mp4", pixels="yuv444p"), ".mp4"),
    _Row(_kind(".mov", "prores_ks", "yuv422p10le", sound="pcm_s16le"), ".mov", {"codec": "prores"}),
    _Row(_kind(".mkv", **_HEVC), ".mp4", {"codec": "hevc"}),
    _Row(_kind(".mkv", **_HEVC, sound="libopus"), ".webm", {"codec": "av1"}),
    _Row(_kind(".mkv", sound="ac3"), ".mkv", {"codec": "ffv1"}),
    _Row(_kind(".avi", "mpeg4", sound="adpcm_ms"), ".mkv"),
    _Row(_kind(".mpg", "mpeg2video", sound="mp2"), ".mp4"),
    _Row(_kind(".flv", "flv", sound="libmp3lame"), ".mp4"),
    _Row(lambda folder: motion_jpeg(folder / "in.mov", 6), ".mp4"),
    _Row(_two, ".mp4"),
    _Row(_kind(".webm", "libvpx-vp9", aspect=Fraction(4, 3), sound="libopus"), ".webm"),
    _Row(_kind(".webm", "libvpx-vp9", "yuva420p", sound="libopus"), ".webm"),
    _Row(_kind(".webm", "libvpx-vp9", "yuva420p", sound="libopus"), ".mp4"),
    _Row(_kind(".mov", "png", "rgba", sound=None), ".mov", {"codec": "prores"}),
    _Row(_animation(".gif"), ".gif"),
    _Row(_animation(".gif"), ".webm"),
    _Row(_animation(".png"), ".apng"),
    _Row(_kind(".mp4"), ".gif"),
    _Row(lambda folder: rich_film(folder / "in.mkv"), ".mkv"),
    _Row(lambda folder: rich_film(folder / "in.mkv"), ".mp4"),
    _Row(_hdr(PQ), ".mp4"),
    _Row(_hdr(PQ), ".mp4", {"tone_map": "soft"}),
    _Row(_hdr(HLG), ".mp4", {"tone_map": "clip"}),
    _Row(_cut, ".mp4"),
)


def table() -> str:
    """Return the whole text, in Markdown."""
    lines = []
    for row in ROWS:
        with tempfile.TemporaryDirectory() as folder:
            lines.append(_line(row, Path(folder)))
    return _HEAD + "\n".join(lines) + "\n"


def _line(row: _Row, folder: Path) -> str:
    source, target = row.make(folder), folder / f"out{row.target}"
    said = _Messages()
    logger = logging.getLogger("adain")
    logger.addHandler(said)
    try:
        summary = stylize(mean_stylizer(), source, painting(), target, alpha=0, **row.options)  # type: ignore[arg-type]
        said.texts += [str(summary.damage)] if summary.damage else []
    except ValueError as error:
        said.texts.append(str(error))
    finally:
        logger.removeHandler(said)
    options = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in row.options.items())
    words = "; ".join(said.texts).replace(f"{folder}/", "")
    cells = (f"{source.suffix}: {_facts(source)}", options, f"{row.target}: {_facts(target)}", words)
    return "| " + " | ".join(cells) + " |"


def _facts(path: Path) -> str:
    if not path.exists():
        return "none"
    found = facts(path)
    if shutil.which("ffprobe"):
        other = probed(path)
        assert str(found) == str(other), f"ffprobe says {other} of {path.name}, PyAV says {found}"
    return str(found)


class _Messages(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


if __name__ == "__main__":
    FILE.write_text(table(), encoding="utf-8")
    print(FILE)
