"""What runs a network for the stylizer, whatever it is written in: torch or ONNX. Arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Backend"]


class Backend(Protocol):
    """One loaded model on one device.

    Attributes:
        device: where it really runs: `cpu`, `cuda`, or `cuda:1` and so on.
    """

    device: str

    def encode_style(self, style: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """The style code of a picture.

        Args:
            style: (1, 3, H, W) float32, RGB in [0, 1], H and W at least 1.

        Returns:
            Named float32 arrays without a batch dimension: `relu4_1.mean` (C,), `relu4_1.std` (C,) for AdaIN;
            `relu{k}_1.mean` (C,), `relu{k}_1.coloring` (C, C) per level for WCT.
        """
        ...

    def stylize(
        self, content: NDArray[np.float32], code: Mapping[str, NDArray[np.float32]], alpha: float
    ) -> NDArray[np.float32]:
        """The content in the style.

        Args:
            content: (1, 3, H, W) float32, RGB in [0, 1], H and W at least 1.
            code: what `encode_style` returned, or a convex mix of several.
            alpha: strength in [0, 1].

        Returns:
            (1, 3, H, W) float32, about [0, 1], not clipped.

        Raises:
            InputError: the code's arrays are not this model's.
        """
        ...

    def stylize_regions(
        self,
        content: NDArray[np.float32],
        codes: Sequence[Mapping[str, NDArray[np.float32]]],
        masks: NDArray[np.float32],
        alpha: float,
    ) -> NDArray[np.float32]:
        """The content with a style on each region, fitted to that region's statistics.

        Args:
            content: as for `stylize`.
            codes: as for `stylize`, S of them, at least one.
            masks: (1, S, H, W) float32, at least 0: how much each style counts at each pixel. Where they sum to more
                than 1, they are divided by their sum; what they lack of 1 is left to the content.
            alpha: strength in [0, 1].

        Returns:
            (1, 3, H, W) float32, about [0, 1], not clipped.

        Raises:
            InputError: a code's arrays are not this model's.
            WeightsError: the backend runs files, and the one for this is not there.
        """
        ...
