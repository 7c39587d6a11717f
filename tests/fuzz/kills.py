"""Kills jobs at random times, and checks what they leave: whole files, and nothing after the next run.

    python tests/fuzz/kills.py --kills 100 --job stylize

Each job is started again after each kill, as a user would, and at the end it is let run. Jobs are forks of this
process, which has imported everything; so most kills hit work, not imports. Only for systems that can fork.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import signal
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from adain.code import StyleCode

__all__ = ["JOBS", "Job", "kill"]

SIDE = 500  # px of the contents: a run takes a second or more
_PARTS, _PAUSE = 5, 0.004  # s; how slowly a file is written
_SIZES = "[72,72]"  # px, of the training's pictures


@dataclass(frozen=True)
class Job:
    """A command, in a folder with pictures.

    Attributes:
        arguments: of `adain`.
        imports: modules that are imported before the first fork.
        passing: pattern of the results that later ones replace.
        prepare: called with the folder before the first fork.
    """

    arguments: tuple[str, ...]
    imports: tuple[str, ...] = ("onnxruntime",)
    passing: str = ""
    prepare: Callable[[Path], None] = lambda folder: None


def _set(**values: object) -> list[str]:
    return [part for key, value in values.items() for part in ("--set", f"{key.replace('__', '.')}={value}")]


def _trace_once(folder: Path) -> None:
    """Export in this process, and let the forks use its graphs: tracing takes minutes, and writes nothing."""
    import onnx
    import torch

    from adain.cli.main import main
    from adain.export import graphs

    made: dict[tuple[str, str | None], bytes] = {}
    trace = graphs._graph

    def kept(tracer: Any, network: Any, info: Any, options: Any) -> onnx.ModelProto:
        key = info.graph, info.stage
        if key not in made:
            made[key] = trace(tracer, network, info, options).SerializeToString()
        return onnx.ModelProto.FromString(made[key])

    torch.set_num_threads(1)  # a fork has no other threads
    graphs._graph = kept
    main(["export", "adain-slim", "-o", str(folder / "traced"), "--runtime"], standalone_mode=False)


_TORCH = ("torch", "torchvision")
_TRAINING = _set(
    losses__network="shipped",
    losses__identity_fraction=0,
    data__content='["photos"]',
    data__style='["s.png"]',
    phases__0__iterations=4,
    phases__0__batch=1,
    phases__0__crop=72,
    phases__0__content_side=_SIZES,
    phases__0__style_side=_SIZES,
    run__checkpoint_every=1,
    run__sample_every=2,
    run__metrics_every=1,
    run__samples=1,
    run__sample_side=64,
    run__workers=0,
    run__threads=1,
)
JOBS = {
    "stylize": Job(("stylize", "photos", "s.png", "-o", "out")),
    "encode": Job(("encode", "photos", "-o", "out")),
    "texture": Job(("texture", "s.png", "-o", "out/t.png", "--size", "200")),
    "grid": Job(("grid", "photos", "s.png", "-o", "out/g.png", "--size", "128")),
    "film": Job(("video", "film.gif", "s.png", "-o", "out/f.mp4"), ("onnxruntime", "av")),
    "film, resumed": Job(("video", "film.gif", "s.png", "-o", "out/f.mp4", "--resume"), ("onnxruntime", "av")),
    "GIF": Job(("video", "film.gif", "s.png", "-o", "out/f.gif")),
    "training": Job(
        ("train", "adain-slim-finetune", "-o", "out", "--resume", "--device", "cpu", *_TRAINING),
        (*_TORCH, "adain.training.session"),
        passing="checkpoints/*.pt",
    ),
    "export": Job(
        ("export", "adain-slim", "-o", "out", "--runtime"),
        (*_TORCH, "onnx", "adain.export.graphs"),
        prepare=_trace_once,
    ),
}


def kill(job: Job, kills: int, rng: random.Random, folder: Path) -> dict[str, int]:
    """Kill a job some times, and let it run at last.

    Returns:
        The number of kills, of kills that left a temporary file, and of runs that ended before they were killed.

    Raises:
        AssertionError: a file is not whole or is lost, or a temporary file is left at the end.
    """
    for module in ("adain.cli.main", *job.imports):
        importlib.import_module(module)
    _pictures(folder)
    job.prepare(folder)
    out = folder / "out"
    began = time.perf_counter()
    _run(job, folder)
    usual = time.perf_counter() - began
    results = _files(out)
    counts = {"killed": 0, "left a file": 0, "ended before": 0}
    while counts["killed"] < kills:
        _remove(out, rng)
        before = _files(out)
        if not _killed(job, folder, rng, usual):
            counts["ended before"] += 1
            continue
        counts["killed"] += 1
        _check(job, out, before, results)
        counts["left a file"] += bool(_temporary(out))
    _remove(out, rng, all_of=True)
    _run(job, folder)
    assert _files(out) == results, _files(out) ^ results
    assert not _temporary(out), _temporary(out)
    _check(job, out, set(), results)
    return counts


def _pictures(folder: Path) -> None:
    rng = np.random.default_rng(0)
    (folder / "photos").mkdir()
    for name in "abc":
        Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)).save(folder / "photos" / f"{name}.png")
    Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(folder / "s.png")
    frames = [Image.fromarray(rng.integers(0, 256, (128, 128, 3), dtype=np.uint8)) for _ in range(12)]
    frames[0].save(folder / "film.gif", save_all=True, append_images=frames[1:])


def _start(job: Job, folder: Path) -> int:
    """Fork a process that runs the job. Returns its number."""
    process = os.fork()
    if process:
        return process
    status = 99
    try:
        os.chdir(folder)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 1)
        errors = os.open(folder / "stderr", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(errors, 2)
        sys.argv = ["adain", *job.arguments]
        from adain.cli.main import main

        Path.write_bytes = _slowly  # type: ignore[assignment,method-assign]
        main()
        status = 0
    except SystemExit as exit:
        status = exit.code if isinstance(exit.code, int) else int(exit.code is not None)
    finally:
        os._exit(status)


def _slowly(path: Path, data: bytes) -> int:
    """`Path.write_bytes` on a slow disk, so that a kill hits a file that is half written."""
    part = len(data) // _PARTS + 1
    with path.open("wb", buffering=0) as file:
        for start in range(0, len(data), part):
            file.write(data[start : start + part])
            time.sleep(_PAUSE)
    return len(data)


def _run(job: Job, folder: Path) -> None:
    _, status = os.waitpid(_start(job, folder), 0)
    assert status == 0, (folder / "stderr").read_text()


def _killed(job: Job, folder: Path, rng: random.Random, usual: float) -> bool:
    """Run the job and kill it: while it writes a file, or at any time. False: it ended before."""
    writing = rng.random() < 0.7
    delay, file = rng.uniform(0, _PARTS * _PAUSE), rng.randrange(3)  # after that many files
    limit = time.perf_counter() + usual * (10 if writing else rng.uniform(0.1, 1.0))
    seen = _temporary(folder / "out")
    left = len(seen)
    process = _start(job, folder)
    while time.perf_counter() < limit:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            assert status == 0, (folder / "stderr").read_text()
            return False
        seen |= _temporary(folder / "out")
        if writing and len(seen) - left > file:
            time.sleep(delay)
            break
        time.sleep(0.001)
    os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    return os.WIFSIGNALED(status)


def _remove(out: Path, rng: random.Random, *, all_of: bool = False) -> None:
    """Remove some results, so that the next run has something to do. Temporary files stay."""
    all_of = all_of or rng.random() < 0.3
    for name in sorted(_files(out)):
        if all_of or (rng.random() < 0.5 and not name.endswith((".pt", ".safetensors"))):
            (out / name).unlink()


def _files(out: Path) -> set[str]:
    """The results: all files but hidden ones."""
    found = {path.relative_to(out) for path in out.rglob("*") if path.is_file()}
    return {path.as_posix() for path in found if not any(part.startswith(".") for part in path.parts)}


def _temporary(out: Path) -> set[str]:
    """Hidden files and folders."""
    return {path.relative_to(out).as_posix() for path in out.rglob(".*")}


def _check(job: Job, out: Path, before: set[str], results: set[str]) -> None:
    """Check that every file that is not temporary is a whole result, and that none of those before is lost."""
    after = _files(out)
    for name in after:
        assert name in results or fnmatch(name, job.passing), name
        _READERS[Path(name).suffix](out / name)
    passing = [sorted(name for name in names if fnmatch(name, job.passing)) for names in (before, after)]
    assert before - after <= set(passing[0]), before - after
    assert not passing[0] or passing[1][-1] >= passing[0][-1], passing


def _read_picture(path: Path) -> None:
    with Image.open(path) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            image.load()


def _read_film(path: Path) -> None:
    import av

    with av.open(str(path)) as film:
        assert sum(1 for _ in film.decode(video=0)), path


def _read_weights(path: Path) -> None:
    from safetensors import safe_open

    with safe_open(path, "np") as file:
        if file.metadata() and "step" not in file.metadata():
            StyleCode.load(path)


def _read_checkpoint(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None, path


def _read_graph(path: Path) -> None:
    import onnx

    onnx.checker.check_model(onnx.load(path))


_READERS: dict[str, Callable[[Path], object]] = {
    ".png": _read_picture,
    ".gif": _read_picture,
    ".mp4": _read_film,
    ".safetensors": _read_weights,
    ".pt": _read_checkpoint,
    ".onnx": _read_graph,
    ".jsonl": lambda path: [json.loads(line) for line in path.read_text().split("\n")[:-1]],  # one may be cut short
}


def main() -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20, help="kills of each job")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--job", action="append", choices=JOBS, help="repeatable; default: all")
    options = parser.parse_args()
    print("| job | kills | left a temporary file | half or lost files | left at the end |\n|---|---|---|---|---|")
    for name in options.job or JOBS:
        if any(find_spec(module) is None for module in JOBS[name].imports):
            continue
        with tempfile.TemporaryDirectory() as folder:
            counts = kill(JOBS[name], options.kills, random.Random(f"{options.seed}/{name}"), Path(folder))
        print(f"| {name} | {counts['killed']} | {counts['left a file']} | 0 | 0 |", flush=True)


if __name__ == "__main__":
    main()
