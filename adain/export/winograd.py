"""Winograd's convolution from standard ONNX operators, because onnxruntime's own convolutions on CPUs are direct.

Winograd's algorithm (Lavin & Gray 2016, arXiv:1509.09308) evaluates input and taps as polynomials at m + r - 1 points.
A filter of r taps then needs m + r - 1 products for m outputs instead of m r. In two dimensions, a 3x3 convolution
takes 36 products for 16 outputs instead of 144, and a 2x2 convolution 25 instead of 64. The price is the transforms of
the maps. The input's transform does not depend on the number of output channels, and vice versa, so the algorithm pays
off with many channels on both sides. The first transform is a grouped convolution that cuts out tiles, the last one a
matrix product. Between them there is one matrix product over the channels per point.

The result is the same except for rounding, which is up to ten times as large: 1e-5 of the largest value. Libraries for
GPUs do this themselves, and better.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["TILE", "WinogradConv", "transforms"]

Matrix = NDArray[np.floating[Any]]

TILE = 4  # outputs of a tile along each side; more lose digits, fewer save less
_POINTS = (0.0, 1.0, -1.0, 0.5, -2.0)  # and infinity; lose the fewest digits of all points with few bits


class WinogradConv(nn.Module):
    """An unpadded convolution of stride 1; its weights are transformed when a runtime loads the graph."""

    window: Tensor
    taps: Tensor
    weight: Tensor
    gather: Tensor
    bias: Tensor

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        assert conv.bias is not None
        self.inputs, self.outputs, taps = conv.in_channels, conv.out_channels, conv.kernel_size[0]
        inputs, weights, outputs = transforms(taps)
        self.points = len(inputs) ** 2
        weight = conv.weight.detach().permute(2, 3, 0, 1).reshape(taps * taps, -1)
        constants = {
            "window": _squared(inputs).reshape(-1, 1, len(inputs), len(inputs)),
            "taps": _squared(weights),
            "gather": _squared(outputs),
        }
        for name, value in constants.items():
            self.register_buffer(name, torch.from_numpy(value).to(weight.dtype))
        self.register_buffer("weight", weight)
        self.register_buffer("bias", conv.bias.detach()[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H + r - 1, W + r - 1) to (N, C', H, W)."""
        overhang = self.window.shape[-1] - TILE
        height, width = x.shape[2] - overhang, x.shape[3] - overhang
        window = self.window.repeat(self.inputs, 1, 1, 1)
        tiles = F.conv2d(F.pad(x, (0, TILE - 1, 0, TILE - 1)), window, stride=TILE, groups=self.inputs)
        rows, columns = tiles.shape[2], tiles.shape[3]
        tiles = tiles.reshape(-1, self.inputs, self.points, rows * columns).transpose(1, 2)  # (N, points, C, tiles)
        weight = (self.taps @ self.weight).reshape(self.points, self.outputs, self.inputs)
        convolved = (weight @ tiles).transpose(1, 2)  # (N, C', points, tiles)
        tiles = self.gather @ convolved + self.bias  # (N, C', 16, tiles)
        tiles = tiles.reshape(-1, TILE * TILE * self.outputs, rows, columns)
        return F.pixel_shuffle(tiles, TILE)[:, :, :height, :width]


def transforms(taps: int) -> tuple[Matrix, Matrix, Matrix]:
    """The transform matrices of a filter with `taps` taps and `TILE` outputs, with n = `TILE` + `taps` - 1 points.

    The product of two polynomials can be interpolated from the products of their values. A filter is the transpose of
    that.

    Returns:
        The matrices of the input (n, n), the taps (n, taps) and the output (TILE, n). The filter is
        `output @ ((weights @ taps) * (input @ signal))`.
    """
    count = TILE + taps - 1
    interpolated = np.linalg.inv(_values(count, count))
    return interpolated.T, _values(count, taps), _values(count, TILE).T


def _values(points: int, coefficients: int) -> Matrix:
    """The matrix that evaluates a polynomial at the points; the last is infinity, the leading coefficient."""
    finite = np.vander(np.array(_POINTS[: points - 1], np.float64), coefficients, increasing=True)
    return np.vstack([finite, np.eye(coefficients)[-1]])


def _squared(matrix: Matrix) -> Matrix:
    """A transform of both axes at once: rows are pairs of rows, columns pairs of columns."""
    return np.kron(matrix, matrix)
