"""Compare optimisations over time: ours, crowsonkb/style-transfer-pytorch, and Gatys et al. by L-BFGS.

    git clone https://github.com/crowsonkb/style-transfer-pytorch ../style-transfer-pytorch
    python benchmarks/optimisation.py --pair photo.jpg painting.jpg --peer ../style-transfer-pytorch

All use the same features, VGG-16 of the extra `perceptual`, and the peer's own objective judges all. The peer's code is
its own from the smallest size to the largest; only its network is replaced. Time is the CPU time of the process, which
other programs change less than the time on the clock; loading and judging are not counted. Every method gets the same
time: the numbers of iterations follow from the time of one.

The peer's weights are for torchvision's VGG-19. The activations of this VGG-16 differ between layers by a factor of 80,
so that the content would outweigh all styles. So each layer is scaled to a mean of 1, as in the normalised VGG-19.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any, TypeAlias

import click
import optimisation_plot
import torch
from peers.crowsonkb import Crowsonkb
from PIL import Image
from torch import Tensor

from adain import OptimizeOptions, StyleRequest, Stylizer, images, load
from adain.images import Picture
from adain.optimization import features
from adain.optimization.descent import resized
from adain.optimization.features import Features
from adain.optimization.objective import Target
from adain.optimization.picture import Optimization
from adain.optimization.pictures import sides, tensor
from adain.training.loss_layers import VGG_LAYERS

CPU = torch.device("cpu")
LAYERS = (*VGG_LAYERS, "relu4_2")
FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
POINTS = 12  # of a curve
METHODS = ("ours", "coarse-to-fine", "peer", "default", "gatys")
Curve: TypeAlias = list[tuple[float, float]]


class EnoughTime(Exception):  # noqa: N818
    """The method has had its time."""


@dataclass
class Watch:
    """Judges the pictures of a method over its CPU time.

    Args:
        judge: the peer's objective, of a picture of the content's size.
        content: (1, 3, H, W).
        seconds: of CPU time that the method has.
    """

    judge: Callable[[Tensor], Tensor]
    content: Tensor
    seconds: float
    curve: Curve = field(default_factory=list)
    picture: Tensor | None = None
    _spent: float = 0.0
    _begin: float = field(default_factory=time.process_time)

    def __call__(self, look: Callable[[], Tensor]) -> None:
        """Take a picture, of any size; judge it if it is time to."""
        self._spent += time.process_time() - self._begin
        late = self._spent >= self.seconds
        if late or self._spent >= len(self.curve) * self.seconds / POINTS:
            self._note(look())
        if late:
            raise EnoughTime
        self._begin = time.process_time()

    def last(self, picture: Tensor) -> None:
        """The picture at the end."""
        self._spent += time.process_time() - self._begin
        self._note(picture)

    def _note(self, picture: Tensor) -> None:
        self.picture = resized(picture, self.content).clamp(0, 1)
        with torch.no_grad():
            self.curve.append((round(self._spent, 1), self.judge(self.picture).item()))


@dataclass(frozen=True)
class Pair:
    """A content and a style, scaled, and the peer's objective for them."""

    name: str
    content: Picture
    style: Picture
    judge: Callable[[Tensor], Tensor]

    @classmethod
    def read(cls, content: Path, style: Path, size: int, peer: Crowsonkb) -> Pair:
        """Read the pictures and scale them to a shorter side."""
        both = [images.resize(images.read(each), size) for each in (content, style)]
        judge = peer.objective(*(tensor(each, CPU) for each in both))
        return cls(f"{content.stem}-{style.stem}", both[0], both[1], judge)


class PeersLosses(Optimization):
    """`adain optimize` with the peer's objective in place of its own."""

    def __init__(self, peer: Crowsonkb, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._peer = peer

    def _objective(self, target: Target, tile: int) -> Any:
        return _Slope(self._peer.objective(target.content, target.styles[0]))


@dataclass(frozen=True)
class _Slope:
    objective: Callable[[Tensor], Tensor]

    def draw(self, seed: int) -> None:
        """Nothing is drawn."""

    def __call__(self, picture: Tensor) -> tuple[dict[str, float], Tensor]:
        leaf = picture.detach().requires_grad_()
        total = self.objective(leaf)
        return {"total": total.item()}, torch.autograd.grad(total, leaf)[0]


@dataclass(frozen=True)
class Methods:
    """The methods by name; each reports its pictures to a watch."""

    peer: Crowsonkb
    stylizer: Stylizer
    seconds: float

    def run(self, name: str, pair: Pair) -> Watch:
        """Run a method on a pair."""
        each = _seconds_of_one(pair)
        watch = Watch(pair.judge, tensor(pair.content, CPU), self.seconds)
        try:
            if name == "peer":
                iterations = _affordable(self.seconds / each, _shares(max(pair.content.size), 1.0, first=2.0))
                self.peer.stylize(pair.content.to_pil(), pair.style.to_pil(), iterations, watch)
                return watch
            self._ours(name, pair, self.seconds / each, watch)
        except EnoughTime:
            pass
        return watch

    def _ours(self, name: str, pair: Pair, full: float, watch: Watch) -> None:
        coarsest = 128 if name == "coarse-to-fine" else 0
        shares = _shares(min(pair.content.size), math.sqrt(2)) if coarsest else 1.0
        options = OptimizeOptions(features="vgg16", iterations=_affordable(full, shares), coarsest=coarsest)
        kind: Callable[..., Optimization] = Optimization
        if name in ("ours", "coarse-to-fine"):
            kind = lambda *given, **named: PeersLosses(self.peer, *given, **named)  # noqa: E731
        if name == "gatys":
            options = OptimizeOptions(features="vgg16", preset="gatys")
        request = StyleRequest(style_size=None)
        run = kind(pair.content, [pair.style], options, request=request, model=self.stylizer)
        watch(lambda: run._start(watch.content))
        for _ in run.steps():
            descent = run._descent
            assert descent is not None
            watch(lambda: descent.best)  # noqa: B023
        watch.last(tensor(run.result(), CPU))


def balanced(network: Features, pictures: Sequence[Path]) -> Features:
    """The network with a mean activation of 1 over pictures, in every layer."""
    small = [tensor(images.resize(images.read(each), 128), CPU) for each in pictures]
    with torch.no_grad():
        maps = [network(picture, LAYERS) for picture in small]
    means = {layer: fmean(each[layer].mean().item() for each in maps) for layer in LAYERS}

    def run(picture: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        return {layer: x / means[layer] for layer, x in network.run(picture, layers).items()}

    return replace(network, run=run)


def _seconds_of_one(pair: Pair) -> float:
    """CPU seconds of an iteration at the full size."""
    slope, content = _Slope(pair.judge), tensor(pair.content, CPU)
    slope(content)
    begin = time.process_time()
    slope(content)
    return time.process_time() - begin


def _shares(side: int, growth: float, first: float = 1.0) -> float:
    """Time of all sizes in iterations at the largest one, where a coarser copy takes `growth` times as many."""
    count = len(sides(side, 128))
    shares = [(growth / 2) ** coarser for coarser in range(count)]
    return sum(shares) + (first - 1) * shares[-1]


def _affordable(full: float, shares: float) -> int:
    return max(1, round(full / shares))


def report(curves: Mapping[str, Mapping[str, Curve]]) -> str:
    """Per pair and method: the end, and the CPU seconds to three marks."""
    lines = [
        "| pair | method | first | last | to the fast result's | to the peer's last | to 1.1 x its own last |",
        "|---|---|---|---|---|---|---|",
    ]
    for pair, of_pair in curves.items():
        fast, peer = of_pair["ours"][0][1], of_pair["peer"][-1][1]
        for method, curve in of_pair.items():
            own = curve[-1][1]
            marks = [_first(curve, mark) for mark in (fast, peer, 1.1 * own)]
            cells = [pair, method, f"{curve[0][1]:.4f}", f"{own:.4f} ({curve[-1][0]:.0f} s)", *marks]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _first(curve: Sequence[tuple[float, float]], mark: float) -> str:
    found = next((seconds for seconds, value in curve if value <= mark), None)
    return "never" if found is None else f"{found:.0f} s"


@click.command()
@click.option("--pair", "pairs", type=(FILE, FILE), multiple=True, required=True, help="Content and style; repeatable.")
@click.option("--peer", type=click.Path(path_type=Path, file_okay=False, exists=True), required=True)
@click.option("--method", "methods", type=click.Choice(METHODS), multiple=True, default=METHODS, show_default=True)
@click.option("--size", default=512, show_default=True, help="Shorter side of all pictures, in pixels.")
@click.option("--seconds", default=300.0, show_default=True, help="CPU time of each method and pair.")
@click.option("--threads", default=0, help="Of torch; 0: its own choice.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/optimisation"), show_default=True)
def main(
    pairs: Sequence[tuple[Path, Path]],
    peer: Path,
    methods: Sequence[str],
    size: int,
    seconds: float,
    threads: int,
    out: Path,
) -> None:
    """Write curves.json, and the last picture of each method in a folder of its name.

    Methods that are in curves.json are left as they are. Pairs with `ours` and `peer` come into curves.md and
    curves.png.
    """
    if threads:
        torch.set_num_threads(threads)
    network = balanced(features.load("vgg16", device=CPU), [picture for pair in pairs for picture in pair])
    crowsonkb = Crowsonkb(peer, network)
    entrants = Methods(crowsonkb, load(device="cpu"), seconds)
    file = out / "curves.json"
    curves: dict[str, dict[str, Curve]] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    for content, style in pairs:
        pair = Pair.read(content, style, size, crowsonkb)
        for name in methods:
            if name in curves.get(pair.name, {}):
                continue
            watch = entrants.run(name, pair)
            curves.setdefault(pair.name, {})[name] = watch.curve
            click.echo(f"{pair.name} {name}: {watch.curve}")
            _save(watch, out / name, pair.name)
            file.write_text(json.dumps(curves), encoding="utf-8")
    whole = {name: of_pair for name, of_pair in curves.items() if {"peer", "ours"} <= of_pair.keys()}
    if whole:
        (out / "curves.md").write_text(report(whole), encoding="utf-8")
        click.echo(report(whole))
        optimisation_plot.draw(whole, out / "curves.png")


def _save(watch: Watch, folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    assert watch.picture is not None
    rgb = images.from_tensor(watch.picture.numpy())
    Image.fromarray(rgb).save(folder / f"{name}.png")


if __name__ == "__main__":
    main()
