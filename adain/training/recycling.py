"""Dormant units of a small network, drawn anew (ReDo: Sokar et al. 2023, arXiv 2302.12902).

A ReLU that is zero for every picture has no gradient and stays so. Nothing tells: the losses go on falling while a
network works with a part of what it costs. So units that are hardly ever active are given new incoming weights, scaled
so that half of what they see activates them, and outgoing weights of zero, so that the network's function hardly
changes and the new units are used as they prove useful.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from adain.nn.slim import SlimNetwork
from adain.nn.slim_layers import SCALES, Modulation

__all__ = ["recycle"]

Layer = nn.Conv2d | nn.Linear


@dataclass(frozen=True)
class _Units:
    """The units behind one ReLU.

    Args:
        name: by which `recycle` counts them.
        made_by: the layer that makes them.
        refined_by: a residual layer before the same ReLU, if there is one.
        used_by: the layers that see them.
        watched: the layer whose input they are; or the encoder, whose last output they are.
        scale: of an encoder's map, which also the decoder's skip and modulation use.
        modulated: the decoder's layers whose gain and bias are these units'.
    """

    name: str
    made_by: Layer
    used_by: Sequence[Layer]
    watched: nn.Module
    refined_by: Layer | None = None
    scale: int | None = None
    modulated: Sequence[str] = ()


@torch.no_grad()
def recycle(network: SlimNetwork, content: Tensor, style: Tensor, share: float, seed: int) -> dict[str, int]:
    """Draw the units anew that are active at less than `share` of all positions; in place.

    Units of a frozen layer stay as they are. The modulation's `center` and `spread` become those of these
    pictures, its function staying the same.

    Args:
        network: whose units.
        content: pictures (N, 3, H, W) in [0, 1].
        style: as many.
        share: 0 to 1.
        seed: of what is drawn.

    Returns:
        How many of each group that were, in the order they are computed.
    """
    generator = torch.Generator().manual_seed(seed)
    content, style = torch.cat([content, style]), torch.cat([style, content])  # each is both, for twice the codes
    modulation = network.decoder.modulation
    counts = {}
    for units in _groups(network):  # in the order they are computed: new units are seen by those behind them
        if not units.made_by.weight.requires_grad:
            continue
        _center(modulation, _seen(network, content, style, modulation, before=True))
        active = _seen(network, content, style, units.watched, before=units.watched is not network.encoder) > 0
        dormant = active.float().mean(0) < share
        counts[units.name] = int(dormant.sum())
        if counts[units.name]:
            _silence(network, units, dormant)
            _draw(units.made_by, dormant, generator)
            drawn = _seen(network, content, style, units.made_by)
            _standardise(units.made_by, dormant, drawn)
    return counts


def _groups(network: SlimNetwork) -> Iterator[_Units]:
    e, d = network.encoder, network.decoder
    layers: dict[str, nn.Conv2d] = dict(d.layers.items())  # type: ignore[arg-type]
    yield _Units("half", e.to_half, [e.to_quarter], e.to_quarter, scale=2)
    yield _Units("quarter", e.to_quarter, [e.at_quarter, e.to_eighth], e.to_eighth, refined_by=e.at_quarter, scale=4)
    yield _Units("eighth", e.to_eighth, [], e, scale=8)
    yield _Units("modulation", d.modulation.hidden, [d.modulation.out], d.modulation.out)

    def decoding(made_by: str, used_by: Sequence[str], refined_by: str | None = None) -> _Units:
        users = [layers.get(name, d.to_picture) for name in used_by]
        refining, modulated = (None, [made_by]) if refined_by is None else (layers[refined_by], [made_by, refined_by])
        return _Units(made_by, layers[made_by], users, users[-1], refining, modulated=modulated)

    yield decoding("at_eighth", ["from_eighth"])
    yield decoding("from_eighth", ["at_quarter_1", "from_quarter"], "at_quarter_2")
    yield decoding("at_quarter_1", ["at_quarter_2"])
    yield decoding("from_quarter", ["at_half"])
    yield decoding("at_half", ["to_picture"])


def _seen(network: SlimNetwork, content: Tensor, style: Tensor, module: nn.Module, *, before: bool = False) -> Tensor:
    """What a module gives, or is given if `before`, for these pictures: (positions, channels)."""
    seen: list[Tensor] = []

    def given(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen.append(inputs[0])

    def gives(_: nn.Module, __: tuple[Tensor, ...], output: Tensor | list[Tensor]) -> None:
        seen.append(output if isinstance(output, Tensor) else output[-1])

    handle = module.register_forward_pre_hook(given) if before else module.register_forward_hook(gives)
    try:
        network(content, network.encode_style(style), 1.0)
    finally:
        handle.remove()
    return torch.cat([x.movedim(1, -1).flatten(0, -2) for x in seen]).float()


def _center(modulation: Modulation, codes: Tensor) -> None:
    """`center` and `spread` of these codes (N, D); what is silenced then leaves its mean in the bias."""
    hidden = modulation.hidden
    of_raw = hidden.weight / modulation.spread
    hidden.bias.add_(of_raw @ (codes.mean(0) - modulation.center))
    spread = codes.std(0)
    modulation.center.copy_(codes.mean(0))
    # What hardly varies is not magnified. The root of their number makes weights of about 1 of them, so that one step
    # of the optimizer, as long as for any other weight, does not throw all units over.
    modulation.spread.copy_(spread.clamp(min=0.1 * float(spread.median())) * spread.numel() ** 0.5)
    hidden.weight.copy_(of_raw * modulation.spread)


def _silence(network: SlimNetwork, units: _Units, dormant: Tensor) -> None:
    """Nothing that sees the units heeds them, and nothing but the layer that makes them makes them."""
    for layer in units.used_by:
        layer.weight[:, dormant] = 0
    if units.refined_by is not None:
        _zero_rows(units.refined_by, dormant)
    modulation = network.decoder.modulation
    if units.scale is not None:
        index = SCALES.index(units.scale)
        network.decoder.skips[index][:, dormant] = 0
        start = 2 * sum(network.widths[:index])  # mean and deviation of each map in turn
        for offset in (start, start + len(dormant)):
            modulation.hidden.weight[:, offset : offset + len(dormant)][:, dormant] = 0
    names = network.decoder.names
    for name in units.modulated:
        start = sum(modulation.channels[: names.index(name)])
        rows = torch.zeros(sum(modulation.channels), dtype=torch.bool)
        rows[start : start + len(dormant)] = dormant.to(rows.device)
        _zero_rows(modulation.out, torch.cat([rows, rows]))  # gains, then biases


def _zero_rows(layer: Layer, rows: Tensor) -> None:
    layer.weight[rows] = 0
    layer.get_parameter("bias")[rows] = 0


def _draw(layer: Layer, rows: Tensor, generator: torch.Generator) -> None:
    layer.weight[rows] = torch.randn(layer.weight[rows].shape, generator=generator).to(layer.weight)
    layer.get_parameter("bias")[rows] = 0


def _standardise(layer: Layer, rows: Tensor, outputs: Tensor) -> None:
    """Mean 0 and deviation 1 of what the rows give, of which these are examples (positions, channels)."""
    mean, std = outputs.mean(0)[rows], outputs.std(0)[rows].clamp(min=1e-6)
    layer.weight[rows] /= std.reshape(-1, *[1] * (layer.weight.dim() - 1))
    layer.get_parameter("bias")[rows] = -mean / std
