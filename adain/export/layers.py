"""Layers for export: the same functions as in `adain.nn`, in fewer operations.

Each rewrite is exact except for rounding:

- The 1x1 convolution that normalises a picture is folded into the 3x3 convolution behind it. Only padding by reflection
  lies between them, and the 1x1 convolution commutes with it.
- A 3x3 convolution of a map that was upsampled by repetition reads each pixel of the small map several times. The
  weights of these reads are summed. The result is a 2x2 convolution of the small map that computes four output pixels
  (phases) as channels, with 16 products instead of 36. The last convolution of a decoder reads the phases as channels
  and writes four pixels of the picture as channels too, so the largest map is never laid out pixel by pixel.
- If the form asks for it, convolutions with many channels use Winograd's algorithm (`adain.export.winograd`).
- Space-to-depth and a 3x3 convolution become one 6x6 convolution of stride 2; the scaling before it goes into its
  weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adain.export.graph_operators import GraphOperators
from adain.export.winograd import WinogradConv
from adain.nn.slim_layers import SpaceToDepthConv
from adain.nn.vgg import Conv, Decoder, Encoder, Layer

__all__ = [
    "MANY_CHANNELS",
    "Ending",
    "Form",
    "GraphConv",
    "GraphDecoder",
    "GraphEncoder",
    "GraphLinear",
    "GraphStem",
    "Reflected",
    "Upsampled",
    "exchange",
]

MANY_CHANNELS = 128
"""Channels on both sides from which Winograd's algorithm pays in onnxruntime on a CPU: 1.4 x at 128, 2.1 x at 256."""

# Phases along one axis: the second pixel of a pair, then the first of the next. For each, the taps of the 3x3 kernel
# that read the one and the other small pixel.
_PHASE_TAPS = (((1.0, 1.0, 0.0), (0.0, 0.0, 1.0)), ((1.0, 0.0, 0.0), (0.0, 1.0, 1.0)))


@dataclass(frozen=True)
class Form:
    """The form a network is exported in.

    Attributes:
        operators: implementations of padding, pooling and statistics.
        dtype: of convolutions and their maps; statistics, codes and pictures are always float32.
        winograd: convolutions with at least so many channels on both sides use Winograd's algorithm. None: none do.
        phases: merge upsampling into the convolution behind it. That is faster, but the graph then has weights that
            differ from the network's own.
    """

    operators: GraphOperators = field(default_factory=GraphOperators)
    dtype: torch.dtype = torch.float32
    winograd: int | None = None
    phases: bool = True


class GraphEncoder(Encoder):
    """An `Encoder` with its normalising convolution folded in; input and output are float32 in every dtype."""

    def __init__(self, encoder: Encoder, form: Form) -> None:
        super().__init__(encoder.widths, encoder.level)
        self.load_state_dict(encoder.state_dict())
        self.form, self.operators = form, form.operators
        normalise, first = self.get_submodule("conv0"), self.get_submodule("conv1_1")
        assert isinstance(normalise, nn.Conv2d)
        assert isinstance(first, nn.Conv2d)
        _fold(normalise, first)
        self.layers = self.layers[1:]
        del self._modules["conv0"]
        for layer in self.layers:
            if isinstance(layer, Conv):
                self.add_module(layer.name, Reflected(_convolution(self, layer), form, relu=True))

    def taps(self, image: Tensor, levels: Sequence[int]) -> dict[int, Tensor]:
        """See `Encoder.taps`."""
        found = super().taps(image.to(self.form.dtype), levels)
        return {level: feature.float() for level, feature in found.items()}

    def step(self, layer: Layer, x: Tensor) -> Tensor:
        """See `Encoder.step`."""
        return self.get_submodule(layer.name)(x) if isinstance(layer, Conv) else self.operators.pool(x)


class GraphDecoder(nn.Module):
    """A `Decoder` with upsampling merged into the convolution behind it, if the form asks for that.

    Input and output are float32 in every dtype.
    """

    def __init__(self, decoder: Decoder, form: Form) -> None:
        super().__init__()
        self.form = form
        self.layers = nn.Sequential()
        layers = list(decoder.layers)
        ending = layers[-3:] if form.phases and layers[-3:-2] == ["up"] else []
        for before, layer in zip(("", *layers), layers[: len(layers) - len(ending)], strict=False):
            if isinstance(layer, Conv):
                kind = Upsampled if form.phases and before == "up" else Reflected
                self.layers.append(kind(_convolution(decoder, layer), form, relu=layer.relu))
            elif not form.phases:
                self.layers.append(nn.Upsample(scale_factor=2))
        if ending:
            upsampled, last = (layer for layer in ending if isinstance(layer, Conv))
            self.layers.append(Ending(_convolution(decoder, upsampled), _convolution(decoder, last), form))
            self.layers.append(nn.ReLU() if last.relu else nn.Identity())

    def forward(self, x: Tensor) -> Tensor:
        """See `Decoder.forward`."""
        decoded: Tensor = self.layers(x.to(self.form.dtype))
        return decoded.float()


class Reflected(nn.Module):
    """Reflection by 1, then a 3x3 convolution."""

    def __init__(self, conv: nn.Conv2d, form: Form, *, relu: bool) -> None:
        super().__init__()
        self.operators = form.operators
        self.conv = _in_form(conv, form)
        self.relu = nn.ReLU() if relu else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H, W)."""
        convolved: Tensor = self.relu(self.conv(self.operators.reflect(x)))
        return convolved


class Upsampled(nn.Module):
    """Nearest upsampling by 2, reflection by 1, then a 3x3 convolution."""

    def __init__(self, conv: nn.Conv2d, form: Form, *, relu: bool) -> None:
        super().__init__()
        self.operators = form.operators
        self.conv = _in_form(_of_phases(conv), form)
        self.relu = nn.ReLU() if relu else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', 2 H, 2 W)."""
        phases = self.relu(self.conv(self.operators.repeat(x)))  # (N, 4 C', H + 1, W + 1)
        return F.pixel_shuffle(phases, 2)[:, :, 1:-1, 1:-1]


class Ending(nn.Module):
    """The end of a decoder: nearest upsampling by 2, then two 3x3 convolutions with reflection and a ReLU between."""

    def __init__(self, upsampled: nn.Conv2d, last: nn.Conv2d, form: Form) -> None:
        super().__init__()
        self.operators = form.operators
        self.phases = _in_form(_of_phases(upsampled), form)
        self.blocks = _of_blocks(last).to(form.dtype)
        self.last = last.to(form.dtype)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', 2 H, 2 W).

        The phases have a border of one pixel around the map. It comes from repetition, but should come from reflection.
        Only the outermost pixels of the picture read it, so they are computed again from the phases next to them.
        """
        phases = torch.relu(self.phases(self.operators.repeat(x)))  # (N, 4 C, H + 1, W + 1)
        image = F.pixel_shuffle(self.blocks(phases), 2)
        left, right = self._of_strip(phases[..., :2])[..., :1], self._of_strip(phases[..., -2:])[..., -1:]
        top, bottom = self._of_strip(phases[:, :, :2])[:, :, :1], self._of_strip(phases[:, :, -2:])[:, :, -1:]
        image = torch.cat([left, image[..., 1:-1], right], dim=3)
        return torch.cat([top, image[:, :, 1:-1], bottom], dim=2)

    def _of_strip(self, phases: Tensor) -> Tensor:
        """The picture along one border; only its outermost row or column is used."""
        strip = F.pixel_shuffle(phases, 2)[:, :, 1:-1, 1:-1]
        convolved: Tensor = self.last(self.operators.reflect(strip))
        return convolved


class GraphConv(nn.Module):
    """A convolution with float32 input and output in every dtype."""

    def __init__(self, layer: nn.Conv2d, form: Form) -> None:
        super().__init__()
        self.form = form
        self.conv = layer.to(form.dtype)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H', W')."""
        convolved: Tensor = self.conv(x.to(self.form.dtype))
        return convolved.float()


class GraphLinear(nn.Module):
    """A linear layer with float32 input and output in every dtype."""

    def __init__(self, layer: nn.Linear, form: Form) -> None:
        super().__init__()
        self.form = form
        self.linear = layer.to(form.dtype)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C) to (N, C'), or (N, R, C) to (N, R, C').

        Of regions as weights times columns: for rows, a graph would hold a second, transposed copy of the weights.
        """
        if x.dim() == 2:
            result: Tensor = self.linear(x.to(self.form.dtype))
            return result.float()
        columns = self.linear.weight @ x.to(self.form.dtype).transpose(1, 2)
        return (columns + self.linear.bias[:, None]).transpose(1, 2).float()


class GraphStem(nn.Module):
    """A `SpaceToDepthConv` as one convolution of the picture."""

    def __init__(self, layer: SpaceToDepthConv, form: Form) -> None:
        super().__init__()
        self.form = form
        weight, bias = layer.weight.double(), layer.bias
        assert bias is not None
        outputs = weight.shape[0]
        # (C', 3, dy, dx, ky, kx) to (C', 3, ky, dy, kx, dx): k is the block of 2 x 2 pixels, d the pixel in it
        blocks = weight.view(outputs, 3, 2, 2, 3, 3).permute(0, 1, 4, 2, 5, 3)
        self.conv = nn.Conv2d(3, outputs, 6, stride=2)
        with torch.no_grad():
            self.conv.weight.copy_(2 * blocks.reshape(outputs, 3, 6, 6))  # pictures are scaled to 2 x - 1
            assert self.conv.bias is not None
            self.conv.bias.copy_(bias.double() - weight.sum(dim=(1, 2, 3)))
        self.conv.to(form.dtype)

    def forward(self, image: Tensor) -> Tensor:
        """See `SpaceToDepthConv.forward`."""
        convolved: Tensor = self.conv(image.to(self.form.dtype))
        return convolved.float()


def exchange(network: nn.Module, form: Form) -> None:
    """Replace a network's layers by the form's, at every depth."""
    for name, module in network.named_children():
        if isinstance(module, Encoder):
            setattr(network, name, GraphEncoder(module, form))
        elif isinstance(module, Decoder):
            setattr(network, name, GraphDecoder(module, form))
        elif isinstance(module, SpaceToDepthConv):
            setattr(network, name, GraphStem(module, form))
        elif isinstance(module, nn.Conv2d):
            setattr(network, name, GraphConv(module, form))
        elif isinstance(module, nn.Linear):
            setattr(network, name, GraphLinear(module, form))
        else:
            exchange(module, form)


def _fold(normalise: nn.Conv2d, following: nn.Conv2d) -> None:
    """Fold the 1x1 convolution `normalise` into the convolution `following` behind it."""
    assert normalise.bias is not None
    assert following.bias is not None
    outer, inner = following.weight.double(), normalise.weight.double()[:, :, 0, 0]
    with torch.no_grad():
        shift = torch.einsum("oikl,i->o", outer, normalise.bias.double())
        following.bias.copy_(following.bias.double() + shift)
        following.weight.copy_(torch.einsum("oikl,ij->ojkl", outer, inner))


def _convolution(stack: nn.Module, layer: Conv) -> nn.Conv2d:
    conv = stack.get_submodule(layer.name)
    assert isinstance(conv, nn.Conv2d)
    return conv


def _in_form(conv: nn.Conv2d, form: Form) -> nn.Module:
    if form.winograd is not None and min(conv.in_channels, conv.out_channels) >= form.winograd:
        return WinogradConv(conv)
    return conv.to(form.dtype)


def _of_phases(conv: nn.Conv2d) -> nn.Conv2d:
    """A 2x2 convolution: for each position between four pixels, the four pixels around it in the upsampled map."""
    assert conv.bias is not None
    taps = torch.tensor(_PHASE_TAPS, dtype=torch.float64)
    phases = nn.Conv2d(conv.in_channels, 4 * conv.out_channels, 2, dtype=conv.weight.dtype)
    with torch.no_grad():
        weight = torch.einsum("pak,oikl,qbl->opqiab", taps, conv.weight.double(), taps)
        phases.weight.copy_(weight.reshape(phases.weight.shape))
        assert phases.bias is not None
        phases.bias.copy_(conv.bias.repeat_interleave(4))
    return phases


def _of_blocks(conv: nn.Conv2d) -> nn.Conv2d:
    """A 2x2 convolution from phases to phases: reads 2 x 2 groups of four pixels, writes the four in their middle."""
    assert conv.bias is not None
    outputs, inputs = conv.weight.shape[:2]
    blocks = nn.Conv2d(4 * inputs, 4 * outputs, 2, dtype=conv.weight.dtype)
    with torch.no_grad():
        # A 4x4 kernel of stride 2. Output pixel (p, q) of the four reads rows p to p + 2 and columns q to q + 2.
        shifted = [F.pad(conv.weight, (q, 1 - q, p, 1 - p)) for p in (0, 1) for q in (0, 1)]
        weight = torch.stack(shifted, dim=1).reshape(4 * outputs, inputs, 4, 4)
        blocks.weight.copy_(F.pixel_unshuffle(weight, 2))
        assert blocks.bias is not None
        blocks.bias.copy_(conv.bias.repeat_interleave(4))
    return blocks
