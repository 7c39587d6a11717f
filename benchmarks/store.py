"""What was measured, kept on disk as soon as it is: an interrupted run and a next one lose nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from candidates import Candidate
from exhibits import Pair
from numpy.typing import NDArray
from PIL import Image

FORMAT = 7  # raised when the metrics change: older measurements are made again, from the kept pictures


class Store:
    """One candidate's results: a picture per pair and alpha, and a line of JSON for each that was measured.

    Args:
        folder: the cache of all candidates.
        candidate: whose results these are; other weights are another subfolder.
    """

    def __init__(self, folder: Path, candidate: Candidate) -> None:
        self.folder = folder / f"{candidate.name.replace(' ', '-')}-{candidate.weights[:12]}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._file = self.folder / "measurements.jsonl"
        self._rows = {row["key"]: row for row in self._read() if row["format"] == FORMAT}

    def get(self, pair: Pair, alpha: float) -> dict[str, float] | None:
        """What was measured for a pair, or None."""
        row = self._rows.get(_key(pair, alpha))
        return None if row is None else row["measured"]

    def put(self, pair: Pair, alpha: float, measured: Mapping[str, float]) -> None:
        """Keep a measurement."""
        names = {"content": pair.content.name, "style": pair.style.name, "alpha": alpha}
        row = {"key": _key(pair, alpha), "format": FORMAT, **names, "measured": measured}
        with self._file.open("a") as file:
            file.write(json.dumps(row) + "\n")
        self._rows[_key(pair, alpha)] = row

    def picture(self, pair: Pair, alpha: float) -> Path:
        """Where the stylized picture of a pair lies, if it was made."""
        return self.folder / f"{pair.content.name}--{pair.style.name}-{_key(pair, alpha)[:8]}.png"

    def read_picture(self, pair: Pair, alpha: float) -> NDArray[np.uint8] | None:
        """The stylized picture of a pair, or None; other metrics then need no other stylization."""
        path = self.picture(pair, alpha)
        if not path.is_file():
            return None
        with Image.open(path) as picture:
            return np.array(picture)

    def put_picture(self, pair: Pair, alpha: float, rgb: NDArray[np.uint8]) -> None:
        """Keep a stylized picture."""
        path = self.picture(pair, alpha)
        beside = path.with_suffix(".part")
        Image.fromarray(rgb).save(beside, format="png", compress_level=1)
        beside.replace(path)

    def _read(self) -> Iterator[dict[str, Any]]:
        lines = self._file.read_text().splitlines() if self._file.is_file() else []
        for line in lines:
            try:
                yield json.loads(line)
            except json.JSONDecodeError:  # the line a killed run was writing
                continue


def _key(pair: Pair, alpha: float) -> str:
    text = f"{pair.content.digest} {pair.style.digest} {alpha:.4f}"
    return hashlib.sha256(text.encode()).hexdigest()
