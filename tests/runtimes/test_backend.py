"""How a picture is framed for the stages of a network, and what of it counts."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from adain.engine.backend import Reach, core_mask, framed, unframed

REACH = Reach(multiple=4, minimum=12, encode=4, decode=8, margin=8, rim=2)


def pixels(height: int, width: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).random((2, 3, height, width), np.float32)


@pytest.mark.parametrize(("size", "fitting"), [((1, 1), (12, 12)), ((12, 16), (12, 16)), ((13, 40), (16, 40))])
def test_a_picture_is_repeated_to_what_fits(size: tuple[int, int], fitting: tuple[int, int]) -> None:
    assert REACH.fitting(*size) == fitting
    fitted = framed(pixels(*size), Reach(multiple=4, minimum=12, encode=0, decode=0))
    assert fitted.shape == (2, 3, *fitting)
    assert np.array_equal(fitted[:, :, : size[0], : size[1]], pixels(*size))
    assert (fitted[:, :, size[0] - 1 :] == fitted[:, :, size[0] - 1 : size[0]]).all()
    assert (fitted[..., size[1] - 1 :] == fitted[..., size[1] - 1 : size[1]]).all()


def test_beyond_its_sides_a_picture_is_reflected_by_margin_and_rim() -> None:
    picture = pixels(12, 16)
    frame = framed(picture, REACH)
    assert frame.shape == (2, 3, 12 + 2 * 10, 16 + 2 * 10)
    assert np.array_equal(frame[:, :, 10:22, 10:26], picture)
    assert np.array_equal(frame[:, :, 10:22, 9], picture[..., 1]), "the edge itself is there once"
    assert np.array_equal(frame[:, :, 10:22, 0], picture[..., 10])
    assert np.array_equal(frame[:, :, -1, 10:26], picture[:, :, 1])


def test_what_a_stage_gives_loses_its_margin() -> None:
    picture = pixels(12, 16)
    given = framed(picture, REACH)[:, :, 2:-2, 2:-2]  # without the rim
    assert np.array_equal(unframed(given, REACH), picture)


def test_a_mask_has_a_number_for_each_block_without_the_rim() -> None:
    frame = framed(pixels(12, 16), REACH)
    everything = core_mask(frame, None, REACH)
    assert everything.shape == (1, 1, (12 + 16) // 4, (16 + 16) // 4)
    assert everything[0, 0, 2:-2, 2:-2].all()
    assert everything.sum() == 3 * 4, "the margin does not count"
    part = core_mask(frame, (4, 8, 12, 32), REACH)
    assert part.shape == everything.shape
    assert part[0, 0, 1:3, 2:8].all()
    assert part.sum() == 2 * 6
