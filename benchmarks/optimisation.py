"""Compare optimisations over time: ours, crowsonkb/style-transfer-pytorch, and Gatys et al. by L-BFGS.

    git clone https://github.com/crowsonkb/style-transfer-pytorch ../style-transfer-pytorch
    python benchmarks/optimisation.py photo.jpg painting.jpg --peer ../style-transfer-pytorch

All use the same features, VGG-16 of the extra `perceptual`, at one size, and the peer's own objective judges all. The
peer's losses, Adam and average are its own code; its network is replaced. Time is the CPU time of the process, which
other programs change less than the time on the clock; the judging is not counted.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import torch
from peers.checkout import modules_of
from PIL import Image
from torch import Tensor

from adain import OptimizeOptions, StyleRequest, images
from adain.optimization import features
from adain.optimization.picture import Optimization
from adain.optimization.pictures import tensor
from adain.training.loss_layers import VGG_LAYERS

CONTENT = "relu4_2"
LAYER_WEIGHTS = (256, 64, 16, 4, 1)  # the peer's; they sum to 341
CPU = torch.device("cpu")
FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
OURS = {"covariance": 1.0, "content": 0.25, "content_cosine": 0.0, "sliced": 0.0, "total_variation": 0.1}


@dataclass(frozen=True)
class Duel:
    """Content and style as tensors, and the peer's objective of a picture."""

    content: Tensor
    objective: Callable[[Tensor], Tensor]
    peer: Any

    @classmethod
    def of(cls, content: Tensor, style: Tensor, checkout: Path) -> Duel:
        """Build the peer's objective from its own losses and weights."""
        with modules_of(checkout):
            from style_transfer import style_transfer as peer
        network = features.load("vgg16", device=CPU)
        with torch.no_grad():
            of_content = peer.ContentLossMSE(network(content, (CONTENT,))[CONTENT][0])
            maps = network(style, VGG_LAYERS)
            of_style = [peer.StyleLossW2(peer.StyleLossW2.get_target(maps[layer][0])) for layer in VGG_LAYERS]
        smooth = peer.TVLoss()

        def objective(picture: Tensor) -> Tensor:
            found = network(picture, (*VGG_LAYERS, CONTENT))
            weighed = zip(LAYER_WEIGHTS, of_style, VGG_LAYERS, strict=True)
            styles = sum(weight / sum(LAYER_WEIGHTS) * loss(found[layer][0]) for weight, loss, layer in weighed)
            total: Tensor = 0.015 * of_content(found[CONTENT][0]) + styles + 2 * smooth(picture)
            return total

        return cls(content, objective, peer)

    def theirs(self, iterations: int) -> Iterator[Tensor]:
        """The peer's Adam and average, from the content."""
        picture = self.content.clone().requires_grad_()
        optimizer = torch.optim.Adam([picture], lr=0.02, betas=(0.9, 0.99))
        average = self.peer.EMA(picture.detach(), 0.99)
        yield self.content
        for _ in range(iterations):
            optimizer.zero_grad()
            self.objective(picture).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            with torch.no_grad():
                picture.clamp_(0, 1)
            average.update(picture.detach())
            yield average.get()


def ours(content: Path, style: Path, size: int, options: OptimizeOptions) -> Iterator[Tensor]:
    """The best picture after each iteration of `adain optimize`."""
    run = Optimization(content, [style], options, request=StyleRequest(size=size, style_size=None))
    steps = run.steps()
    first = run._start(tensor(run._pictures.content, CPU))
    yield first
    for _ in steps:
        assert run._descent is not None
        yield run._descent.best


def curve(name: str, pictures: Iterator[Tensor], duel: Duel, every: int, out: Path) -> list[tuple[float, float]]:
    """The peer's objective over CPU seconds; writes the last picture."""
    found, spent, picture, index = [], 0.0, None, 0
    begin = time.process_time()
    for index, picture in enumerate(pictures):
        spent += time.process_time() - begin
        if index % every == 0:
            with torch.no_grad():
                found.append((round(spent, 2), duel.objective(picture.clamp(0, 1)).item()))
            click.echo(f"{name:>8} {index:5} {found[-1][0]:8.1f} s  {found[-1][1]:.4f}")
        begin = time.process_time()
    assert picture is not None
    rgb = images.from_tensor(picture.clamp(0, 1).numpy())
    Image.fromarray(rgb).save(out / f"{name}.png")
    return found


@click.command()
@click.argument("content", type=FILE)
@click.argument("style", type=FILE)
@click.option("--peer", type=click.Path(path_type=Path, file_okay=False, exists=True), required=True)
@click.option("--size", default=512, show_default=True, help="Shorter side of both pictures, in pixels.")
@click.option("--iterations", default=200, show_default=True, help="Of the peer; ours take half of them.")
@click.option("--every", default=5, show_default=True, help="Iterations between two judgements.")
@click.option("--threads", default=0, help="Of torch; 0: its own choice.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/optimisation"), show_default=True)
def main(
    content: Path, style: Path, peer: Path, size: int, iterations: int, every: int, threads: int, out: Path
) -> None:
    """Write curves.json and the last pictures."""
    if threads:
        torch.set_num_threads(threads)
    out.mkdir(parents=True, exist_ok=True)
    both = [tensor(images.resize(images.read(each), size), CPU) for each in (content, style)]
    duel = Duel.of(*both, peer)
    half = iterations // 2
    like_theirs = OptimizeOptions(features="vgg16", losses=OURS, iterations=half, coarsest=0)
    runs = {
        "ours": ours(content, style, size, like_theirs),
        "default": ours(content, style, size, OptimizeOptions(features="vgg16", iterations=half, coarsest=0)),
        "theirs": duel.theirs(iterations),
        "gatys": ours(content, style, size, OptimizeOptions(features="vgg16", preset="gatys", iterations=half)),
    }
    curves = {name: curve(name, pictures, duel, every, out) for name, pictures in runs.items()}
    (out / "curves.json").write_text(json.dumps(curves, indent=1), encoding="utf-8")
    least = min(value for _, value in curves["theirs"])
    for name, points in curves.items():
        reached = next((seconds for seconds, value in points if value <= least), None)
        click.echo(f"{name}: the peer's best, {least:.4f}, after {reached} CPU seconds")


if __name__ == "__main__":
    main()
