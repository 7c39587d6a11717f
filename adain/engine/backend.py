"""What runs a network for the stylizer, whatever it is written in: torch or ONNX. Arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from adain.engine.moments import Moments
from adain.registry import Model

__all__ = ["Backend", "Core", "Maps", "Reach", "core_mask", "fitting", "framed", "repeated", "unframed"]

Maps: TypeAlias = Mapping[str, NDArray[np.floating]]
"""Feature maps of a picture by name, (1, C, h, w) each, float32 or float16."""

Core: TypeAlias = tuple[int, int, int, int]
"""Part of a picture in pixels: top, left, and behind its last row and column."""


@dataclass(frozen=True)
class Reach:
    """What a stage asks of a picture and of its parts, in pixels; see `framed`.

    Attributes:
        multiple: what sides are multiples of, and where parts begin and end.
        minimum: the least side, a multiple of `multiple`.
        encode: how far from an inner border a part's maps are not those of the whole picture, a multiple likewise.
        decode: how far from an inner border of the maps its output is not, a multiple likewise.
        margin: how far the picture goes on beyond each side, a multiple likewise; so do its maps and its output.
        rim: what is seen beyond that, on each side, and has no maps.
    """

    multiple: int
    minimum: int
    encode: int
    decode: int
    margin: int = 0
    rim: int = 0

    def fitting(self, height: int, width: int) -> tuple[int, int]:
        """The sides of a picture once its last row and column are repeated."""
        return fitting((height, width), self.multiple, self.minimum)


def fitting(sides: Sequence[int], multiple: int, minimum: int) -> tuple[int, int]:
    """Height and width, each at least 1, up to multiples of `multiple` and at least `minimum`, itself such a one."""
    height, width = (max(-(-side // multiple) * multiple, minimum) for side in sides)
    return height, width


def repeated(picture: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """A picture (N, 3, H, W) with its last row and column repeated up to a height and a width."""
    below, right = height - picture.shape[2], width - picture.shape[3]
    return np.pad(picture, ((0, 0), (0, 0), (0, below), (0, right)), mode="edge") if below or right else picture


def framed(picture: NDArray[np.float32], reach: Reach) -> NDArray[np.float32]:
    """A whole picture as a stage takes it.

    Args:
        picture: (N, 3, H, W), H and W at least 1.
        reach: of the stage.

    Returns:
        (N, 3, H', W'): its last row and column repeated as `Reach.fitting` says, then reflected beyond each side by
        margin and rim.
    """
    fitted = repeated(picture, *reach.fitting(*picture.shape[2:]))
    beyond = (reach.margin + reach.rim,) * 2
    return np.pad(fitted, ((0, 0), (0, 0), beyond, beyond), mode="reflect") if any(beyond) else fitted


def unframed(output: NDArray[np.float32], reach: Reach) -> NDArray[np.float32]:
    """What a stage gave for a framed picture, (N, 3, H, W), without its margin."""
    height, width = (side - reach.margin for side in output.shape[2:])
    return output[:, :, reach.margin : height, reach.margin : width]


def core_mask(picture: NDArray[np.float32], core: Core | None, reach: Reach) -> NDArray[np.float32]:
    """For what `Backend.encode` is called with: 1 on the core, 0 elsewhere; None is the picture without its margin.

    Returns:
        (1, 1, h, w) float32, a number for each `multiple` x `multiple` pixels without the rim.
    """
    height, width = ((side - 2 * reach.rim) // reach.multiple for side in picture.shape[2:])
    beyond = reach.margin // reach.multiple
    whole = beyond, beyond, height - beyond, width - beyond
    top, left, bottom, right = whole if core is None else (edge // reach.multiple for edge in core)
    mask = np.zeros((1, 1, height, width), np.float32)
    mask[..., top:bottom, left:right] = 1
    return mask


class Backend(Protocol):
    """One loaded model on one device.

    A model is a sequence of stages, each of which fuses with the statistics of its own input picture: AdaIN has one,
    WCT one per level. `stylize` is all of them in one; to go through them one by one (`encode`, then `decode`) allows
    other statistics than the picture's own: those of a larger picture of which it is a part, or of a film.

    Attributes:
        model: the registry's row.
        device: where it really runs: `cpu`, `cuda`, or `cuda:1` and so on.
        stages: their names, in order; one that a picture goes through twice is there twice.
    """

    model: Model
    device: str
    stages: tuple[str, ...]

    def encode_style(self, style: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """The style code of a picture.

        Args:
            style: (1, 3, H, W) float32, RGB in [0, 1], H and W at least 1.

        Returns:
            Named float32 arrays without a batch dimension: `relu4_1.mean` (C,), `relu4_1.std` (C,) for AdaIN;
            `relu{k}_1.mean` (C,), `relu{k}_1.coloring` (C, C) per level for WCT; `x2.mean` and so on, by scale, for
            this project's own networks.
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

    def reach(self, stage: str) -> Reach:
        """What a stage asks of the parts of a picture."""
        ...

    def encode(self, picture: NDArray[np.float32], stage: str, core: Core | None = None) -> tuple[Maps, Moments]:
        """The maps that a stage fuses, and what its fusion knows of them.

        Args:
            picture: (1, 3, H, W) float32, RGB in [0, 1]: the content, or the output of the stage before without its
                margin, as `framed` gives it, or a part of that with the rim around it.
            stage: one of `stages`.
            core: what of it counts for the moments, rim not included, in multiples of what `reach` says; None: it is a
                whole picture, and all but its margin counts.
        """
        ...

    def decode(
        self,
        maps: Maps,
        stage: str,
        own: Moments,
        code: Mapping[str, NDArray[np.float32]],
        alpha: float,
    ) -> NDArray[np.float32]:
        """The rest of a stage: the maps in the style, as a picture.

        Args:
            maps: what `encode` returned for this stage.
            stage: one of `stages`.
            own: the content's moments: what `encode` returned, merged from parts, or smoothed.
            code: as for `stylize`.
            alpha: strength in [0, 1].

        Returns:
            (1, 3, H, W) float32, about [0, 1], not clipped: what was encoded, with its margin and without its rim.

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
