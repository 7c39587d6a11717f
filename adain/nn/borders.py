"""How far from an inner edge of a tile its maps are invalid, because padding there stands for what lies beyond."""

from __future__ import annotations

__all__ = ["convolved", "round_up"]


def convolved(band: int, stride: int = 1) -> int:
    """Width of the invalid band behind a 3x3 convolution, in pixels of its output.

    Args:
        band: width of the invalid band of its input.
        stride: of the convolution.
    """
    return -(-(band + 1) // stride)


def round_up(value: int, multiple: int) -> int:
    """The least multiple that is no less."""
    return -(-value // multiple) * multiple
