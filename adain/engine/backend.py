"""What runs a network for the engine, in whatever runtime: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from adain.engine.framing import Framing
from adain.engine.moments import Moments
from adain.registry import Model, Stage

__all__ = ["Backend", "Code", "Maps"]

Code: TypeAlias = Mapping[str, NDArray[np.float32]]
"""A style code's arrays by name, without a batch dimension."""

Maps: TypeAlias = Mapping[str, NDArray[np.floating]]
"""Feature maps of a picture by name, (1, C, h, w) each, float32 or float16."""


class Backend(Protocol):
    """One loaded model on one device.

    `stylize` and `stylize_regions` take a whole picture through all stages at once. `encode` and `decode` are one stage
    in two steps, which allows other statistics than the picture's own: those of a larger picture of which it is a
    tile, or of a film.

    Attributes:
        model: the registry's row.
        device: where it really runs: `cpu`, `cuda`, or `cuda:1` and so on.
        stages: in order; one that a picture goes through twice is there twice.
    """

    model: Model
    device: str
    stages: tuple[Stage, ...]

    def encode_style(self, style: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """The style code of a picture.

        Args:
            style: (1, 3, H, W) float32, RGB in [0, 1], H and W at least 1.

        Returns:
            float32 arrays without a batch dimension, as `adain.engine.fusions.code_layout` names them.
        """
        ...

    def stylize(self, content: NDArray[np.float32], code: Code, alpha: float) -> NDArray[np.float32]:
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
        self, content: NDArray[np.float32], codes: Sequence[Code], masks: NDArray[np.float32], alpha: float
    ) -> NDArray[np.float32]:
        """The content with a style on each region, fitted to that region's statistics.

        Args:
            content: as for `stylize`.
            codes: S of them, at least one.
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

    def framing(self, stage: Stage) -> Framing:
        """What a stage asks of a picture and of its tiles."""
        ...

    def encode(
        self, picture: NDArray[np.float32], stage: Stage, masks: NDArray[np.float32]
    ) -> tuple[Maps, list[Moments]]:
        """The maps that a stage fuses, and their moments under each mask.

        Args:
            picture: (1, 3, H, W) float32, RGB in [0, 1], framed (`Framing.framed`), or a tile of such with the context
                around it.
            stage: one of `stages`.
            masks: (1, R, h, w) float32, at least 0: what each pixel counts for, without the context.
        """
        ...

    def decode(self, maps: Maps, stage: Stage, moments: Moments, code: Code, alpha: float) -> NDArray[np.float32]:
        """The rest of a stage: the maps in the style, as a picture.

        Args:
            maps: what `encode` returned for this stage.
            stage: one of `stages`.
            moments: the content's: what `encode` returned, merged from tiles, or smoothed.
            code: as for `stylize`.
            alpha: strength in [0, 1].

        Returns:
            (1, 3, h, w) float32, about [0, 1], not clipped: what was encoded, with its margin and without the context.

        Raises:
            InputError: the code's arrays are not this model's.
        """
        ...

    def decode_regions(
        self,
        maps: Maps,
        stage: Stage,
        moments: Sequence[Moments],
        codes: Sequence[Code],
        masks: NDArray[np.float32],
        alpha: float,
    ) -> NDArray[np.float32]:
        """As `decode`, with a style on each region.

        Args:
            maps: as for `decode`.
            stage: likewise.
            moments: S + 1: of each region (`Moments.of_region`), and last of the whole picture.
            codes: S of them.
            masks: (1, S, h, w), as for `stylize_regions`; of what was encoded, without the context.
            alpha: strength in [0, 1].
        """
        ...
