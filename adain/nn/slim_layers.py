"""The layers of the small networks this project trains: convolutions, an encoder to four scales, a decoder from them.

Nothing runs at full resolution: space-to-depth by 2 comes first and depth-to-space last, so the widest maps have a
quarter of the pixels. Zeros around a map cost nothing; a reflection is an operation of its own, and is left to the
three convolutions next to the picture, behind which zeros would show as a rim.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adain.nn.stages import convolved

__all__ = ["SCALES", "Fusion", "ReflectConv", "SlimDecoder", "SlimEncoder", "SpaceToDepthConv"]

SCALES = (2, 4, 8, 16)
"""Pixels of the picture per pixel of each fused map, along each side; a style code's arrays are `x2.mean` ..."""

Fusion: TypeAlias = tuple[Tensor, Tensor] | None
"""The gain and the shift, (N, C, 1, 1) each, that give a map the style's statistics; None for one that has them."""


class ReflectConv(nn.Conv2d):
    """A 3x3 convolution behind a reflection by 1."""

    def __init__(self, inputs: int, outputs: int, *, gain: float = 1.0) -> None:
        super().__init__(inputs, outputs, 3)
        _initialise(self, gain)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H, W)."""
        return super().forward(F.pad(x, (1, 1, 1, 1), mode="reflect"))


class SpaceToDepthConv(ReflectConv):
    """A picture in [0, 1], 2 x 2 pixels to a position, through a `ReflectConv`."""

    def __init__(self, outputs: int) -> None:
        super().__init__(4 * 3, outputs)

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, C, H / 2, W / 2); even sides."""
        return super().forward(F.pixel_unshuffle(2 * image - 1, 2))


class SlimEncoder(nn.Module):
    """A picture's feature maps at a half, quarter, eighth and sixteenth of its resolution.

    Args:
        widths: channels of each.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.widths = half, quarter, eighth, sixteenth = tuple(widths)
        self.to_half = SpaceToDepthConv(half)
        self.to_quarter = _conv(half, quarter, stride=2)
        self.at_quarter = _conv(quarter, quarter)
        self.to_eighth = _conv(quarter, eighth, stride=2)
        self.to_sixteenth = _conv(eighth, sixteenth, stride=2)
        self.at_sixteenth = _conv(sixteenth, sixteenth)

    def forward(self, image: Tensor) -> list[Tensor]:
        """(N, 3, H, W) in [0, 1], sides multiples of 16, to one map per scale, finest first, after their ReLU."""
        half = torch.relu(self.to_half(image))
        quarter = torch.relu(self.to_quarter(half))
        quarter = torch.relu(quarter + self.at_quarter(quarter))
        eighth = torch.relu(self.to_eighth(quarter))
        sixteenth = torch.relu(self.to_sixteenth(eighth))
        sixteenth = torch.relu(sixteenth + self.at_sixteenth(sixteenth))
        return [half, quarter, eighth, sixteenth]

    def spoiled(self) -> tuple[int, int, int, int]:
        """Rows of each map along an inner border that the padding there spoils; see `adain.nn.stages`."""
        half = convolved(0)
        quarter = convolved(convolved(half, stride=2))
        eighth = convolved(quarter, stride=2)
        sixteenth = convolved(convolved(eighth, stride=2))
        return half, quarter, eighth, sixteenth


class Modulation(nn.Module):
    """Means and deviations of all maps to a gain and a bias per channel of each decoder layer.

    Args:
        inputs: how many numbers those are.
        hidden: width of the one hidden layer.
        channels: of each modulated layer.
    """

    def __init__(self, inputs: int, hidden: int, channels: Sequence[int]) -> None:
        super().__init__()
        self.channels = tuple(channels)
        self.hidden = nn.Linear(inputs, hidden)
        self.out = nn.Linear(hidden, 2 * sum(channels))
        nn.init.normal_(self.out.weight, std=0.01)  # gains near 1 and biases near 0 to begin with
        nn.init.zeros_(self.out.bias)

    def forward(self, code: Tensor) -> list[tuple[Tensor, Tensor]]:
        """(N, inputs) to (gain, bias) per layer, (N, C, 1, 1) each."""
        gains, biases = self.out(torch.relu(self.hidden(code))).chunk(2, dim=1)
        pairs = zip(gains.split(self.channels, 1), biases.split(self.channels, 1), strict=True)
        return [(1 + gain[:, :, None, None], bias[:, :, None, None]) for gain, bias in pairs]


class SlimDecoder(nn.Module):
    """Fused maps to a picture, coarse to fine, each finer map added as a skip.

    Args:
        widths: channels of the maps, finest first.
        hidden: width of the hidden layer between means and deviations and the layers' gains.
    """

    def __init__(self, widths: Sequence[int], hidden: int) -> None:
        super().__init__()
        half, quarter, eighth, sixteenth = widths
        layers = {
            "from_sixteenth": _conv(sixteenth, eighth),
            "at_eighth": _conv(eighth, eighth),
            "from_eighth": _conv(eighth, quarter),
            "at_quarter_1": _conv(quarter, quarter),
            "at_quarter_2": _conv(quarter, quarter, gain=0.5),
            "from_quarter": _conv(quarter, half),
            "at_half": ReflectConv(half, half),
        }
        self.layers = nn.ModuleDict(layers)
        self.names = tuple(layers)
        self.modulation = Modulation(2 * sum(widths), hidden, [layer.out_channels for layer in layers.values()])
        self.skips = nn.ParameterList(nn.Parameter(torch.full((1, c, 1, 1), 0.7)) for c in (half, quarter, eighth))
        self.to_picture = ReflectConv(half, 4 * 3, gain=0.1)  # starts as mid-grey

    def forward(
        self, deepest: Tensor, finer: Sequence[tuple[Tensor, Fusion]], modulation: Sequence[tuple[Tensor, Tensor]]
    ) -> Tensor:
        """A content's maps to a picture.

        Args:
            deepest: at a sixteenth, fused.
            finer: the others, finest first, each with what fuses it.
            modulation: what `self.modulation` makes of the flat code.

        Returns:
            (N, 3, H, W), around [0, 1].
        """
        modulated_by = dict(zip(self.names, modulation, strict=True))

        def layer(name: str, x: Tensor, shift: Tensor | None = None) -> Tensor:
            gain, bias = modulated_by[name]
            modulated: Tensor = self.layers[name](x) * gain + (bias if shift is None else bias + shift)
            return modulated

        def up(name: str, x: Tensor, scale: int) -> Tensor:
            """Upsampled and added to `skip * (gain * map + shift)`: the shift on the smaller map, which is cheaper."""
            (skipped, fusion), skip = finer[scale], self.skips[scale]
            gain, shift = (None, None) if fusion is None else (skip * part for part in fusion)
            return torch.relu(_up(layer(name, x, shift)) + skipped * (skip if gain is None else gain))

        x = up("from_sixteenth", deepest, 2)
        x = torch.relu(x + layer("at_eighth", x))
        x = up("from_eighth", x, 1)
        x = torch.relu(x + layer("at_quarter_2", torch.relu(layer("at_quarter_1", x))))
        x = up("from_quarter", x, 0)
        x = torch.relu(layer("at_half", x))
        return F.pixel_shuffle(self.to_picture(x), 2) + 0.5

    def spoiled(self) -> int:
        """Pixels of the picture along an inner border that the padding of the maps there spoils."""
        at_eighth = convolved(2 * convolved(0))
        at_quarter = convolved(convolved(2 * convolved(at_eighth)))
        at_half = convolved(2 * convolved(at_quarter))
        return 2 * convolved(at_half)


def _conv(inputs: int, outputs: int, *, stride: int = 1, gain: float = 1.0) -> nn.Conv2d:
    """3x3 within zeros, (N, C, H, W) to (N, C', H / stride, W / stride); even sides where the stride is 2."""
    conv = nn.Conv2d(inputs, outputs, 3, stride, padding=1)
    _initialise(conv, gain)
    return conv


@torch.no_grad()
def _initialise(conv: nn.Conv2d, gain: float) -> None:
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    conv.weight *= gain
    assert conv.bias is not None
    nn.init.zeros_(conv.bias)


def _up(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")
