"""The small network this project trains: AdaIN at four scales of a narrow encoder, and a decoder told the style.

AdaIN (Huang & Belongie 2017, arXiv 1703.06868) at relu4_1 alone leaves colour and stroke to a deep decoder. Here
every scale of the content, from half to a sixteenth of the resolution, is given the style's mean and standard
deviation and enters the decoder as a skip, so detail survives and colour needs no learning. What remains, how
strokes look between those scales, each decoder layer learns as a gain and a bias computed from the style code
(feature-wise modulation, as in Dumoulin et al. 2017, arXiv 1610.07629, but from statistics instead of a style's
index).

Two decisions make it fast and easy to tile:

- Nothing runs at full resolution. Space-to-depth by 2 comes first and depth-to-space last, so the widest maps have
  a quarter of the pixels.
- Only the encoder's maps are normalised, never the decoder's. Two passes over any tiling of a picture therefore
  give what one pass over the whole picture gives.

Alpha mixes the content's own code in, as if the content were one more style; alpha = 0 asks for the content itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adain.backend import Reach
from adain.nn import regions
from adain.nn.fusion import mean_std
from adain.nn.models import StyleTransfer
from adain.nn.padding import crop_to, pad_to
from adain.nn.stages import channel_moments, convolved, round_up

__all__ = ["SCALES", "AdaINSlim"]

SCALES = (2, 4, 8, 16)
"""Pixels of the picture per pixel of each fused map, along each side; a style code's arrays are `x2.mean` ..."""

SMALLEST_SIDE = 32  # pixels: reflection by 1 needs 2 on the deepest map


class ReflectConv(nn.Module):
    """A 3x3 convolution behind a reflection by 1, so that borders see picture rather than black."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1, gain: float = 1.0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride)
        nn.init.kaiming_normal_(self.conv.weight, nonlinearity="relu")
        nn.init.zeros_(self.conv.bias)  # type: ignore[arg-type]
        with torch.no_grad():
            self.conv.weight *= gain

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H / stride, W / stride); even sides where the stride is 2."""
        convolved: Tensor = self.conv(F.pad(x, (1, 1, 1, 1), mode="reflect"))
        return convolved


class SpaceToDepthConv(ReflectConv):
    """A picture in [0, 1], 2 x 2 pixels to a position, through a `ReflectConv`."""

    def __init__(self, outputs: int) -> None:
        super().__init__(4 * 3, outputs)

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, C, H / 2, W / 2); even sides."""
        return super().forward(F.pixel_unshuffle(2 * image - 1, 2))


class SlimEncoder(nn.Module):
    """A picture's feature maps at a half, quarter, eighth and sixteenth of its resolution."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        half, quarter, eighth, sixteenth = widths
        self.to_half = SpaceToDepthConv(half)
        self.to_quarter = ReflectConv(half, quarter, stride=2)
        self.at_quarter = ReflectConv(quarter, quarter)
        self.to_eighth = ReflectConv(quarter, eighth, stride=2)
        self.to_sixteenth = ReflectConv(eighth, sixteenth, stride=2)
        self.at_sixteenth = ReflectConv(sixteenth, sixteenth)

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
        """Rows of each map along an inner border that a reflection there spoils; see `adain.nn.stages`."""
        half = convolved(0)
        quarter = convolved(convolved(half, stride=2))
        eighth = convolved(quarter, stride=2)
        sixteenth = convolved(convolved(eighth, stride=2))
        return half, quarter, eighth, sixteenth


class Modulation(nn.Module):
    """Style code to a gain and a bias per channel of each decoder layer.

    Args:
        inputs: numbers in a style code.
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
    """Fused maps to a picture, coarse to fine, each finer map added as a skip."""

    def __init__(self, widths: Sequence[int], *, code_size: int, hidden: int) -> None:
        super().__init__()
        half, quarter, eighth, sixteenth = widths
        layers = {
            "from_sixteenth": ReflectConv(sixteenth, eighth),
            "at_eighth": ReflectConv(eighth, eighth),
            "from_eighth": ReflectConv(eighth, quarter),
            "at_quarter_1": ReflectConv(quarter, quarter),
            "at_quarter_2": ReflectConv(quarter, quarter, gain=0.5),
            "from_quarter": ReflectConv(quarter, half),
            "at_half": ReflectConv(half, half),
        }
        self.layers = nn.ModuleDict(layers)
        self.names = tuple(layers)
        self.modulation = Modulation(code_size, hidden, [layer.conv.out_channels for layer in layers.values()])
        self.skips = nn.ParameterList(nn.Parameter(torch.full((1, c, 1, 1), 0.7)) for c in (half, quarter, eighth))
        self.to_picture = ReflectConv(half, 4 * 3, gain=0.1)  # starts as mid-grey

    def forward(self, fused: Sequence[Tensor], modulation: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
        """Fused maps (finest first) to (N, 3, H, W); `modulation` is what `self.modulation` makes of the flat code."""
        half, quarter, eighth, x = fused
        modulated_by = dict(zip(self.names, modulation, strict=True))

        def layer(name: str, x: Tensor) -> Tensor:
            gain, bias = modulated_by[name]
            modulated: Tensor = self.layers[name](x) * gain + bias
            return modulated

        x = torch.relu(_up(layer("from_sixteenth", x)) + self.skips[2] * eighth)
        x = torch.relu(x + layer("at_eighth", x))
        x = torch.relu(_up(layer("from_eighth", x)) + self.skips[1] * quarter)
        x = torch.relu(x + layer("at_quarter_2", torch.relu(layer("at_quarter_1", x))))
        x = torch.relu(_up(layer("from_quarter", x)) + self.skips[0] * half)
        x = torch.relu(layer("at_half", x))
        return F.pixel_shuffle(self.to_picture(x), 2) + 0.5

    def spoiled(self, maps: Sequence[int]) -> int:
        """Pixels of the picture along an inner border that are spoiled, from rows of each map that are."""
        half, quarter, eighth, sixteenth = maps
        at_eighth = convolved(max(2 * convolved(sixteenth), eighth))
        at_quarter = convolved(convolved(max(2 * convolved(at_eighth), quarter)))
        at_half = convolved(max(2 * convolved(at_quarter), half))
        return 2 * convolved(at_half)


class AdaINSlim(StyleTransfer):
    """The project's own network; 19,600 multiply-accumulates per pixel of the content.

    Args:
        widths: channels at a half, quarter, eighth and sixteenth of the resolution.
        hidden: width of the hidden layer between the style code and the decoder's gains.
    """

    def __init__(self, widths: Sequence[int] = (32, 64, 128, 128), hidden: int = 96) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.encoder = SlimEncoder(widths)
        self.decoder = SlimDecoder(widths, code_size=2 * sum(widths), hidden=hidden)

    @property
    def code_shapes(self) -> dict[str, tuple[int, ...]]:
        """`x2.mean`, `x2.std` and so on for each scale, (C,) each."""
        return {
            f"x{scale}.{name}": (width,)
            for scale, width in zip(SCALES, self.widths, strict=True)
            for name in ("mean", "std")
        }

    def encode_style(self, style: Tensor) -> dict[str, Tensor]:
        """Mean and standard deviation per channel at every scale; see `StyleTransfer.encode_style`."""
        return self._code(self.encoder(self._fit(style)))

    def forward(self, content: Tensor, code: Mapping[str, Tensor], alpha: float | Tensor) -> Tensor:
        """See `StyleTransfer.forward`."""
        maps = self.encoder(self._fit(content))
        return self._decode(content, maps, self._code(maps), code, alpha)

    @property
    def stages(self) -> tuple[str, ...]:
        """One, by the name of the deepest map."""
        return (f"x{SCALES[-1]}",)

    def reach(self, stage: str) -> Reach:
        """See `StyleTransfer.reach`."""
        spoiled = self.encoder.spoiled()
        multiple = SCALES[-1]
        return Reach(
            multiple=multiple,
            minimum=SMALLEST_SIDE,
            statistics=round_up(max(s * rows for s, rows in zip(SCALES, spoiled, strict=True)), multiple),
            apply=round_up(self.decoder.spoiled(spoiled), multiple),
        )

    def moments(self, image: Tensor, stage: str, mask: Tensor) -> dict[str, Tensor]:
        """See `StyleTransfer.moments`."""
        weights = self._fit(mask)
        maps = zip(SCALES, self.encoder(self._fit(image)), strict=True)
        return {
            f"x{scale}.{name}": value
            for scale, x in maps
            for name, value in channel_moments(x.float(), regions.scaled(weights, scale)).items()
        }

    def forward_with(
        self, image: Tensor, stage: str, own: Mapping[str, Tensor], code: Mapping[str, Tensor], alpha: float | Tensor
    ) -> Tensor:
        """See `StyleTransfer.forward_with`."""
        return self._decode(image, self.encoder(self._fit(image)), own, code, alpha)

    def _decode(
        self,
        content: Tensor,
        maps: Sequence[Tensor],
        own: Mapping[str, Tensor],
        code: Mapping[str, Tensor],
        alpha: float | Tensor,
    ) -> Tensor:
        """Maps with the statistics `own` to a picture."""
        target = {name: own[name] + alpha * (code[name] - own[name]) for name in self.code_shapes}
        fused = [
            _renormalise(x, own[f"x{s}.mean"], own[f"x{s}.std"], target[f"x{s}.mean"], target[f"x{s}.std"])
            for s, x in zip(SCALES, maps, strict=True)
        ]
        flat = torch.cat([target[name] for name in self.code_shapes], dim=1)
        return self._crop(self.decoder(fused, self.decoder.modulation(flat)), content)

    def forward_regions(
        self, content: Tensor, codes: Mapping[str, Tensor], masks: Tensor, alpha: float | Tensor
    ) -> Tensor:
        """Each region also modulates the decoder's layers where it is; see `StyleTransfer.forward_regions`."""
        shares = regions.shares(self._fit(masks))
        scaled = {scale: regions.scaled(shares, scale) for scale in SCALES}
        fused, statistics = zip(
            *(
                regions.adain(x.float(), scaled[s], codes[f"x{s}.mean"], codes[f"x{s}.std"], alpha)
                for s, x in zip(SCALES, self.encoder(self._fit(content)), strict=True)
            ),
            strict=True,
        )
        modulation = self._regional_modulation(torch.cat(statistics, dim=2), scaled)
        return self._crop(self.decoder(fused, modulation), content)

    def _regional_modulation(self, flat: Tensor, shares: Mapping[int, Tensor]) -> list[tuple[Tensor, Tensor]]:
        """A gain and a bias per pixel of each decoder layer, from a flat code per region (N, S + 1, D)."""
        count = flat.shape[1]
        per_region = self.decoder.modulation(flat.flatten(0, 1))  # (N * (S + 1), C, 1, 1) twice per layer
        return [
            (_blend(gain, count, shares[_scale(name)]), _blend(bias, count, shares[_scale(name)]))
            for name, (gain, bias) in zip(self.decoder.names, per_region, strict=True)
        ]

    def _fit(self, image: Tensor) -> Tensor:
        return pad_to(image, multiple=SCALES[-1], minimum=SMALLEST_SIDE)

    def _crop(self, image: Tensor, like: Tensor) -> Tensor:
        return crop_to(image, like)

    def _code(self, maps: Sequence[Tensor]) -> dict[str, Tensor]:
        statistics = [statistic for x in maps for statistic in mean_std(x.float())]  # also where maps are bfloat16
        return dict(zip(self.code_shapes, statistics, strict=True))


def _renormalise(x: Tensor, mean: Tensor, std: Tensor, new_mean: Tensor, new_std: Tensor) -> Tensor:
    gain = new_std / std
    return x * gain[:, :, None, None] + (new_mean - mean * gain)[:, :, None, None]


def _blend(values: Tensor, count: int, shares: Tensor) -> Tensor:
    """(N * count, C, 1, 1), by the shares (N, count, h, w) of `count` regions, to (N, C, h, w)."""
    return regions.blend(values.reshape(-1, count, values.shape[1]), shares)


def _scale(layer: str) -> int:
    """Of the map that a decoder layer makes: 4 for `at_quarter_1` and `from_quarter`."""
    return {"half": 2, "quarter": 4, "eighth": 8, "sixteenth": 16}[layer.split("_")[1]]


def _up(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")
