"""Damage films at random, and stylize them: only right results and `AdainError` may come out.

    python tests/fuzz/films.py --cases 2000 --seed 1

Each case changes one of a dozen small films and stylizes it into a random format with a network that does nothing. The
outcomes are counted per kind of film:

- right: the result holds all frames that FFmpeg decodes from the changed file, and no damage is reported;
- damaged: damage is reported, and the result holds the frames that could be read;
- error: an `AdainError`, and no result;
- wrong: anything else. Such cases are printed, and can be repeated with `--only CASE`.

Cases run in processes of their own, so that a crash or an endless loop in a decoder is seen too.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

import av
from film_kinds import Kind, make, motion_jpeg, picture
from mean_backend import mean_stylizer
from pictures import painting
from PIL import Image

from adain import AdainError
from adain.video import stylize
from adain.video.animation import AnimationSource, is_animation

BATCH = 50  # cases in one process
PATIENCE = 20  # s for a case; the slowest takes less than one
TARGETS = ("out.mp4", "out.mkv", "out.webm", "out.mov", "out.gif", "out.apng", "out.webp", "frames")


def films(folder: Path) -> dict[str, Path]:
    """Make the films that are changed."""
    folder.mkdir(exist_ok=True)
    few = {"count": 8}
    made = {
        "mp4": make(folder / "a.mp4", Kind(**few)),
        "mov": make(folder / "a.mov", Kind(pixels="yuv422p10le", sound="pcm_s16le", **few)),
        "mkv": make(folder / "a.mkv", Kind(sound="flac", **few)),
        "hevc": make(folder / "a.hevc.mkv", Kind("libx265", options={"x265-params": "log-level=none"}, **few)),
        "webm": make(folder / "a.webm", Kind("libvpx-vp9", "yuva420p", sound="libopus", **few)),
        "avi": make(folder / "a.avi", Kind("mpeg4", sound="adpcm_ms", **few)),
        "ts": make(folder / "a.ts", Kind(sound="ac3", **few)),
        "mpg": make(folder / "a.mpg", Kind("mpeg2video", sound="mp2", options={"b": "400k"}, **few)),
        "flv": make(folder / "a.flv", Kind("flv", **few)),
        "mjpeg": motion_jpeg(folder / "exif.mov", 6),
    }
    frames = [Image.fromarray(picture(number)) for number in range(6)]
    for suffix in ("gif", "png", "webp"):
        made[suffix] = folder / f"animated.{suffix}"
        frames[0].save(made[suffix], save_all=True, append_images=frames[1:], duration=80, loop=0)
    return made


def changed(data: bytes, rng: random.Random) -> bytes:
    """Damage a file's bytes."""
    change: Callable[[bytearray, random.Random], None] = rng.choice(CHANGES)
    result = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        if result:
            change(result, rng)
    return bytes(result)


def _flip(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 4, 30))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _flip_head(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 3))):
        data[rng.randrange(min(len(data), 600))] = rng.randrange(256)


def _cut(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(len(data)) :]


def _drop(data: bytearray, rng: random.Random) -> None:
    begin = rng.randrange(len(data))
    del data[begin : begin + rng.choice((1, 4, 100, 1000))]


def _repeat(data: bytearray, rng: random.Random) -> None:
    begin, length = rng.randrange(len(data)), rng.choice((4, 100, 1000))
    data[begin:begin] = data[begin : begin + length]


def _noise(data: bytearray, rng: random.Random) -> None:
    begin, length = rng.randrange(len(data)), rng.choice((8, 100, 1000))
    length = min(length, len(data) - begin)
    data[begin : begin + length] = rng.randbytes(length)


def _extreme(data: bytearray, rng: random.Random) -> None:
    """Make a number of four bytes very small or large."""
    begin = rng.randrange(len(data))
    value = rng.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\0\0\xff\xff"))
    length = min(4, len(data) - begin)
    data[begin : begin + length] = value[:length]


CHANGES = (_flip, _flip_head, _cut, _drop, _repeat, _noise, _extreme)


def outcome(source: Path, folder: Path, rng: random.Random) -> str:
    """Stylize one film; return the outcome, with the reason if it is wrong."""
    target = folder / rng.choice(TARGETS)
    try:
        summary = stylize(mean_stylizer(), source, painting(), target, alpha=0, sound=rng.random() < 0.8)
    except AdainError as error:
        if len(str(error)) < 20:
            return f"wrong: no sentence: {error}"
        return "wrong: a result after an error" if target.is_file() else "error"
    except BaseException as error:
        return f"wrong: {type(error).__name__}: {error}"
    frames = _count(target)
    if frames != summary.frames and target.suffix not in (".gif", ".apng", ".webp"):  # these join equal frames
        return f"wrong: {frames} frames in the result, {summary.frames} written"
    if summary.damage:
        return "damaged"
    decoded = _count(source)
    if decoded != summary.frames:
        return f"wrong: {decoded} frames can be decoded, {summary.frames} written, and no damage reported"
    return "right"


def _count(path: Path) -> int:
    """Count the frames of a film without this package's reader of video files."""
    if path.is_dir():
        return len(list(path.iterdir()))
    if is_animation(path):
        source = AnimationSource(path)
        count = sum(1 for _ in source)
        source.close()
        return count
    count = 0
    with av.open(str(path), metadata_errors="replace") as file:
        stream = next(each for each in file.streams.video if not int(each.disposition) & 0x400)
        context = stream.codec_context
        with_alpha = context.name == "vp9" and stream.metadata.get("alpha_mode") == "1"
        decoder = av.CodecContext.create("libvpx-vp9", "r") if with_alpha else context
        for packet in file.demux(stream):
            try:
                count += len(decoder.decode(packet if packet.size else None))
            except av.FFmpegError:
                continue
    return count


def run(cases: Iterable[int], seed: int, folder: Path) -> Iterable[tuple[int, str, str]]:
    """Run cases in this process; yield number, kind and outcome."""
    warnings.simplefilter("ignore")  # Pillow warns of what it repairs
    originals = films(folder / "films")
    for case in cases:
        rng = random.Random(f"{seed}-{case}")
        kind = rng.choice(sorted(originals))
        with tempfile.TemporaryDirectory(dir=folder) as place:
            damaged = Path(place) / f"damaged{originals[kind].suffix}"
            damaged.write_bytes(changed(originals[kind].read_bytes(), rng))
            yield case, kind, outcome(damaged, Path(place), rng)


def batch(cases: range, seed: int) -> list[tuple[int, str, str]]:
    """Run cases in another process; a crash and an endless loop become outcomes."""
    command = [sys.executable, __file__, "--seed", str(seed), "--run", str(cases.start), str(cases.stop)]
    patience = PATIENCE + 2 * len(cases)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=patience)
        output, end = done.stdout, f"wrong: crash, exit code {done.returncode}"
    except subprocess.TimeoutExpired as error:
        output = error.stdout.decode() if isinstance(error.stdout, bytes) else error.stdout or ""
        end = f"wrong: longer than {patience} s"
    lines = [line.split("\t") for line in output.splitlines() if line.count("\t") == 2]
    found = [(int(case), kind, what) for case, kind, what in lines]
    following = cases.start + len(found)
    if following < cases.stop:  # that case ended the process
        found.append((following, "?", end))
        found += batch(range(following + 1, cases.stop), seed) if following + 1 < cases.stop else []
    return found


def table(found: Iterable[tuple[int, str, str]]) -> str:
    """A table in Markdown: kinds of films, and how often each outcome came."""
    counts: dict[str, Counter[str]] = {}
    for _, kind, what in found:
        counts.setdefault(kind, Counter())[what.partition(":")[0]] += 1
    names = ("right", "damaged", "error", "wrong")
    total: Mapping[str, int] = sum(counts.values(), Counter())
    rows = [("film", "tried", *names), ("---",) * 6]
    for kind, each in [*sorted(counts.items()), ("all", total)]:
        rows.append((kind, *(f"{number:,}" for number in (sum(each.values()), *(each[name] for name in names)))))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="run one case in this process")
    parser.add_argument("--run", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run or options.only is not None:
        cases = range(*options.run) if options.run else [options.only]
        with tempfile.TemporaryDirectory() as folder:
            for case, kind, what in run(cases, options.seed, Path(folder)):
                print(case, kind, " ".join(what.split()), sep="\t", flush=True)
        return 0
    found, start = [], time.monotonic()
    for begin in range(0, options.cases, BATCH):
        found += batch(range(begin, min(begin + BATCH, options.cases)), options.seed)
    wrong = [each for each in found if each[2].startswith("wrong")]
    print(table(found), f"\n{time.monotonic() - start:.0f} s")
    for case, kind, what in wrong:
        print(f"case {case} ({kind}): {what}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
