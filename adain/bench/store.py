"""The results' file: whole and valid at any moment, so that an interruption costs the running case only."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from importlib.resources import files
from pathlib import Path
from typing import Any

from adain.atomic import write_text
from adain.bench.cases import Case
from adain.errors import InputError, OutputError

__all__ = ["FORMAT", "Store", "schema"]

FORMAT = 2
"""Counts changes of `schema.json` that a reader of the version before would notice."""


class Store:
    """`bench.json` in a directory.

    Args:
        directory: made if it is not there; results of the same machine and versions that it holds are kept, and
            those of another machine are an error, because one table must not mix them.
        machine: as `adain.bench.machine.describe` returns it.

    Raises:
        InputError: the file is of another machine, of other versions, or no results.
        OutputError: the directory cannot be made.
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
        """What was measured, in that order."""
        results: list[dict[str, Any]] = self.document["results"]
        return results

    @property
    def failures(self) -> list[dict[str, Any]]:
        """What could not be, and why."""
        failures: list[dict[str, Any]] = self.document["failures"]
        return failures

    def has(self, case: Case) -> bool:
        """Whether a case was measured; one that failed was not."""
        return any(result["case"] == case.to_json() for result in self.results)

    def add(self, result: dict[str, Any]) -> None:
        """Keep a result, in place of an older one or a failure of the same case."""
        self._forget(result["case"])
        self.results.append({**result, "measured": datetime.now(timezone.utc).isoformat(timespec="seconds")})
        self._write()

    def add_failure(self, case: Case, reason: str) -> None:
        """Keep why a case could not be measured."""
        self._forget(case.to_json())
        self.failures.append({"case": case.to_json(), "reason": reason})
        self._write()

    def _forget(self, case: dict[str, Any]) -> None:
        for name in ("results", "failures"):
            self.document[name] = [each for each in self.document[name] if each["case"] != case]

    def _write(self) -> None:
        write_text(self.path, json.dumps(self.document, indent=1) + "\n")


def schema() -> dict[str, Any]:
    """The JSON Schema of the results' file."""
    loaded: dict[str, Any] = json.loads((files("adain.bench") / "schema.json").read_text(encoding="utf-8"))
    return loaded


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
