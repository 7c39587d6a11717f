"""Fuzzing by hand: mutates right files, reads them, and counts what comes out.

    python tests/fuzz/fuzz.py --cases 2000 --seed 1

Each case of each door has its own random generator, so `--door NAME --only CASE` repeats one. Only an `AdainError` or a
right result may come out, within `SLOWEST` seconds. `--keep DIR` keeps the files of all others.
"""

from __future__ import annotations

import argparse
import faulthandler
import random
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from doors import Door, doors
from PIL import Image

from adain.errors import AdainError

__all__ = ["Wrong", "fuzz", "of_seeds"]

MOST_PIXELS = 1 << 18  # a mutated header may ask for gigabytes within the usual limit
SLOWEST = 10.0  # seconds


@dataclass(frozen=True)
class Wrong:
    """A case with another outcome than a right result or an `AdainError`."""

    door: str
    case: int
    reason: str
    data: bytes = field(repr=False)

    def __str__(self) -> str:
        return f"{self.door} {self.case}: {self.reason}"


def fuzz(door: Door, cases: range, seed: int, folder: Path) -> tuple[Counter[str], list[Wrong]]:
    """Try the cases of a door.

    Returns:
        The number of cases by outcome (`right`, `error`, `wrong`), and the wrong ones.
    """
    counts, wrong = Counter({"right": 0, "error": 0, "wrong": 0}), []
    with _few_pixels():
        for case in cases:
            rng = random.Random(f"{seed}/{door.name}/{case}")
            data = door.mutate(rng.choice(door.seeds), rng.choice(door.seeds), rng)
            path = folder / f"case{door.suffix}"
            path.write_bytes(data)
            outcome, reason = _outcome(door, path)
            counts[outcome] += 1
            if outcome == "wrong":
                wrong.append(Wrong(door.name, case, reason, data))
    return counts, wrong


def of_seeds(door: Door, folder: Path) -> list[str]:
    """Read the seeds as they are. Returns the reasons of those that are not right."""
    reasons = []
    with _few_pixels():
        for seed in door.seeds:
            path = folder / f"case{door.suffix}"
            path.write_bytes(seed)
            try:
                door.enter(path)
            except Exception as error:
                reasons.append(f"{type(error).__name__}: {error}")
    return reasons


def _outcome(door: Door, path: Path) -> tuple[str, str]:
    began = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            door.enter(path)
        outcome = "right", ""
    except AdainError as error:
        outcome = ("error", "") if str(error) else ("wrong", "an error without a message")
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        outcome = "wrong", f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"[:300]
    took = time.perf_counter() - began
    return outcome if took < SLOWEST else ("wrong", f"took {took:.0f} s")


@contextmanager
def _few_pixels() -> Iterator[None]:
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, MOST_PIXELS
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def main() -> int:
    """Run the script. Returns its exit code: 1 if an outcome was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", type=int, default=500, help="cases for each door")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--door", action="append", help="name of a door, or its beginning; repeatable; default: all")
    parser.add_argument("--only", type=int, help="number of the only case to try")
    parser.add_argument("--keep", type=Path, help="folder for the files of wrong cases")
    options = parser.parse_args()
    faulthandler.enable()
    cases = range(options.cases) if options.only is None else range(options.only, options.only + 1)
    failed = False
    print("| door | tried | right | clean error | wrong | s |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for door in doors(Path(folder)):
            if options.door and not any(door.name.startswith(name) for name in options.door):
                continue
            began = time.perf_counter()
            counts, wrong = fuzz(door, cases, options.seed, Path(folder))
            seconds = time.perf_counter() - began
            print(
                f"| {door.name} | {counts.total()} | " + " | ".join(map(str, counts.values())) + f" | {seconds:.1f} |",
                flush=True,
            )
            for each in wrong:
                print(f"  {each}", file=sys.stderr)
                if options.keep:
                    options.keep.mkdir(parents=True, exist_ok=True)
                    (options.keep / f"{door.name}-{each.case}".replace(" ", "-")).write_bytes(each.data)
            failed |= bool(wrong)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
