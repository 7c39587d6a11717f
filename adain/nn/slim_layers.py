"""The layers of the small networks of this project: convolutions, an encoder to three scales, a decoder from them.

Nothing runs at full resolution: space-to-depth by 2 comes first and depth-to-space last, so the largest maps have a
quarter of the pixels. All maps are padded with zeros, which is free, while reflecting a map is an operation of its own.
Zeros leave a rim along the border, and beside it a band with hardly any strokes. The margin (`MARGIN`) takes both, and
is cut off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adain.nn.borders import convolved

__all__ = ["MARGIN", "SCALES", "Modulation", "Skip", "SlimDecoder", "SlimEncoder", "SpaceToDepthConv"]

SCALES = (2, 4, 8)
"""Strides of the fused maps in pixels; they name a style code's arrays, such as `x2.mean`."""

MARGIN = 16
"""Pixels. A picture is reflected by this much beyond each side before encoding, and the result is cropped by it. The
padding's zeros reach further, but beyond 16 pixels their effect is not visible. With 8, a frame of 7 pixels is visible
in styles with strong strokes."""

Skip: TypeAlias = Callable[[Tensor], tuple[Tensor, Tensor | float]]
"""From a gain per channel (N, C, 1, 1) to the fused map times that gain, as two summands: a map and a shift. See
`adain.nn.fusions.base.Transfer.scaled`."""


class SpaceToDepthConv(nn.Conv2d):
    """Space-to-depth by 2 of a picture in [0, 1], then a 3x3 convolution without padding.

    Attributes:
        context: pixels on each side of a picture that are read but have no output.
    """

    context = 2

    def __init__(self, outputs: int) -> None:
        super().__init__(4 * 3, outputs, 3)
        _initialise(self, gain=1.0)

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, H + 4, W + 4) to (N, C, H / 2, W / 2); even sides."""
        return super().forward(F.pixel_unshuffle(2 * image - 1, 2))


class SlimEncoder(nn.Module):
    """A picture's feature maps at a half, a quarter and an eighth of its resolution.

    Args:
        widths: channels of each.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.widths = half, quarter, eighth = tuple(widths)
        self.to_half = SpaceToDepthConv(half)
        self.to_quarter = _conv(half, quarter, stride=2)
        self.at_quarter = _conv(quarter, quarter)
        self.to_eighth = _conv(quarter, eighth, stride=2)

    def forward(self, image: Tensor) -> list[Tensor]:
        """(N, 3, H + 4, W + 4) in [0, 1], H and W multiples of 8, to one map of H x W per scale.

        The finest map comes first. Maps are taken after the ReLU.
        """
        half = torch.relu(self.to_half(image))
        quarter = torch.relu(self.to_quarter(half))
        quarter = torch.relu(quarter + self.at_quarter(quarter))
        eighth = torch.relu(self.to_eighth(quarter))
        return [half, quarter, eighth]

    def bands(self) -> tuple[int, int, int]:
        """Width of the invalid band of each map along a tile's inner edge; see `adain.nn.borders`."""
        half = convolved(0)
        quarter = convolved(convolved(half, stride=2))
        return half, quarter, convolved(quarter, stride=2)


_CAUTION = 0.1  # slows the optimizer's steps: a batch has few styles, so its gradient is mostly noise here


class Modulation(nn.Module):
    """Computes the decoder's gains, biases and floors per channel from the means and deviations of all maps.

    The inputs differ by orders of magnitude between channels. Without standardisation, they drive the hidden units
    into the zero part of the ReLU within a few hundred steps. So the module has `center` and `spread` of the inputs,
    taken over pictures met in training.

    Args:
        inputs: number of means and deviations.
        hidden: width of the only hidden layer.
        channels: number of channels of each output, by its name; names of gains begin with `gain`.
    """

    def __init__(self, inputs: int, hidden: int, channels: Mapping[str, int]) -> None:
        super().__init__()
        self.channels = dict(channels)
        self.center: Tensor
        self.spread: Tensor
        self.register_buffer("center", torch.zeros(inputs))
        self.register_buffer("spread", torch.ones(inputs))
        self.hidden = nn.Linear(inputs, hidden)
        self.out = nn.Linear(hidden, sum(channels.values()))
        nn.init.normal_(self.out.weight, std=0.1)  # gains near 1 and biases near 0 to begin with
        nn.init.zeros_(self.out.bias)

    def forward(self, code: Tensor) -> dict[str, Tensor]:
        """(N, inputs) to the outputs by name, (N, C, 1, 1) each."""
        return self._named(self._values(code)[:, :, None, None], dim=1)

    def of_regions(self, codes: Tensor) -> dict[str, Tensor]:
        """(N, R, inputs) to the outputs by name, (N, R, C) each."""
        return self._named(self._values(codes), dim=2)

    def _values(self, code: Tensor) -> Tensor:
        standard = (code - self.center) / self.spread
        values: Tensor = _CAUTION * self.out(torch.relu(self.hidden(standard)))
        return values

    def _named(self, values: Tensor, dim: int) -> dict[str, Tensor]:
        pieces = zip(self.channels, torch.split(values, list(self.channels.values()), dim), strict=True)
        return {name: 1 + value if name.startswith("gain") else value for name, value in pieces}


class SlimDecoder(nn.Module):
    """Decodes fused maps to a picture, coarse to fine; each finer map is added as a skip.

    The style's gains and biases enter only where skips are added. There they cost nothing: the gain of a skip is merged
    into its fusion, and the others apply to a map a quarter as large. Between two convolutions they would be passes
    over the whole map, and would keep a runtime from merging layers. Each sum is rectified at a floor of the style's
    own instead of 0, which also acts as a bias of the next convolution.

    Args:
        widths: channels of the maps, finest first.
        hidden: width of the modulation's hidden layer.
    """

    def __init__(self, widths: Sequence[int], hidden: int) -> None:
        super().__init__()
        half, quarter, eighth = widths
        layers = {
            "at_eighth": _conv(eighth, eighth),
            "from_eighth": _conv(eighth, quarter),
            "at_quarter_1": _conv(quarter, quarter),
            "at_quarter_2": _conv(quarter, quarter, gain=0.5),
            "from_quarter": _conv(quarter, half),
            "at_half": _conv(half, half),
        }
        self.layers = nn.ModuleDict(layers)
        channels = {
            "gain_skip_eighth": eighth,
            "bias_skip_eighth": eighth,
            "gain_from_eighth": quarter,
            "bias_from_eighth": quarter,
            "gain_skip_quarter": quarter,
            "gain_from_quarter": half,
            "bias_from_quarter": half,
            "gain_skip_half": half,
            "floor_eighth": eighth,
            "floor_quarter": quarter,
            "floor_half": half,
        }
        self.modulation = Modulation(2 * sum(widths), hidden, channels)
        self.skips = nn.ParameterList(nn.Parameter(torch.full((1, c, 1, 1), 0.7)) for c in (half, quarter, eighth))
        self.to_picture = _conv(half, 4 * 3, gain=0.1, bias=0.5)  # starts as mid-grey

    def forward(
        self, skips: Sequence[Skip], modulation: Mapping[str, Tensor], at_least: Callable[[Tensor, Tensor], Tensor]
    ) -> Tensor:
        """Decode fused maps to a picture.

        Args:
            skips: the fused maps, finest first.
            modulation: the output of `self.modulation`.
            at_least: see `adain.nn.operators.Operators.at_least`.

        Returns:
            (N, 3, H, W), around [0, 1].
        """
        layers = self.layers
        half, quarter, eighth = (
            skip(scale * modulation[f"gain_skip_{name}"])
            for skip, scale, name in zip(skips, self.skips, ("half", "quarter", "eighth"), strict=True)
        )

        def up(name: str, x: Tensor, skipped: Tensor, shift: Tensor | float) -> Tensor:
            """Upsample and add a skip; the skip's shift is added on the smaller map, which is cheaper."""
            modulated = layers[name](x) * modulation[f"gain_{name}"] + (modulation[f"bias_{name}"] + shift)
            return _up(modulated) + skipped

        skipped, shift = eighth
        x = at_least(skipped + (modulation["bias_skip_eighth"] + shift), modulation["floor_eighth"])
        x = torch.relu(x + layers["at_eighth"](x))
        x = at_least(up("from_eighth", x, *quarter), modulation["floor_quarter"])
        x = torch.relu(x + layers["at_quarter_2"](torch.relu(layers["at_quarter_1"](x))))
        x = at_least(up("from_quarter", x, *half), modulation["floor_half"])
        x = torch.relu(layers["at_half"](x))
        return F.pixel_shuffle(self.to_picture(x), 2)

    def band(self) -> int:
        """Width of the invalid band of the picture along a tile's inner edge."""
        at_eighth = convolved(0)
        at_quarter = convolved(convolved(2 * convolved(at_eighth)))
        at_half = convolved(2 * convolved(at_quarter))
        return 2 * convolved(at_half)


def _conv(inputs: int, outputs: int, *, stride: int = 1, gain: float = 1.0, bias: float = 0.0) -> nn.Conv2d:
    """A 3x3 convolution with zero padding, (N, C, H, W) to (N, C', H / stride, W / stride); even sides for stride 2."""
    conv = nn.Conv2d(inputs, outputs, 3, stride, padding=1)
    _initialise(conv, gain, bias)
    return conv


@torch.no_grad()
def _initialise(conv: nn.Conv2d, gain: float, bias: float = 0.0) -> None:
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    conv.weight *= gain
    assert conv.bias is not None
    nn.init.constant_(conv.bias, bias)


def _up(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")
