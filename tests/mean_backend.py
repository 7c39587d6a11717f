"""A network that is quick and easily seen through: it gives a picture the style's mean colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from adain import registry
from adain.engine.backend import Code, Maps
from adain.engine.framing import Framing
from adain.engine.moments import MapMoments, Moments
from adain.registry import FusedMap, Stage
from adain.stylizer import Stylizer

STAGE = Stage("only", (FusedMap("picture", 1, 3, "adain"),), 3.0)


class MeanBackend:
    """See the module; it keeps count of what it was asked. With alpha 0 the result is the content itself."""

    model = replace(registry.get(registry.DEFAULT), default_strokes=0.0)  # one call for each picture
    device = "cpu"
    stages = (STAGE,)

    def __init__(self) -> None:
        self.encoded = 0
        self.seen: list[tuple[float, float]] = []  # alpha and the code's first number, of each frame
        self.means: list[float] = []  # of the statistics that were applied

    def encode_style(self, style: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        self.encoded += 1
        return {"mean": style.mean(axis=(0, 2, 3))}

    def stylize(self, content: NDArray[np.float32], code: Code, alpha: float) -> NDArray[np.float32]:
        maps, (own,) = self.encode(content, STAGE, np.ones((1, 1, *content.shape[2:]), np.float32))
        return self.decode(maps, STAGE, own, code, alpha)

    def stylize_regions(
        self, content: NDArray[np.float32], codes: Sequence[Code], masks: NDArray[np.float32], alpha: float
    ) -> NDArray[np.float32]:
        everywhere = np.ones((1, 1, *content.shape[2:]), np.float32)
        maps, found = self.encode(content, STAGE, np.concatenate([masks, everywhere], axis=1))
        *regions, whole = found
        return self.decode_regions(
            maps, STAGE, [*(each.of_region(whole) for each in regions), whole], codes, masks, alpha
        )

    def framing(self, stage: Stage) -> Framing:
        return Framing(1, 1, 0, 0)

    def encode(
        self, picture: NDArray[np.float32], stage: Stage, masks: NDArray[np.float32]
    ) -> tuple[Maps, list[Moments]]:
        def moments(mask: NDArray[np.float32]) -> Moments:
            count = float(mask.sum())
            mean = (picture[0] * mask).sum(axis=(1, 2), dtype=np.float64) / max(count, 1e-9)
            return Moments({"picture": MapMoments(count, mean, np.ones(3))})

        return {"picture": picture}, [moments(mask) for mask in masks[0]]

    def decode(self, maps: Maps, stage: Stage, moments: Moments, code: Code, alpha: float) -> NDArray[np.float32]:
        picture = np.asarray(maps["picture"], np.float32)
        mean = moments.maps["picture"].mean.astype(np.float32)
        self.seen.append((alpha, float(code["mean"][0])))
        self.means.append(float(mean[0]))
        return picture + np.float32(alpha) * (code["mean"] - mean)[:, None, None]

    def decode_regions(
        self,
        maps: Maps,
        stage: Stage,
        moments: Sequence[Moments],
        codes: Sequence[Code],
        masks: NDArray[np.float32],
        alpha: float,
    ) -> NDArray[np.float32]:
        picture = np.asarray(maps["picture"], np.float32)
        parts = [
            mask * (self.decode(maps, stage, own, code, alpha) - picture)
            for mask, own, code in zip(masks[0], moments, codes, strict=False)
        ]
        return np.asarray(picture + sum(parts) / np.maximum(masks.sum(axis=1), 1), np.float32)


def mean_stylizer() -> Stylizer:
    return Stylizer(MeanBackend.model, MeanBackend())
