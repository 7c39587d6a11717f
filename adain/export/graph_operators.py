"""The operations of `adain.nn.operators` for exported graphs.

`GraphOperators` is for onnxruntime's own providers and for OpenVINO. Pictures of any size are padded and cropped inside
the graph. `PortableOperators` uses only operators that WebGPU, CoreML and TensorRT have too: no Shape (so sizes cannot
be computed, and pictures must come in a size that fits), no Pad (reflection is Slice and Concat), no Reshape of a map
to a shape that depends on a size. `FixedOperators` is for graphs of one size.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from adain.engine import strokes
from adain.engine.framing import fitting
from adain.engine.moments import VARIANCE_EPS
from adain.engine.strokes import STEPS, STRIP, TILE
from adain.nn.grain import stored_tile
from adain.nn.newton_schulz import newton_schulz_roots
from adain.nn.operators import Operators
from adain.nn.padding import int_max, without_edges
from adain.nn.resizing import resized, weights

__all__ = ["FixedOperators", "GraphOperators", "PortableOperators"]

_LONGEST = 4096  # px; the largest side of a portable graph's draft, whose picture has 10,922


class GraphOperators(Operators):
    """Operations for onnxruntime and OpenVINO; roots by matrix products, because ONNX has no eigendecomposition."""

    portable = False

    def __init__(self) -> None:
        super().__init__(newton_schulz_roots())
        self._tile = stored_tile()

    def repeat(self, x: Tensor) -> Tensor:
        """Pad by 1 pixel on each side, repeating the edge."""
        return F.pad(x, (1, 1, 1, 1), mode="replicate")

    def pool(self, x: Tensor) -> Tensor:
        """Max pooling by 2; keeps an odd last row or column."""
        return F.max_pool2d(x, 2, ceil_mode=True)

    def resize(self, x: Tensor, up: int, down: int) -> Tensor:
        """See `Operators.resize`."""
        return resized(x, weights(up, down))

    def grain(self, like: Tensor, offset: Tensor) -> Tensor:
        """See `Operators.grain`; matrix products with rows of one 1 pick the tile's rows and columns, which is exact.

        Args:
            like: a picture (N, 3, H, W).
            offset: (N, 2) float32.
        """
        first = offset[:, :, None, None]
        places = torch.arange(TILE, dtype=torch.float32)
        rows = _where(_scattered(self.counted(like, 2)) + first[:, :1], places)  # (N, 1, H, TILE)
        columns = _where(_scattered(self.counted(like, 3)) + first[:, 1:], places[:, None])  # (N, 1, TILE, W)
        return rows @ self._tile.float() @ columns / STEPS

    def counted(self, like: Tensor, axis: int) -> Tensor:
        """The numbers of a picture's rows, (1, 1, H, 1), or of its columns, (1, 1, 1, W)."""
        return torch.arange(like.shape[axis], dtype=torch.float32).view(_shape_along(axis))

    def mean_std(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `Operators.mean_std`; takes means over both axes at once, which is one operator."""
        mean = x.mean(dim=(2, 3), keepdim=True)
        centred = x - mean
        variance = (centred * centred).mean(dim=(2, 3), keepdim=True) * self.unbiased(x)
        return mean.squeeze((2, 3)), (variance + VARIANCE_EPS).sqrt().squeeze((2, 3))

    def mean_covariance(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `Operators.mean_covariance`."""
        mean = x.mean(dim=(2, 3), keepdim=True)
        return mean.squeeze((2, 3)), self.covariance(x - mean)

    def covariance(self, centred: Tensor) -> Tensor:
        """Covariance of a map with mean 0, (N, C, H, W) to (N, C, C)."""
        pixels = centred.flatten(2)  # (N, C, H*W)
        return pixels @ pixels.transpose(1, 2) / int_max(pixels.shape[2] - 1, 1)

    def mix_channels(self, matrix: Tensor, x: Tensor) -> Tensor:
        """See `Operators.mix_channels`."""
        return (matrix @ x.flatten(2)).view_as(x)

    def unbiased(self, x: Tensor) -> float | Tensor:
        """The factor that makes a variance unbiased: n / (n - 1) for the n pixels of a map, and 1 for a single one."""
        count = x.shape[2] * x.shape[3]
        return count / int_max(count - 1, 1)


class _FewOperators(GraphOperators):
    """What graphs for many runtimes share; sides of maps are even wherever they are halved."""

    portable = True

    def pool(self, x: Tensor) -> Tensor:
        """Max pooling by 2."""
        return F.max_pool2d(x, 2)

    def at_least(self, x: Tensor, floor: Tensor) -> Tensor:
        """See `Operators.at_least`; WebGPU in onnxruntime has no Max."""
        return torch.relu(x - floor) + floor


class PortableOperators(_FewOperators):
    """Operations for WebGPU, CoreML and TensorRT; the caller must pad pictures to a size that fits."""

    def __init__(self) -> None:
        super().__init__()
        self._tile = self._tile.float()  # some of the runtimes have no int8

    def fit(self, image: Tensor, *, multiple: int = 1, minimum: int = 1) -> Tensor:
        """The picture as it is."""
        return image

    def crop(self, image: Tensor, like: Tensor, margin: int = 0) -> Tensor:
        """The picture without its margin."""
        return without_edges(image, margin)

    def reflect(self, x: Tensor, width: int = 1) -> Tensor:
        """See `Operators.reflect`; a matrix product reverses the rows, which is exact and runs everywhere."""
        turn = torch.tensor([[float(row + column == width - 1) for column in range(width)] for row in range(width)])
        turn = turn.to(x)
        x = torch.cat([turn @ x[:, :, 1 : width + 1], x, turn @ x[:, :, -width - 1 : -1]], dim=2)
        return torch.cat([x[..., 1 : width + 1] @ turn, x, x[..., -width - 1 : -1] @ turn], dim=3)

    def counted(self, like: Tensor, axis: int) -> Tensor:
        """See `GraphOperators.counted`; numbers with the picture behind, less as many as there are numbers."""
        numbers = torch.arange(_LONGEST, dtype=torch.float32).view(_shape_along(axis))
        line = like[:1, :1, :, :1] if axis == 2 else like[:1, :1, :1]
        both = torch.cat([numbers, line], dim=axis)
        return both[:, :, :-_LONGEST] if axis == 2 else both[..., :-_LONGEST]

    def repeat(self, x: Tensor) -> Tensor:
        """See `GraphOperators.repeat`."""
        x = torch.cat([x[:, :, :1], x, x[:, :, -1:]], dim=2)
        return torch.cat([x[..., :1], x, x[..., -1:]], dim=3)

    def covariance(self, centred: Tensor) -> Tensor:
        """See `GraphOperators.covariance`; row by row, because flattening a map would need its shape."""
        rows = centred.transpose(1, 2)  # (N, H, C, W)
        total = (rows @ rows.transpose(2, 3)).sum(dim=1)  # (N, C, C)
        return total / (self._count(centred) - 1).clamp_min(1.0).squeeze(1)

    def weigh(self, masks: Tensor, x: Tensor) -> Tensor:
        """See `Operators.weigh`; row by row."""
        return (masks.transpose(1, 2) @ x.permute(0, 2, 3, 1)).sum(dim=1)  # (N, H, R, W) by (N, H, W, C)

    def weigh_products(self, masks: Tensor, x: Tensor) -> Tensor:
        """See `Operators.weigh_products`; row by row."""
        rows = x.transpose(1, 2)[:, None]  # (N, 1, H, C, W)
        weighted = rows * masks[:, :, :, None]  # (N, R, H, C, W)
        return (weighted @ rows.transpose(3, 4)).sum(dim=2)

    def blend(self, values: Tensor, masks: Tensor) -> Tensor:
        """See `Operators.blend`; row by row."""
        return (values.transpose(1, 2)[:, None] @ masks.transpose(1, 2)).transpose(1, 2)  # (N, 1, C, R) by (N, H, R, W)

    def mix_channels(self, matrix: Tensor, x: Tensor) -> Tensor:
        """See `Operators.mix_channels`; row by row."""
        return (matrix[:, None] @ x.transpose(1, 2)).transpose(1, 2)  # (N, 1, C, C) by (N, H, C, W)

    def mix_regions(self, matrices: Tensor, x: Tensor, masks: Tensor) -> Tensor:
        """See `Operators.mix_regions`; row by row."""
        rows = x.transpose(1, 2)[:, None] * masks[:, :, :, None]  # (N, R, H, C, W)
        return (matrices[:, :, None] @ rows).sum(dim=1).transpose(1, 2)

    def unbiased(self, x: Tensor) -> Tensor:
        """See `GraphOperators.unbiased`; (N, 1, 1, 1)."""
        count = self._count(x)
        return count / (count - 1).clamp_min(1.0)

    def _count(self, x: Tensor) -> Tensor:
        """The number of pixels as a sum of ones: (N, 1, 1, 1)."""
        return (x[:, :1] * 0 + 1).sum(dim=(2, 3), keepdim=True)


class FixedOperators(_FewOperators):
    """Operations for graphs of one size: no shapes, no Pad, and resizing by a convolution."""

    def fit(self, image: Tensor, *, multiple: int = 1, minimum: int = 1) -> Tensor:
        """See `Operators.fit`; the last row and column are joined as often as needed."""
        sides = fitting(image.shape[2:], multiple, minimum)
        below, right = (fit - side for fit, side in zip(sides, image.shape[2:], strict=True))
        return _extended(_extended(image, 2, 0, below), 3, 0, right)

    def reflect(self, x: Tensor, width: int = 1) -> Tensor:
        """See `Operators.reflect`; row by row, then column by column, because few runtimes can reverse an axis."""
        for axis in (2, 3):
            side = x.shape[axis]
            before = [x.narrow(axis, place, 1) for place in range(width, 0, -1)]
            behind = [x.narrow(axis, side - 1 - place, 1) for place in range(1, width + 1)]
            x = torch.cat([*before, x, *behind], dim=axis)
        return x

    def repeat(self, x: Tensor) -> Tensor:
        """See `GraphOperators.repeat`."""
        return _extended(_extended(x, 2, 1, 1), 3, 1, 1)

    def resize(self, x: Tensor, up: int, down: int) -> Tensor:
        """See `Operators.resize`; a convolution computes all outputs of a block of pixels as channels."""
        table = weights(up, down)
        taps = table.flatten(0, 1)  # (pixels, up)
        kernels = torch.einsum("kp,lq->pqkl", taps, taps).reshape(up * up, 1, *[taps.shape[0]] * 2)
        channels = x.shape[1]
        reach = table.shape[0] // 2 * down
        around = _extended(_extended(x, 2, reach, reach), 3, reach, reach)
        phases = F.conv2d(around, kernels.repeat(channels, 1, 1, 1), stride=down, groups=channels)
        return F.pixel_shuffle(phases, up)

    def grain(self, like: Tensor, offset: Tensor) -> Tensor:
        """See `Operators.grain`; a constant, so it is that of seed 0 whatever the offset."""
        row, column = strokes.offset(0)
        rows = strokes.cells(np.arange(like.shape[2]), row)
        columns = strokes.cells(np.arange(like.shape[3]), column)
        return torch.from_numpy(strokes.tile()[:, rows[:, None], columns])[None]


def _extended(x: Tensor, axis: int, before: int, behind: int) -> Tensor:
    """Repeat the first and the last row or column; a graph of one size joins copies."""
    first, last = x.narrow(axis, 0, 1), x.narrow(axis, x.shape[axis] - 1, 1)
    return torch.cat([*[first] * before, x, *[last] * behind], dim=axis) if before or behind else x


def _scattered(places: Tensor) -> Tensor:
    """`strokes.cells` without its modulo, in float32; the shifts are multiples of 8, which stay exact."""
    strips, tiles = _whole(places / STRIP), _whole(places / TILE)
    beyond = 1 - torch.relu(1 - tiles)  # 0 in the first tile, else 1
    return places + beyond * _within_tile(strokes.shifts(strips, tiles))


def _where(places: Tensor, cells: Tensor) -> Tensor:
    """1 where a place is a cell of the tile, which repeats, else 0; all are whole numbers."""
    apart = _within_tile(places) - cells
    return torch.relu(1 - apart * apart)


def _within_tile(places: Tensor) -> Tensor:
    return places - TILE * _whole(places / TILE)


def _whole(numbers: Tensor) -> Tensor:
    """Numbers of at least 0 rounded down; a cast does it in every runtime."""
    return numbers.to(torch.int32).float()


def _shape_along(axis: int) -> tuple[int, ...]:
    return tuple(-1 if index == axis else 1 for index in range(4))
