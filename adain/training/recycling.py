"""Reset the dormant units of a network (ReDo: Sokar et al. 2023, arXiv:2302.12902).

A unit whose ReLU is zero for every picture has no gradient and stays dormant; so does a unit that is always below its
floor. The losses do not show it: they keep falling while the network works with a part of its units. A reset unit gets
new random incoming weights, scaled so that half of its inputs activate it, and outgoing weights of zero. So the
network's function hardly changes, and training uses the new units as they prove useful.
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
    """The units after one ReLU or floor.

    Args:
        name: of the group, in the counts that `recycle` returns.
        made_by: the layer that computes them.
        used_by: the layers that read them.
        watched: the layer whose input they are, or the encoder if they are its last output.
        refined_by: a residual layer before the same ReLU, if there is one.
        scale: of the encoder's map, which the decoder's skip and the modulation read too.
        modulated: names of the modulation's outputs for them.
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
    """Reset the units that are active at less than `share` of all positions, in place.

    Units of frozen layers are not reset. The modulation's `center` and `spread` are set to those of these pictures; its
    function stays the same.

    Args:
        network: the network.
        content: pictures (N, 3, H, W) in [0, 1].
        style: as many pictures.
        share: 0 to 1.
        seed: of the random weights.

    Returns:
        The number of reset units by group, in the order of computation.
    """
    generator = torch.Generator().manual_seed(seed)
    content, style = torch.cat([content, style]), torch.cat([style, content])  # every picture as content and as style
    modulation = network.decoder.modulation
    counts = {}
    for units in _groups(network):  # in order of computation: later units read the new ones
        if not units.made_by.weight.requires_grad:
            continue
        _center(modulation, _seen(network, content, style, modulation, before=True))
        seen = _seen(network, content, style, units.watched, before=units.watched is not network.encoder)
        active = seen > seen.amin(1, keepdim=True)  # 0 or the floor
        dormant = active.float().mean((0, 1)) < share
        counts[units.name] = int(dormant.sum())
        if counts[units.name]:
            for layer in units.used_by:
                _remove_columns(layer, dormant, _seen(network, content, style, layer, before=True))
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

    def decoding(
        made_by: str, used_by: Sequence[str], refined_by: str | None = None, modulated: Sequence[str] = ()
    ) -> _Units:
        users = [layers.get(name, d.to_picture) for name in used_by]
        refining = None if refined_by is None else layers[refined_by]
        return _Units(made_by, layers[made_by], users, users[-1], refining, modulated=modulated)

    yield decoding("at_eighth", ["from_eighth"])
    entering = ("gain_from_eighth", "bias_from_eighth", "floor_quarter")
    yield decoding("from_eighth", ["at_quarter_1", "from_quarter"], "at_quarter_2", entering)
    yield decoding("at_quarter_1", ["at_quarter_2"])
    entering = ("gain_from_quarter", "bias_from_quarter", "floor_half")
    yield decoding("from_quarter", ["at_half"], modulated=entering)
    yield decoding("at_half", ["to_picture"])


def _seen(network: SlimNetwork, content: Tensor, style: Tensor, module: nn.Module, *, before: bool = False) -> Tensor:
    """A module's output, or its input if `before`: (pictures, positions, channels), or (1, pictures, numbers)."""
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
    return torch.cat([x[None] if x.dim() == 2 else x.flatten(2).mT for x in seen]).float()


def _center(modulation: Modulation, codes: Tensor) -> None:
    """Set `center` and `spread` from codes (1, N, D); a silenced input then leaves its mean in the bias."""
    codes, hidden = codes.flatten(0, 1), modulation.hidden
    of_raw = hidden.weight / modulation.spread
    hidden.bias.add_(of_raw @ (codes.mean(0) - modulation.center))
    spread = codes.std(0)
    modulation.center.copy_(codes.mean(0))
    # The clamp keeps inputs that hardly vary from being magnified. The root of the number of inputs makes weights of
    # about 1, so that one step of the optimizer, as long as for other weights, does not change all units.
    modulation.spread.copy_(spread.clamp(min=0.1 * float(spread.median())) * spread.numel() ** 0.5)
    hidden.weight.copy_(of_raw * modulation.spread)


def _silence(network: SlimNetwork, units: _Units, dormant: Tensor) -> None:
    """Leave `made_by` as the only input of the units, and remove them from the skips and the modulation."""
    if units.refined_by is not None:
        _zero_rows(units.refined_by, dormant)
    modulation = network.decoder.modulation
    if units.scale is not None:
        index = SCALES.index(units.scale)
        network.decoder.skips[index][:, dormant] = 0
        start = 2 * sum(network.widths[:index])  # mean and deviation of each map in turn
        for offset in (start, start + len(dormant)):
            modulation.hidden.weight[:, offset : offset + len(dormant)][:, dormant] = 0
    rows = [dormant if name in units.modulated else dormant.new_zeros(n) for name, n in modulation.channels.items()]
    _zero_rows(modulation.out, torch.cat(rows))


def _remove_columns(layer: Layer, columns: Tensor, inputs: Tensor) -> None:
    """Zero the columns of a layer, and add what they made of their mean input to its bias."""
    weight = layer.weight[:, columns]
    layer.get_parameter("bias").add_(weight.reshape(*weight.shape[:2], -1).sum(-1) @ inputs.mean((0, 1))[columns])
    layer.weight[:, columns] = 0


def _zero_rows(layer: Layer, rows: Tensor) -> None:
    layer.weight[rows] = 0
    layer.get_parameter("bias")[rows] = 0


def _draw(layer: Layer, rows: Tensor, generator: torch.Generator) -> None:
    layer.weight[rows] = torch.randn(layer.weight[rows].shape, generator=generator).to(layer.weight)
    layer.get_parameter("bias")[rows] = 0


def _standardise(layer: Layer, rows: Tensor, outputs: Tensor) -> None:
    """Scale the rows to outputs of mean 0 and deviation 1 on these examples (pictures, positions, channels)."""
    mean, std = outputs.mean((0, 1))[rows], outputs.std((0, 1))[rows].clamp(min=1e-6)
    layer.weight[rows] /= std.reshape(-1, *[1] * (layer.weight.dim() - 1))
    layer.get_parameter("bias")[rows] = -mean / std
