"""The networks' layers as a graph has them: the same function as in `adain.nn`, in fewer operations.

Each rewrite is exact but for rounding:

- The 1x1 convolution that normalises a picture is folded into the 3x3 one behind it, because what lies between
  them is padding by reflection, which commutes with it.
- A 3x3 convolution of a map that was upsampled by repetition reads each pixel of the small map several times. Their
  weights are summed: what remains is a 4x4 transposed convolution of stride 2 on the small map, with 16 products
  instead of 36.
- Space-to-depth, reflection by 1 and a 3x3 convolution of stride 1 are one 6x6 convolution of stride 2 on the
  picture, reflected in blocks of 2 x 2 pixels; scaling before it goes into its weights.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adain.nn.slim import ReflectConv, SpaceToDepthConv
from adain.nn.vgg import Conv, Decoder, Encoder, Layer
from adain.onnx.operators import Operators

__all__ = ["Form", "GraphConv", "GraphDecoder", "GraphEncoder", "GraphLinear", "GraphStem", "exchange", "upsampling"]

# Rows: taps of the transposed convolution; columns: taps of the 3x3 one that read the same small pixel.
_UPSAMPLED_TAPS = ((0.0, 0.0, 1.0), (0.0, 1.0, 1.0), (1.0, 1.0, 0.0), (1.0, 0.0, 0.0))


@dataclass(frozen=True)
class Form:
    """The form a network is exported in.

    Attributes:
        operators: what to express padding, pooling and statistics with.
        dtype: of convolutions and their maps; statistics, codes and pictures are float32 in each.
        transposed: whether upsampling goes into a transposed convolution, for which int8 has no kernel.
    """

    operators: Operators = field(default_factory=Operators)
    dtype: torch.dtype = torch.float32
    transposed: bool = True


class GraphEncoder(Encoder):
    """An `Encoder` without its normalising convolution; called with a picture in the form's dtype."""

    def __init__(self, encoder: Encoder, form: Form) -> None:
        super().__init__(encoder.widths, encoder.level)
        self.load_state_dict(encoder.state_dict())
        self.operators = form.operators
        normalise, first = self.get_submodule("conv0"), self.get_submodule("conv1_1")
        assert isinstance(normalise, nn.Conv2d)
        assert isinstance(first, nn.Conv2d)
        _fold(normalise, first)
        self.layers = self.layers[1:]
        del self._modules["conv0"]
        self.to(form.dtype)

    def step(self, layer: Layer, x: Tensor) -> Tensor:
        """See `Encoder.step`."""
        if not isinstance(layer, Conv):
            return self.operators.pool(x)
        return torch.relu(self.get_submodule(layer.name)(self.operators.reflect(x)))


class GraphDecoder(nn.Module):
    """A `Decoder` whose upsampling goes into the convolution behind it."""

    def __init__(self, decoder: Decoder, form: Form) -> None:
        super().__init__()
        self.operators = form.operators
        self.layers = decoder.layers
        convolutions: dict[str, nn.Module] = {}
        for before, layer in zip(("", *self.layers), self.layers, strict=False):
            if isinstance(layer, Conv):
                conv = decoder.get_submodule(layer.name)
                assert isinstance(conv, nn.Conv2d)
                convolutions[layer.name] = upsampling(conv) if before == "up" and form.transposed else conv
        self.convolutions = nn.ModuleDict(convolutions).to(form.dtype)

    def forward(self, x: Tensor) -> Tensor:
        """See `Decoder.forward`."""
        up = False
        for layer in self.layers:
            if isinstance(layer, Conv):
                x = self._convolve(layer.name, x, up)
                x = torch.relu(x) if layer.relu else x
            up = layer == "up"
        return x

    def _convolve(self, name: str, x: Tensor, up: bool) -> Tensor:
        convolution = self.convolutions[name]
        if isinstance(convolution, nn.ConvTranspose2d):
            x = self.operators.repeat(x)
        else:
            x = self.operators.reflect(F.interpolate(x, scale_factor=2.0, mode="nearest") if up else x)
        result: Tensor = convolution(x)
        return result


class GraphConv(nn.Module):
    """A `ReflectConv`, from and to float32 whatever it computes in."""

    def __init__(self, layer: ReflectConv, form: Form) -> None:
        super().__init__()
        self.form = form
        self.conv = layer.conv.to(form.dtype)

    def forward(self, x: Tensor) -> Tensor:
        """See `ReflectConv.forward`."""
        convolved: Tensor = self.conv(self.form.operators.reflect(x.to(self.form.dtype)))
        return convolved.float()


class GraphLinear(nn.Module):
    """A linear layer, from and to float32 whatever it computes in."""

    def __init__(self, layer: nn.Linear, form: Form) -> None:
        super().__init__()
        self.form = form
        self.linear = layer.to(form.dtype)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C) to (N, C')."""
        result: Tensor = self.linear(x.to(self.form.dtype))
        return result.float()


class GraphStem(nn.Module):
    """A `SpaceToDepthConv` as one convolution of the picture."""

    def __init__(self, layer: SpaceToDepthConv, form: Form) -> None:
        super().__init__()
        self.form = form
        weight, bias = layer.conv.weight.double(), layer.conv.bias
        assert bias is not None
        outputs = weight.shape[0]
        # (C', 3, dy, dx, ky, kx) to (C', 3, ky, dy, kx, dx): which block of 2 x 2 pixels, which pixel of it
        blocks = weight.view(outputs, 3, 2, 2, 3, 3).permute(0, 1, 4, 2, 5, 3)
        self.conv = nn.Conv2d(3, outputs, 6, stride=2)
        with torch.no_grad():
            self.conv.weight.copy_(2 * blocks.reshape(outputs, 3, 6, 6))  # pictures are scaled to 2 x - 1
            assert self.conv.bias is not None
            self.conv.bias.copy_(bias.double() - weight.sum(dim=(1, 2, 3)))
        self.conv.to(form.dtype)

    def forward(self, image: Tensor) -> Tensor:
        """See `SpaceToDepthConv.forward`."""
        image = torch.cat([image[:, :, 2:4], image, image[:, :, -4:-2]], dim=2)
        image = torch.cat([image[..., 2:4], image, image[..., -4:-2]], dim=3)
        convolved: Tensor = self.conv(image.to(self.form.dtype))
        return convolved.float()


def exchange(network: nn.Module, form: Form) -> None:
    """Put the form's layers in the place of a network's, wherever they are."""
    for name, module in network.named_children():
        if isinstance(module, SpaceToDepthConv):
            setattr(network, name, GraphStem(module, form))
        elif isinstance(module, ReflectConv):
            setattr(network, name, GraphConv(module, form))
        elif isinstance(module, nn.Linear):
            setattr(network, name, GraphLinear(module, form))
        else:
            exchange(module, form)


def _fold(normalise: nn.Conv2d, following: nn.Conv2d) -> None:
    """Make `following` do what it does behind the 1x1 convolution `normalise`."""
    assert normalise.bias is not None
    assert following.bias is not None
    outer, inner = following.weight.double(), normalise.weight.double()[:, :, 0, 0]
    with torch.no_grad():
        shift = torch.einsum("oikl,i->o", outer, normalise.bias.double())
        following.bias.copy_(following.bias.double() + shift)
        following.weight.copy_(torch.einsum("oikl,ij->ojkl", outer, inner))


def upsampling(conv: nn.Conv2d) -> nn.ConvTranspose2d:
    """What `conv` does behind a reflection of 1 behind a nearest upsampling by 2, behind a repetition of 1."""
    assert conv.bias is not None
    taps = torch.tensor(_UPSAMPLED_TAPS, dtype=torch.float64)  # (4, 3)
    transposed = nn.ConvTranspose2d(
        conv.in_channels, conv.out_channels, 4, stride=2, padding=3, dtype=conv.weight.dtype
    )
    with torch.no_grad():
        weight = torch.einsum("ak,oikl,bl->ioab", taps, conv.weight.double(), taps)
        transposed.weight.copy_(weight)
        assert transposed.bias is not None
        transposed.bias.copy_(conv.bias)
    return transposed
