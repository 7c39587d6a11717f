"""Width of the invalid band along a tile's inner edges, where layers read padding instead of the neighbouring tile."""

from __future__ import annotations

__all__ = ["convolved", "round_up"]


def convolved(band: int, stride: int = 1) -> int:
    """Width of the invalid band behind a 3x3 convolution, in pixels of its output.

    Args:
        band: width of the input's invalid band.
        stride: stride of the convolution.
    """
    return -(-(band + 1) // stride)


def round_up(value: int, multiple: int) -> int:
    """Round up to a multiple."""
    return -(-value // multiple) * multiple
