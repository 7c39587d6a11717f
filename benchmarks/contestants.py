"""Who races: this package's models and peers, each in a process of its own that waits for its turn."""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

import click
import numpy as np
from numpy.typing import NDArray

from adain import registry
from adain.bench.pictures import picture
from adain.bench.runner import surroundings
from adain.bench.statistics import median
from adain.bench.timing import once

PEERS = ("pytorch-adain", "microast", "collab-distill")
RANDOM_TOO = "adain-vgg19"  # the model that is pytorch-AdaIN's function, and takes its random weights as well


class Stylizing(Protocol):
    """As the adapters in `peers/` have it: uint8 (H, W, 3) in and out."""

    weights: str
    alpha: float

    def encode(self, style: NDArray[np.uint8]) -> Any:
        """What it needs of a style."""

    def stylize(self, content: NDArray[np.uint8], code: Any, alpha: float) -> NDArray[np.uint8]:
        """The content in that style."""


@dataclass(frozen=True)
class Entry:
    """A contestant before it is loaded.

    Attributes:
        name: what the report calls it.
        checkout: of a peer; None for a model of this package.
        backend: `onnx` or `torch`, of a model of this package.
        precision: of its graphs.
        spare: a folder for random weights where there are no others.
        weights_dir: where this package's weights and graphs are.
        random_from: the checkout whose random weights `adain-vgg19` takes where its own are missing.
    """

    name: str
    spare: Path
    checkout: Path | None = None
    backend: str = "onnx"
    precision: str = "fp32"
    weights_dir: Path | None = None
    random_from: Path | None = None

    @property
    def label(self) -> str:
        """Unlike any other's."""
        return self.name if self.checkout else f"{self.name} {self.backend} {self.precision}"

    def open(self) -> Stylizing:
        """Load it."""
        if self.checkout is None:
            return Ours(self)
        if self.name == "pytorch-adain":
            from peers.pytorch_adain import PytorchAdaIN

            return PytorchAdaIN(self.name, self.checkout, self.spare)
        from peers.collab_distill import CollabDistill
        from peers.microast import MicroAST

        kind = {"microast": MicroAST, "collab-distill": CollabDistill}[self.name]
        return kind(self.name, self.checkout)


class Ours:
    """A model of this package, as a user gets it."""

    def __init__(self, entry: Entry) -> None:
        from adain import load
        from adain.errors import WeightsError

        directory = entry.weights_dir
        if directory and entry.backend == "onnx" and (directory / entry.precision).is_dir():
            directory /= entry.precision
        self.weights = "its own"
        try:
            self.stylizer = load(entry.name, device="cpu", backend=entry.backend, weights_dir=directory)  # type: ignore[arg-type]
        except WeightsError:
            if entry.name != RANDOM_TOO or entry.random_from is None:
                raise
            self.stylizer, self.weights = _with_random_weights(entry), "random"
        if entry.backend == "onnx":
            found = self.stylizer.backend._level.info.precision  # type: ignore[attr-defined]
            if found != entry.precision:
                raise click.ClickException(f"the graphs of {entry.name} are {found}, not {entry.precision}")
        self.alpha = self.stylizer.model.default_alpha

    def encode(self, style: NDArray[np.uint8]) -> Any:
        """The style code, at the style's own size."""
        return self.stylizer.encode_style(style, size=None)

    def stylize(self, content: NDArray[np.uint8], code: Any, alpha: float) -> NDArray[np.uint8]:
        """As a user gets it."""
        return np.asarray(self.stylizer(content, code, alpha=alpha))


def _with_random_weights(entry: Entry) -> Any:
    """`adain-vgg19` with the very weights that pytorch-AdaIN runs with, so that both must give one picture."""
    from peers.checkout import digest
    from peers.pytorch_adain import FILES, weights_of

    from adain.nn.build import load
    from adain.runtimes.torch_backend import TorchBackend
    from adain.stylizer import Stylizer

    assert entry.random_from is not None
    folder = weights_of(entry.random_from, entry.spare)
    files = dict(zip(("encoder", "decoder"), (folder / name for name in FILES), strict=True))
    row = registry.get(entry.name)
    pinned = [dataclasses.replace(f, bytes=None, sha256=digest([files[f.role]])) for f in row.files]
    row = dataclasses.replace(row, files=tuple(pinned))
    if entry.backend == "torch":
        return Stylizer(row, TorchBackend(row, files, "cpu"))
    from adain.export.graphs import Options, export
    from adain.runtimes.graph_files import GraphFiles
    from adain.runtimes.ort_session import OrtBackend

    calibration = [picture(256, 256, seed) for seed in range(4)] if entry.precision == "int8" else []
    options = Options(
        precision=entry.precision,  # type: ignore[arg-type]  # click checked it
        calibration=calibration,
        kinds=("encode_style", "level"),
        winograd=entry.precision == "fp32",
    )
    target = entry.spare / entry.precision
    written = {each.info.graph: each.path for each in export(row, load(row, files), files, target, options)}
    return Stylizer(row, OrtBackend(row, GraphFiles(written["encode_style"], written["level"], False), "cpu"))


class Contestant:
    """A process that loads an entry and then does what it is told, one thing at a time.

    Processes, because in one the runtimes' thread pools would spin against each other.
    """

    def __init__(self, entry: Entry, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.name = entry.label
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, entry, threads), daemon=True)
        before = dict(os.environ)
        os.environ.update(surroundings(threads, before))
        try:
            self._process.start()
        finally:
            os.environ.clear()
            os.environ.update(before)
        self.weights: str = self._answer()

    def prepare(self, width: int, height: int, style_size: int) -> None:
        """Make the pictures, and do everything once."""
        self._ask("prepare", width, height, style_size)

    def turn(self, step: str, times: int) -> float:
        """Milliseconds of a step: the median of so many calls, after one that is not timed."""
        return float(self._ask("turn", step, times))

    def picture(self) -> NDArray[np.uint8]:
        """The stylized picture of the last size."""
        found: NDArray[np.uint8] = self._ask("picture")
        return found

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.join()

    def _ask(self, *question: Any) -> Any:
        self._connection.send(question)
        return self._answer()

    def _answer(self) -> Any:
        try:
            answer = self._connection.recv()
        except EOFError:
            raise click.ClickException(f"the process of {self.name} died; memory may be short") from None
        if isinstance(answer, Exception):
            raise click.ClickException(f"{self.name}: {answer}")
        return answer


@contextlib.contextmanager
def contestants(entries: Sequence[Entry], threads: int) -> Iterator[list[Contestant]]:
    """Those entries' processes, in their order, which end with the block."""
    with contextlib.ExitStack() as closing:
        started = []
        for entry in entries:
            started.append(Contestant(entry, threads))
            closing.callback(started[-1].close)
        yield started


class Runner:
    """What a contestant's process holds."""

    def __init__(self, stylizing: Stylizing) -> None:
        self._stylizing = stylizing

    def prepare(self, width: int, height: int, style_size: int) -> None:
        """See `Contestant.prepare`; the pictures are the same in every process."""
        self._content, self._style = picture(width, height, 0), picture(style_size, style_size, 1)
        self.encode()
        self.stylize()

    def encode(self) -> None:
        """Style to code."""
        self._code = self._stylizing.encode(self._style)

    def stylize(self) -> None:
        """Content and cached code to picture."""
        self._stylized = self._stylizing.stylize(self._content, self._code, self._stylizing.alpha)

    def both(self) -> None:
        """Content and style to picture."""
        self.encode()
        self.stylize()

    def turn(self, step: str, times: int) -> float:
        """See `Contestant.turn`; what is first wakes threads and fills caches that the others had."""
        function: Callable[[], None] = getattr(self, step)
        function()
        return median([once(function)[1] for _ in range(times)])

    def picture(self) -> NDArray[np.uint8]:
        """See `Contestant.picture`."""
        return self._stylized


def _serve(connection: Connection, entry: Entry, threads: int) -> None:
    try:
        import torch

        torch.set_num_threads(threads)
        stylizing = entry.open()
        runner = Runner(stylizing)
        connection.send(stylizing.weights)
        while True:
            name, *arguments = connection.recv()
            connection.send(getattr(runner, name)(*arguments))
    except (KeyboardInterrupt, EOFError):
        return
    except Exception as error:  # told to the one who asked, who ends this process
        connection.send(RuntimeError(f"{type(error).__name__}: {error}"))
