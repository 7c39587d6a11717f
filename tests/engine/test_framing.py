"""How a picture is framed for the stages of a network, and what of it counts."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from adain.engine import canvas
from adain.engine.framing import Framing
from adain.engine.tiles import Tile

FRAMING = Framing(multiple=4, minimum=12, encoder_band=4, decoder_band=8, margin=8, context=2)


def pixels(height: int, width: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).random((2, 3, height, width), np.float32)


@pytest.mark.parametrize(("size", "fitting"), [((1, 1), (12, 12)), ((12, 16), (12, 16)), ((13, 40), (16, 40))])
def test_a_picture_is_repeated_to_what_fits(size: tuple[int, int], fitting: tuple[int, int]) -> None:
    assert FRAMING.fitting(*size) == fitting
    fitted = Framing(multiple=4, minimum=12, encoder_band=0, decoder_band=0).framed(pixels(*size))
    assert fitted.shape == (2, 3, *fitting)
    assert np.array_equal(fitted[:, :, : size[0], : size[1]], pixels(*size))
    assert (fitted[:, :, size[0] - 1 :] == fitted[:, :, size[0] - 1 : size[0]]).all()
    assert (fitted[..., size[1] - 1 :] == fitted[..., size[1] - 1 : size[1]]).all()


def test_beyond_its_sides_a_picture_is_reflected_by_margin_and_context() -> None:
    picture = pixels(12, 16)
    frame = FRAMING.framed(picture)
    assert frame.shape == (2, 3, 12 + 2 * 10, 16 + 2 * 10)
    assert np.array_equal(frame[:, :, 10:22, 10:26], picture)
    assert np.array_equal(frame[:, :, 10:22, 9], picture[..., 1]), "the edge itself is there once"
    assert np.array_equal(frame[:, :, 10:22, 0], picture[..., 10])
    assert np.array_equal(frame[:, :, -1, 10:26], picture[:, :, 1])


def test_what_a_stage_gives_loses_its_margin() -> None:
    picture = pixels(12, 16)
    given = FRAMING.framed(picture)[:, :, 2:-2, 2:-2]  # without the context
    assert np.array_equal(FRAMING.unframed(given), picture)


def test_masks_are_framed_like_their_picture_without_its_context() -> None:
    masks = pixels(9, 16)[:, :2]
    assert FRAMING.masks(masks).shape == (2, 2, 12 + 16, 16 + 16)
    assert np.array_equal(FRAMING.masks(masks)[:, :, 8:17, 8:24], masks)


def test_a_tile_counts_where_its_core_is_and_the_picture_too() -> None:
    tile = Tile((0, 4, 20, 32), (0, 8, 12, 32))
    part, inside = canvas.place(tile, FRAMING, (12, 16))
    assert part == (0, 0, 4, 16), "the margin does not count"
    assert inside == (8, 4, 12, 20)
    weights = canvas.core_weights(tile, inside)
    assert weights.shape == (1, 1, 20, 28)
    assert weights.sum() == 4 * 16
