"""The interface between the engine and a runtime: arrays in, arrays out."""

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

    `stylize`, `stylize_batch` and `stylize_regions` run whole pictures through all stages. `encode` and `decode` are
    the two steps of one stage. Between them the caller can replace the picture's statistics: a tile uses those of the
    whole picture, a frame those of the film.

    Attributes:
        model: the registry's row.
        device: the device that is really used: `cpu`, `cuda`, or `cuda:1` and so on.
        stages: in order; a stage that a picture passes twice is listed twice.
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
            code: from `encode_style`, or a convex mix of several.
            alpha: strength in [0, 1].

        Returns:
            (1, 3, H, W) float32, about [0, 1], not clipped.

        Raises:
            InputError: the code's arrays are not this model's.
        """
        ...

    def stylize_batch(
        self, contents: NDArray[np.float32], codes: Sequence[Code], alphas: Sequence[float]
    ) -> NDArray[np.float32]:
        """Several contents of one shape, each in its own style.

        Args:
            contents: (N, 3, H, W) float32, RGB in [0, 1], H and W at least 1.
            codes: N of them, as for `stylize`.
            alphas: N strengths in [0, 1].

        Returns:
            (N, 3, H, W) float32, about [0, 1], not clipped.

        Raises:
            InputError: a code's arrays are not this model's.
        """
        ...

    def stylize_regions(
        self, content: NDArray[np.float32], codes: Sequence[Code], masks: NDArray[np.float32], alpha: float
    ) -> NDArray[np.float32]:
        """The content with a style on each region, fitted to that region's statistics.

        Args:
            content: as for `stylize`.
            codes: S of them, at least one.
            masks: (1, S, H, W) float32, at least 0: the weight of each style at each pixel. Where the weights sum to
                more than 1, they are divided by their sum. Where they sum to less, the content gets the rest.
            alpha: strength in [0, 1].

        Returns:
            (1, 3, H, W) float32, about [0, 1], not clipped.

        Raises:
            InputError: a code's arrays are not this model's.
            WeightsError: the graph for regions is missing.
        """
        ...

    def framing(self, stage: Stage) -> Framing:
        """How to frame pictures and cut tiles for a stage."""
        ...

    def encode(
        self, picture: NDArray[np.float32], stage: Stage, masks: NDArray[np.float32]
    ) -> tuple[Maps, list[Moments]]:
        """Encode a picture: the feature maps that a stage fuses, and their moments under each mask.

        Args:
            picture: (1, 3, H, W) float32, RGB in [0, 1]: framed by `Framing.framed`, or a tile of a framed picture
                with the context around the tile.
            stage: one of `stages`.
            masks: (1, R, h, w) float32, at least 0: the weight of each pixel. h and w are without the context.
        """
        ...

    def decode(self, maps: Maps, stage: Stage, moments: Moments, code: Code, alpha: float) -> NDArray[np.float32]:
        """Fuse feature maps with a style and decode them to a picture: the second step of a stage.

        Args:
            maps: from `encode` for this stage.
            stage: one of `stages`.
            moments: of the content: from `encode`, merged from tiles, or smoothed.
            code: as for `stylize`.
            alpha: strength in [0, 1].

        Returns:
            (1, 3, h, w) float32, about [0, 1], not clipped, with the margin and without the context.

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
            moments: S + 1 of them: one per region (`Moments.of_region`), then the whole picture's.
            codes: S of them.
            masks: (1, S, h, w), as for `stylize_regions`; h and w are those of the framed picture without the context.
            alpha: strength in [0, 1].
        """
        ...
