"""Graphs with two levels give the pictures of `adain.engine.loop`, which makes the levels itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from pictures import painting, photo

pytest.importorskip("torch", reason="exporting needs the extra torch")

from adain.engine.loop import Styles, stylize
from adain.engine.strokes import FULL, draft_count, fitting_both, offset
from adain.export.graphs import Options
from adain.images import to_tensor
from adain.runtimes.contract import GraphKind, flatten
from adain.runtimes.torch_backend import TorchBackend

if TYPE_CHECKING:
    from small_models import Export, Exports

Rgb = NDArray[np.uint8]

CALLS = [(0.0, 1.0, 0), (0.3, 0.6, 1), (0.5, 1.0, 7), (1.0, 1.0, 123)]  # strokes, alpha, seed; 1 is 0.5 in a graph


class Twins:
    """A graph, and the engine on the same network."""

    def __init__(self, made: Export, kind: GraphKind) -> None:
        self.info = made.graphs[kind].info
        self._session = onnxruntime.InferenceSession(made.graphs[kind].path, providers=["CPUExecutionProvider"])
        self._backend = TorchBackend(made.model.row, made.model.files, "cpu")
        self._codes = tuple(self._backend.encode_style(to_tensor(painting(160, 128, seed))) for seed in (1, 2))

    def assert_same(self, rgb: Rgb, masks: NDArray[np.float32] | None, strokes: float, alpha: float, seed: int) -> None:
        codes = self._codes[: 1 if masks is None else 2]
        wanted = stylize(self._backend, rgb, Styles(codes, masks), alpha, strokes=min(strokes, FULL), seed=seed, tile=0)
        feed: dict[str, NDArray[Any]] = {
            "content": to_tensor(rgb),
            "codes": np.stack([flatten(code, self.info.code_layout) for code in codes])[None],
            "alpha": np.full((1, 1), alpha, np.float32),
            "strokes": np.full((1, 1), strokes, np.float32),
            "grain": np.array([offset(seed)], np.float32),
        }
        feed |= {"weights": np.ones((1, 1), np.float32)} if masks is None else {"masks": masks[None]}
        found = self._session.run(None, feed)[0][0].transpose(1, 2, 0) * 255
        assert draft_count(*rgb.shape[:2]) == 1
        assert wanted.std() > 5, "of 255: a flat picture would prove nothing"
        worst = np.abs(found - wanted).max()  # 0.5 of it is the engine's rounding
        print(f"{self.info.model} {self.info.graph} strokes {strokes:g} alpha {alpha:g}: worst {worst:.4f}/255")
        assert worst <= 1


def halves(rgb: Rgb) -> NDArray[np.float32]:
    """Two soft masks that leave some of the content as it is."""
    right = np.tile(np.linspace(-0.5, 1.4, rgb.shape[1], dtype=np.float32).clip(0, 1), (rgb.shape[0], 1))
    return np.stack([1 - right, 0.7 * right])


@pytest.mark.heavy
@pytest.mark.parametrize("name", ["small-adain", "adain-slim", "wct-slim"])
def test_apply_is_the_engines_picture(exports: Exports, name: str) -> None:
    twins = Twins(exports(name, Options(kinds=("apply",))), "apply")
    for size, call in zip([(413, 640), (200, 301), (480, 352), (97, 130)], CALLS, strict=True):
        twins.assert_same(photo(*size), None, *call)


@pytest.mark.heavy
@pytest.mark.parametrize("name", ["small-adain", "adain-slim"])
def test_apply_regions_is_the_engines_picture(exports: Exports, name: str) -> None:
    twins = Twins(exports(name, Options(kinds=("apply_regions",))), "apply_regions")
    for size, call in zip([(328, 480), (200, 301), (413, 352), (97, 130)], CALLS, strict=True):
        twins.assert_same(photo(*size), halves(photo(*size)), *call)


@pytest.mark.heavy
@pytest.mark.parametrize("name", ["adain-slim"])
def test_portable_apply_is_the_engines_picture(exports: Exports, name: str) -> None:
    twins = Twins(exports(name, Options(portable=True, kinds=("apply",))), "apply")
    for size, call in zip([(448, 640), (192, 320), (512, 384), (128, 128)], CALLS, strict=True):
        twins.assert_same(photo(*size), None, *call)


@pytest.mark.heavy
@pytest.mark.parametrize("name", ["small-adain", "adain-slim"])
def test_portable_apply_regions_is_the_engines_picture(exports: Exports, name: str) -> None:
    twins = Twins(exports(name, Options(portable=True, kinds=("apply_regions",))), "apply_regions")
    for size, call in zip([(320, 448), (192, 320), (384, 320), (128, 128)], CALLS, strict=True):
        twins.assert_same(photo(*size), halves(photo(*size)), *call)


@pytest.mark.parametrize(
    ("sides", "both"), [((8, 48), (64, 128)), ((16, 16), (128, 128)), ((2, 4), (16, 16)), ((3, 3), (24, 24))]
)
def test_a_draft_fits_the_network_too(sides: tuple[int, int], both: tuple[int, int]) -> None:
    assert fitting_both(*sides) == both
    assert all(side * 3 % 8 == 0 and side * 3 // 8 % sides[0] == 0 for side in both)
    assert both[1] * 3 // 8 >= sides[1]
