"""Runs each case in a process of its own, one after the other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from adain.bench.cases import Case
from adain.errors import AdainError

__all__ = ["CaseError", "run", "surroundings"]

# Libraries with their own threads read one of these when they are loaded.
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_LAST_LINES = 3  # lines of a dead process's stderr that an error quotes


class CaseError(AdainError):
    """A case could not be measured; the message says why. Other cases are not affected."""


def run(case: Case, weights_dir: str | None = None) -> dict[str, Any]:
    """Measure a case in a process of its own.

    Args:
        case: what to measure.
        weights_dir: directory of its weights or graphs; see `adain.load`.

    Returns:
        The result of `adain.bench.worker.measure`.

    Raises:
        CaseError: the case cannot run here, or its process died.
    """
    asked = json.dumps({"case": case.to_json(), "weights_dir": weights_dir})
    with subprocess.Popen(
        [sys.executable, "-m", "adain.bench.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=surroundings(case.threads, os.environ),
    ) as process:
        try:
            output, errors = process.communicate(asked)
        except BaseException:  # also KeyboardInterrupt: the process must not go on alone
            process.kill()
            raise
    if process.returncode != 0:
        said = " / ".join(errors.strip().splitlines()[-_LAST_LINES:]) or "it said nothing; memory may be short"
        raise CaseError(f"its process ended with {process.returncode}: {said}")
    answer: dict[str, Any] = json.loads(output.splitlines()[-1])
    if "error" in answer:
        raise CaseError(answer["error"])
    result: dict[str, Any] = answer["result"]
    return result


def surroundings(threads: int, environment: Mapping[str, str]) -> dict[str, str]:
    """Environment variables of a case's process: its number of threads, and the path to this package."""
    path = [entry for entry in sys.path if entry]
    return {**environment, **dict.fromkeys(_THREADS, str(threads)), "PYTHONPATH": os.pathsep.join(path)}
