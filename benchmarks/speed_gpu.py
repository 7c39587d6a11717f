"""What a network can do on a GPU: pictures that are on the card already, ways to run it, peers, and the card's memory.

    python benchmarks/speed_gpu.py --model adain-slim --peer microast=../MicroAST --peer pytorch-adain=../pytorch-AdaIN

`adain bench --device cuda` measures what a user gets from uint8 to uint8, copies to the card and back included. A
renderer, or a film that is decoded there, has its pictures on the card, and this is for them. How it is measured, and
how to read it: `benchmarks/SPEED.md`.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from peers.checkout import to_tensor
from peers.microast import MicroAST
from peers.pytorch_adain import RANDOM, PytorchAdaIN
from torch import Tensor, nn
from turns import play, ratio

from adain import load, registry
from adain.atomic import write_text
from adain.bench.machine import describe
from adain.bench.pictures import picture
from adain.bench.statistics import median, percentile
from adain.cli.inputs import parse_size
from adain.errors import AdainError
from adain.nn.network import StyleTransfer
from adain.runtimes import graph_files as files
from adain.runtimes.contract import GraphInfo, flatten
from adain.runtimes.ort_import import onnxruntime
from adain.runtimes.torch_backend import TorchBackend, choose_device

FORMAT = 1
PEERS = ("pytorch-adain", "microast")
STYLE_SIDE = 512
COPIED = 2**29  # bytes, well beyond any cache

Picture = Callable[[Tensor], Tensor]
Ways = Iterator[tuple[str, Picture]]
Peer = PytorchAdaIN | MicroAST


@dataclass(frozen=True)
class Way:
    """One way to run one network on one picture; see `turns.Player`."""

    name: str
    apply: Picture
    content: Tensor

    def __call__(self) -> Tensor:
        """The stylized picture; in a CUDA graph it is overwritten by the next."""
        with torch.inference_mode():
            return self.apply(self.content)

    def turn(self, step: str, times: int) -> float:
        """Milliseconds a picture, of so many in a row."""
        self()
        _wait(self.content.device)
        start = time.perf_counter()
        for _ in range(times):
            self()
        _wait(self.content.device)
        return (time.perf_counter() - start) * 1e3 / times


def ours(name: str, device: torch.device, *, compiled: bool) -> Ways:
    """A model as `adain.load` gives it, in half precision, and compiled."""
    network, code = _prepared(name, device)
    alpha = registry.get(name).default_alpha
    yield f"{name}, fp32", lambda content: network(content, code, alpha)
    lower = copy.deepcopy(network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    yield f"{name}, {_lower(device)}", _in_half(lambda content: lower(content, code, alpha), device)
    if compiled:
        graph = torch.compile(lower, mode="reduce-overhead", dynamic=False)
        yield f"{name}, {_lower(device)} compiled", _in_half(lambda content: graph(content, code, alpha), device)


def in_onnxruntime(name: str, folder: Path | None, device: torch.device) -> tuple[str, Picture]:
    """A model's graph, which reads and writes the card's memory where torch has it."""
    row = registry.get(name)
    graphs = files.locate(row, folder)
    if graphs is None:
        raise click.ClickException(f"no graphs of {name} in {folder or 'the package'}; `adain export` writes them")
    index = device.index or 0
    options = {"device_id": str(index), "use_tf32": "0"}  # the package's, but that all kernels are tried
    providers = ["CPUExecutionProvider"] if device.type == "cpu" else [("CUDAExecutionProvider", options)]
    session = onnxruntime.InferenceSession(graphs.level, providers=providers)
    if device.type == "cuda" and "CUDAExecutionProvider" not in session.get_providers():
        raise click.ClickException(f"onnxruntime took {session.get_providers()} instead of CUDA")
    info = GraphInfo.from_metadata(session.get_modelmeta().custom_metadata_map, str(graphs.level))
    style = {key: array[0].cpu().numpy() for key, array in _prepared(name, device)[1].items()}
    code = flatten(style, info.code_layout)[None, None]
    binding = session.io_binding()
    alpha = np.full((1, 1), row.default_alpha, np.float32)
    for key, array in {"codes": code, "weights": np.ones((1, 1), np.float32), "alpha": alpha}.items():
        binding.bind_ortvalue_input(key, onnxruntime.OrtValue.ortvalue_from_numpy(array, device.type, index))

    def apply(content: Tensor) -> Tensor:
        stylized = torch.empty_like(content)
        place = device.type, index, np.float32, tuple(content.shape)
        binding.bind_input("content", *place, content.data_ptr())
        binding.bind_output("stylized", *place, stylized.data_ptr())
        session.run_with_iobinding(binding)
        return stylized

    return f"{name}, {info.precision} onnxruntime", apply


def theirs(peer: Peer, device: torch.device) -> Ways:
    """A peer's own networks and steps, as they are and in half precision."""
    for network in peer.networks:
        network.to(device)
    with torch.inference_mode():
        code = peer.features(_style(device))
    yield f"{peer.name}, fp32", lambda content: peer.picture(content, code, peer.alpha)
    lower = copy.deepcopy(peer)
    for network in lower.networks:
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    yield f"{peer.name}, {_lower(device)}", _in_half(lambda content: lower.picture(content, code, lower.alpha), device)


def _prepared(name: str, device: torch.device) -> tuple[StyleTransfer, dict[str, Tensor]]:
    """A model's network on the device, and the code of a style."""
    backend = load(name, device=str(device), backend="torch").backend
    assert isinstance(backend, TorchBackend)
    with torch.inference_mode():
        return backend.network, backend.network.encode_style(_style(device))


def _style(device: torch.device) -> Tensor:
    return to_tensor(picture(STYLE_SIDE, STYLE_SIDE, 1)).contiguous().to(device)


def _lower(device: torch.device) -> str:
    return "fp16" if device.type == "cuda" else "bf16"


def _in_half(apply: Picture, device: torch.device) -> Picture:
    dtype = torch.float16 if device.type == "cuda" else torch.bfloat16

    def lower(content: Tensor) -> Tensor:
        with torch.autocast(device.type, dtype):
            return apply(content.contiguous(memory_format=torch.channels_last))

    return lower


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def moved(name: str, device: torch.device, content: Tensor) -> int:
    """Bytes that half precision cannot but move: each convolution reads its map once and writes its own once."""
    network, code = _prepared(name, device)
    total = 0

    def count(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        total += 2 * (inputs[0].numel() + output.numel())

    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    with torch.inference_mode():
        network(content, code, 1.0)
    return total


def bandwidth(device: torch.device) -> float:
    """Bytes a second that the card's memory reads and writes, of a large copy."""
    source = torch.zeros(COPIED, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    way = Way("copy", target.copy_, source)
    return 2 * COPIED / (median([way.turn("copy", 10) for _ in range(5)]) / 1e3)


def difference(pictures: Sequence[Tensor]) -> tuple[float, float]:
    """How far the second is from the first, of 255: the mean and the largest."""
    one, other = (each.float().clamp(0, 1) * 255 for each in pictures)
    apart = (one - other).abs()
    return float(apart.mean()), float(apart.max())


def measure(
    networks: Sequence[Sequence[tuple[str, Picture]]], content: Tensor, rounds: int, times: int
) -> dict[str, dict[str, Any]]:
    """Each way's milliseconds in each round, and how far its picture is from the network's first way's."""
    rows: dict[str, dict[str, Any]] = {}
    players = []
    for ways in networks:
        first: Tensor | None = None
        for name, apply in ways:
            way = Way(name, apply, content)
            for _ in range(3):  # compiles, and records graphs
                stylized = way().clone()
            first = stylized if first is None else first
            mean, largest = difference([first, stylized])
            rows[name] = {"difference": {"mean": mean, "largest": largest}}
            players.append(way)
    taken = play(players, "stylize", rounds=rounds, times=times, rest=0)
    for name, milliseconds in taken.items():
        rows[name]["milliseconds"] = milliseconds
    return rows


def report(document: dict[str, Any]) -> str:
    """As Markdown."""
    lines = [
        "# Speed on a GPU",
        "",
        f"{document['card']}, torch {document['machine']['versions']['torch']}; "
        f"its memory moves {document['bandwidth'] / 1e12:.2f} TB a second. "
        f"Pictures are on the card before and after, the style is cached; {document['rounds']} rounds in turns.",
        "",
        "| size | network | ms, median (p95) | a second | of the memory's floor | off its fp32, of 255: mean (most) |",
        "|---|---|---|---|---|---|",
    ]
    fastest = document["fastest"]
    ratios = ["", f"| size | peer | times as long as {fastest}: median (5 % to 95 %) |", "|---|---|---|"]
    for size, found in document["sizes"].items():
        floors = {name: bytes_ / document["bandwidth"] * 1e3 for name, bytes_ in found["moved"].items()}
        for name, row in found["ways"].items():
            taken = row["milliseconds"]
            floor = floors.get(name.partition(",")[0])
            times = "" if floor is None else f"{median(taken) / floor:.1f} x {floor:.2f} ms"
            off = f"{row['difference']['mean']:.2f} ({row['difference']['largest']:.0f})"
            speed = f"{median(taken):.2f} ({percentile(taken, 95):.2f}) | {1e3 / median(taken):.0f}"
            lines.append(f"| {size} | {name} | {speed} | {times} | {off} |")
            if name.partition(",")[0] in PEERS:
                ratios.append(f"| {size} | {name} | {ratio(taken, found['ways'][fastest]['milliseconds'])} |")
    lines += ratios
    if document["random"]:
        lines += ["", f"With random weights of the exact shape: {', '.join(document['random'])}."]
    return "\n".join(lines) + "\n"


@click.command()
@click.option("--model", "models", multiple=True, required=True, help="May be repeated; peers race the first.")
@click.option("--peer", "peers", multiple=True, metavar="NAME=CHECKOUT", help=f"{' or '.join(PEERS)}; may be repeated.")
@click.option(
    "--graphs",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Of `adain export`, in onnxruntime beside those that ship; may be repeated.",
)
@click.option("--sizes", default="512,1920x1080,4096x2160", show_default=True)
@click.option("--device", default="cuda", show_default=True)
@click.option("--compile/--no-compile", "compiled", default=True, show_default=True)
@click.option("--rounds", default=15, show_default=True, type=click.IntRange(1))
@click.option("--times", default=20, show_default=True, type=click.IntRange(1), help="Pictures in a turn.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("runs/speed-gpu"), show_default=True)
def main(
    models: tuple[str, ...],
    peers: tuple[str, ...],
    graphs: tuple[Path, ...],
    sizes: str,
    device: str,
    compiled: bool,
    rounds: int,
    times: int,
    output: Path,
) -> None:
    """Measure networks on a GPU."""
    try:
        on = choose_device(device)
        asked = sorted(map(parse_size, sizes.split(",")), key=lambda size: size[0] * size[1])
        checkouts = [_checkout(argument) for argument in peers]
        for model in models:
            registry.get(model)
        output.mkdir(parents=True, exist_ok=True)
        others = [_peer(name, checkout, output / "random-weights") for name, checkout in checkouts]
        networks = [
            [*ours(model, on, compiled=compiled), *(in_onnxruntime(model, folder, on) for folder in (None, *graphs))]
            for model in models
        ]
        networks += [list(theirs(peer, on)) for peer in others]
        machine = describe()
        document: dict[str, Any] = {
            "format": FORMAT,
            "machine": machine,
            "card": torch.cuda.get_device_name(on) if on.type == "cuda" else machine["processor"],
            "bandwidth": bandwidth(on),
            "rounds": rounds,
            "fastest": f"{models[0]}, {_lower(on)}{' compiled' if compiled else ''}",
            "random": [peer.name for peer in others if peer.weights == RANDOM],
            "sizes": {},
        }
        for width, height in asked:
            content = to_tensor(picture(width, height, 0)).contiguous().to(on)
            document["sizes"][f"{width}x{height}"] = {
                "moved": {model: moved(model, on, content) for model in models},
                "ways": measure(networks, content, rounds, times),
            }
            write_text(output / "gpu.json", json.dumps(document, indent=1) + "\n")
            write_text(output / "gpu.md", report(document))
        click.echo(report(document))
    except AdainError as error:
        raise click.ClickException(str(error)) from error


def _checkout(argument: str) -> tuple[str, Path]:
    name, _, checkout = argument.partition("=")
    if name not in PEERS or not checkout:
        raise click.BadParameter(f"expected NAME=CHECKOUT with NAME {' or '.join(PEERS)}, got {argument!r}")
    return name, Path(checkout).absolute()


def _peer(name: str, checkout: Path, spare: Path) -> Peer:
    return PytorchAdaIN(name, checkout, spare) if name == "pytorch-adain" else MicroAST(name, checkout)


if __name__ == "__main__":
    main()
