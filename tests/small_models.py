"""Small models of every family, with random weights that give pictures in the middle of [0, 1]."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch
from filelock import FileLock, Timeout
from safetensors.torch import save_file
from torch import nn

from adain import registry
from adain.export.graphs import Options, Written, export
from adain.nn import build
from adain.nn.network import StyleTransfer
from adain.nn.slim import SlimNetwork
from adain.nn.slim_layers import SlimDecoder
from adain.nn.vgg import Decoder
from adain.registry import Architecture, Model, SlimArchitecture, WeightFile
from adain.runtimes.contract import GraphKind

T = TypeVar("T")

WEIGHTS = Path(__file__).resolve().parents[1] / "weights"

ARCHITECTURES: dict[str, Architecture | SlimArchitecture] = {
    "small-adain": Architecture(widths=(6, 8), levels=(2,), encoder_per_level=False, keys="own"),
    "small-wct": Architecture(widths=(6, 8), levels=(2, 1), encoder_per_level=False, keys="own"),
    "small-slim": SlimArchitecture(widths=(4, 6, 8), hidden=8, covariances=(2,)),
    "small-slim-wct": SlimArchitecture(widths=(4, 6, 8), hidden=8, covariances=(4,), passes=2),
}

CONTRAST = {
    "small-adain": 2.0,
    "small-wct": 0.8,
    "small-slim": 0.16,
    "small-slim-wct": 0.13,
}  # of the last layers: pictures spread by 0.2


@dataclass(frozen=True)
class SmallModel:
    """A row as the registry has them, and its one file."""

    row: Model
    file: Path

    @property
    def files(self) -> dict[str, Path]:
        return {"model": self.file}


@dataclass(frozen=True)
class Export:
    """A small model, the directory its graphs are in, and the graphs by kind."""

    model: SmallModel
    directory: Path
    graphs: dict[GraphKind, Written]


class Exports:
    """Exports on demand, each graph made once, whichever test process asks first: tracing one takes seconds.

    Args:
        folder: of all processes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, name: str, options: Options) -> Export:
        """The graphs of one of `ARCHITECTURES`, or of a network that ships, by its name.

        In their directory there may be more than were asked for.
        """
        key = f"{name} {replace(options, kinds=('apply',))}"
        directory = self.folder / hashlib.sha256(key.encode()).hexdigest()[:8]
        directory.mkdir(exist_ok=True)
        small = name in ARCHITECTURES
        model = _once(directory / "model", lambda: make(name, directory)) if small else shipped(name)

        def graph(kind: GraphKind) -> Written:
            network = build.load(model.row, model.files)
            return export(model.row, network, model.files, directory, replace(options, kinds=(kind,)))[-1]

        for kind in options.graphs:
            with suppress(Timeout):  # another process is at it; here it goes on with the next
                _once(directory / kind, partial(graph, kind), wait=0)
        return Export(
            model, directory, {kind: _once(directory / kind, partial(graph, kind)) for kind in options.graphs}
        )


def _once(path: Path, make: Callable[[], T], wait: float = -1) -> T:
    """What `make` made, in this process or another; `wait` at most so many seconds for that one."""
    record = path.with_suffix(".pickle")
    with FileLock(path.with_suffix(".lock"), timeout=wait):
        if not record.exists():
            record.write_bytes(pickle.dumps(make()))
        made: T = pickle.loads(record.read_bytes())
    return made


def make(name: str, folder: Path) -> SmallModel:
    """Write the weights of one of `ARCHITECTURES`, always the same, and return its row."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        part = build.parts(ARCHITECTURES[name])["model"]
        for parameter in part.parameters():
            if parameter.dim() == 4 and parameter.shape[2] > 1:
                nn.init.kaiming_normal_(parameter, nonlinearity="relu")
            elif parameter.dim() == 1:
                nn.init.normal_(parameter, std=0.1)
    with torch.no_grad():
        for last in _last_layers(part):
            last.weight *= CONTRAST[name]
            last.bias.fill_(0.5)
        if isinstance(part, SlimNetwork):
            part.decoder.modulation.out.weight *= 10  # gains and floors that are seen
    file = folder / f"{name}.safetensors"
    save_file(part.state_dict(), file)
    fusion = "wct" if "wct" in name else "adain"
    weights = WeightFile(
        role="model",
        name=file.name,
        url=None,
        bytes=file.stat().st_size,
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        licence="MIT",
    )
    row = Model(
        name=name,
        summary="For tests.",
        fusion=fusion,
        architecture=ARCHITECTURES[name],
        files=(weights,),
        source="made in code",
        paper="none",
        default_alpha=1.0,
    )
    return SmallModel(row, file)


def shipped(name: str) -> SmallModel:
    """A network of `weights/`."""
    row = registry.get(name)
    return SmallModel(row, WEIGHTS / row.files[0].name)


def network(model: SmallModel) -> StyleTransfer:
    """In torch, as a user gets it."""
    return build.load(model.row, model.files)


def _last_layers(part: nn.Module) -> list[nn.Conv2d]:
    decoder = part.get_submodule("decoder") if "decoder" in dict(part.named_children()) else None
    if isinstance(decoder, SlimDecoder):
        return [decoder.to_picture]
    decoders = [module for module in part.children() if isinstance(module, Decoder)]
    found = [decoder.get_submodule("conv1_1") for decoder in decoders]
    return [layer for layer in found if isinstance(layer, nn.Conv2d)]
