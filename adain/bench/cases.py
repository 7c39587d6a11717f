"""The cases of a benchmark. A case is one model, backend, size, number of threads, precision and device."""

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
    "torch": ("fp32", "fp16", "bf16"),  # the last two by autocast, which only the benchmark uses
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One case, which becomes one row of the result.

    Attributes:
        model: as for `adain.load`: a name, or the path of the user's own model.
        backend: the runtime.
        precision: of the convolutions.
        width: of the content, in pixels.
        height: of the content, in pixels.
        style_size: of the square style, in pixels.
        threads: of the process.
        device: `cpu`, `cuda` and so on.
        runs: timed runs of each step, after one run that is not timed.
        seconds: time limit for a step's runs; at least three are made in any case.
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
        """The size as on the command line: `512x512`."""
        return f"{self.width}x{self.height}"

    def __str__(self) -> str:
        return f"{self.model} {self.backend} {self.precision} {self.size} threads {self.threads} {self.device}"

    def to_json(self) -> dict[str, Any]:
        """The attributes as a dict."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Case:
        """Read the result of `to_json`."""
        return cls(**{field.name: values[field.name] for field in fields(cls)})


def product(
    models: Iterable[str],
    backends: Sequence[str],
    precisions: Sequence[str],
    sizes: Sequence[tuple[int, int]],
    threads: Sequence[int],
    **options: Any,
) -> list[Case]:
    """Every possible combination, small pictures first, so that an interrupted run has results.

    Args:
        models: names from the registry, or paths of the user's own models.
        backends: the runtimes.
        precisions: left out for backends that do not have them.
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
    """The number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
