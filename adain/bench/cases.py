"""What is measured: one model, on one backend, at one size, with one number of threads, in one precision."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from adain.runtimes.table import RUNTIMES

__all__ = ["BACKENDS", "PRECISIONS", "Case", "cores", "product"]

BACKENDS: tuple[str, ...] = tuple(RUNTIMES)
PRECISIONS: dict[str, tuple[str, ...]] = {
    **{name: runtime.precisions for name, runtime in RUNTIMES.items()},
    "torch": ("fp32", "fp16", "bf16"),  # the last two by autocast, which only this benchmark has
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row of the result.

    Attributes:
        model: as `adain.load` takes it: a name, or the path of the user's own.
        backend: what runs it.
        precision: of the convolutions.
        width: of the content, in pixels.
        height: of the content, in pixels.
        style_size: of the square style, in pixels.
        threads: of the process.
        device: `cpu`, `cuda` and so on.
        runs: timed runs of each step, after one that is not timed.
        seconds: time after which a step's runs stop early, at least three having been made.
    """

    model: str
    backend: str
    precision: str
    width: int
    height: int
    style_size: int = 512
    threads: int = 1
    device: str = "cpu"
    runs: int = 20
    seconds: float = 60.0

    @property
    def megapixels(self) -> float:
        """Millions of pixels of the content."""
        return self.width * self.height / 1e6

    @property
    def size(self) -> str:
        """As the command line takes it: `512x512`."""
        return f"{self.width}x{self.height}"

    def __str__(self) -> str:
        return f"{self.model} {self.backend} {self.precision} {self.size} threads {self.threads} {self.device}"

    def to_json(self) -> dict[str, Any]:
        """Its attributes."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Case:
        """What `to_json` returned."""
        return cls(**{field.name: values[field.name] for field in fields(cls)})


def product(
    models: Iterable[str],
    backends: Sequence[str],
    precisions: Sequence[str],
    sizes: Sequence[tuple[int, int]],
    threads: Sequence[int],
    **options: Any,
) -> list[Case]:
    """Every combination that can exist, small pictures first: what is interrupted has something to show.

    Args:
        models: names of the registry, or paths of the user's own.
        backends: what runs them.
        precisions: those a backend has not are left out.
        sizes: width and height each.
        threads: numbers of threads.
        options: the other attributes of a `Case`.
    """
    return list(
        _product(models, backends, precisions, sorted(sizes, key=lambda size: size[0] * size[1]), threads, options)
    )


def _product(
    models: Iterable[str],
    backends: Sequence[str],
    precisions: Sequence[str],
    sizes: Sequence[tuple[int, int]],
    threads: Sequence[int],
    options: dict[str, Any],
) -> Iterator[Case]:
    names = list(models)
    for (width, height), name, backend, precision, count in itertools.product(
        sizes, names, backends, precisions, threads
    ):
        if precision in PRECISIONS[backend]:
            yield Case(
                model=name,
                backend=backend,
                precision=precision,
                width=width,
                height=height,
                threads=count,
                **options,
            )


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
