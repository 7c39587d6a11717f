"""The file of results. It is valid at any moment, so an interruption loses only the running case."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from adain.atomic import write_text
from adain.bench.cases import Case
from adain.errors import InputError, OutputError

__all__ = ["FORMAT", "Store"]

FORMAT = 2
"""Version of `benchmarks/bench.schema.json`; raised by changes that break a reader of the previous version."""


class Store:
    """`bench.json` in a directory.

    Args:
        directory: created if missing. Existing results of the same machine and versions are kept. Those of another
            machine are an error, because one table must not mix machines.
        machine: from `adain.bench.machine.describe`.

    Raises:
        InputError: the file is from another machine or other versions, or is not a file of results.
        OutputError: the directory cannot be created.
    """

    def __init__(self, directory: Path, machine: dict[str, Any]) -> None:
        self.path = directory / "bench.json"
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make {directory}: {error.strerror or error}") from error
        self.document: dict[str, Any] = {"format": FORMAT, "machine": machine, "results": [], "failures": []}
        if self.path.is_file():
            self.document = _continued(self.path, machine)

    @property
    def results(self) -> list[dict[str, Any]]:
        """The results, in the order in which they were measured."""
        results: list[dict[str, Any]] = self.document["results"]
        return results

    @property
    def failures(self) -> list[dict[str, Any]]:
        """The cases that could not be measured, with the reasons."""
        failures: list[dict[str, Any]] = self.document["failures"]
        return failures

    def has(self, case: Case) -> bool:
        """Whether a case was measured successfully."""
        return any(result["case"] == case.to_json() for result in self.results)

    def add(self, result: dict[str, Any]) -> None:
        """Store a result; it replaces an older result or failure of the same case."""
        self._forget(result["case"])
        self.results.append({**result, "measured": datetime.now(timezone.utc).isoformat(timespec="seconds")})
        self._write()

    def add_failure(self, case: Case, reason: str) -> None:
        """Store why a case could not be measured."""
        self._forget(case.to_json())
        self.failures.append({"case": case.to_json(), "reason": reason})
        self._write()

    def _forget(self, case: dict[str, Any]) -> None:
        for name in ("results", "failures"):
            self.document[name] = [each for each in self.document[name] if each["case"] != case]

    def _write(self) -> None:
        write_text(self.path, json.dumps(self.document, indent=1) + "\n")


def _continued(path: Path, machine: dict[str, Any]) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found, number = document["machine"], document["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} holds no results of adain bench; name another directory") from error
    if number != FORMAT:
        raise InputError(f"{path} is of format {number}, this package writes {FORMAT}; name another directory")
    if found != machine:
        differs = ", ".join(key for key in machine if found.get(key) != machine[key])
        raise InputError(f"{path} was measured with another {differs}; name another directory, or remove it")
    return document
