"""A network that is quick and easily seen through: it gives a picture the style's mean colour."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from adain import registry
from adain.engine.backend import Core, Maps, Reach
from adain.engine.moments import MapMoments, Moments
from adain.stylizer import Stylizer


class MeanBackend:
    """See the module; it keeps count of what it was asked. With alpha 0 the result is the content itself."""

    model = registry.get(registry.DEFAULT)
    device = "cpu"
    stages = ("only",)

    def __init__(self) -> None:
        self.encoded = 0
        self.seen: list[tuple[float, float]] = []  # alpha and the code's first number, of each frame
        self.means: list[float] = []  # of the statistics that were applied

    def encode_style(self, style: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        self.encoded += 1
        return {"mean": style.mean(axis=(0, 2, 3))}

    def stylize(
        self, content: NDArray[np.float32], code: Mapping[str, NDArray[np.float32]], alpha: float
    ) -> NDArray[np.float32]:
        maps, own = self.encode(content, "only")
        return self.decode(maps, "only", own, code, alpha)

    def reach(self, stage: str) -> Reach:
        return Reach(1, 1, 0, 0)

    def encode(self, picture: NDArray[np.float32], stage: str, core: Core | None = None) -> tuple[Maps, Moments]:
        mean = picture.mean(axis=(0, 2, 3), dtype=np.float64)
        return {"picture": picture}, Moments({"picture": MapMoments(picture[0, 0].size, mean, np.ones(3))})

    def decode(
        self,
        maps: Maps,
        stage: str,
        own: Moments,
        code: Mapping[str, NDArray[np.float32]],
        alpha: float,
    ) -> NDArray[np.float32]:
        picture = np.asarray(maps["picture"], np.float32)
        mean = own.maps["picture"].mean.astype(np.float32)
        self.seen.append((alpha, float(code["mean"][0])))
        self.means.append(float(mean[0]))
        return picture + np.float32(alpha) * (code["mean"] - mean)[:, None, None]


def mean_stylizer() -> Stylizer:
    return Stylizer(registry.get(registry.DEFAULT), MeanBackend())
