"""What an exported graph is made of: the few operations whose best form in ONNX depends on who runs it.

`Operators` is for onnxruntime's own providers: any size comes in, and padding and cropping to what the network
takes follow from the shapes. `PortableOperators` keeps to operators that WebGPU, CoreML and TensorRT have too: no
Shape (so no size is computed, and pictures must come in a size that fits), no Pad (reflection is Slice and Concat),
no MaxPool with ceil_mode.

Statistics are of whole maps and always float32; their means and deviations are those of `adain.nn.fusion`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from adain.nn.fusion import VARIANCE_EPS
from adain.nn.padding import crop_to, int_max, pad_to, reflected, without_rim

__all__ = ["Operators", "PortableOperators"]


class Operators:
    """For onnxruntime on CPU and CUDA."""

    portable = False

    def fit(self, image: Tensor, *, multiple: int = 1, minimum: int = 1) -> Tensor:
        """See `adain.nn.padding.pad_to`."""
        return pad_to(image, multiple=multiple, minimum=minimum)

    def crop(self, image: Tensor, like: Tensor, margin: int = 0) -> Tensor:
        """See `adain.nn.padding.crop_to`."""
        return crop_to(image, like, margin)

    def reflect(self, x: Tensor, rim: int = 1) -> Tensor:
        """See `adain.nn.padding.reflected`."""
        return reflected(x, rim)

    def repeat(self, x: Tensor) -> Tensor:
        """A border of 1, the edge repeated."""
        return F.pad(x, (1, 1, 1, 1), mode="replicate")

    def pool(self, x: Tensor) -> Tensor:
        """Maximum of 2 x 2, an odd last row or column included."""
        return F.max_pool2d(x, 2, ceil_mode=True)

    def at_least(self, x: Tensor, floor: Tensor) -> Tensor:
        """The greater of both."""
        return torch.maximum(x, floor)

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """A map minus its mean, its mean, and its standard deviation as `adain.nn.fusion.mean_std` defines it.

        Args:
            x: (N, C, H, W) float32.

        Returns:
            (N, C, H, W), (N, C, 1, 1) and (N, C, 1, 1).
        """
        mean = x.mean(dim=(2, 3), keepdim=True)
        centred = x - mean
        variance = (centred * centred).mean(dim=(2, 3), keepdim=True) * self.unbiased(x)
        return centred, mean, (variance + VARIANCE_EPS).sqrt()

    def covariance(self, centred: Tensor) -> Tensor:
        """Of a map that has mean 0, (N, C, H, W) to (N, C, C); see `adain.nn.fusion.mean_covariance`."""
        pixels = centred.flatten(2)  # (N, C, H*W)
        return pixels @ pixels.transpose(1, 2) / int_max(pixels.shape[2] - 1, 1)

    def mix_channels(self, matrix: Tensor, x: Tensor) -> Tensor:
        """(N, C, C) times each pixel of (N, C, H, W)."""
        return (matrix @ x.flatten(2)).view_as(x)

    def unbiased(self, x: Tensor) -> float | Tensor:
        """What makes a variance unbiased: n / (n - 1) for the n pixels of a map, and 1 for a single one."""
        count = x.shape[2] * x.shape[3]
        return count / int_max(count - 1, 1)


class PortableOperators(Operators):
    """For WebGPU, CoreML and TensorRT; the caller sees to it that pictures have a size that fits."""

    portable = True

    def fit(self, image: Tensor, *, multiple: int = 1, minimum: int = 1) -> Tensor:
        """The picture as it is."""
        return image

    def crop(self, image: Tensor, like: Tensor, margin: int = 0) -> Tensor:
        """The picture without its margin."""
        return without_rim(image, margin)

    def reflect(self, x: Tensor, rim: int = 1) -> Tensor:
        """See `Operators.reflect`; rows are turned over by a product, which is exact and runs everywhere."""
        turn = torch.tensor([[float(row + column == rim - 1) for column in range(rim)] for row in range(rim)])
        turn = turn.to(x)
        x = torch.cat([turn @ x[:, :, 1 : rim + 1], x, turn @ x[:, :, -rim - 1 : -1]], dim=2)
        return torch.cat([x[..., 1 : rim + 1] @ turn, x, x[..., -rim - 1 : -1] @ turn], dim=3)

    def repeat(self, x: Tensor) -> Tensor:
        """See `Operators.repeat`."""
        x = torch.cat([x[:, :, :1], x, x[:, :, -1:]], dim=2)
        return torch.cat([x[..., :1], x, x[..., -1:]], dim=3)

    def pool(self, x: Tensor) -> Tensor:
        """Maximum of 2 x 2; both sides are even."""
        return F.max_pool2d(x, 2)

    def at_least(self, x: Tensor, floor: Tensor) -> Tensor:
        """See `Operators.at_least`; WebGPU in onnxruntime has no Max."""
        return torch.relu(x - floor) + floor

    def covariance(self, centred: Tensor) -> Tensor:
        """See `Operators.covariance`; row by row, because flattening a map and back needs its shape."""
        rows = centred.transpose(1, 2)  # (N, H, C, W)
        total = (rows @ rows.transpose(2, 3)).sum(dim=1)  # (N, C, C)
        return total / (self._count(centred) - 1).clamp_min(1.0).squeeze(1)

    def mix_channels(self, matrix: Tensor, x: Tensor) -> Tensor:
        """See `Operators.mix_channels`."""
        return (matrix[:, None] @ x.transpose(1, 2)).transpose(1, 2)  # (N, 1, C, C) x (N, H, C, W)

    def unbiased(self, x: Tensor) -> Tensor:
        """See `Operators.unbiased`; (N, 1, 1, 1)."""
        count = self._count(x)
        return count / (count - 1).clamp_min(1.0)

    def _count(self, x: Tensor) -> Tensor:
        """The number of pixels, by adding ones up: (N, 1, 1, 1)."""
        return (x[:, :1] * 0 + 1).sum(dim=(2, 3), keepdim=True)
